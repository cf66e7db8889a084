// Method definitions: name, parameters, result schema, cost, handler. Read first.
// Owns: the definition and argument parsing. Not: transports (server.ts) and batches (dispatch.ts).
import type { Json, JsonSchema } from '../base/field.ts'
import { invalidParams, RpcError } from './errors.ts'

/** A WebSocket client. */
export interface Connection {
  /** Sends one notification; false when the connection is closing. */
  notify(text: string): boolean
  /** Unsent bytes. */
  readonly queuedBytes: number
  /** Runs `listener` once, when what is unsent now has been read. */
  whenRead(listener: () => void): void
  /** Ends the connection of a client that this node cannot keep up with; it may come again. */
  cut(reason: string): void
  /** Ends the connection of a client that reads too slowly. */
  cutSlow(): void
  /** Runs when the connection ends, for whatever reason. */
  onClose(listener: () => void): void
}

/** The caller of a method. */
export interface Call {
  readonly connection: Connection | undefined
  /** Its network address: limits are shared by all connections of one. */
  readonly client: string
  /** Charges requests to the rate limit: those of a body, and one more for each 64 KiB of an answer. */
  charge?(count: number): void
  /** Whether nobody waits for the answer any more. */
  isGone?(): boolean
  /** Runs `listener` once the answer is sent. */
  afterAnswer?(listener: () => void): void
}

/** One parameter: a JSON Schema for documentation and a parser for requests. */
export interface Param<T> {
  readonly schema: JsonSchema
  readonly required: boolean
  /** Throws an Error that says what was expected. */
  parse(json: Json): T
  /** The default; only called when not required. */
  absent(): T
}

type AnyParams = { readonly [name: string]: Param<unknown> }
type ArgsOf<P extends AnyParams> = { readonly [K in keyof P]: P[K] extends Param<infer T> ? T : never }

export interface Method {
  readonly name: string
  readonly doc: string
  /** Work units, the measure of a request's budget: 1 is a lookup in memory, about 10 µs. */
  readonly cost: number
  readonly params: readonly {
    readonly name: string
    readonly schema: JsonSchema
    readonly required: boolean
  }[]
  readonly returns: JsonSchema
  /** Throws RpcError. `params` as in the request: an array, an object or nothing. */
  invoke(params: Json | undefined, call: Call): Json | Promise<Json>
}

function argumentError(index: number, name: string, error: unknown): RpcError {
  if (error instanceof RpcError) return error
  return invalidParams(
    `invalid argument ${index} (${name}): ${error instanceof Error ? error.message : 'malformed'}`,
  )
}

/** Defines a method; requests pass parameters by position, in this order, or by name. */
export function defineMethod<const P extends AnyParams>(definition: {
  readonly name: string
  readonly doc: string
  readonly cost: number
  readonly params: P
  readonly returns: JsonSchema
  run(args: ArgsOf<P>, call: Call): Json | Promise<Json>
}): Method {
  const entries = Object.entries(definition.params)
  const names = new Set(entries.map(([name]) => name))
  const read = (params: Json | undefined): ArgsOf<P> => {
    const list = Array.isArray(params) ? (params as readonly Json[]) : undefined
    const named =
      list === undefined && params !== undefined && params !== null
        ? (params as { readonly [name: string]: Json })
        : undefined
    if (list !== undefined && list.length > entries.length) {
      throw invalidParams(`too many arguments, want at most ${entries.length}`)
    }
    if (named !== undefined) {
      for (const key of Object.keys(named)) {
        if (!names.has(key)) throw invalidParams(`unknown argument ${key.slice(0, 80)}`)
      }
    }
    const args: Record<string, unknown> = {}
    for (let i = 0; i < entries.length; i++) {
      const [name, param] = entries[i]!
      const json = list !== undefined ? list[i] : named?.[name]
      if (json === undefined || (json === null && !param.required)) {
        if (param.required) throw invalidParams(`missing value for required argument ${i} (${name})`)
        args[name] = param.absent()
        continue
      }
      try {
        args[name] = param.parse(json)
      } catch (error) {
        throw argumentError(i, name, error)
      }
    }
    return args as ArgsOf<P>
  }
  return {
    name: definition.name,
    doc: definition.doc,
    cost: definition.cost,
    params: entries.map(([name, p]) => ({ name, schema: p.schema, required: p.required })),
    returns: definition.returns,
    invoke: (params, call) => definition.run(read(params), call),
  }
}

/** The methods by name; asserts that none is defined twice. */
export function methodTable(methods: readonly Method[]): ReadonlyMap<string, Method> {
  const table = new Map<string, Method>()
  for (const method of methods) {
    if (table.has(method.name)) throw new TypeError(`${method.name} is defined twice`)
    table.set(method.name, method)
  }
  return table
}
