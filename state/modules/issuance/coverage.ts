// Cover-N and the mint limits of ECONOMY §3 as pure integer arithmetic. Not: where the numbers come from.
import { assert } from '../../../base/assert.ts'
import { AMOUNT_MAX, COIN, maxBigint, minBigint, mulDivFloor, PPM } from '../../../base/units.ts'

/** One provider as coverage sees it; amounts in base units. */
export interface Backer {
  readonly id: number
  /** Providers of one legal group count as one; named by its lowest id. */
  readonly group: number
  /** C; 0 when its status does not count. */
  readonly capacityBase: bigint
  /** C*, which the mint limits use. */
  readonly lastingBase: bigint
  /** L. */
  readonly liabilityBase: bigint
  /** R. */
  readonly reservedBase: bigint
  /** A suspended member makes its whole group suspended. */
  readonly suspended: boolean
}

/** Sums of one legal group. */
export interface GroupSums {
  readonly capacityBase: bigint
  readonly lastingBase: bigint
  readonly liabilityBase: bigint
  readonly reservedBase: bigint
  readonly suspended: boolean
}

export const NO_GROUP: GroupSums = {
  capacityBase: 0n,
  lastingBase: 0n,
  liabilityBase: 0n,
  reservedBase: 0n,
  suspended: false,
}

/** What coverage and mint limits are computed from: sums over all groups, and the largest figures of single ones. */
export interface CoverSums {
  /** ΣL over providers. */
  readonly liabilitiesBase: bigint
  /** Liabilities without a provider. */
  readonly orphanBase: bigint
  /** ΣN. */
  readonly unreservedBase: bigint
  /** ΣC of the groups that are not suspended. */
  readonly capacityBase: bigint
  /** ΣC* of all groups that count: a suspended group's pledges stay in the mint limits. */
  readonly lastingBase: bigint
  readonly suspendedGroups: number
  /** X of the groups not suspended, the largest first, at least coverN of them; missing ones are 0. */
  readonly topExposures: readonly bigint[]
  /** C* of all groups, the largest first, at least coverN + 1 of them; missing ones are 0. */
  readonly topLasting: readonly bigint[]
  /** C* + min(R, L) of all groups, the largest first, at least coverN of them; missing ones are 0. */
  readonly topBurdens: readonly bigint[]
}

export interface Coverage {
  readonly liabilitiesBase: bigint
  readonly orphanBase: bigint
  readonly unreservedBase: bigint
  readonly capacityBase: bigint
  readonly topExposureBase: bigint
  readonly shortfallBase: bigint
  readonly lastingBase: bigint
  readonly topBurdenBase: bigint
  readonly thresholdBase: bigint
  readonly weightBase: bigint
}

/** N = max(0, L − R). */
export function unreserved(backer: {
  readonly liabilityBase: bigint
  readonly reservedBase: bigint
}): bigint {
  return maxBigint(0n, backer.liabilityBase - backer.reservedBase)
}

/** What a provider owes beyond what it has reserved and can deliver: max(0, L − R − C). Only this must be cured. */
export function ownShortfall(backer: {
  readonly liabilityBase: bigint
  readonly reservedBase: bigint
  readonly capacityBase: bigint
}): bigint {
  return maxBigint(0n, backer.liabilityBase - backer.reservedBase - backer.capacityBase)
}

/** The figures by which groups are ranked. */
export interface GroupFigures {
  /** X = C + min(R, L), what is lost when the group falls silent; 0 of a suspended group, which is left out already. */
  readonly exposureBase: bigint
  /** C*. */
  readonly lastingBase: bigint
  /** C* + min(R, L). */
  readonly burdenBase: bigint
}

export function figuresOf(group: GroupSums): GroupFigures {
  const held = minBigint(group.reservedBase, group.liabilityBase)
  return {
    exposureBase: group.suspended ? 0n : group.capacityBase + held,
    lastingBase: group.lastingBase,
    burdenBase: group.lastingBase + held,
  }
}

