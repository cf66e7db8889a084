// Reads a module's events out of a receipt's logs, typed. Not: decoding them (base/eventLog.ts).
import { equalBytes, parseHex } from '../base/bytes.ts'
import { eventReader } from '../base/eventLog.ts'
import type { InferFields, Json } from '../base/field.ts'
import { type ModuleDef, moduleAddress } from '../base/moduleDefinition.ts'
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
  const read = eventReader(definition)
  return logs.flatMap((log) => {
    if (!equalBytes(bytesOf(log.address), address)) return []
    const found = read(log.topics.map(bytesOf), bytesOf(log.data))
    return found === undefined ? [] : [{ name: found.name, args: found.args } as unknown as EventOf<D>]
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
