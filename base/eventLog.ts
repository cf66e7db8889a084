// Reads a module's events out of logs. Owns: which event a log is, and its arguments. Not: encoding them (state/rules.ts).
import { decodeAbi } from './abi.ts'
import { bytesKey, utf8 } from './bytes.ts'
import { keccak256 } from './crypto/hash.ts'
import type { AnyField, Fields } from './field.ts'
import type { ModuleDef } from './moduleDefinition.ts'
import { signatureOf } from './selector.ts'

/** An event and its arguments by name; an indexed text is known by its hash alone and is left out. */
export interface ModuleEvent {
  readonly name: string
  readonly fields: Fields
  readonly args: { readonly [name: string]: unknown }
}

function argumentsOf(
  fields: Fields,
  topics: readonly Uint8Array[],
  data: Uint8Array,
): { readonly [name: string]: unknown } {
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

/** Reads the topics and data of logs of one module's address; undefined for events of later versions. */
export function eventReader(
  definition: ModuleDef,
): (topics: readonly Uint8Array[], data: Uint8Array) => ModuleEvent | undefined {
  const known = new Map(
    Object.entries(definition.events).map(
      ([name, fields]) => [bytesKey(keccak256(utf8(signatureOf(name, fields)))), { name, fields }] as const,
    ),
  )
  return (topics, data) => {
    const event = topics[0] === undefined ? undefined : known.get(bytesKey(topics[0]))
    return event === undefined ? undefined : { ...event, args: argumentsOf(event.fields, topics, data) }
  }
}
