// What the chain itself sees: attested devices per class, and coins delivered per class (ECONOMY §5). Capacity and redemption
// tell it as it happens; a query puts it in order. It is published beside the reports and decides nothing.
import { mulDivFloor, PPM } from '../../../base/units.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { runningWindow } from './clock.ts'
import { classesByRating } from './external.ts'
import { oracleTables } from './tables.ts'

/** Windows in a span: what is called recent is the running span and the one before. */
export const USAGE_SPAN_WINDOWS = 16

/** Counts devices that are attested from now on, each times its audit share; negative when they end. */
export function noteAttested(
  state: StateWriter,
  change: { readonly classId: number; readonly devicesPpm: bigint },
): void {
  const { classId, devicesPpm: added } = change
  const devicesPpm = (oracleTables.observedCapacity.get(state, { classId })?.devicesPpm ?? 0n) + added
  // What only informs must not stop a node.
  if (devicesPpm <= 0n) oracleTables.observedCapacity.delete(state, { classId })
  else oracleTables.observedCapacity.set(state, { classId }, { devicesPpm })
}

const spanOf = (window: number): number => Math.floor(window / USAGE_SPAN_WINDOWS)

/** Coins delivered on a class in the running span and in the one before. */
function usageOf(state: StateReader, classId: number, span: number) {
  const known = oracleTables.observedUsage.get(state, { classId })
  if (known?.span === span) return known
  return { span, recentBase: 0n, earlierBase: known?.span === span - 1 ? known.recentBase : 0n }
}

/** Counts coins that were delivered on a class. */
export function noteDelivered(
  state: StateWriter,
  delivery: { readonly classId: number; readonly amountBase: bigint },
): void {
  const { classId, amountBase } = delivery
  const usage = usageOf(state, classId, spanOf(runningWindow(state)))
  const recentBase = usage.recentBase + amountBase
  oracleTables.observedUsage.set(state, { classId }, { ...usage, recentBase })
}

interface Weighed {
  readonly classId: number
  readonly slug: string
  readonly rating: bigint
  readonly weight: bigint
}

const total = (classes: readonly Weighed[]): bigint => classes.reduce((sum, { weight }) => sum + weight, 0n)

function shares(classes: readonly Weighed[]) {
  const all = total(classes)
  return classes.map(({ weight, ...named }) => ({ ...named, sharePpm: mulDivFloor(weight, PPM, all) }))
}

/** The first class at which half of the weight is reached; undefined without any. */
function medianClass(classes: readonly Weighed[]) {
  const all = total(classes)
  let sum = 0n
  const at = classes.findIndex(({ weight }) => {
    sum += weight
    return 2n * sum >= all
  })
  return shares(classes)[at]
}

/** At most one read of each kind for each class. */
export function observe(state: StateReader) {
  const classes = classesByRating(state)
  const span = spanOf(runningWindow(state))
  const weighed = (weightOf: (of: { readonly classId: number; readonly rating: bigint }) => bigint) =>
    classes.map((named) => ({ ...named, weight: weightOf(named) })).filter(({ weight }) => weight > 0n)
  const capacity = weighed(
    ({ classId, rating }) =>
      (oracleTables.observedCapacity.get(state, { classId })?.devicesPpm ?? 0n) * rating,
  )
  const usage = weighed(({ classId }) => {
    const { recentBase, earlierBase } = usageOf(state, classId, span)
    return recentBase + earlierBase
  })
  const [capacityMedian, usageMedian] = [medianClass(capacity), medianClass(usage)]
  const rated = usage.reduce((sum, { rating, weight }) => sum + rating * weight, 0n)
  return {
    ...(capacityMedian === undefined ? {} : { capacityMedian }),
    ...(usageMedian === undefined ? {} : { usageMedian }),
    usageRating: usage.length === 0 ? 0n : mulDivFloor(rated, 1n, total(usage)),
    usageSinceWindow: Math.max(0, span - 1) * USAGE_SPAN_WINDOWS,
    capacity: shares(capacity),
    usage: shares(usage),
  }
}
