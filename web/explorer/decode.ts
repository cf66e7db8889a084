// What calls and logs say, read with the definitions of the native modules. Owns: the search for module, action and event.
// Bytes of a later version stay bytes.
import { decodeAbi } from '../../base/abi.ts'
import { equalBytes, parseHex } from '../../base/bytes.ts'
import { eventReader } from '../../base/eventLog.ts'
import type { AnyField, Fields, Json } from '../../base/field.ts'
import { type ModuleDef, moduleAddress } from '../../base/moduleDefinition.ts'
import { selectorOf } from '../../base/selector.ts'
import {
  accounts,
  assets,
  backing,
  capacity,
  catalogue,
  defaults,
  evidence,
  governance,
  issuance,
  market,
  oracle,
  providers,
  redemption,
  series,
} from '../../client/modules.ts'

const DEFINITIONS: readonly ModuleDef[] = [
  accounts,
  assets,
  catalogue,
  providers,
  oracle,
  capacity,
  backing,
  issuance,
  series,
  market,
  redemption,
  defaults,
  evidence,
  governance,
].map(({ definition }) => definition)

export interface Decoded {
  /** `redemption.request`. */
  readonly name: string
  readonly args: { readonly [name: string]: Json }
}

const bytesOf = (hex: string): Uint8Array => parseHex(hex) ?? new Uint8Array()

function definitionAt(address: string): ModuleDef | undefined {
  const bytes = bytesOf(address)
  return DEFINITIONS.find((one) => equalBytes(moduleAddress(one), bytes))
}

function jsonOf(fields: Fields, args: { readonly [name: string]: unknown }): Decoded['args'] {
  const entries: readonly (readonly [string, AnyField])[] = Object.entries(fields)
  return Object.fromEntries(
    entries.flatMap(([name, field]) => (name in args ? [[name, field.toJson(args[name])] as const] : [])),
  )
}

/** An action that was called; undefined for transfers and for what this build does not know. */
export function decodeCall(to: string, input: string): Decoded | undefined {
  const definition = definitionAt(to)
  const data = bytesOf(input)
  if (definition === undefined || data.length < 4) return undefined
  const selector = data.subarray(0, 4)
  for (const [name, { args: fields }] of Object.entries(definition.actions)) {
    if (!equalBytes(selectorOf(name, fields), selector)) continue
    const entries: readonly (readonly [string, AnyField])[] = Object.entries(fields)
    try {
      const values = decodeAbi(
        entries.map(([, field]) => field.abi!),
        data.subarray(4),
      )
      const args = Object.fromEntries(entries.map(([key, field], i) => [key, field.fromAbi(values[i]!)]))
      return { name: `${definition.name}.${name}`, args: jsonOf(fields, args) }
    } catch {
      return undefined
    }
  }
  return undefined
}

export interface LogLike {
  readonly address: string
  readonly topics: readonly string[]
  readonly data: string
}

/** Where coins tell of their movements, in the form of ERC-20. */
const COINS = '0xfffffffffffffffffffffffffffffffffffffffe'
const TRANSFER = '0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef'

function decodeTransfer({ address, topics, data }: LogLike): Decoded | undefined {
  const [topic, from, to] = topics
  if (address.toLowerCase() !== COINS || topic !== TRANSFER || from === undefined || to === undefined)
    return undefined
  const addressOf = (word: string): string => `0x${word.slice(-40)}`
  const amountBase = /^0x[0-9a-f]{64}$/i.test(data) ? BigInt(data).toString() : '0'
  return { name: 'transfer', args: { from: addressOf(from), to: addressOf(to), amountBase } }
}

/** An event of a module, or a movement of coins; undefined for anything else. */
export function decodeLog(log: LogLike): Decoded | undefined {
  const { address, topics, data } = log
  const transfer = decodeTransfer(log)
  if (transfer !== undefined) return transfer
  const definition = definitionAt(address)
  if (definition === undefined) return undefined
  try {
    const event = eventReader(definition)(topics.map(bytesOf), bytesOf(data))
    if (event === undefined) return undefined
    return { name: `${definition.name}.${event.name}`, args: jsonOf(event.fields, event.args) }
  } catch {
    return undefined
  }
}
