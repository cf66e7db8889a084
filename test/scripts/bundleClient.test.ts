import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { toHex } from '../../base/bytes.ts'
import type { Json } from '../../base/field.ts'
import { LightClient } from '../../client/lightClient.ts'
import type { Provider } from '../../client/provider.ts'
import { trustGenesis } from '../../client/trust.ts'
import { developmentGenesis } from '../../devnet/genesisOptions.ts'
import { developmentAccounts, developmentValidator } from '../../genesis/devKeys.ts'
import { genesisSchema } from '../../genesis/schema.ts'
import { bundleClient, bundleImports, type ClientBundle } from '../../scripts/bundleClient.ts'
import { MODULE_SCHEMAS } from '../../state/schemas.ts'
import { LightChain, rememberSecret, setOf } from '../support/lightChain.ts'

const HOST = fileURLToPath(new URL('./browserHost.js', import.meta.url))
const CHANGES = 10
const COINS = 7n * 10n ** 18n

/** Runs `script`, an async function of the bundle's exports, in a page's world; `given` is a global there. */
async function inBrowser(bundle: ClientBundle, script: string, given: unknown): Promise<unknown> {
  const child = spawn(process.execPath, ['--experimental-vm-modules', '--no-warnings', HOST], {
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let out = ''
  let err = ''
  child.stdout.on('data', (piece: Buffer) => {
    out += piece.toString()
  })
  child.stderr.on('data', (piece: Buffer) => {
    err += piece.toString()
  })
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  const code = new TextDecoder().decode(bundle.code)
  child.stdin.end(JSON.stringify({ code, script, given: JSON.stringify(given) }))
  assert.equal(await ended, 0, err)
  return JSON.parse(out) as unknown
}

/** What a wallet's page does: genesis by its hash, then a balance, each answer from a recording. */
const PAGE = `async ({ LightClient, trustGenesis, parseHash32, parseChecksumAddress, formatCoins, LightClientError }) => {
  const { document, hash, address, answers } = JSON.parse(given)
  const provider = {
    name: 'recording',
    request: async (method, params) => {
      const answer = answers[method + JSON.stringify(params)]
      if (answer === undefined) throw new Error('not recorded: ' + method + JSON.stringify(params))
      return answer
    },
  }
  const trusted = trustGenesis(document, parseHash32(hash))
  if (!trusted.ok) return { failed: trusted.failure }
  const client = new LightClient({
    origin: { kind: 'set', trusted: trusted.value },
    providers: [provider],
    nowMs: () => 0,
  })
  try {
    const start = performance.now()
    const { balanceBase, block } = await client.balance(parseChecksumAddress(address))
    const tookMs = performance.now() - start
    const { height, epoch } = block.header
    const missing = [typeof process, typeof Buffer, typeof require]
    return { balance: formatCoins(balanceBase), height, epoch, signers: block.signers, missing, tookMs }
  } catch (error) {
    return { failed: { code: error.code, check: error.check, isOurs: error instanceof LightClientError } }
  }
}`

describe('client.browser', function () {
  this.timeout(30_000)
  const account = developmentAccounts()[0]!
  const genesis = developmentGenesis({ validators: 4, blockTimeMs: 250, windowMs: 60_000 })
  const document = genesisSchema.toJson(genesis)
  const answers: Record<string, Json> = {}
  let bundle: ClientBundle
  let hash: string

  before(async () => {
    bundle = await bundleClient()
    const trusted = trustGenesis(document)
    assert.ok(trusted.ok)
    hash = toHex(trusted.value.genesisHash)
    for (let i = 0; i < 4; i++) rememberSecret(developmentValidator(i).consensusSecret)
    const chain = new LightChain(trusted.value)
    chain.add({ balances: [[account.address, COINS]] })
    for (let i = 0; i < CHANGES; i++) chain.add({ nextSet: setOf([i + 5, i + 6, i + 7, i + 8]) })
    chain.add()
    const inner = chain.provider()
    const recorder: Provider = {
      name: 'recorder',
      request: async (method, params) => {
        const answer = await inner.request(method, params)
        answers[method + JSON.stringify(params)] = answer
        return answer
      },
    }
    const origin = { kind: 'set', trusted: trusted.value } as const
    await new LightClient({ origin, providers: [recorder] }).balance(account.address)
  })

  it('verifies a balance from genesis without anything of Node', async () => {
    const given = { document, hash, address: toHex(account.address), answers }
    const { tookMs, ...answer } = (await inBrowser(bundle, PAGE, given)) as { tookMs: number }
    assert.deepEqual(answer, {
      balance: '7',
      height: CHANGES + 2,
      epoch: CHANGES,
      signers: [14, 15, 16],
      missing: ['undefined', 'undefined', 'undefined'],
    })
    assert.ok(tookMs > 0)
  })

  it('names the check that fails there too', async () => {
    const name = Object.keys(answers).find((key) => key.startsWith('chain_stateProof'))!
    const answer = answers[name] as { readonly proof: readonly { readonly value: string }[] }
    const [entry] = answer.proof
    const value = entry!.value.replace(/.$/, (digit) => (digit === '0' ? '1' : '0'))
    const altered = { ...answers, [name]: { ...answer, proof: [{ ...entry, value }] } }
    const given = { document, hash, address: toHex(account.address), answers: altered }
    assert.deepEqual(await inBrowser(bundle, PAGE, given), {
      failed: { code: 'check', check: 'state', isOurs: true },
    })
    const other = { ...given, hash: `0x${'11'.repeat(32)}` }
    const { failed } = (await inBrowser(bundle, PAGE, other)) as { failed: { check: string } }
    assert.equal(failed.check, 'genesis')
  })

  it('holds no rule of the chain, no import and stays small', () => {
    const allowed =
      /^(base|client|(.*\/)?node_modules\/(@noble\/(curves|hashes)|protobufjs|long))\/|^state\/(schemas|modules\/[a-z]+\/(schema|shapes|records))\.ts$|^state\/recordShapes\.ts$|^genesis\/schema\.ts$/
    assert.deepEqual(
      bundle.inputs.filter((path) => !allowed.test(path)),
      [],
    )
    const text = new TextDecoder().decode(bundle.code)
    assert.doesNotMatch(
      text,
      /\bimport\s*[({"'*]|(?<!["'])\bfrom\s*["']|\brequire\s*\(|\bnew Function\b|[^.\w]eval\(/,
    )
    assert.ok(bundle.code.length < 289_000, `${bundle.code.length} bytes`)
    assert.ok(bundle.gzipBytes < 90_000, `${bundle.gzipBytes} bytes with gzip`)
    const sentences = MODULE_SCHEMAS.flatMap(({ actions, doc }) => [
      doc,
      ...Object.values(actions).map((action) => action.doc),
    ])
    assert.deepEqual(
      sentences.filter((sentence) => text.includes(sentence)),
      [],
    )
  })

  it('is small in a page without verification, and a mnemonic is only in those that use one', async () => {
    const page = [
      ...['createClient', 'httpTransport', 'webSocketTransport', 'injectedTransport', 'chainDefinition'],
      ...['privateKeyAccount', 'walletAccount', 'transfer', 'eventsOf', 'parseCoins', 'formatCoins'],
      ...[
        'accounts',
        'assets',
        'backing',
        'capacity',
        'catalogue',
        'defaults',
        'evidence',
        'governance',
        'issuance',
      ],
      ...['oracle', 'providers', 'redemption', 'series', 'ClientError'],
    ]
    const isLarge = (path: string): boolean => /bip39|bip32|bls12-381|scrypt|keystore|lightClient/.test(path)
    const { gzipBytes, inputs } = await bundleImports(page)
    assert.ok(gzipBytes < 64_000, `${gzipBytes} bytes with gzip`)
    assert.deepEqual(inputs.filter(isLarge), [])
    const exchange = await bundleImports([...page, 'market'])
    assert.ok(exchange.gzipBytes < 67_000, `${exchange.gzipBytes} bytes with gzip, with the market`)
    const one = await bundleImports(['createClient', 'httpTransport', 'privateKeyAccount', 'redemption'])
    assert.ok(one.gzipBytes < 47_000, `${one.gzipBytes} bytes with gzip`)
    const wallet = await bundleImports([...page, 'mnemonicAccount', 'decryptKeystore', 'encryptKeystore'])
    assert.ok(wallet.gzipBytes < 83_000, `${wallet.gzipBytes} bytes with gzip`)
  })
})
