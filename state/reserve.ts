// The proof of reserves in every header (ECONOMY §11): read from the modules' incremental aggregates.
import type { Reserve } from '../base/protocol/header.ts'
import { getSupply } from './modules/accounts/ledger.ts'
import { getTotals } from './modules/issuance/ledger.ts'
import { getCoverage, mintStopOf } from './modules/issuance/limits.ts'
import { getAnchor } from './modules/oracle/anchor.ts'
import { lockedInRedemption } from './modules/redemption/redemptions.ts'
import type { StateReader } from './view.ts'

/**
 * The reserve of a post-state. `liabilitiesBase` is what providers owe; the supply beyond it is orphaned.
 * Each figure is an aggregate that its module keeps; a recount verifies it.
 */
export function readReserve(state: StateReader): Reserve {
  const { capacityBase, shortfallBase } = getCoverage(state)
  const mintStop = mintStopOf(state, shortfallBase)
  return {
    supplyBase: getSupply(state),
    liabilitiesBase: getTotals(state).liabilitiesBase,
    capacityBase,
    lockedInRedemptionBase: lockedInRedemption(state),
    anchor: getAnchor(state),
    shortfallBase,
    ...(mintStop === undefined ? {} : { mintStop }),
  }
}
