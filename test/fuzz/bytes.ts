// Seeded random mutations of bytes and JSON.
import type { Json } from '../../base/field.ts'
import type { Random } from '../support/random.ts'

const INTERESTING = [0, 1, 0x7f, 0x80, 0xff, 0x0a, 0x12, 0x1a, 0xc0] as const

export function randomBytes(random: Random, length: number): Uint8Array {
  const out = new Uint8Array(length)
  for (let i = 0; i < length; i++) out[i] = Math.floor(random.next() * 256)
  return out
}

function splice(bytes: Uint8Array, at: number, removed: number, inserted: Uint8Array): Uint8Array {
  const out = new Uint8Array(bytes.length - removed + inserted.length)
  out.set(bytes.subarray(0, at))
  out.set(inserted, at)
  out.set(bytes.subarray(at + removed), at + inserted.length)
  return out
}

/** One to three mutations: flip a bit; overwrite, remove, repeat or insert bytes; truncate; splice another's tail. */
export function mutateBytes(random: Random, bytes: Uint8Array, other: Uint8Array): Uint8Array {
  let out: Uint8Array = bytes.slice()
  for (let changes = random.chance(0.7) ? 1 : random.between(2, 3); changes > 0; changes--) {
    if (out.length === 0) return randomBytes(random, random.between(1, 16))
    const at = random.between(0, out.length - 1)
    const span = Math.min(out.length - at, random.between(1, 12))
    switch (random.between(0, 7)) {
      case 0:
      case 1:
        out[at]! ^= 1 << random.between(0, 7)
        break
      case 2:
        out[at] = random.pick(INTERESTING)
        break
      case 3:
        out = splice(out, at, span, new Uint8Array(0))
        break
      case 4:
        out = splice(out, at, 0, out.slice(at, at + span))
        break
      case 5:
        out = splice(out, at, 0, randomBytes(random, span))
        break
      case 6:
        out = out.slice(0, at)
        break
      default: {
        const from = other.length === 0 ? 0 : random.between(0, other.length - 1)
        out = splice(out, at, out.length - at, other.slice(from))
      }
    }
  }
  return out
}

const STRANGE: readonly Json[] = [
  null,
  true,
  '',
  '0x',
  '0xzz',
  -1,
  0,
  1.5,
  1e308,
  2 ** 53,
  [],
  {},
  '\u0000',
  'pending',
  '0x1',
  '__proto__',
]

/** The value with one change at a random place. */
export function mutateJson(random: Random, value: Json, depth = 0): Json {
  const isLeaf = value === null || typeof value !== 'object'
  if (isLeaf || random.chance(0.2)) return strange(random, value, depth)
  if (Array.isArray(value)) {
    const list = [...(value as readonly Json[])]
    if (list.length === 0 || random.chance(0.1)) return [...list, random.pick(STRANGE)]
    const at = random.between(0, list.length - 1)
    if (random.chance(0.1)) list.splice(at, 1)
    else list[at] = mutateJson(random, list[at]!, depth + 1)
    return list
  }
  const entries = Object.entries(value as { readonly [name: string]: Json })
  if (entries.length === 0 || random.chance(0.1)) return { ...value, [random.pick(['x', '', 'id'])]: null }
  const at = random.between(0, entries.length - 1)
  const [name, old] = entries[at]!
  if (random.chance(0.1)) entries.splice(at, 1)
  else entries[at] = [name, mutateJson(random, old, depth + 1)]
  return Object.fromEntries(entries)
}

function strange(random: Random, value: Json, depth: number): Json {
  if (typeof value === 'string' && value.length > 0 && random.chance(0.5)) {
    const at = random.between(0, value.length - 1)
    return value.slice(0, at) + random.pick(['', '0', 'f', 'é', '"', value]) + value.slice(at + 1)
  }
  if (typeof value === 'number' && random.chance(0.5)) return value + random.between(-2, 2)
  if (depth < 40 && random.chance(0.1)) return [value, value]
  return random.pick(STRANGE)
}