/** Sums by legal group. */
export function groupSums(backers: readonly Backer[]): ReadonlyMap<number, GroupSums> {
  const groups = new Map<number, GroupSums>()
  for (const backer of backers) {
    const sums = groups.get(backer.group) ?? NO_GROUP
    groups.set(backer.group, {
      capacityBase: sums.capacityBase + backer.capacityBase,
      lastingBase: sums.lastingBase + backer.lastingBase,
      liabilityBase: sums.liabilityBase + backer.liabilityBase,
      reservedBase: sums.reservedBase + backer.reservedBase,
      suspended: sums.suspended || backer.suspended,
    })
  }
  return groups
}

/** The `count` largest values, the largest first, filled up with zeros. */
export function largest(values: readonly bigint[], count: number): readonly bigint[] {
  const sorted = [...values].sort((a, b) => (a < b ? 1 : a > b ? -1 : 0)).slice(0, count)
  return sorted.concat(new Array<bigint>(count - sorted.length).fill(0n))
}

function sum(values: readonly bigint[]): bigint {
  return values.reduce((total, value) => total + value, 0n)
}

/** Coverage when the coverN groups with the largest X fall silent, suspended ones being among them (ECONOMY §3). */
export function coverageOf(sums: CoverSums, coverN: number): Coverage {
  const { liabilitiesBase, orphanBase, unreservedBase, capacityBase, lastingBase } = sums
  assert(coverN >= 0 && orphanBase >= 0n, 'coverage rules are not negative')
  const silent = Math.max(0, coverN - sums.suspendedGroups)
  const topExposureBase = sum(sums.topExposures.slice(0, silent))
  const thresholdBase = sums.topLasting[coverN] ?? 0n
  const above = sum(sums.topLasting.slice(0, coverN)) - BigInt(coverN) * thresholdBase
  return {
    liabilitiesBase,
    orphanBase,
    unreservedBase,
    capacityBase,
    topExposureBase,
    shortfallBase: maxBigint(0n, unreservedBase + orphanBase + topExposureBase - capacityBase),
    lastingBase,
    topBurdenBase: sum(sums.topBurdens.slice(0, coverN)),
    thresholdBase,
    // Σ min(C*, T): only the coverN largest can lie above T. With T = 0 there are too few groups to mint at all.
    weightBase: thresholdBase === 0n ? 0n : lastingBase - above,
  }
}

/** Coverage from all providers: what the incremental sums must agree with. */
export function computeCoverage(
  backers: readonly Backer[],
  rules: { readonly orphanBase: bigint; readonly coverN: number },
): Coverage {
  const { orphanBase, coverN } = rules
  const groups = [...groupSums(backers).values()]
  const figures = groups.map(figuresOf)
  const sums: CoverSums = {
    liabilitiesBase: sum(backers.map((backer) => backer.liabilityBase)),
    orphanBase,
    unreservedBase: sum(backers.map(unreserved)),
    capacityBase: sum(groups.filter((g) => !g.suspended).map((g) => g.capacityBase)),
    lastingBase: sum(groups.map((g) => g.lastingBase)),
    suspendedGroups: groups.filter((g) => g.suspended).length,
    topExposures: largest(
      figures.map((f) => f.exposureBase),
      coverN,
    ),
    topLasting: largest(
      figures.map((f) => f.lastingBase),
      coverN + 1,
    ),
    topBurdens: largest(
      figures.map((f) => f.burdenBase),
      coverN,
    ),
  }
  return coverageOf(sums, coverN)
}

export interface LimitInputs {
  readonly coverage: Coverage
  readonly coverN: number
  readonly marginPpm: bigint
  readonly frontLoadPpm: bigint
  readonly bondPpm: bigint
  readonly horizon: number
  /** L and C* of the provider. */
  readonly backer: { readonly liabilityBase: bigint; readonly lastingBase: bigint }
  /** L and C* of its legal group, including itself. */
  readonly group: { readonly liabilityBase: bigint; readonly lastingBase: bigint }
  /** Σ c* up to each quarter point, and the points. */
  readonly quarterBase: readonly bigint[]
  readonly quarters: readonly number[]
  /** The bond at the oracle price, in millionths of a coin's base unit. */
  readonly bondValuePpm: bigint
  /** Part of L that a compensation is the bond for; default: none. */
  readonly exemptBase?: bigint
}

