// Liability that changes hands: taken over by another provider, or by nobody (ECONOMY §9). The supply stays the same.
// Owns: these moves, and what they take along. Not: who may take over (limits.ts), or must (module default).
import { assert } from '../../../base/assert.ts'
import type { Address } from '../../../base/ids.ts'
import { minBigint, mulDivFloor } from '../../../base/units.ts'
import type { WriteContext } from '../../context.ts'
import type { StateWriter } from '../../view.ts'
import { addCompensation, takeCompensation } from './compensations.ts'
import {
  backingAtRisk,
  compensationAddress,
  destroyCoins,
  holdBackers,
  lockAddress,
  payFromLock,
  payIntoLock,
  takeBacking,
} from './external.ts'
import {
  getLiability,
  getTotals,
  liabilityBurn,
  lowerAssumed,
  lowerLiability,
  setLiability,
} from './ledger.ts'
import { addLock, dropLock, takeLock } from './locks.ts'
import { moveProceeds } from './proceeds.ts'
import { events, issuanceTables } from './tables.ts'

interface Handover {
  readonly from: number
  readonly to: number
  readonly amountBase: bigint
}

/** Lowers what one provider owes; `handedOver` says so in its sums. */
function handOver(state: StateWriter, provider: number, amountBase: bigint): void {
  const before = getLiability(state, provider)
  assert(amountBase > 0n && amountBase <= before.liabilityBase, 'no more changes hands than is owed')
  setLiability(state, provider, {
    ...lowerAssumed(before, amountBase),
    liabilityBase: before.liabilityBase - amountBase,
    handedOverBase: before.handedOverBase + amountBase,
  })
}

/**
 * Moves liability between two providers that agree, with its part of the locks and of any compensation. The locks' timed parts
 * are released over K good windows of whoever takes it. The caller has checked the mint rule, and room for the locks.
 */
export function novate(ctx: WriteContext, { from, to, amountBase }: Handover): void {
  const { state } = ctx
  assert(from !== to, 'liability moves between two providers')
  const liability = getLiability(state, from)
  const { lockedBase, floorBase, after } = takeLock(state, from, { liability, amountBase })
  setLiability(state, from, after)
  moveProceeds(ctx, { from, to, amountBase, liabilityBase: liability.liabilityBase })
  const assumedBase = mulDivFloor(liability.assumedBase, amountBase, liability.liabilityBase)
  const compensation = takeCompensation(ctx, { from, to, assumedBase })
  handOver(state, from, amountBase)
  const known = getLiability(state, to)
  setLiability(
    state,
    to,
    addLock(
      state,
      {
        ...known,
        liabilityBase: known.liabilityBase + amountBase,
        takenOverBase: known.takenOverBase + amountBase,
      },
      { provider: to, lockedBase, floorBase },
    ),
  )
  if (assumedBase > 0n)
    addCompensation(ctx, { provider: to, assumedBase, exemptBase: 0n, assets: compensation })
  payIntoLock(ctx, { from, to, amountBase: lockedBase })
  events.LiabilityMoved(ctx, { from, to, amountBase, lockedBase })
}

/**
 * Moves liability of a provider that has defaulted. The compensation is already in the escrow of whoever takes it
 * (`compensationEscrow`); `exemptBase` of the liability needs no other bond.
 */
export function assume(
  ctx: WriteContext,
  taken: Handover & {
    readonly exemptBase: bigint
    readonly assets: readonly { readonly asset: number; readonly amountBase: bigint }[]
  },
): void {
  const { from, to, amountBase, exemptBase, assets } = taken
  assert(from !== to && exemptBase <= amountBase, 'liability moves between two providers')
  handOver(ctx.state, from, amountBase)
  const known = getLiability(ctx.state, to)
  setLiability(ctx.state, to, {
    ...known,
    liabilityBase: known.liabilityBase + amountBase,
    takenOverBase: known.takenOverBase + amountBase,
  })
  addCompensation(ctx, { provider: to, assumedBase: amountBase, exemptBase, assets })
  events.LiabilityMoved(ctx, { from, to, amountBase, lockedBase: 0n })
}

/** Where the units of a compensation must be before `assume` counts them. */
export function compensationEscrow(provider: number): Address {
  return compensationAddress(provider)
}

function addOrphans(state: StateWriter, amountBase: bigint): bigint {
  const totals = getTotals(state)
  const orphanBase = totals.orphanBase + amountBase
  assert(orphanBase >= 0n, 'no more orphans burn than there are')
  issuanceTables.totals.set(state, {}, { ...totals, orphanBase })
  return orphanBase
}

/** Makes all that a provider still owes an orphan. Returns how much that was. */
export function orphanLiability(ctx: WriteContext, provider: number): bigint {
  const { liabilityBase: amountBase } = getLiability(ctx.state, provider)
  if (amountBase === 0n) return 0n
  handOver(ctx.state, provider, amountBase)
  const orphanBase = addOrphans(ctx.state, amountBase)
  events.LiabilityOrphaned(ctx, { provider, amountBase, orphanBase })
  return amountBase
}

/** Burns coins at `from`, at most as many as there are orphans, and these with them. Returns how many. */
export function burnOrphans(
  ctx: WriteContext,
  burn: { readonly from: Address; readonly amountBase: bigint },
): bigint {
  const amountBase = minBigint(burn.amountBase, getTotals(ctx.state).orphanBase)
  if (amountBase === 0n) return 0n
  destroyCoins(ctx, { from: burn.from, amountBase })
  const orphanBase = addOrphans(ctx.state, -amountBase)
  events.OrphansBurned(ctx, { amountBase, orphanBase })
  return amountBase
}

/**
 * Burns the lock of a provider that has defaulted against what it owes; what the lock has beyond that goes to `restTo`.
 * Returns both parts.
 */
export function forfeitLock(
  ctx: WriteContext,
  provider: number,
  restTo: Address,
): { readonly burnedBase: bigint; readonly restBase: bigint } {
  const { lockedBase, liabilityBase } = getLiability(ctx.state, provider)
  if (lockedBase === 0n) return { burnedBase: 0n, restBase: 0n }
  const burnedBase = minBigint(lockedBase, liabilityBase)
  const restBase = lockedBase - burnedBase
  if (burnedBase > 0n) lowerLiability(ctx, { provider, from: lockAddress(provider), amountBase: burnedBase })
  if (restBase > 0n) payFromLock(ctx, { provider, to: restTo, amountBase: restBase })
  setLiability(ctx.state, provider, dropLock(ctx.state, provider, getLiability(ctx.state, provider)))
  events.LockForfeited(ctx, { provider, burnedBase, restBase })
  return { burnedBase, restBase }
}

/**
 * Burns the coins of a defaulted provider's backers against what it still owes after its lock. Returns how many. What is left
 * is theirs: no fault holds it any more.
 */
export function forfeitBacking(ctx: WriteContext, provider: number): bigint {
  const { state } = ctx
  const lossBase = minBigint(backingAtRisk(state, provider), getLiability(state, provider).liabilityBase)
  holdBackers(ctx, provider, false)
  if (lossBase === 0n) return 0n
  const from = takeBacking(ctx, provider, lossBase)
  const burnedBase = liabilityBurn(ctx, { provider, from, amountBase: lossBase })
  assert(burnedBase === lossBase, 'no more is lost than is owed')
  return burnedBase
}
