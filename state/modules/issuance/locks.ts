// Locks on what a mint brought in or created (ECONOMY §3): what is locked, and what frees it. Part of it only burned liability
// releases, the rest one K-th per good window. Not: who pays it out (turn.ts), locks in settlement assets (proceeds.ts).
import { assert } from '../../../base/assert.ts'
import { minBigint, mulDivCeil, mulDivFloor, PPM } from '../../../base/units.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { horizonOf } from './external.ts'
import type { Liability } from './schema.ts'
import { issuanceParams, issuanceTables } from './tables.ts'

/** What one lock holds, in coins or in units of one asset, and its clock. */
export interface Lock {
  readonly lockedBase: bigint
  readonly floorBase: bigint
  readonly freedBase: bigint
  readonly releaseBase: bigint
  readonly goodWindows: number
}

/** What ends of a lock with a good window: a rate, and a remainder that is paid. */
export interface Ending {
  readonly rateBase: bigint
  readonly restBase: bigint
}

/** The endings of one lock by good window. */
export interface Endings {
  get(goodWindow: number): Ending | undefined
  set(goodWindow: number, ending: Ending): void
  delete(goodWindow: number): void
}

/** The locked part of a mint worth a sum, and the part of that which is the floor, both in its unit; rounded up. */
export function lockOf(
  state: StateReader,
  amountBase: bigint,
): { readonly lockedBase: bigint; readonly floorBase: bigint } {
  const { retainPpm, lockFloorPpm } = issuanceParams.get(state)
  const lockedBase = mulDivCeil(amountBase, retainPpm, PPM)
  return { lockedBase, floorBase: minBigint(lockedBase, mulDivCeil(amountBase, lockFloorPpm, PPM)) }
}

/** A lock with more in it: the floor, and the rest over the next K good windows, one K-th each, the remainder with the last. */
export function grow<L extends Lock>(
  lock: L,
  endings: Endings,
  more: { readonly lockedBase: bigint; readonly floorBase: bigint; readonly horizonWindows: number },
): L {
  const { lockedBase, floorBase, horizonWindows } = more
  assert(floorBase >= 0n && floorBase <= lockedBase, 'the floor is part of the lock')
  const timedBase = lockedBase - floorBase
  const rateBase = mulDivFloor(timedBase, 1n, BigInt(horizonWindows))
  if (timedBase > 0n) {
    const at = lock.goodWindows + horizonWindows
    const known = endings.get(at)
    endings.set(at, {
      rateBase: (known?.rateBase ?? 0n) + rateBase,
      restBase: (known?.restBase ?? 0n) + timedBase - rateBase * BigInt(horizonWindows),
    })
  }
  return {
    ...lock,
    lockedBase: lock.lockedBase + lockedBase,
    floorBase: lock.floorBase + floorBase,
    releaseBase: lock.releaseBase + rateBase,
  }
}

/** A lock when some of the liability is about to burn: its floor is freed in proportion, rounded down. */
export function freeShare<L extends Lock>(
  lock: L,
  burn: { readonly burnedBase: bigint; readonly liabilityBase: bigint },
): L {
  if (lock.floorBase === 0n) return lock
  const freedBase = mulDivFloor(lock.floorBase, burn.burnedBase, burn.liabilityBase)
  return { ...lock, floorBase: lock.floorBase - freedBase, freedBase: lock.freedBase + freedBase }
}

/** What a window's end releases of a lock, and the lock after it. */
export function shrink<L extends Lock>(
  lock: L,
  endings: Endings,
  isGood: boolean,
): { readonly amountBase: bigint; readonly after: L } {
  const { freedBase } = lock
  if (!isGood) {
    const lockedBase = lock.lockedBase - freedBase
    return { amountBase: freedBase, after: { ...lock, lockedBase, freedBase: 0n } }
  }
  const goodWindows = lock.goodWindows + 1
  const ending = endings.get(goodWindows)
  if (ending !== undefined) endings.delete(goodWindows)
  const amountBase = freedBase + lock.releaseBase + (ending?.restBase ?? 0n)
  const lockedBase = lock.lockedBase - amountBase
  const releaseBase = lock.releaseBase - (ending?.rateBase ?? 0n)
  assert(lockedBase >= lock.floorBase && releaseBase >= 0n, 'no more is released than was locked')
  return { amountBase, after: { ...lock, lockedBase, releaseBase, goodWindows, freedBase: 0n } }
}

/** The endings of a provider's locked coins. */
function coinEndings(state: StateWriter, provider: number): Endings {
  const { release } = issuanceTables
  return {
    get: (goodWindow) => release.get(state, { provider, goodWindow }),
    set: (goodWindow, ending) => release.set(state, { provider, goodWindow }, ending),
    delete: (goodWindow) => release.delete(state, { provider, goodWindow }),
  }
}

