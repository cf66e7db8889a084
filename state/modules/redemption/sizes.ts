// Requests with constraints by size, so that a larger one can take the room of the smallest that sleeps (ECONOMY §6).
// Owns: the order by size. Not: the limits of the table (limits.ts).
import { utf8 } from '../../../base/bytes.ts'
import { sha256 } from '../../../base/crypto/hash.ts'
import type { Hash32 } from '../../../base/ids.ts'
import { minBigint, mulDivFloor } from '../../../base/units.ts'
import { MEMBER_MAX } from '../../orderedSet.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { insertMember, nextMember, removeMember } from './orderedSet.ts'
import { mustGetBucket } from './queue.ts'
import { isConstrained, isOpen } from './redemptions.ts'
import type { Redemption } from './schema.ts'
import { redemptionTables } from './tables.ts'

/** Sizes are told apart to a millionth of a coin. */
const SIZE_UNIT = 10n ** 12n
/** Most requests looked at in search of a sleeping one. */
const LOOKED_MAX = 32

/** Every size that some request has. */
export const SIZES: Hash32 = sha256(utf8('suanli/redemption/sizes'))

/** The requests of one size, by id. */
export function sizeSet(size: number): Hash32 {
  return sha256(utf8(`suanli/redemption/size/${size}`))
}

/** The size that a request is listed with; undefined when it is not: no constraints, nothing queued, or some reserved. */
export function sizeOf(redemption: Redemption): number | undefined {
  if (!isOpen(redemption) || !isConstrained(redemption)) return undefined
  if (redemption.places.length === 0 || redemption.open.length > 0) return undefined
  return Number(minBigint(mulDivFloor(redemption.queuedBase, 1n, SIZE_UNIT), BigInt(MEMBER_MAX)))
}

/** Keeps the order by size up to date with a change of a redemption. */
export function moveBySize(
  state: StateWriter,
  id: number,
  before: Redemption | undefined,
  after: Redemption,
): void {
  const from = before === undefined ? undefined : sizeOf(before)
  const to = sizeOf(after)
  if (from === to) return
  if (from !== undefined) {
    removeMember(state, sizeSet(from), id)
    if (nextMember(state, sizeSet(from), 0) === undefined) removeMember(state, SIZES, from)
  }
  if (to === undefined) return
  if (nextMember(state, sizeSet(to), 0) === undefined) insertMember(state, SIZES, to)
  insertMember(state, sizeSet(to), id)
}

/** The smallest request with constraints that sleeps, among the smallest of all; the earliest of those of one size. */
export function smallestSleeper(
  state: StateReader,
): { readonly id: number; readonly redemption: Redemption } | undefined {
  let looked = 0
  for (
    let size = nextMember(state, SIZES, 0);
    size !== undefined;
    size = nextMember(state, SIZES, size + 1)
  ) {
    const set = sizeSet(size)
    for (let id = nextMember(state, set, 0); id !== undefined; id = nextMember(state, set, id + 1)) {
      const redemption = redemptionTables.redemption.mustGet(state, { id })
      if (mustGetBucket(state, redemption.bucket).standing === 'asleep') return { id, redemption }
      if (++looked === LOOKED_MAX) return undefined
    }
  }
  return undefined
}
