// The reserve summary of every header (ECONOMY §11), read from the post-state. Not: the rules behind the numbers.
import type { Reserve } from '../base/protocol/header.ts'
import { getSupply } from './modules/accounts/module.ts'
import { getCoverage } from './modules/issuance/limits.ts'
import { getAnchor } from './modules/oracle/module.ts'
import type { StateReader } from './view.ts'

/**
 * What backs the coin after a block, base units; the anchor is a rating in ppm. Liabilities are those of providers:
 * what the supply exceeds them by are orphans. Cheap when nothing moved, else one pass over all providers.
 */
export function readReserve(state: StateReader): Reserve {
  const coverage = getCoverage(state)
  return {
    supplyBase: getSupply(state),
    liabilitiesBase: coverage.liabilitiesBase,
    capacityBase: coverage.capacityBase,
    lockedInRedemptionBase: 0n,
    anchor: getAnchor(state),
    shortfallBase: coverage.shortfallBase,
  }
}
