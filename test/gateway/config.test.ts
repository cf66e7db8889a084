// The configuration: strict, and every error names the member and shows no secret.
import { strict as assert } from 'node:assert'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ConfigError } from '../../base/errors.ts'
import { parseTariff } from '../../client/redemption/tariff.ts'
import { parseGatewayConfig, readGatewayConfig, readSecret } from '../../gateway/config.ts'
import { checkPrices } from '../../gateway/gateway.ts'
import { harmless } from '../../gateway/gatewayLog.ts'
import { runSuanli } from '../support/devnetHarness.ts'

const BACKEND = { models: ['tiny'], url: 'http://127.0.0.1:1', kind: 'openai' }
const GOOD = {
  node: 'http://127.0.0.1:8545',
  keystore: 'k.json',
  dataDir: 'd',
  tariff: 't.json',
  backends: [BACKEND],
}

describe('gateway: configuration', () => {
  const folder = mkdtempSync(join(tmpdir(), 'suanli-gateway-config-'))
  after(() => rmSync(folder, { recursive: true, force: true }))

  it('listens on loopback, and sees names of files from its folder', () => {
    const config = parseGatewayConfig(GOOD, '/srv/gateway')
    assert.deepEqual(config.listen, { host: '127.0.0.1', port: 8_088 })
    assert.equal(config.tariff, '/srv/gateway/t.json')
    assert.equal(config.LOG_PROMPTS_OF_CUSTOMERS, false)
    assert.deepEqual(config.corsOrigins, [])
  })

  const wrong: readonly (readonly [object, RegExp])[] = [
    [{ unknown: 1 }, /^unknown: unknown, known: listen, /],
    [{ node: 'ftp://x' }, /^node: expected an http or https address/],
    [{ node: undefined }, /^node: expected/],
    [{ listen: '127.0.0.1' }, /^listen: expected an address and a port/],
    [{ listen: '0.0.0.0:8088' }, /^listen: 0\.0\.0\.0 is open to others, and keys would travel in clear/],
    [{ tls: { certificate: 'c' } }, /^tls\.key: missing/],
    [{ exposurePpm: 1_000_001 }, /^exposurePpm: expected ppm, 0 to 1000000/],
    [{ exposurePpm: 0.5 }, /^exposurePpm: expected/],
    [{ services: ['cook'] }, /^services\[0\]: expected one of train, finetune, infer/],
    [{ backends: [] }, /^backends: expected a list of 1 to 64/],
    [
      { backends: [{ ...BACKEND, kind: 'magic' }] },
      /^backends\[0\]\.kind: expected one of openai, demo, command/,
    ],
    [{ backends: [{ ...BACKEND, slots: 0 }] }, /^backends\[0\]\.slots: expected requests, 1 to 4096/],
    [{ backends: [BACKEND, BACKEND] }, /^backends\[1\]\.models: tiny is also in backends\[0\]/],
    [{ backends: [{ ...BACKEND, key: 'sk-secret' }] }, /^backends\[0\]\.key: expected an object/],
    [{ limits: { bodyBytesMax: 1 } }, /^limits\.bodyBytesMax: expected bytes/],
    [{ corsOrigins: ['app.example'] }, /^corsOrigins\[0\]: expected an origin/],
    [{ LOG_PROMPTS_OF_CUSTOMERS: 'no' }, /^LOG_PROMPTS_OF_CUSTOMERS: expected true or false/],
  ]
  for (const [change, message] of wrong) {
    it(`names what is wrong: ${JSON.stringify(change).slice(0, 70)}`, () => {
      assert.throws(
        () => parseGatewayConfig({ ...GOOD, ...change }, '/'),
        (error) => error instanceof ConfigError && message.test(error.message),
      )
    })
  }

  it('takes others than loopback with TLS, or behind a proxy that has it', () => {
    const tls = { certificate: 'c', key: 'k' }
    assert.equal(parseGatewayConfig({ ...GOOD, listen: '0.0.0.0:1', tls }, '/').listen.host, '0.0.0.0')
    parseGatewayConfig({ ...GOOD, listen: '[::]:1', publicUrl: 'https://gpu.example/' }, '/')
  })

  it('never shows a secret: of a file, of the environment, of a URL', () => {
    const file = join(folder, 'key')
    writeFileSync(file, 'sk-secret with spaces\n')
    const fails = (run: () => unknown): string => {
      try {
        run()
      } catch (error) {
        return (error as Error).message
      }
      throw new Error('it is taken')
    }
    assert.doesNotMatch(
      fails(() => readSecret({ file }, 'backends[0].key')),
      /sk-secret/,
    )
    assert.match(
      fails(() => readSecret({ env: 'SUANLI_NO_SUCH' }, 'backends[0].key')),
      /^backends\[0\]\.key: .*SUANLI_NO_SUCH is not set/,
    )
    const url = 'http://user:sk-secret@127.0.0.1'
    assert.doesNotMatch(
      fails(() => parseGatewayConfig({ ...GOOD, node: url }, '/')),
      /sk-secret/,
    )
    const broken = join(folder, 'broken.json')
    writeFileSync(broken, '{"key": "sk-secret"')
    assert.doesNotMatch(
      fails(() => readGatewayConfig(broken)),
      /sk-secret/,
    )
    writeFileSync(file, 'sk-good\n')
    assert.equal(readSecret({ file }, 'key'), 'sk-good')
  })

  it('refuses a model that the tariff has no price for', () => {
    const config = parseGatewayConfig(GOOD, '/')
    const tariff = parseTariff(
      '{"version":1,"minimumBase":"0","models":{"other":{"promptBase":"1","completionBase":"1"}}}',
    )
    assert.throws(
      () => checkPrices(config, tariff),
      /^ConfigError: backends\[0\]\.models: the tariff has no price for tiny/,
    )
  })

  it('escapes what strangers write before it comes near a log', () => {
    assert.equal(harmless('a\nb\u001b[31m\u202e'), 'a\\u000ab\\u001b[31m\\u202e')
    assert.equal(harmless('x'.repeat(500)).length, 200)
  })

  it('the command prints the hash of a tariff, and what is wrong with a configuration', async () => {
    const file = join(folder, 'tariff.json')
    writeFileSync(
      file,
      '{"version":1,"minimumBase":"0","models":{"tiny":{"completionBase":"1","promptBase":"1"}}}',
    )
    const printed = await runSuanli(['gateway', 'tariff', file])
    assert.match(printed.stdout, /^0x[0-9a-f]{64}\n$/)
    const config = join(folder, 'gateway.json')
    writeFileSync(config, JSON.stringify({ ...GOOD, exposurePpm: -1 }))
    const refused = await runSuanli(['gateway', 'check', '-c', config])
    assert.notEqual(refused.code, 0)
    assert.match(refused.stderr, /gateway\.json: exposurePpm: expected ppm/)
  })

  it('the example can be used as it is', () => {
    const config = readGatewayConfig('examples/gateway/gateway.json')
    assert.deepEqual(config.backends[0]!.models, ['tiny-llama'])
  })
})
