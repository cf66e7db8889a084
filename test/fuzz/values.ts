// Generates valid values from a schema alone, for every message without naming its fields.
import type { AnyField, Fields } from '../../base/field.ts'
import type { Message } from '../../base/schema.ts'
import type { Random } from '../support/random.ts'
import { randomBytes } from './bytes.ts'

/** Elements of a generated list and bytes of a generated field; keeps frames small. */
const COUNT_MAX = 4
const SIZE_MAX = 64

export function fieldsValue(random: Random, fields: Fields): Record<string, unknown> {
  const out: Record<string, unknown> = {}
  for (const [name, field] of Object.entries(fields)) {
    const value = fieldValue(random, field)
    if (value !== undefined) out[name] = value
  }
  return out
}

/** Canonical bytes of a generated value. */
export function encodedValue(random: Random, schema: Message<unknown>): Uint8Array {
  return schema.encode(fieldsValue(random, schema.fields))
}

function fieldValue(random: Random, field: AnyField): unknown {
  if (field.optional === true) return random.chance(0.5) ? undefined : fieldValue(random, field.inner!)
  if (field.list !== undefined) {
    const { of, countMax } = field.list
    return Array.from({ length: random.between(0, Math.min(COUNT_MAX, countMax)) }, () =>
      fieldValue(random, of),
    )
  }
  if (field.struct !== undefined) return fieldsValue(random, field.struct.fields)
  const { jsonSchema } = field
  switch (field.kind) {
    case 'bool':
      return random.chance(0.5)
    case 'text':
      return 'suanli'.slice(0, Math.min(random.between(0, 6), jsonSchema.maxLength as number))
    case 'oneOf':
      return random.pick(jsonSchema.enum as readonly string[])
    case 'u8':
    case 'u16':
    case 'u32':
    case 'u64':
      return integer(random, jsonSchema.maximum as number)
    case 'ppm':
      return BigInt(integer(random, 1_000_000))
    case 'amount':
    case 'u256':
      return BigInt(integer(random, 2 ** 53 - 1)) << BigInt(random.between(0, 60))
    default:
      return sizedBytes(random, field)
  }
}

function integer(random: Random, max: number): number {
  const most = random.pick([1, 10, 300, 70_000, max])
  return random.chance(0.1) ? max : random.between(0, Math.min(most, max))
}

/** Byte fields expose their bounds only through `check`. */
function sizedBytes(random: Random, field: AnyField): Uint8Array {
  for (const length of [random.between(0, SIZE_MAX), 20, 32, 48, 96, 16, 8, 65, 256]) {
    const bytes = new Uint8Array(length)
    if (field.check(bytes) === undefined) return randomBytes(random, length)
  }
  throw new Error(`no bytes fit a field of kind ${field.kind}`)
}