/** Most that the provider may still mint under each rule, base units; 0 when at or over the rule's limit. */
export interface MintLimits {
  readonly quotaBase: bigint
  readonly jointBase: bigint
  readonly ownBackingBase: bigint
  readonly frontLoadBase: bigint
  readonly bondBase: bigint
}

/** Most that a provider may owe by its own capacity: own backing `L·m ≤ C*·P`, and front-load at its least quarter. */
export function ownLimits(
  inputs: Pick<LimitInputs, 'marginPpm' | 'frontLoadPpm' | 'horizon' | 'quarterBase' | 'quarters'> & {
    readonly lastingBase: bigint
  },
): { readonly backingBase: bigint; readonly frontLoadBase: bigint } {
  const { lastingBase, marginPpm, frontLoadPpm, horizon, quarterBase, quarters } = inputs
  assert(marginPpm > 0n, 'the margin is positive')
  let frontLoadBase = AMOUNT_MAX
  if (frontLoadPpm > 0n)
    quarters.forEach((k, q) => {
      const reached = mulDivFloor(quarterBase[q]!, BigInt(horizon) * PPM, frontLoadPpm * BigInt(k))
      frontLoadBase = minBigint(frontLoadBase, reached)
    })
  return { backingBase: mulDivFloor(lastingBase, PPM, marginPpm), frontLoadBase }
}

function room(limitBase: bigint, usedBase: bigint): bigint {
  return minBigint(AMOUNT_MAX, maxBigint(0n, limitBase - usedBase))
}

/** Most liability that the quota allows a group: the largest y with y·m·W ≤ w·(W − coverN·T)·P. */
export function quotaOf(
  lastingBase: bigint,
  rules: { readonly coverage: Coverage; readonly coverN: number; readonly marginPpm: bigint },
): bigint {
  const { thresholdBase, weightBase } = rules.coverage
  if (weightBase === 0n) return 0n
  const weight = minBigint(lastingBase, thresholdBase)
  const covered = maxBigint(0n, weightBase - BigInt(rules.coverN) * thresholdBase)
  return mulDivFloor(weight * covered, PPM, rules.marginPpm * weightBase)
}

/**
 * The mint limits of ECONOMY §3. All use L: what is reserved is still owed, and with L − R whoever minted, redeemed to
 * itself and minted again passed every limit. Every division rounds down: coverage gains.
 */
export function mintLimits(inputs: LimitInputs): MintLimits {
  const { coverage, backer, group, marginPpm, bondPpm, exemptBase = 0n } = inputs
  const { backingBase, frontLoadBase } = ownLimits({ ...inputs, lastingBase: backer.lastingBase })
  const free = maxBigint(0n, coverage.lastingBase - coverage.topBurdenBase)
  const joint = mulDivFloor(free, PPM, marginPpm)
  return {
    quotaBase: room(quotaOf(group.lastingBase, inputs), group.liabilityBase),
    jointBase: room(joint, coverage.liabilitiesBase + coverage.orphanBase),
    ownBackingBase: room(backingBase, backer.liabilityBase),
    frontLoadBase: frontLoadBase === AMOUNT_MAX ? AMOUNT_MAX : room(frontLoadBase, backer.liabilityBase),
    bondBase:
      bondPpm === 0n
        ? AMOUNT_MAX
        : room(mulDivFloor(inputs.bondValuePpm, 1n, bondPpm), backer.liabilityBase - exemptBase),
  }
}

/** What units of an asset are worth at a price in asset units per coin: millionths of a coin's base unit, rounded down. */
export function coinValuePpm(amountBase: bigint, priceBase: bigint): bigint {
  return mulDivFloor(amountBase * COIN, PPM, priceBase)
}
