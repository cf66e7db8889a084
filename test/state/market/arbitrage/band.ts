// The band in which whoever mints, buys, sells and redeems keeps the coin, from what each of that costs (docs/market.md). Integers, ppm.
// Not: the trades (story.ts).
import { mulDivCeil, PPM } from '../../../../base/units.ts'

export interface Costs {
  /** Cost of money in a window, ppm. */
  readonly moneyPpm: bigint
  /** Share of what is minted that stays locked, and bond for each coin owed, ppm. */
  readonly retainPpm: bigint
  readonly bondPpm: bigint
  /** Windows for which that is bound at most. */
  readonly boundWindows: number
  /** Windows from a purchase until its hours are delivered, and how far the price may fall meanwhile, ppm. */
  readonly waitWindows: number
  readonly fallPpm: bigint
}

/** Above the price by so much it pays to mint and sell: what is locked and bonded meanwhile costs money. */
export function upperPpm({ moneyPpm, retainPpm, bondPpm, boundWindows }: Costs): bigint {
  return mulDivCeil((retainPpm + bondPpm) * moneyPpm, BigInt(boundWindows), PPM)
}

/** Below it by so much it pays to buy and redeem: the hours come later, and may be worth less by then. */
export function lowerPpm({ moneyPpm, waitWindows, fallPpm }: Costs): bigint {
  return moneyPpm * BigInt(waitWindows) + fallPpm
}
