// Examples of calls. Owns: parameters that any chain understands, by method and by schema; values that fit a result.
import type { Json, JsonSchema } from '../../base/field.ts'

const ACCOUNT = '0x70997970c51812dc3a010c7d01b50e0d17dc79c8'
const HASH = `0x${'11'.repeat(32)}`
const CALL: Json = { from: ACCOUNT, to: ACCOUNT, value: '0x0' }

/** Where the schemas alone do not say what makes sense. */
const PARAMETERS: { readonly [method: string]: readonly Json[] } = {
  eth_call: [CALL, 'latest'],
  eth_estimateGas: [CALL],
  eth_createAccessList: [CALL],
  eth_fillTransaction: [CALL],
  eth_simulateV1: [{ blockStateCalls: [{ calls: [CALL] }] }, 'latest'],
  eth_feeHistory: ['0x1', 'latest', [50]],
  eth_getLogs: [{ fromBlock: 'latest', address: ACCOUNT }],
  eth_newFilter: [{ address: ACCOUNT }],
  eth_subscribe: ['newHeads'],
  chain_stateProof: [['0x01'], 'latest'],
  chain_series: ['latest', 'latest', 2],
  ots_getBlockTransactions: ['latest', 0, 10],
  ots_searchTransactionsBefore: [ACCOUNT, 0, 5],
  ots_searchTransactionsAfter: [ACCOUNT, 0, 5],
  debug_traceTransaction: [HASH, { tracer: 'callTracer' }],
}

type Resolve = (schema: JsonSchema) => JsonSchema

/** The smallest value that fits a schema. */
export function sampleOf(given: JsonSchema, resolve: Resolve): Json {
  const schema = resolve(given)
  const choices = schema.anyOf as readonly JsonSchema[] | undefined
  if (choices !== undefined)
    return sampleOf(choices.find(({ type }) => type === 'null') ?? choices[0]!, resolve)
  if (schema.const !== undefined) return schema.const
  if (Array.isArray(schema.enum)) return (schema.enum as readonly Json[])[0]!
  switch (schema.type) {
    case 'integer':
    case 'number':
      return schema.minimum ?? 0
    case 'boolean':
      return false
    case 'array':
      return []
    case 'string':
      return textOf(schema)
    case 'object': {
      const properties = (schema.properties ?? {}) as { readonly [name: string]: JsonSchema }
      const required = (schema.required ?? []) as readonly string[]
      return Object.fromEntries(required.map((name) => [name, sampleOf(properties[name]!, resolve)]))
    }
    default:
      return null
  }
}

function textOf({ pattern }: JsonSchema): string {
  if (typeof pattern !== 'string') return ''
  const fitting = ['0x0', '0x', '0', ACCOUNT, HASH].find((text) => new RegExp(pattern).test(text))
  const size = /\{(\d+)\}/.exec(pattern)?.[1]
  return fitting ?? `0x${'00'.repeat(Number(size ?? 1))}`
}

export interface Parameter {
  readonly name: string
  readonly required: boolean
  readonly schema: JsonSchema
}

/** One call of a method: its parameters by position. */
export function exampleOf(method: string, parameters: readonly Parameter[], resolve: Resolve): Json[] {
  const own = PARAMETERS[method]
  if (own !== undefined) return own.map((value, i) => ({ name: parameters[i]!.name, value }))
  return parameters
    .filter(({ required }) => required)
    .map(({ name, schema }) => ({ name, value: argumentOf(schema, resolve) }))
}

function argumentOf(given: JsonSchema, resolve: Resolve): Json {
  const schema = resolve(given)
  const choices = schema.anyOf as readonly JsonSchema[] | undefined
  if (choices !== undefined) return argumentOf(choices[0]!, resolve)
  return sampleOf(schema, resolve)
}
