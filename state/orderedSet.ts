// Ordered sets of numbers, kept as 256-ary bitmaps in records: insert and remove touch at most five records anywhere in
// the order, "next from" at most nine. Owns: the bitmaps. Not: what the sets mean (the modules).
import { assert } from '../base/assert.ts'
import type { Hash32 } from '../base/ids.ts'
import type { Table } from './table.ts'
import type { StateReader, StateWriter } from './view.ts'

const LEVELS = 5
const FAN = 256
/** The largest member of an ordered set: 2^40 − 1. */
export const MEMBER_MAX = FAN ** LEVELS - 1

/** A table made of `setNodeRecord` (recordShapes.ts); it holds any number of sets. */
export type SetNodes = Table<
  { readonly set: Hash32; readonly level: number; readonly prefix: number },
  { readonly bits: Uint8Array }
>

/** The ordered sets of one table, each named by a hash. */
export interface OrderedSets {
  /** Adds a member, 0 to `MEMBER_MAX`. Asserts that it is new. */
  insert(state: StateWriter, set: Hash32, member: number): void
  /** Removes a member. Asserts that it was there. */
  remove(state: StateWriter, set: Hash32, member: number): void
  has(state: StateReader, set: Hash32, member: number): boolean
  /** The lowest member at or above `from`; undefined when there is none. */
  next(state: StateReader, set: Hash32, from: number): number | undefined
}

/** The lowest bit set at or above `from`; −1 when there is none. */
function firstBit(bits: Uint8Array, from: number): number {
  for (let i = from; i < FAN; i++) {
    const byte = bits[i >> 3]!
    if (byte === 0) i |= 7
    else if ((byte & (1 << (i & 7))) !== 0) return i
  }
  return -1
}

function isSet(bits: Uint8Array, bit: number): boolean {
  return (bits[bit >> 3]! & (1 << (bit & 7))) !== 0
}

/** The lowest member under a node's entry. */
function lowestUnder(
  nodes: SetNodes,
  state: StateReader,
  entry: { readonly set: Hash32; readonly level: number; readonly index: number },
): number {
  let found = entry.index
  for (let level = entry.level - 1; level >= 0; level--) {
    const { bits } = nodes.mustGet(state, { set: entry.set, level, prefix: found })
    const bit = firstBit(bits, 0)
    assert(bit >= 0, 'no empty node is stored')
    found = found * FAN + bit
  }
  return found
}

/** `orderedSetsOf(tables.setNode)`. */
export function orderedSetsOf(nodes: SetNodes): OrderedSets {
  return {
    insert(state, set, member) {
      assert(
        Number.isSafeInteger(member) && member >= 0 && member <= MEMBER_MAX,
        'a member within the bounds of the set',
      )
      let index = member
      for (let level = 0; level < LEVELS; level++) {
        const at = { set, level, prefix: Math.floor(index / FAN) }
        const known = nodes.get(state, at)
        const bits = known?.bits.slice() ?? new Uint8Array(FAN / 8)
        const bit = index % FAN
        assert(!isSet(bits, bit), 'a member is inserted once')
        bits[bit >> 3]! |= 1 << (bit & 7)
        nodes.set(state, at, { bits })
        if (known !== undefined) return
        index = at.prefix
      }
    },
    remove(state, set, member) {
      let index = member
      for (let level = 0; level < LEVELS; level++) {
        const at = { set, level, prefix: Math.floor(index / FAN) }
        const bits = nodes.mustGet(state, at).bits.slice()
        const bit = index % FAN
        assert(isSet(bits, bit), 'a removed member was there')
        bits[bit >> 3]! &= ~(1 << (bit & 7))
        if (firstBit(bits, 0) >= 0) {
          nodes.set(state, at, { bits })
          return
        }
        nodes.delete(state, at)
        index = at.prefix
      }
    },
    has(state, set, member) {
      const node = nodes.get(state, { set, level: 0, prefix: Math.floor(member / FAN) })
      return node !== undefined && isSet(node.bits, member % FAN)
    },
    next(state, set, from) {
      let index = from
      for (let level = 0; level < LEVELS; level++) {
        const prefix = Math.floor(index / FAN)
        const node = nodes.get(state, { set, level, prefix })
        const bit = node === undefined ? -1 : firstBit(node.bits, index % FAN)
        if (bit >= 0) return lowestUnder(nodes, state, { set, level, index: prefix * FAN + bit })
        index = prefix + 1
      }
      return undefined
    },
  }
}
