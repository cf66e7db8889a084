// The reports of anchor and price: the only file that knows how they reach the chain. Until the oracle takes reports as
// transactions of two chambers, one call of a module of the replay hands the agreed figures to the oracle's own functions.
import { defineModule } from '../../base/moduleDefinition.ts'
import { t } from '../../base/schema.ts'
import { maxBigint, minBigint, mulDivFloor, PPM } from '../../base/units.ts'
import type { ReadContext } from '../../state/context.ts'
import { currentWindow } from '../../state/modules/capacity/windows.ts'
import { setAnchor } from '../../state/modules/oracle/anchor.ts'
import { getPrice, renewPrice } from '../../state/modules/oracle/prices.ts'
import { implement, type Module } from '../../state/rules.ts'
import { act, type Call } from './chain.ts'
import { reporters } from './wallets.ts'

/** Most that the price moves in a window, ppm (ECONOMY §13, priceMove). */
const PRICE_MOVE_PPM = 20_000n

const reportSchema = defineModule({
  name: 'report',
  id: 250,
  doc: 'What the reporters of a replay agree on.',
  params: {},
  records: {},
  errors: {},
  events: {},
  actions: {
    report: {
      args: { ratingPpm: t.ppm, asset: t.u64, priceBase: t.amount },
      fails: [],
      gas: 10_000,
      doc: 'The rating of the mainstream device, and the price of an SCU-hour in an asset.',
    },
  },
  queries: {},
})

export const reportModule: Module = implement(reportSchema, {
  actions: {
    report: (ctx, { ratingPpm, asset, priceBase }) => {
      setAnchor(ctx, ratingPpm)
      const before = getPrice(ctx.state, asset)?.priceBase ?? priceBase
      const least = mulDivFloor(before, PPM - PRICE_MOVE_PPM, PPM)
      const most = mulDivFloor(before, PPM + PRICE_MOVE_PPM, PPM)
      const moved = maxBigint(least, minBigint(most, priceBase))
      const same = { priceBase: moved, bondPriceBase: moved, lockPriceBase: moved }
      renewPrice(ctx.state, { asset, window: currentWindow(ctx.state), ...same })
      return undefined
    },
  },
  queries: {},
})

export interface Report {
  readonly ratingPpm: bigint
  readonly asset: number
  /** Price of an SCU-hour, base units of the asset. */
  readonly priceBase: bigint
}

/** What is sent in the first half of a window: nothing, for nobody has to commit yet. */
export function commitReports(_ctx: ReadContext, _report: Report): readonly Call[] {
  return []
}

/** What is sent in the second half, for the window's end. */
export function revealReports(_ctx: ReadContext, report: Report): readonly Call[] {
  return [act(reporters[0]!, reportSchema, 'report', report)]
}
