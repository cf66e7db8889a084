// L, R and the locks of each provider, and their sums. Every change of a liability goes through here with its coins.
import { assert } from '../../../base/assert.ts'
import type { Address } from '../../../base/ids.ts'
import { minBigint, mulDivFloor } from '../../../base/units.ts'
import type { WriteContext } from '../../context.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import {
  capacityOf,
  createCoins,
  destroyCoins,
  getMember,
  horizonOf,
  lockAddress,
  payFromLock,
  runningWindow,
} from './external.ts'
import type { IssuanceTotals, Liability } from './schema.ts'
import { events, issuanceTables } from './tables.ts'

const NO_LIABILITY: Liability = {
  liabilityBase: 0n,
  issuedBase: 0n,
  burnedBase: 0n,
  reservedBase: 0n,
  lockedBase: 0n,
  releaseBase: 0n,
  startLiabilityBase: 0n,
  startCapacityBase: 0n,
}
const NO_TOTALS: IssuanceTotals = { liabilitiesBase: 0n, orphanBase: 0n, lockedBase: 0n, revision: 0 }

/** What a provider owes; all zero if it never minted. */
export function getLiability(state: StateReader, provider: number): Liability {
  return issuanceTables.liability.get(state, { provider }) ?? NO_LIABILITY
}

/** Sums over all providers. */
export function getTotals(state: StateReader): IssuanceTotals {
  return issuanceTables.totals.get(state, {}) ?? NO_TOTALS
}

/** L and C of a provider when the running window began: the share by which obligations are assigned (ECONOMY §6). */
export function windowSnapshot(
  state: StateReader,
  provider: number,
): { readonly liabilityBase: bigint; readonly capacityBase: bigint } {
  const { startLiabilityBase, startCapacityBase } = getLiability(state, provider)
  return { liabilityBase: startLiabilityBase, capacityBase: startCapacityBase }
}

/** Stores a provider's record and updates the sums. */
function setLiability(state: StateWriter, provider: number, liability: Liability): void {
  const before = getLiability(state, provider)
  const totals = getTotals(state)
  issuanceTables.liability.set(state, { provider }, liability)
  issuanceTables.totals.set(
    state,
    {},
    {
      orphanBase: totals.orphanBase,
      liabilitiesBase: totals.liabilitiesBase + liability.liabilityBase - before.liabilityBase,
      lockedBase: totals.lockedBase + liability.lockedBase - before.lockedBase,
      revision: totals.revision + 1,
    },
  )
}

/**
 * Creates coins together with the liability behind them. `lockedBase` of them go to the provider's lock, released 1/K
 * per window, the rest to `to`. The caller has checked the mint rules (limits.ts).
 */
export function issueCoins(
  ctx: WriteContext,
  issue: {
    readonly provider: number
    readonly to: Address
    readonly amountBase: bigint
    readonly lockedBase: bigint
  },
): void {
  const { provider, to, amountBase, lockedBase } = issue
  assert(amountBase > 0n && lockedBase >= 0n && lockedBase <= amountBase, 'the lock is part of the mint')
  const before = getLiability(ctx.state, provider)
  const after = {
    ...before,
    liabilityBase: before.liabilityBase + amountBase,
    issuedBase: before.issuedBase + amountBase,
  }
  setLiability(ctx.state, provider, addLock(ctx.state, provider, after, lockedBase))
  createCoins(ctx, { to, amountBase: amountBase - lockedBase })
  createCoins(ctx, { to: lockAddress(provider), amountBase: lockedBase })
  events.Minted(ctx, { provider, to, amountBase, lockedBase, liabilityBase: after.liabilityBase })
}

/** Adds a lock until window now + K − 1: one K-th is released at each window's end, the remainder with the last. */
function addLock(state: StateWriter, provider: number, liability: Liability, lockedBase: bigint): Liability {
  if (lockedBase === 0n) return liability
  const horizonWindows = horizonOf(state)
  const rateBase = mulDivFloor(lockedBase, 1n, BigInt(horizonWindows))
  const restBase = lockedBase - rateBase * BigInt(horizonWindows)
  const at = { provider, windowIndex: runningWindow(state) + horizonWindows - 1 }
  const known = issuanceTables.release.get(state, at)
  issuanceTables.release.set(state, at, {
    rateBase: (known?.rateBase ?? 0n) + rateBase,
    restBase: (known?.restBase ?? 0n) + restBase,
  })
  return {
    ...liability,
    lockedBase: liability.lockedBase + lockedBase,
    releaseBase: liability.releaseBase + rateBase,
  }
}

