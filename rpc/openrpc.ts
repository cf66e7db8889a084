// rpc.discover: the OpenRPC document, derived from the method definitions, for people and for generators of clients.
import type { Json, JsonSchema } from '../base/field.ts'
import type { Backend } from './backend.ts'
import { ARGUMENTS } from './document/arguments.ts'
import { Components, pascal } from './document/components.ts'
import { exampleOf, type Parameter, sampleOf } from './document/examples.ts'
import { RESULTS } from './document/results.ts'
import { SHAPES } from './document/shapes.ts'
import { RPC_CODE } from './errors.ts'
import { defineMethod, type Method } from './method.ts'

const OPENRPC_VERSION = '1.3.2'
/** Examples hold no longer results than this. */
const EXAMPLE_LENGTH_MAX = 48

const ERRORS = {
  InvalidParams: { code: RPC_CODE.invalidParams, message: 'a parameter, named by position and name' },
  Refused: { code: RPC_CODE.refused, message: 'refused: the message says why' },
  Limit: { code: RPC_CODE.limit, message: 'a limit of this node: the message names what fits' },
  Pruned: { code: RPC_CODE.prunedHistory, message: 'pruned history unavailable' },
  Reverted: { code: RPC_CODE.reverted, message: 'execution reverted: the custom error, its bytes in data' },
  SyncTimeout: { code: RPC_CODE.syncTimeout, message: 'not final in time: data is the hash' },
} as const

const REVERTING = new Set(['eth_call', 'eth_estimateGas', 'eth_fillTransaction'])

/** Those that not every method may answer; `InvalidParams` and `Refused` go without saying. */
function errorsOf({ name, cost }: Method): readonly (keyof typeof ERRORS)[] {
  const found: (keyof typeof ERRORS)[] = []
  if (cost >= 50) found.push('Limit')
  if (/^eth_get(Logs|Filter|Block|Header|.*ByBlock)|^chain_block/.test(name)) found.push('Pruned')
  if (REVERTING.has(name)) found.push('Reverted')
  if (name === 'eth_sendRawTransactionSync') found.push('SyncTimeout')
  return found
}

function parametersOf(method: Method): readonly Parameter[] {
  return method.params.map(({ name, required, schema }) => {
    const isBare = schema.type === 'object' && schema.properties === undefined
    return { name, required, schema: isBare ? (ARGUMENTS[name] ?? schema) : schema }
  })
}

/** Parameters that several methods take alike, by their text. */
type Descriptors = Map<string, { readonly name: string; readonly json: Json }>

function describe(parameter: Json, descriptors: Descriptors): Json {
  const key = JSON.stringify(parameter)
  const known = descriptors.get(key)
  if (known !== undefined) return { $ref: `#/components/contentDescriptors/${known.name}` }
  const wanted = pascal((parameter as { readonly name: string }).name)
  const taken = new Set([...descriptors.values()].map(({ name }) => name))
  let name = wanted
  for (let i = 2; taken.has(name); i++) name = wanted + i
  descriptors.set(key, { name, json: parameter })
  return { $ref: `#/components/contentDescriptors/${name}` }
}

function methodJson(method: Method, components: Components, descriptors: Descriptors): Json {
  const { name } = method
  const parameters = parametersOf(method)
  const errors = errorsOf(method)
  const result = components.share(RESULTS[name] ?? method.returns, pascal(name)) as JsonSchema
  const resolve = (schema: JsonSchema): JsonSchema => {
    const reference = schema.$ref as string | undefined
    return reference === undefined
      ? schema
      : (components.schemas()[reference.split('/').at(-1)!] as JsonSchema)
  }
  const shared = parameters.map((one) => ({
    ...one,
    schema: components.share(one.schema, pascal(one.name)) as JsonSchema,
  }))
  const sample = sampleOf(result, resolve)
  const isShort = JSON.stringify(sample).length <= EXAMPLE_LENGTH_MAX
  return {
    name,
    summary: method.doc,
    params: shared.map((one) => describe(one as unknown as Json, descriptors)),
    result: { name: 'result', schema: result },
    ...(errors.length === 0
      ? {}
      : { errors: errors.map((error) => ({ $ref: `#/components/errors/${error}` })) }),
    examples: [
      {
        name: 'call',
        params: exampleOf(name, shared, resolve),
        ...(isShort ? { result: { name: 'result', value: sample } } : {}),
      },
    ],
    'x-cost': method.cost,
  }
}

function documentOf(backend: Backend, methods: readonly Method[], url: string): Json {
  const sorted = methods.toSorted((a, b) => (a.name < b.name ? -1 : 1))
  const components = new Components(SHAPES)
  for (const method of sorted) {
    components.count(RESULTS[method.name] ?? method.returns)
    for (const { schema } of parametersOf(method)) components.count(schema)
  }
  const descriptors: Descriptors = new Map()
  const list = sorted.map((method) => methodJson(method, components, descriptors))
  const parameters = Object.fromEntries([...descriptors.values()].map(({ name, json }) => [name, json]))
  return {
    openrpc: OPENRPC_VERSION,
    info: {
      title: 'Suanli JSON-RPC',
      description: 'Ethereum-compatible methods for wallets; native methods derived from the modules.',
      version: backend.identity.clientVersion.split('/')[1] ?? '0',
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    servers: [{ name: 'this node', url, summary: 'HTTP POST, and WebSocket on the same port' }],
    methods: list,
    components: { contentDescriptors: parameters, schemas: components.schemas(), errors: ERRORS },
  }
}

/** The method that returns the document for `methods` and itself; `url` is where this node listens. */
export function discoverMethod(backend: Backend, methods: readonly Method[], url: () => string): Method {
  let document: Json | undefined
  const discover: Method = defineMethod({
    name: 'rpc.discover',
    doc: 'This document.',
    cost: 50,
    params: {},
    returns: { type: 'object' },
    run: () => (document ??= documentOf(backend, [...methods, discover], url())),
  })
  return discover
}
