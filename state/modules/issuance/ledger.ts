// L of each provider and its sums. Every change of a liability goes through here with its coins. Not: locks (locks.ts).
import { assert } from '../../../base/assert.ts'
import type { Address } from '../../../base/ids.ts'
import { minBigint, mulDivCeil, mulDivFloor } from '../../../base/units.ts'
import type { WriteContext } from '../../context.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { capacityOf, createCoins, destroyCoins, lockAddress } from './external.ts'
import { addLock, freeFloor } from './locks.ts'
import { freeProceeds } from './proceeds.ts'
import type { IssuanceTotals, Liability } from './schema.ts'
import { changedLiabilities, events, issuanceTables } from './tables.ts'

const NO_LIABILITY: Liability = {
  liabilityBase: 0n,
  issuedBase: 0n,
  burnedBase: 0n,
  lockedBase: 0n,
  floorBase: 0n,
  freedBase: 0n,
  releaseBase: 0n,
  goodWindows: 0,
  startLiabilityBase: 0n,
  startCapacityBase: 0n,
  takenOverBase: 0n,
  handedOverBase: 0n,
  assumedBase: 0n,
  exemptBase: 0n,
}
const NO_TOTALS: IssuanceTotals = { liabilitiesBase: 0n, orphanBase: 0n, lockedBase: 0n }

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
export function setLiability(state: StateWriter, provider: number, liability: Liability): void {
  const before = getLiability(state, provider)
  const totals = getTotals(state)
  issuanceTables.liability.set(state, { provider }, liability)
  const owed = liability.liabilityBase - before.liabilityBase
  const locked = liability.lockedBase - before.lockedBase
  if (owed !== 0n) changedLiabilities.add(state, provider)
  if (owed === 0n && locked === 0n) return
  issuanceTables.totals.set(
    state,
    {},
    {
      orphanBase: totals.orphanBase,
      liabilitiesBase: totals.liabilitiesBase + owed,
      lockedBase: totals.lockedBase + locked,
    },
  )
}

/**
 * Creates coins together with the liability behind them. `lockedBase` of them go to the provider's lock, of which
 * `floorBase` stays until liability is burned; the rest of the mint goes to `to`. The caller has checked the mint rules.
 */
export function issueCoins(
  ctx: WriteContext,
  issue: {
    readonly provider: number
    readonly to: Address
    readonly amountBase: bigint
    readonly lockedBase: bigint
    readonly floorBase: bigint
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
  setLiability(ctx.state, provider, addLock(ctx.state, after, issue))
  createCoins(ctx, { to, amountBase: amountBase - lockedBase })
  createCoins(ctx, { to: lockAddress(provider), amountBase: lockedBase })
  events.Minted(ctx, { provider, to, amountBase, lockedBase, liabilityBase: after.liabilityBase })
}

/**
 * A provider's record when a part of its liability is about to go: what was assumed of it goes in proportion. Of what stays
 * the assumed part is rounded up, which releases compensation later, and the part without a bond down.
 */
export function lowerAssumed(before: Liability, amountBase: bigint): Liability {
  const { liabilityBase, assumedBase, exemptBase } = before
  if (assumedBase === 0n) return before
  const leftBase = liabilityBase - amountBase
  return {
    ...before,
    assumedBase: mulDivCeil(assumedBase, leftBase, liabilityBase),
    exemptBase: mulDivFloor(exemptBase, leftBase, liabilityBase),
  }
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
  freeProceeds(ctx.state, { provider, burnedBase: amountBase, liabilityBase: before.liabilityBase })
  setLiability(ctx.state, provider, {
    ...freeFloor(lowerAssumed(before, amountBase), amountBase),
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
