// Queries of backing: pools, positions, and what a loss would take.
import type { Address } from '../../../base/ids.ts'
import type { Rules } from '../../rules.ts'
import type { StateReader } from '../../view.ts'
import { getMember, incomeHeld } from './external.ts'
import { claimableOf, getIncome } from './income.ts'
import {
  atRisk,
  earningOf,
  expectedWindow,
  getPool,
  getUnbonding,
  lossOf,
  poolClock,
  worthOf,
} from './pools.ts'
import { backedBy, getPosition } from './positions.ts'
import type { backingSchema } from './schema.ts'
import { nextShare, shareNow } from './share.ts'

function poolOf(state: StateReader, provider: number) {
  if (getMember(state, provider) === undefined) return undefined
  const { lostBase, assets, unbondingBase: leavingBase, heldSince } = getPool(state, provider)
  const { backedBase, unbondingBase } = atRisk(state, provider)
  return {
    provider,
    backedBase,
    unbondingBase,
    freeBase: leavingBase - unbondingBase,
    lostBase,
    sharePpm: shareNow(state, provider),
    ...nextShare(state, provider),
    incomes: assets.map((asset) => ({
      asset,
      receivedBase: getIncome(state, { provider, asset }).receivedBase,
      unclaimedBase: incomeHeld(state, { provider, asset }),
    })),
    ...(heldSince === undefined ? {} : { heldSince }),
  }
}

function positionOf(state: StateReader, at: { readonly provider: number; readonly account: Address }) {
  const { provider, account } = at
  if (!backedBy(state, account).includes(provider)) return undefined
  const position = getPosition(state, at)
  const clock = poolClock(state, provider)
  return {
    provider,
    backedBase: worthOf(earningOf(getPool(state, provider)), position.unitsBase),
    unbondings: position.unbondings.map(({ untilWindow, unitsBase }) => ({
      untilWindow: expectedWindow(state, provider, untilWindow),
      amountBase: worthOf(getUnbonding(state, provider, untilWindow), unitsBase),
      atRisk: untilWindow > clock,
    })),
    claimable: claimableOf(state, provider, position).filter(({ amountBase }) => amountBase > 0n),
  }
}

export const backingQueries: Rules<typeof backingSchema>['queries'] = {
  pool: (ctx, { provider }) => poolOf(ctx.state, provider),
  position: (ctx, at) => positionOf(ctx.state, at),
  positions: (ctx, { account }) =>
    backedBy(ctx.state, account).flatMap((provider) => positionOf(ctx.state, { provider, account }) ?? []),
  loss: (ctx, { provider, amountBase }) => lossOf(ctx.state, provider, amountBase),
}
