// The novation auction: sealed bids for the liability of a provider that has defaulted (ECONOMY §9, waterfall, step 2).
// Committed in the first half of a window and revealed in the second; an unrevealed bid loses its deposit. Not: who wins (bids.ts).
import { assert } from '../../../base/assert.ts'
import { equalBytes } from '../../../base/bytes.ts'
import type { ActionArgs } from '../../../base/moduleDefinition.ts'
import { bidCommitment } from '../../../base/protocol/sealedBid.ts'
import { mulDivCeil, PPM } from '../../../base/units.ts'
import type { ActionContext } from '../../context.ts'
import type { StateReader } from '../../view.ts'
import { getCase, updateCase } from './cases.ts'
import { COIN_ID, escrows, escrowUnits, payFrom } from './escrows.ts'
import { isSecondHalf, isServing, legalGroupOf, memberOf, runningWindow } from './external.ts'
import type { defaultSchema } from './schema.ts'
import { defaultParams, defaultTables, events, fail } from './tables.ts'

type Args<A extends keyof (typeof defaultSchema)['actions']> = ActionArgs<typeof defaultSchema, A>

/** Coins that a bid deposits, rounded up: at least one base unit. */
function depositOf(state: StateReader, liabilityBase: bigint): bigint {
  return mulDivCeil(liabilityBase, defaultParams.get(state).bidDepositPpm, PPM)
}

/** The open default that a member bids for in this half of the auction's window, or why not. */
function openAuction(ctx: ActionContext, provider: number, half: 1 | 2) {
  const bidder = memberOf(ctx.state, ctx.sender)
  if (bidder === undefined) return { refused: fail.NotProvider({ sender: ctx.sender }) }
  const known = getCase(ctx.state, provider)
  if (known === undefined || known.stage === 'closed') return { refused: fail.NoSuchDefault({ provider }) }
  const { auctionWindow, stage } = known
  const currentWindow = runningWindow(ctx.state)
  const isNow = stage === 'auction' && currentWindow === auctionWindow
  const isHalf = isSecondHalf(ctx.state, ctx.block.timestampMs) === (half === 2)
  return isNow && isHalf
    ? { bidder, known }
    : { refused: fail.NotInAuction({ auctionWindow, currentWindow, half }) }
}

export function commitBid(ctx: ActionContext, { provider, commitment }: Args<'commitBid'>) {
  const { state, sender } = ctx
  const open = openAuction(ctx, provider, 1)
  if ('refused' in open) return open.refused
  const { bidder, known } = open
  if (!isServing(state, bidder)) return fail.ProviderNotServing({ provider: bidder })
  if (legalGroupOf(state, bidder) === legalGroupOf(state, provider)) return fail.OwnGroup({ provider })
  if (defaultTables.bid.has(state, { provider, bidder })) return fail.AlreadyBid({ provider })
  const depositBase = depositOf(state, known.liabilityBase)
  const refusal = escrowUnits(ctx, {
    asset: COIN_ID,
    from: sender,
    to: escrows.deposit(provider),
    amountBase: depositBase,
  })
  if (refusal?.code === 'InsufficientFunds') {
    const { balanceBase, neededBase } = refusal
    return fail.InsufficientCoins({ balanceBase, neededBase })
  }
  assert(refusal?.code !== 'UnknownAsset', 'the coin is known')
  if (refusal !== undefined) return refusal
  // After this point the action must succeed.
  const unopened = { revealed: false, amountBase: 0n, sharePpm: 0n, chosenBase: 0n }
  defaultTables.bid.set(state, { provider, bidder }, { commitment, depositBase, ...unopened })
  updateCase(state, provider, { bidders: [...known.bidders, bidder] })
  events.BidCommitted(ctx, { provider, bidder, depositBase })
  return undefined
}

export function revealBid(ctx: ActionContext, args: Args<'revealBid'>) {
  const { state, sender, block } = ctx
  const { provider, amountBase, sharePpm, salt } = args
  const open = openAuction(ctx, provider, 2)
  if ('refused' in open) return open.refused
  const { bidder } = open
  const bid = defaultTables.bid.get(state, { provider, bidder })
  if (bid === undefined || bid.revealed) return fail.NoBid({ provider })
  const opened = bidCommitment(block.genesisHash, { provider, bidder, amountBase, sharePpm, salt })
  if (!equalBytes(opened, bid.commitment)) return fail.BidMismatch({ provider })
  if (amountBase === 0n) return fail.ZeroAmount({})
  if (sharePpm > PPM) return fail.ShareTooLarge({ sharePpm, maximumPpm: PPM })
  // After this point the action must succeed.
  const { depositBase } = bid
  defaultTables.bid.set(
    state,
    { provider, bidder },
    { ...bid, depositBase: 0n, revealed: true, amountBase, sharePpm },
  )
  payFrom(ctx, escrows.deposit(provider), { asset: COIN_ID, to: sender, amountBase: depositBase })
  events.BidRevealed(ctx, { provider, bidder, amountBase, sharePpm })
  return undefined
}
