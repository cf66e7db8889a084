import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import { toHex } from '../../base/bytes.ts'
import { accountOf } from '../support/fakeBackend.ts'
import { clientOf } from '../support/openrpcClient.ts'
import { type Loose, RpcFailure, type Served, serve } from '../support/rpcHarness.ts'
import { signed } from '../support/sign.ts'
import { tsc } from '../support/typescript.ts'

const COIN = 10n ** 18n
const DOCUMENT_BYTES_MAX = 120_000
const META = 'test/rpc/fixtures/openrpc-meta-schema.json'

/** Every schema in the document, with its path. */
function* schemasOf(json: Loose, path: string): Generator<{ path: string; schema: Loose }> {
  if (json === null || typeof json !== 'object') return
  if (!Array.isArray(json)) yield { path, schema: json }
  for (const [name, value] of Object.entries(json)) yield* schemasOf(value, `${path}.${name}`)
}

describe('rpc.discover', () => {
  let served: Served
  let document: Loose
  let ajv: Ajv
  const alice = accountOf('alice')
  const resolved = (json: Loose): Loose =>
    json.$ref === undefined
      ? json
      : json.$ref
          .slice(2)
          .split('/')
          .reduce((at: Loose, name: string) => at[name], document)

  before(async () => {
    served = await serve()
    served.backend.fund([alice], 50n * COIN)
    await served.call('eth_sendRawTransaction', [signed(alice)])
    document = await served.call('rpc.discover')
    ajv = new Ajv({ strict: false, allErrors: false })
    ajv.addSchema(document, 'document')
  })
  after(async () => {
    await served.rpc.close()
    assert.deepEqual(served.logged, [])
  })

  const check = (name: string, part: string, value: Loose): void => {
    const index = document.methods.findIndex((method: Loose) => method.name === name)
    assert.ok(index >= 0, name)
    const validate = ajv.compile({ $ref: `document#/methods/${index}/${part}` })
    assert.ok(
      validate(value),
      `${name}: ${ajv.errorsText(validate.errors)}: ${JSON.stringify(value).slice(0, 400)}`,
    )
  }

  it('is valid against its meta-schema', () => {
    // Its references to JSON Schema's own meta-schema: any object, and the text of a reference.
    const text = readFileSync(META, 'utf8')
      .replace(/"\$ref":\s*"https:\/\/meta\.json-schema\.tools\/#[^"]*"/g, '"type":"string"')
      .replace(/"\$ref":\s*"https:\/\/meta\.json-schema\.tools"/g, '"type":["object","boolean"]')
    const { $schema: _, ...meta } = JSON.parse(text) as Loose
    const validator = new Ajv({ strict: false, validateFormats: false })
    const validate = validator.compile(meta)
    assert.ok(validate(document), validator.errorsText(validate.errors))
    assert.equal(validate({ ...(document as object), methods: [{ name: 1 }] }), false)
  })

  it('shares by reference, and stays small', () => {
    assert.ok(JSON.stringify(document).length <= DOCUMENT_BYTES_MAX)
    assert.equal(document.servers[0].url, served.rpc.url)
    const texts = new Map<string, string>()
    for (const { path, schema } of schemasOf(document.methods, 'methods')) {
      if (schema.$ref !== undefined) assert.ok(resolved(schema) !== undefined, `${path}: ${schema.$ref}`)
      if (schema.type !== 'object' || schema.properties === undefined) continue
      const text = JSON.stringify(schema)
      assert.ok(text.length < 300 || !texts.has(text), `${path} repeats ${texts.get(text)}`)
      texts.set(text, path)
    }
  })

  it('says everything about every value', () => {
    const wrong: string[] = []
    for (const { path, schema } of schemasOf(document, '$')) {
      if (path.includes('.examples') || path.includes('.value')) continue
      if (schema.oneOf !== undefined) wrong.push(`${path}: oneOf`)
      if (Array.isArray(schema.anyOf)) {
        const texts = schema.anyOf.map((one: Loose) => JSON.stringify(one))
        if (new Set(texts).size !== texts.length) wrong.push(`${path}: an alternative twice`)
      }
      const isBare = schema.properties === undefined && schema.additionalProperties === undefined
      if (schema.type === 'object' && isBare) wrong.push(`${path}: a bare object`)
      if (schema.type === 'array' && schema.items === undefined) wrong.push(`${path}: a bare list`)
    }
    assert.deepEqual(wrong, [])
  })

  it('plays every example', async () => {
    for (const method of document.methods) {
      const [example] = method.examples
      const params = example.params.map(({ value }: Loose) => value)
      example.params.forEach(({ name, value }: Loose, i: number) => {
        const parameter = resolved(method.params[i])
        assert.equal(parameter.name, name, method.name)
        const validate = ajv.compile(
          method.params[i].$ref === undefined
            ? parameter.schema
            : { $ref: `document${method.params[i].$ref}/schema` },
        )
        assert.ok(validate(value), `${method.name}: ${name}`)
      })
      if (example.result !== undefined) check(method.name, 'result/schema', example.result.value)
      try {
        check(method.name, 'result/schema', await served.call(method.name, params))
      } catch (error) {
        if (!(error instanceof RpcFailure)) throw error
        // What an example names need not exist on every chain; but it must be understood.
        const isWebSocket = /connect by WebSocket/.test(error.message)
        assert.ok(
          isWebSocket || [-32000, 3].includes(error.code),
          `${method.name}: ${error.code} ${error.message}`,
        )
      }
    }
  })

  it('describes what is really answered', async () => {
    const head = served.backend.head()
    const [known] = head.transactions
    const hash = toHex(known!.id)
    const address = toHex(alice.address)
    const filter = await served.call('eth_newFilter', [{}])
    const answered: readonly [string, Loose][] = [
      ['eth_getBlockByNumber', ['latest', true]],
      ['eth_getBlockByNumber', ['latest', false]],
      ['eth_getBlockByHash', [toHex(head.hash), true]],
      ['eth_getBlockReceipts', ['latest']],
      ['eth_getTransactionByHash', [hash]],
      ['eth_getTransactionReceipt', [hash]],
      ['eth_getLogs', [{ fromBlock: '0x0' }]],
      ['eth_getFilterLogs', [filter]],
      ['eth_feeHistory', ['0x2', 'latest', [10, 50]]],
      [
        'eth_simulateV1',
        [{ blockStateCalls: [{ calls: [{ from: address, to: address, value: '0x1' }] }] }, 'latest'],
      ],
      ['debug_traceTransaction', [hash, { tracer: 'callTracer', tracerConfig: { withLog: true } }]],
      ['debug_traceTransaction', [hash]],
      ['trace_block', ['latest']],
      ['ots_getBlockDetails', [1]],
      ['ots_getBlockTransactions', [1, 0, 5]],
      ['ots_traceTransaction', [hash]],
      ['ots_searchTransactionsBefore', [address, 0, 5]],
      ['account_balance', { address, proof: true }],
      ['chain_block', { block: 'latest', hydrated: true }],
      ['chain_certificate', ['latest']],
      ['chain_stateProof', [['0x01']]],
      ['tx_status', [hash]],
      ['catalogue_classes', { proof: true }],
      ['accounts_supply', []],
      ['node_health', []],
    ]
    for (const [method, params] of answered) {
      const answer = await served.call(method, params)
      assert.notEqual(answer, null, method)
      check(method, 'result/schema', answer)
    }
  })

  it('gives a generated TypeScript client that compiles', async function () {
    this.timeout(60_000)
    const dir = mkdtempSync(join(tmpdir(), 'suanli-openrpc-'))
    try {
      writeFileSync(join(dir, 'client.ts'), clientOf(document))
      const use = `import { client, type Block } from './client.ts'
const node = client(async () => null)
export const block: Promise<Block | null> = node.eth_getBlockByNumber({ block: 'latest', hydrated: true })
export const number: Promise<string> = node.eth_blockNumber({})
export const nonce = node.account_get({ address: '0x' }).then((account) => account.nonce + 1)
// @ts-expect-error the address is missing
node.account_get({})
`
      writeFileSync(join(dir, 'use.ts'), use)
      const flags =
        '--noEmit --strict --target es2023 --module nodenext --skipLibCheck --allowImportingTsExtensions'
      const compiled = await tsc([...flags.split(' '), '--types', '', 'use.ts'], dir)
      assert.deepEqual(compiled, { code: 0, stdout: '', stderr: '' })
    } finally {
      rmSync(dir, { recursive: true, force: true })
    }
  })
})
