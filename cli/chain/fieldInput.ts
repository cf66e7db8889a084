// Arguments of native actions and queries on a command line: from text to values, by the schemas alone.
import { parseChecksumAddress } from '../../base/address.ts'
import { parseHex } from '../../base/bytes.ts'
import { errorText } from '../../base/errors.ts'
import type { AnyField, Fields, Json } from '../../base/field.ts'
import { parseCoins } from '../../base/units.ts'
import { UsageError } from '../usageError.ts'
import { defaultOf, isBytes, isList, optionName } from './fieldText.ts'

/** Coins as people write them, with or without their name, in base units; undefined for anything else. */
function coinsBase(text: string): bigint | undefined {
  return parseCoins(text.replace(/\s*acpc$/i, ''))
}

/** `1.5acpc` as base units, anything else as it is. */
function amountText(text: string): string {
  if (!/acpc$/i.test(text)) return text
  const parsed = coinsBase(text)
  if (parsed === undefined) throw new Error('expected coins such as 1.5acpc, with at most 18 decimals')
  return parsed.toString()
}

function parseJson(text: string): Json {
  try {
    return JSON.parse(text) as Json
  } catch {
    throw new Error(`expected JSON, not ${text.slice(0, 60)}`)
  }
}

function zeros(field: AnyField): unknown {
  const size = field.abi?.kind === 'address' ? 20 : field.abi?.kind === 'fixedBytes' ? field.abi.size : 0
  return new Uint8Array(size)
}

function parseOne(field: AnyField, text: string): unknown {
  if (field.inner !== undefined) return parseOne(field.inner, text)
  if (isList(field) || field.struct !== undefined) return field.fromJson(parseJson(text))
  if (field.kind === 'bool') {
    if (text !== 'true' && text !== 'false') throw new Error('expected true or false')
    return text === 'true'
  }
  if (field.abi?.kind === 'address' && text !== 'none') {
    const address = parseChecksumAddress(text)
    if (address === undefined)
      throw new Error('expected an address: 0x and 40 hex digits, in one case or with its checksum')
    return address
  }
  if (isBytes(field)) {
    if (text === 'none') return zeros(field)
    if (parseHex(text.replace(/^0x/, '')) === undefined) throw new Error('expected 0x hex, or none')
    return field.fromJson(text)
  }
  if (field.kind === 'oneOf' || field.kind === 'text') return field.fromJson(text)
  // Whole numbers are JSON numbers, amounts decimal strings.
  if (field.jsonSchema.type === 'integer') {
    if (!/^\d+$/.test(text)) throw new Error('expected a whole number')
    return field.fromJson(Number(text))
  }
  return field.fromJson(amountText(text))
}

/** Values of `fields` from the texts of a command line; defaults where there is none. Throws UsageError naming the option. */
export function readOptions(
  fields: Fields,
  texts: { readonly [name: string]: string | undefined },
): { readonly [name: string]: unknown } {
  const values: Record<string, unknown> = {}
  for (const [name, field] of Object.entries(fields)) {
    const text = texts[name]
    if (text === undefined) {
      const held = defaultOf(field)
      if (held === undefined) {
        const none = isBytes(field) ? '; none stands for zero bytes' : ''
        throw new UsageError(`${optionName(name)} is missing${none}`)
      }
      values[name] = held.value
      continue
    }
    try {
      const value = parseOne(field, text)
      const reason = field.check(value)
      if (reason !== undefined) throw new Error(reason)
      values[name] = value
    } catch (error) {
      throw new UsageError(`${optionName(name)}: ${errorText(error)}`)
    }
  }
  return values
}

/** Coins in an option. Throws UsageError. */
export function coinsOption(name: string, text: string): bigint {
  const coins = coinsBase(text)
  if (coins !== undefined) return coins
  throw new UsageError(`${name}: expected coins such as 1.5, not ${text.slice(0, 40)}`)
}
