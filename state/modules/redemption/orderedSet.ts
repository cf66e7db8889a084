// Ordered sets of places, ids and sizes, kept as 256-ary bitmaps in records: insert and remove touch at most five records
// anywhere in the order, "next from" and "previous from" at most nine. Owns: the bitmaps. Not: what the sets mean (queue.ts).
import { assert } from '../../../base/assert.ts'
import type { Hash32 } from '../../../base/ids.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { redemptionTables } from './tables.ts'

const LEVELS = 5
const FAN = 256
/** The largest member: 2^40 requests in all. */
export const MEMBER_MAX = FAN ** LEVELS - 1

/** The lowest bit set at or above `from`; −1 when there is none. */
function firstBit(bits: Uint8Array, from: number): number {
  for (let i = from; i < FAN; i++) {
    const byte = bits[i >> 3]!
    if (byte === 0) i |= 7
    else if ((byte & (1 << (i & 7))) !== 0) return i
  }
  return -1
}

/** The highest bit set at or below `from`; −1 when there is none. */
function lastBit(bits: Uint8Array, from: number): number {
  for (let i = from; i >= 0; i--) {
    const byte = bits[i >> 3]!
    if (byte === 0) i &= ~7
    else if ((byte & (1 << (i & 7))) !== 0) return i
  }
  return -1
}

/** Adds a member; asserts that it is new. */
export function insertMember(state: StateWriter, set: Hash32, member: number): void {
  assert(Number.isSafeInteger(member) && member >= 0 && member <= MEMBER_MAX, 'a place within the set')
  let index = member
  for (let level = 0; level < LEVELS; level++) {
    const at = { set, level, prefix: Math.floor(index / FAN) }
    const known = redemptionTables.setNode.get(state, at)
    const bits = known?.bits ?? new Uint8Array(FAN / 8)
    const bit = index % FAN
    assert((bits[bit >> 3]! & (1 << (bit & 7))) === 0, 'a member is inserted once')
    bits[bit >> 3]! |= 1 << (bit & 7)
    redemptionTables.setNode.set(state, at, { bits })
    if (known !== undefined) return
    index = at.prefix
  }
}

/** Removes a member; asserts that it was there. */
export function removeMember(state: StateWriter, set: Hash32, member: number): void {
  let index = member
  for (let level = 0; level < LEVELS; level++) {
    const at = { set, level, prefix: Math.floor(index / FAN) }
    const { bits } = redemptionTables.setNode.mustGet(state, at)
    const bit = index % FAN
    assert((bits[bit >> 3]! & (1 << (bit & 7))) !== 0, 'a removed member was there')
    bits[bit >> 3]! &= ~(1 << (bit & 7))
    if (firstBit(bits, 0) >= 0) {
      redemptionTables.setNode.set(state, at, { bits })
      return
    }
    redemptionTables.setNode.delete(state, at)
    index = at.prefix
  }
}

export function hasMember(state: StateReader, set: Hash32, member: number): boolean {
  const node = redemptionTables.setNode.get(state, { set, level: 0, prefix: Math.floor(member / FAN) })
  const bit = member % FAN
  return node !== undefined && (node.bits[bit >> 3]! & (1 << (bit & 7))) !== 0
}

/** The lowest member at or above `from`. */
export function nextMember(state: StateReader, set: Hash32, from: number): number | undefined {
  let index = from
  for (let level = 0; level < LEVELS; level++) {
    const prefix = Math.floor(index / FAN)
    const node = redemptionTables.setNode.get(state, { set, level, prefix })
    const bit = node === undefined ? -1 : firstBit(node.bits, index % FAN)
    if (bit >= 0) return lowestUnder(state, set, level, prefix * FAN + bit)
    index = prefix + 1
  }
  return undefined
}

function lowestUnder(state: StateReader, set: Hash32, level: number, index: number): number {
  let found = index
  for (let below = level - 1; below >= 0; below--) {
    const { bits } = redemptionTables.setNode.mustGet(state, { set, level: below, prefix: found })
    const bit = firstBit(bits, 0)
    assert(bit >= 0, 'no empty node is stored')
    found = found * FAN + bit
  }
  return found
}

/** The highest member at or below `from`. */
export function previousMember(state: StateReader, set: Hash32, from: number): number | undefined {
  let index = from
  for (let level = 0; level < LEVELS && index >= 0; level++) {
    const prefix = Math.floor(index / FAN)
    const node = redemptionTables.setNode.get(state, { set, level, prefix })
    const bit = node === undefined ? -1 : lastBit(node.bits, index % FAN)
    if (bit >= 0) return highestUnder(state, set, level, prefix * FAN + bit)
    index = prefix - 1
  }
  return undefined
}

function highestUnder(state: StateReader, set: Hash32, level: number, index: number): number {
  let found = index
  for (let below = level - 1; below >= 0; below--) {
    const { bits } = redemptionTables.setNode.mustGet(state, { set, level: below, prefix: found })
    const bit = lastBit(bits, FAN - 1)
    assert(bit >= 0, 'no empty node is stored')
    found = found * FAN + bit
  }
  return found
}