/** Pays the operator the part of a provider's lock that a window's end releases. */
export function releaseLock(ctx: WriteContext, provider: number, windowIndex: number): void {
  const before = getLiability(ctx.state, provider)
  const ending = issuanceTables.release.get(ctx.state, { provider, windowIndex })
  const amountBase = before.releaseBase + (ending?.restBase ?? 0n)
  if (amountBase === 0n) return
  const operator = getMember(ctx.state, provider)?.operator
  assert(operator !== undefined, 'a lock belongs to a provider')
  const lockedBase = before.lockedBase - amountBase
  const releaseBase = before.releaseBase - (ending?.rateBase ?? 0n)
  assert(lockedBase >= 0n && releaseBase >= 0n, 'no more is released than was locked')
  if (ending !== undefined) issuanceTables.release.delete(ctx.state, { provider, windowIndex })
  setLiability(ctx.state, provider, { ...before, lockedBase, releaseBase })
  payFromLock(ctx, { provider, to: operator, amountBase })
  events.LockReleased(ctx, { provider, amountBase, lockedBase })
}

/** Burns coins at `from` together with the liability behind them. Returns what is still owed. */
export function lowerLiability(
  ctx: WriteContext,
  burn: { readonly provider: number; readonly from: Address; readonly amountBase: bigint },
): bigint {
  const { provider, from, amountBase } = burn
  const before = getLiability(ctx.state, provider)
  const liabilityBase = before.liabilityBase - amountBase
  assert(amountBase > 0n && liabilityBase >= 0n, 'no more is burned than is owed')
  setLiability(ctx.state, provider, {
    ...before,
    liabilityBase,
    burnedBase: before.burnedBase + amountBase,
  })
  destroyCoins(ctx, { from, amountBase })
  return liabilityBase
}

/**
 * Burns min(amount, L) coins at `from` against a provider's liability (ECONOMY §6, on settlement) and returns how
 * many. The rest stays at `from` to pay the provider that delivered. Asserts that `from` holds them.
 */
export function liabilityBurn(
  ctx: WriteContext,
  burn: { readonly provider: number; readonly from: Address; readonly amountBase: bigint },
): bigint {
  const { provider, from } = burn
  const burnedBase = minBigint(burn.amountBase, getLiability(ctx.state, provider).liabilityBase)
  if (burnedBase === 0n) return 0n
  const liabilityBase = lowerLiability(ctx, { provider, from, amountBase: burnedBase })
  events.LiabilityBurned(ctx, { provider, amountBase: burnedBase, liabilityBase })
  return burnedBase
}

/** Counts coins as reserved on a provider in a window not yet begun (R); that provider need not owe them. */
export function reserveCoins(
  ctx: WriteContext,
  booking: { readonly provider: number; readonly windowIndex: number; readonly amountBase: bigint },
): void {
  const { provider, windowIndex, amountBase } = booking
  assert(amountBase > 0n && windowIndex > runningWindow(ctx.state), 'coins are reserved ahead')
  moveReserved(ctx.state, { provider, windowIndex }, amountBase)
}

/** Takes coins out of R: settled, or returned to the queue. No effect for a window that has ended. */
export function unreserveCoins(
  ctx: WriteContext,
  booking: { readonly provider: number; readonly windowIndex: number; readonly amountBase: bigint },
): void {
  const { provider, windowIndex, amountBase } = booking
  assert(amountBase >= 0n, 'returned coins are not negative')
  if (amountBase === 0n || windowIndex < runningWindow(ctx.state)) return
  moveReserved(ctx.state, { provider, windowIndex }, -amountBase)
}

function moveReserved(
  state: StateWriter,
  at: { readonly provider: number; readonly windowIndex: number },
  changeBase: bigint,
): void {
  const inWindow = (issuanceTables.reservation.get(state, at)?.reservedBase ?? 0n) + changeBase
  const before = getLiability(state, at.provider)
  const reservedBase = before.reservedBase + changeBase
  assert(inWindow >= 0n && reservedBase >= 0n, 'no more is returned than was reserved')
  if (inWindow === 0n) issuanceTables.reservation.delete(state, at)
  else issuanceTables.reservation.set(state, at, { reservedBase: inWindow })
  setLiability(state, at.provider, { ...before, reservedBase })
}

/** A window's end for one provider: drops its reservations and takes the new window's snapshot. */
export function turnWindow(ctx: WriteContext, provider: number, endedWindow: number): void {
  const at = { provider, windowIndex: endedWindow }
  const ended = issuanceTables.reservation.get(ctx.state, at)
  if (ended !== undefined) moveReserved(ctx.state, at, -ended.reservedBase)
  takeSnapshot(ctx, provider)
}

/** Records L and C for the running window: at each window's start, and in genesis after its mints. */
export function takeSnapshot(ctx: WriteContext, provider: number): void {
  const before = getLiability(ctx.state, provider)
  const startLiabilityBase = before.liabilityBase
  const startCapacityBase = capacityOf(ctx.state, provider).capacityBase
  if (before.startLiabilityBase === startLiabilityBase && before.startCapacityBase === startCapacityBase)
    return
  setLiability(ctx.state, provider, { ...before, startLiabilityBase, startCapacityBase })
}

/** Records since when a provider's bond has been below its maintenance level; undefined clears it. */
export function markBondShort(state: StateWriter, provider: number, sinceWindow: number | undefined): void {
  const { bondShortSince, ...rest } = getLiability(state, provider)
  if (bondShortSince === sinceWindow) return
  setLiability(state, provider, sinceWindow === undefined ? rest : { ...rest, bondShortSince: sinceWindow })
}
