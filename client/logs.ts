// Reads a module's events out of a receipt's logs. Not: encoding them (state/rules.ts).
import { decodeAbi } from '../base/abi.ts'
import { equalBytes, parseHex, utf8 } from '../base/bytes.ts'
import { keccak256 } from '../base/crypto/hash.ts'
import type { AnyField, Fields, InferFields, Json } from '../base/field.ts'
import { type ModuleDef, moduleAddress } from '../base/moduleDefinition.ts'
import { signatureOf } from '../base/selector.ts'
import { ClientError } from './clientError.ts'

/** A log as nodes send it. */
export interface LogJson {
  readonly address: string
  readonly topics: readonly string[]
  readonly data: string
}

/** An event of a module; an indexed text is known by its hash alone and is then left out. */
export type EventOf<D extends ModuleDef> = {
  readonly [E in keyof D['events'] & string]: {
    readonly name: E
    readonly args: InferFields<D['events'][E]>
  }
}[keyof D['events'] & string]

function bytesOf(hex: string): Uint8Array {
  const bytes = parseHex(hex.replace(/^0x/, ''))
  if (bytes === undefined) throw new ClientError('transport', 'a log of the answer is not hex')
  return bytes
}

function argumentsOf(
  fields: Fields,
  topics: readonly Uint8Array[],
  data: Uint8Array,
): Record<string, unknown> {
  const entries: readonly (readonly [string, AnyField])[] = Object.entries(fields)
  const plain = entries.filter(([, field]) => field.indexed !== true)
  const values = decodeAbi(
    plain.map(([, field]) => field.abi!),
    data,
  )
  const args: Record<string, unknown> = {}
  let topic = 1
  let word = 0
  for (const [name, field] of entries) {
    if (field.indexed !== true) args[name] = field.fromAbi(values[word++]!)
    else if (field.abi!.kind === 'bytes' || field.abi!.kind === 'string') topic++
    else args[name] = field.fromAbi(decodeAbi([field.abi!], topics[topic++]!)[0]!)
  }
  return args
}

/**
 * The events of one module, in order; logs of other addresses and of later versions are passed over.
 *
 * @example
 * const events = eventsOf(redemption, [])
 * const [requested] = events.filter(({ name }) => name === 'Requested')
 */
export function eventsOf<D extends ModuleDef>(
  module: { readonly definition: D },
  logs: readonly LogJson[],
): readonly EventOf<D>[] {
  const { definition } = module
  const address = moduleAddress(definition)
  const named = Object.entries(definition.events).map(
    ([name, fields]) => [name, fields, keccak256(utf8(signatureOf(name, fields)))] as const,
  )
  return logs.flatMap((log) => {
    if (!equalBytes(bytesOf(log.address), address)) return []
    const topics = log.topics.map(bytesOf)
    const found = named.find(([, , topic]) => topics[0] !== undefined && equalBytes(topics[0], topic))
    if (found === undefined) return []
    const [name, fields] = found
    return [{ name, args: argumentsOf(fields, topics, bytesOf(log.data)) } as unknown as EventOf<D>]
  })
}

/** The logs of a receipt, checked for their shape. */
export function parseLogs(json: Json | undefined): readonly LogJson[] {
  const isText = (value: Json | undefined): value is string => typeof value === 'string'
  const logs = Array.isArray(json) ? (json as readonly Json[]) : []
  return logs.map((log) => {
    const { address, topics, data } = (log ?? {}) as { readonly [name: string]: Json }
    if (!isText(address) || !isText(data) || !Array.isArray(topics) || !topics.every(isText)) {
      throw new ClientError('transport', 'a log of the answer has the wrong shape')
    }
    return { address, topics, data }
  })
}
