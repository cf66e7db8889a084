// What the walks of the market may do in a block, and what their acts cost. Not: how a budget is divided (state/blockWork.ts).
import { newBlockWork, Walk } from '../../blockWork.ts'
import type { WriteContext } from '../../context.ts'
import { marketParams } from './tables.ts'

/** At most M acts, and no more than a walk's part of the block's measured steps. */
export interface Budget {
  left: number
  readonly walk: Walk
}

/** Steps of what the walks do, measured by `npm run bench:market` (a step is about 0.2 µs). */
export const ACT_STEPS = {
  /** Looking at a book. */
  look: 40,
  /** Putting an order into its queue. */
  enter: 150,
  /** Comparing two levels. */
  price: 60,
  /** Two orders meet: three payments, their records and places. */
  fill: 700,
  /** Looking at an order of the auction, and taking an immediate one's rest out. */
  return: 150,
  /** The price of an auction goes into history. */
  note: 200,
  /** Removing a record that is over. */
  remove: 60,
} as const

/** Steps of removing what is over, in a block: some thirty records. Matching keeps all that other work leaves of its own budget. */
const UPKEEP_STEPS = 2_000

export function openUpkeep({ state }: WriteContext): Budget {
  const { stepsPerBlockMax } = marketParams.get(state)
  return { left: stepsPerBlockMax, walk: new Walk(newBlockWork(), UPKEEP_STEPS, true) }
}

/** Auctions have steps of their own: whoever places an order pays for its fills, and a crowd of them must not wait for recounts. */
export function openAuctions({ state }: WriteContext): Budget {
  const { auctionStepsMax, stepsPerBlockMax } = marketParams.get(state)
  return { left: stepsPerBlockMax, walk: new Walk(newBlockWork(), auctionStepsMax, true) }
}

/** Takes an act; false, without one, when none is left. */
export function takeAct(budget: Budget, act: keyof typeof ACT_STEPS): boolean {
  if (budget.left <= 0 || !budget.walk.take(ACT_STEPS[act])) return false
  budget.left--
  return true
}

/** Counts what an act has led to. */
export function spendAct(budget: Budget, act: keyof typeof ACT_STEPS, times = 1): void {
  budget.walk.spend(ACT_STEPS[act] * times)
}
