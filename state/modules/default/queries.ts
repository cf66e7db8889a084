// Queries of default: the guarantee fund, what a provider must do, defaults and their bids, leaving.
import type { Rules } from '../../rules.ts'
import { getCase, openCases } from './cases.ts'
import { fundHeld, fundUnits } from './escrows.ts'
import { exitCostOf } from './exits.ts'
import { feesHeld } from './external.ts'
import { fundTarget } from './fees.ts'
import { buyBackMeans, earmarkedOf } from './fund.ts'
import { novationOf } from './novation.ts'
import type { defaultSchema } from './schema.ts'
import { standingOf } from './status.ts'
import { defaultTables } from './tables.ts'

export const defaultQueries: Rules<typeof defaultSchema>['queries'] = {
  fund: ({ state }) => ({
    heldBase: fundHeld(state),
    targetBase: fundTarget(state),
    feesBase: feesHeld(state),
  }),
  fundAsset: ({ state }, { asset }) => ({
    heldBase: fundUnits(state, asset),
    earmarkedBase: earmarkedOf(state, asset),
    perWindowBase: buyBackMeans(state, asset),
  }),
  status: ({ state }, { provider }) => standingOf(state, provider),
  case: ({ state }, { provider }) => {
    const known = getCase(state, provider)
    return known === undefined ? undefined : { provider, ...known }
  },
  cases: ({ state }) => openCases(state),
  bid: ({ state }, at) => defaultTables.bid.get(state, at),
  novation: ({ state }, { from }) => novationOf(state, from),
  exitCost: ({ state }, { provider }) => exitCostOf(state, provider),
}
