// Orders of the chain itself: the guarantee fund that buys orphans back. They take part in an auction like any other and pay no gas; no
// limit of accounts or tables keeps them out, so nobody can by filling those. Not: when the chain orders, and for what (state/modules/default/buyBack.ts).
import { assert } from '../../../base/assert.ts'
import type { Hash32 } from '../../../base/ids.ts'
import { minBigint, mulDivFloor } from '../../../base/units.ts'
import type { WriteContext } from '../../context.ts'
import type { Escrow } from '../../ledger.ts'
import { MEMBER_MAX } from '../../orderedSet.ts'
import type { StateReader } from '../../view.ts'
import { bookOf, mustGetBook } from './books.ts'
import { payIn } from './external.ts'
import { enter, getOrder, isOpen } from './orders.ts'
import { costOf, type Pair, ticksOf } from './pairs.ts'

/** What a bid of the chain is to be, beside its price. */
export interface ChainBidTerms {
  readonly meansBase: bigint
  readonly mostBase: bigint
  /** Takes the place of the transaction in the draw of places. */
  readonly txId: Hash32
}

/**
 * Bids in the next auction of a pair for as much as an escrow of the chain can pay for at a price, and wants; what is not filled there
 * comes back. Undefined, with nothing written, when nobody sells or not one lot can be paid for.
 */
export function bidForChain(
  ctx: WriteContext,
  bid: Pair &
    ChainBidTerms & {
      readonly owner: Escrow
      /** At most for one whole of the base asset; rounded down to a tick. */
      readonly priceBase: bigint
    },
): { readonly order: number; readonly amountBase: bigint; readonly escrowedBase: bigint } | undefined {
  const { base, quote, owner, priceBase, meansBase, mostBase, txId } = bid
  const book = bookOf(ctx.state, { base, quote })
  if (book === undefined) return undefined
  const facts = mustGetBook(ctx.state, book)
  const ticks = ticksOf(facts, minBigint(priceBase, BigInt(MEMBER_MAX) * facts.tickBase))
  if (facts.openSells === 0 || ticks === 0) return undefined
  const { lotBase } = facts
  const lots = minBigint(
    mulDivFloor(meansBase, 1n, costOf(facts, lotBase, ticks)),
    mulDivFloor(mostBase, 1n, lotBase),
  )
  if (lots === 0n) return undefined
  const amountBase = lots * lotBase
  const escrowedBase = costOf(facts, amountBase, ticks)
  // After this point the bid must succeed.
  const refusal = payIn(ctx, { book, asset: quote, from: owner, amountBase: escrowedBase })
  assert(refusal === undefined, 'the chain has what it bids')
  const kind = 'immediateOrCancel'
  const order = enter(ctx, { owner, book, side: 'buy', ticks, amountBase, kind, txId })
  return { order, amountBase, escrowedBase }
}

/** What became of such an order; undefined while its auction is not over. */
export function outcomeOf(
  state: StateReader,
  order: number,
): { readonly boughtBase: bigint; readonly paidBase: bigint } | undefined {
  const known = getOrder(state, order)
  assert(known !== undefined, 'an order is in the state for some windows after its end')
  if (isOpen(known)) return undefined
  return { boughtBase: known.filledBase, paidBase: known.filledQuoteBase }
}
