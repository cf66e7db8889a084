// Declaring a default (ECONOMY §9, waterfall, step 1): the provider counts 0, its lock and then its backers' coins burn against
// what it owes, and its bond becomes the estate. Not: whether it has defaulted (watch.ts), what becomes of the rest (bids.ts, assumption.ts, closing.ts).
import { assert } from '../../../base/assert.ts'
import type { WriteContext } from '../../context.ts'
import { openCase } from './cases.ts'
import {
  burnLock,
  closeOfferings,
  endCure,
  formEstate,
  getMember,
  isFrozen,
  liabilityOf,
  markDefaulted,
  runningWindow,
  thaw,
} from './external.ts'
import { refundNovation } from './novation.ts'
import type { DefaultCause } from './schema.ts'
import { collectUnpaid } from './slashing.ts'
import { events } from './tables.ts'

/**
 * Makes a provider defaulted for good. What it was assigned returns to its places; what it owes stays on its books until the
 * auction of the next window is over. Bounded: K releases of its lock, the unbonding windows of its pool, the assets of its bond.
 * Asserts that it owes something and has not defaulted before.
 */
export function declareDefault(ctx: WriteContext, provider: number, cause: DefaultCause): void {
  const { state, block } = ctx
  const { liabilityBase: declaredBase } = liabilityOf(state, provider)
  assert(
    getMember(state, provider)?.status !== 'defaulted' && declaredBase > 0n,
    'a provider that owes defaults once',
  )
  const declaredWindow = runningWindow(state)
  if (isFrozen(state, provider)) thaw(ctx, provider)
  collectUnpaid(ctx, provider)
  markDefaulted(ctx, provider)
  endCure(ctx, provider)
  refundNovation(ctx, provider)
  closeOfferings(ctx, provider)
  const { burnedBase, backingBurnedBase } = burnLock(ctx, provider)
  const estate = formEstate(ctx, provider).map(({ asset, amountBase }) => ({
    asset,
    totalBase: amountBase,
    leftBase: amountBase,
  }))
  const { liabilityBase } = liabilityOf(state, provider)
  const auctionWindow = declaredWindow + 1
  openCase(state, provider, {
    cause,
    declaredWindow,
    declaredHeight: block.height,
    auctionWindow,
    // Without anything owed there is nothing to bid for.
    stage: liabilityBase === 0n ? 'closing' : 'auction',
    declaredBase,
    burnedBase,
    liabilityBase,
    estate,
    pool: [],
    aid: [],
    bidders: [],
    cursor: 0,
    sharePpm: 0n,
    chosenBase: 0n,
    firstBase: 0n,
    secondBase: 0n,
    paidFirstBase: 0n,
    paidSecondBase: 0n,
    sharedBase: 0n,
    paidBase: 0n,
    passedFirstBase: 0n,
    passedSecondBase: 0n,
    novatedBase: 0n,
    assumedBase: 0n,
    orphanedBase: 0n,
    backingBurnedBase,
  })
  events.DefaultDeclared(ctx, { provider, cause, liabilityBase: declaredBase, burnedBase, auctionWindow })
}
