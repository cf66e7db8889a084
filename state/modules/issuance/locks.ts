// The lock on minted coins (ECONOMY §3): what is locked, and what frees it. Part of it only burned liability releases, the
// rest one K-th per good window. Not: who pays it out (turn.ts).
import { assert } from '../../../base/assert.ts'
import { mulDivCeil, mulDivFloor, PPM } from '../../../base/units.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { horizonOf } from './external.ts'
import type { Liability } from './schema.ts'
import { issuanceParams, issuanceTables } from './tables.ts'

/** The locked part of a mint that brought in no more than its value, and the part of that which is the floor; rounded up. */
export function lockOf(
  state: StateReader,
  amountBase: bigint,
): { readonly lockedBase: bigint; readonly floorBase: bigint } {
  const { retainPpm, lockFloorPpm } = issuanceParams.get(state)
  const lockedBase = mulDivCeil(amountBase, retainPpm, PPM)
  const floorBase = mulDivCeil(amountBase, lockFloorPpm, PPM)
  return { lockedBase, floorBase: floorBase < lockedBase ? floorBase : lockedBase }
}

/**
 * A provider's record with a lock added: the floor, and the rest released over the next K good windows, one K-th with each
 * and the remainder with the last.
 */
export function addLock(
  state: StateWriter,
  liability: Liability,
  lock: { readonly provider: number; readonly lockedBase: bigint; readonly floorBase: bigint },
): Liability {
  const { provider, lockedBase, floorBase } = lock
  assert(floorBase >= 0n && floorBase <= lockedBase, 'the floor is part of the lock')
  const timedBase = lockedBase - floorBase
  const horizonWindows = horizonOf(state)
  const rateBase = mulDivFloor(timedBase, 1n, BigInt(horizonWindows))
  if (timedBase > 0n) {
    const at = { provider, goodWindow: liability.goodWindows + horizonWindows }
    const known = issuanceTables.release.get(state, at)
    issuanceTables.release.set(state, at, {
      rateBase: (known?.rateBase ?? 0n) + rateBase,
      restBase: (known?.restBase ?? 0n) + timedBase - rateBase * BigInt(horizonWindows),
    })
  }
  return {
    ...liability,
    lockedBase: liability.lockedBase + lockedBase,
    floorBase: liability.floorBase + floorBase,
    releaseBase: liability.releaseBase + rateBase,
  }
}

/** A provider's record when some of its liability is about to burn: the floor is freed in proportion, rounded down. */
export function freeFloor(before: Liability, burnedBase: bigint): Liability {
  if (before.floorBase === 0n) return before
  const freedBase = mulDivFloor(before.floorBase, burnedBase, before.liabilityBase)
  return {
    ...before,
    floorBase: before.floorBase - freedBase,
    freedBase: before.freedBase + freedBase,
  }
}

/** A part of a lock that moves to another provider, and the record it leaves. */
interface TakenLock {
  readonly lockedBase: bigint
  readonly floorBase: bigint
  readonly after: Liability
}

/**
 * Takes the part of a lock that belongs to `amountBase` of the liability, each of its releases in proportion, rounded down:
 * what is left at the end stays with whoever minted. At most K releases.
 */
export function takeLock(
  state: StateWriter,
  provider: number,
  terms: { readonly liability: Liability; readonly amountBase: bigint },
): TakenLock {
  const { liability, amountBase } = terms
  const part = (base: bigint): bigint => mulDivFloor(base, amountBase, liability.liabilityBase)
  const floorBase = part(liability.floorBase)
  let lockedBase = floorBase
  let rateBase = 0n
  if (liability.lockedBase > liability.floorBase + liability.freedBase)
    for (let ahead = 1; ahead <= horizonOf(state); ahead++) {
      const at = { provider, goodWindow: liability.goodWindows + ahead }
      const known = issuanceTables.release.get(state, at)
      if (known === undefined) continue
      const moved = { rateBase: part(known.rateBase), restBase: part(known.restBase) }
      const left = {
        rateBase: known.rateBase - moved.rateBase,
        restBase: known.restBase - moved.restBase,
      }
      if (left.rateBase === 0n && left.restBase === 0n) issuanceTables.release.delete(state, at)
      else issuanceTables.release.set(state, at, left)
      rateBase += moved.rateBase
      lockedBase += moved.rateBase * BigInt(ahead) + moved.restBase
    }
  const after = {
    ...liability,
    lockedBase: liability.lockedBase - lockedBase,
    floorBase: liability.floorBase - floorBase,
    releaseBase: liability.releaseBase - rateBase,
  }
  assert(after.lockedBase >= after.floorBase && after.releaseBase >= 0n, 'a lock covers what is taken of it')
  return { lockedBase, floorBase, after }
}

/** The record without a lock, and without its releases to come; the caller has seen to the coins. At most K releases. */
export function dropLock(state: StateWriter, provider: number, liability: Liability): Liability {
  for (let ahead = 1; ahead <= horizonOf(state); ahead++) {
    const at = { provider, goodWindow: liability.goodWindows + ahead }
    if (issuanceTables.release.has(state, at)) issuanceTables.release.delete(state, at)
  }
  return { ...liability, lockedBase: 0n, floorBase: 0n, freedBase: 0n, releaseBase: 0n }
}

/** What a window's end releases of a lock, and the record after it. */
export function releaseDue(
  state: StateWriter,
  provider: number,
  terms: { readonly liability: Liability; readonly isGood: boolean },
): { readonly amountBase: bigint; readonly after: Liability } {
  const { liability, isGood } = terms
  const { freedBase } = liability
  if (!isGood) {
    const lockedBase = liability.lockedBase - freedBase
    return { amountBase: freedBase, after: { ...liability, lockedBase, freedBase: 0n } }
  }
  const goodWindow = liability.goodWindows + 1
  const ending = issuanceTables.release.get(state, { provider, goodWindow })
  if (ending !== undefined) issuanceTables.release.delete(state, { provider, goodWindow })
  const amountBase = freedBase + liability.releaseBase + (ending?.restBase ?? 0n)
  const lockedBase = liability.lockedBase - amountBase
  const releaseBase = liability.releaseBase - (ending?.rateBase ?? 0n)
  assert(lockedBase >= liability.floorBase && releaseBase >= 0n, 'no more is released than was locked')
  const after = { ...liability, lockedBase, releaseBase, goodWindows: goodWindow, freedBase: 0n }
  return { amountBase, after }
}
