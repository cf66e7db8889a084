// Cover-N and the mint limits of ECONOMY §3 as pure integer arithmetic. Not: where the numbers come from.
import { assert } from '../../../base/assert.ts'
import { AMOUNT_MAX, COIN, maxBigint, minBigint, mulDivFloor, PPM } from '../../../base/units.ts'

/** One provider as coverage sees it; amounts in base units. */
export interface Backer {
  readonly id: number
  /** Providers with equal keys count as one. */
  readonly group: string
  /** C. */
  readonly capacityBase: bigint
  /** L. */
  readonly liabilityBase: bigint
  /** R. */
  readonly reservedBase: bigint
}

export interface GroupSums {
  readonly capacityBase: bigint
  readonly liabilityBase: bigint
  readonly reservedBase: bigint
  /** ΣN of its providers. */
  readonly unreservedBase: bigint
}

export interface Coverage {
  readonly liabilitiesBase: bigint
  readonly orphanBase: bigint
  readonly unreservedBase: bigint
  readonly capacityBase: bigint
  readonly topExposureBase: bigint
  readonly shortfallBase: bigint
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

/** Sums by legal group. */
export function groupSums(backers: readonly Backer[]): ReadonlyMap<string, GroupSums> {
  const groups = new Map<string, GroupSums>()
  for (const backer of backers) {
    const sums = groups.get(backer.group)
    groups.set(backer.group, {
      capacityBase: (sums?.capacityBase ?? 0n) + backer.capacityBase,
      liabilityBase: (sums?.liabilityBase ?? 0n) + backer.liabilityBase,
      reservedBase: (sums?.reservedBase ?? 0n) + backer.reservedBase,
      unreservedBase: (sums?.unreservedBase ?? 0n) + unreserved(backer),
    })
  }
  return groups
}

function descending(values: Iterable<bigint>): bigint[] {
  return [...values].sort((a, b) => (a < b ? 1 : a > b ? -1 : 0))
}

function sum(values: readonly bigint[]): bigint {
  return values.reduce((total, value) => total + value, 0n)
}

/** X of a group: its capacity plus the reserved part of its own liability (ECONOMY §3). */
export function exposure(group: GroupSums): bigint {
  return group.capacityBase + minBigint(group.reservedBase, group.liabilityBase)
}

/** Coverage of all liabilities when the `coverN` groups with the largest X fall silent (ECONOMY §3). */
export function computeCoverage(
  backers: readonly Backer[],
  rules: { readonly orphanBase: bigint; readonly coverN: number },
): Coverage {
  const { orphanBase, coverN } = rules
  assert(coverN >= 0 && orphanBase >= 0n, 'coverage rules are not negative')
  const groups = [...groupSums(backers).values()]
  const unreservedBase = sum(groups.map((group) => group.unreservedBase))
  const capacities = descending(groups.map((group) => group.capacityBase))
  const capacityBase = sum(capacities)
  const topExposureBase = sum(descending(groups.map(exposure)).slice(0, coverN))
  const thresholdBase = capacities[coverN] ?? 0n
  return {
    liabilitiesBase: sum(groups.map((group) => group.liabilityBase)),
    orphanBase,
    unreservedBase,
    capacityBase,
    topExposureBase,
    shortfallBase: maxBigint(0n, unreservedBase + orphanBase + topExposureBase - capacityBase),
    thresholdBase,
    weightBase: sum(capacities.map((capacity) => minBigint(capacity, thresholdBase))),
  }
}

export interface LimitInputs {
  readonly coverage: Coverage
  readonly coverN: number
  readonly marginPpm: bigint
  readonly frontLoadPpm: bigint
  readonly bondPpm: bigint
  readonly horizon: number
  readonly backer: Backer
  /** Sums of the backer's group, including itself. */
  readonly group: GroupSums
  /** Σ c up to each quarter point, and the points. */
  readonly quarterBase: readonly bigint[]
  readonly quarters: readonly number[]
  /** Bond at the oracle price, in coins' base units. */
  readonly bondValueBase: bigint
}

/** Most that the provider may still mint under each rule, base units; 0 when at or over the rule's limit. */
export interface MintLimits {
  readonly quotaBase: bigint
  readonly jointBase: bigint
  readonly ownBackingBase: bigint
  readonly frontLoadBase: bigint
  readonly bondBase: bigint
}

function room(limitBase: bigint, usedBase: bigint): bigint {
  return minBigint(AMOUNT_MAX, maxBigint(0n, limitBase - usedBase))
}

/** Most unreserved liability that the quota allows a group: the largest y with y·m·W ≤ w·(W − coverN·T)·P. */
export function quotaOf(
  capacityBase: bigint,
  rules: { readonly coverage: Coverage; readonly coverN: number; readonly marginPpm: bigint },
): bigint {
  const { thresholdBase, weightBase } = rules.coverage
  if (weightBase === 0n) return 0n
  const weight = minBigint(capacityBase, thresholdBase)
  const covered = maxBigint(0n, weightBase - BigInt(rules.coverN) * thresholdBase)
  return mulDivFloor(weight * covered, PPM, rules.marginPpm * weightBase)
}

/** The mint limits of ECONOMY §3; every division rounds down: coverage gains. */
export function mintLimits(inputs: LimitInputs): MintLimits {
  const { coverage, backer, group, marginPpm, frontLoadPpm, bondPpm, horizon } = inputs
  assert(marginPpm > 0n, 'the margin is positive')
  const joint = mulDivFloor(maxBigint(0n, coverage.capacityBase - coverage.topExposureBase), PPM, marginPpm)
  const own = mulDivFloor(backer.capacityBase, PPM, marginPpm)
  let frontLoad = AMOUNT_MAX
  if (frontLoadPpm > 0n)
    inputs.quarters.forEach((k, q) => {
      const reached = mulDivFloor(inputs.quarterBase[q]!, BigInt(horizon) * PPM, frontLoadPpm * BigInt(k))
      frontLoad = minBigint(frontLoad, reached)
    })
  return {
    quotaBase: room(quotaOf(group.capacityBase, inputs), group.unreservedBase),
    jointBase: room(joint, coverage.unreservedBase + coverage.orphanBase),
    ownBackingBase: room(own, backer.liabilityBase - backer.reservedBase),
    frontLoadBase: frontLoad === AMOUNT_MAX ? AMOUNT_MAX : room(frontLoad, unreserved(backer)),
    bondBase:
      bondPpm === 0n
        ? AMOUNT_MAX
        : room(mulDivFloor(inputs.bondValueBase, PPM, bondPpm), backer.liabilityBase),
  }
}

/** Coins that units of an asset buy at a price in asset units per coin, rounded down. */
export function coinsForAsset(amountBase: bigint, priceBase: bigint): bigint {
  return mulDivFloor(amountBase, COIN, priceBase)
}