/** A provider's record with coins locked. */
export function addLock(
  state: StateWriter,
  liability: Liability,
  lock: { readonly provider: number; readonly lockedBase: bigint; readonly floorBase: bigint },
): Liability {
  return grow(liability, coinEndings(state, lock.provider), { ...lock, horizonWindows: horizonOf(state) })
}

/** A provider's record when some of its liability is about to burn. */
export function freeFloor(before: Liability, burnedBase: bigint): Liability {
  return freeShare(before, { burnedBase, liabilityBase: before.liabilityBase })
}

/** A part of a lock that moves to another provider, and the lock it leaves. */
interface Taken<L extends Lock> {
  readonly lockedBase: bigint
  readonly floorBase: bigint
  readonly after: L
}

/**
 * Takes the part of a lock that belongs to `amountBase` of a liability, each of its endings in proportion, rounded down:
 * what is left at the end stays with whoever minted. At most K endings.
 */
export function takeShare<L extends Lock>(
  lock: L,
  endings: Endings,
  share: { readonly amountBase: bigint; readonly liabilityBase: bigint; readonly horizonWindows: number },
): Taken<L> {
  const { amountBase, liabilityBase, horizonWindows } = share
  const part = (base: bigint): bigint => mulDivFloor(base, amountBase, liabilityBase)
  const floorBase = part(lock.floorBase)
  let lockedBase = floorBase
  let releaseBase = 0n
  if (lock.lockedBase > lock.floorBase + lock.freedBase)
    for (let ahead = 1; ahead <= horizonWindows; ahead++) {
      const at = lock.goodWindows + ahead
      const known = endings.get(at)
      if (known === undefined) continue
      const moved = { rateBase: part(known.rateBase), restBase: part(known.restBase) }
      const left = { rateBase: known.rateBase - moved.rateBase, restBase: known.restBase - moved.restBase }
      if (left.rateBase === 0n && left.restBase === 0n) endings.delete(at)
      else endings.set(at, left)
      releaseBase += moved.rateBase
      lockedBase += moved.rateBase * BigInt(ahead) + moved.restBase
    }
  const after = {
    ...lock,
    lockedBase: lock.lockedBase - lockedBase,
    floorBase: lock.floorBase - floorBase,
    releaseBase: lock.releaseBase - releaseBase,
  }
  assert(after.lockedBase >= after.floorBase && after.releaseBase >= 0n, 'a lock covers what is taken of it')
  return { lockedBase, floorBase, after }
}

/**
 * A lock without coins of it that have been burned: of what is freed first, then of what good windows release next, then of
 * the floor. What walking away would gain is the same before and after, and never more later. At most K endings.
 */
function takeBurned<L extends Lock>(
  lock: L,
  endings: Endings,
  burn: { readonly amountBase: bigint; readonly horizonWindows: number },
): L {
  const { amountBase, horizonWindows } = burn
  assert(amountBase <= lock.lockedBase, 'a lock holds what is burned of it')
  const freedBase = minBigint(lock.freedBase, amountBase)
  let restBase = amountBase - freedBase
  let { releaseBase } = lock
  for (let ahead = 1; restBase > 0n && ahead <= horizonWindows; ahead++) {
    const at = lock.goodWindows + ahead
    const known = endings.get(at)
    if (known === undefined) continue
    const windows = BigInt(ahead)
    const wholeBase = known.rateBase * windows + known.restBase
    const takenBase = minBigint(wholeBase, restBase)
    const rateBase = mulDivFloor(wholeBase - takenBase, 1n, windows)
    if (takenBase === wholeBase) endings.delete(at)
    else endings.set(at, { rateBase, restBase: wholeBase - takenBase - rateBase * windows })
    releaseBase += rateBase - known.rateBase
    restBase -= takenBase
  }
  assert(restBase <= lock.floorBase && releaseBase >= 0n, 'what is neither freed nor timed is the floor')
  return {
    ...lock,
    lockedBase: lock.lockedBase - amountBase,
    floorBase: lock.floorBase - restBase,
    freedBase: lock.freedBase - freedBase,
    releaseBase,
  }
}

/** A provider's record without locked coins that have been burned (`takeBurned`). */
export function burnLocked(
  state: StateWriter,
  provider: number,
  burn: { readonly liability: Liability; readonly amountBase: bigint },
): Liability {
  const { liability, amountBase } = burn
  return takeBurned(liability, coinEndings(state, provider), { amountBase, horizonWindows: horizonOf(state) })
}

/** Takes a part of a provider's locked coins (`takeShare`). */
export function takeLock(
  state: StateWriter,
  provider: number,
  terms: { readonly liability: Liability; readonly amountBase: bigint },
): Taken<Liability> {
  const { liability, amountBase } = terms
  const share = { amountBase, liabilityBase: liability.liabilityBase, horizonWindows: horizonOf(state) }
  return takeShare(liability, coinEndings(state, provider), share)
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
  return shrink(terms.liability, coinEndings(state, provider), terms.isGood)
}
