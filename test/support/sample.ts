// A fixed value for any schema, derived from its fields alone: new schemas and records are covered automatically.
// Values follow field numbers, not names: a renamed field keeps its bytes.
import { createHash } from 'node:crypto'
import type { AnyField, Fields } from '../../base/field.ts'

const LIST_COUNT = 2
/** Tried in this order; byte fields expose their bounds only through `check`. */
const SIZES = [24, 20, 32, 48, 96, ...Array.from({ length: 256 }, (_, i) => i + 1)]

/** Every optional field is present, every list has two elements, and numbers are never 0. */
export function sampleFields(seed: string, fields: Fields): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, field], i) => [name, sampleValue(`${seed}.${i + 1}`, field)]),
  )
}

function sampleValue(seed: string, field: AnyField): unknown {
  if (field.optional === true) return sampleValue(seed, field.inner!)
  if (field.list !== undefined) {
    const { of, countMax } = field.list
    return Array.from({ length: Math.min(LIST_COUNT, countMax) }, (_, i) => sampleValue(`${seed}[${i}]`, of))
  }
  if (field.struct !== undefined) return sampleFields(seed, field.struct.fields)
  const { jsonSchema } = field
  switch (field.kind) {
    case 'bool':
      return true
    case 'text':
      return digest(seed)
        .toString('hex')
        .slice(0, Math.min(12, jsonSchema.maxLength as number))
    case 'oneOf': {
      const names = jsonSchema.enum as readonly string[]
      return names[Number(number(seed, 4) % BigInt(names.length))]
    }
    case 'u8':
    case 'u16':
    case 'u32':
    case 'u64':
      return Number((number(seed, 8) % BigInt(jsonSchema.maximum as number)) + 1n)
    case 'ppm':
      return number(seed, 4)
    case 'amount':
      return number(seed, 12)
    case 'u256':
      return number(seed, 32)
    default:
      return sampleBytes(seed, field)
  }
}

function sampleBytes(seed: string, field: AnyField): Uint8Array {
  const size = SIZES.find((length) => field.check(new Uint8Array(length)) === undefined)
  if (size === undefined) throw new Error(`${seed}: no sample for a field of kind ${field.kind}`)
  const out = new Uint8Array(size)
  for (let at = 0; at < size; at += 32) out.set(digest(`${seed}/${at}`).subarray(0, size - at), at)
  return out
}

function digest(seed: string): Buffer {
  return createHash('sha256').update(seed).digest()
}

function number(seed: string, size: number): bigint {
  return BigInt(`0x${digest(seed).subarray(0, size).toString('hex')}`)
}
