// Places in the queue: making new ones at its end, and the parts of a redemption at them. Pure but for the numbers.
// Not: the sets that places are in (queue.ts).
import { assert } from '../../../base/assert.ts'
import type { StateWriter } from '../../view.ts'
import { getCursors, updateCursors } from './cursors.ts'
import { getTotals, isCrumb, updateTotals } from './redemptions.ts'
import type { Place, Redemption } from './schema.ts'
import { PLACES_MAX } from './shapes.ts'
import { redemptionTables } from './tables.ts'

/** The next number at the end of the queue. */
export function nextPlace(state: StateWriter): number {
  const { nextSequence } = getTotals(state)
  updateTotals(state, { nextSequence: nextSequence + 1 })
  return nextSequence
}

/** Notes the time at which the latest places were made: a quarter window later providers are obliged to serve them. */
export function markPlaces(state: StateWriter, atMs: number): void {
  const { markHead, markTail } = getCursors(state)
  const sequence = getTotals(state).nextSequence - 1
  const last = markTail > markHead ? redemptionTables.mark.mustGet(state, { index: markTail - 1 }) : undefined
  assert(last === undefined || last.atMs <= atMs, 'places are made in the order of time')
  if (last?.atMs === atMs) {
    redemptionTables.mark.set(state, { index: markTail - 1 }, { sequence, atMs })
    return
  }
  redemptionTables.mark.set(state, { index: markTail }, { sequence, atMs })
  updateCursors(state, { markTail: markTail + 1 })
}

/** A redemption with coins added at a place, which may be new. */
export function addAtPlace(redemption: Redemption, place: Place): Redemption {
  const { sequence, queuedBase } = place
  assert(sequence > 0 && queuedBase > 0n, 'coins at a place')
  const known = redemption.places.find((other) => other.sequence === sequence)
  const others = redemption.places.filter((other) => other !== known)
  assert(known !== undefined || others.length < PLACES_MAX, 'places of a redemption within the bound')
  return {
    ...redemption,
    queuedBase: redemption.queuedBase + queuedBase,
    places: [...others, { sequence, queuedBase: (known?.queuedBase ?? 0n) + queuedBase }].sort(
      (a, b) => a.sequence - b.sequence,
    ),
  }
}

/** A redemption with coins taken from a place. */
export function takeFromPlace(redemption: Redemption, taken: Place): Redemption {
  const known = redemption.places.find(({ sequence }) => sequence === taken.sequence)
  assert(known !== undefined && known.queuedBase >= taken.queuedBase, 'the place has what is taken')
  const queuedBase = known.queuedBase - taken.queuedBase
  return {
    ...redemption,
    queuedBase: redemption.queuedBase - taken.queuedBase,
    places: redemption.places.flatMap((place) =>
      place !== known ? [place] : queuedBase > 0n ? [{ ...place, queuedBase }] : [],
    ),
  }
}

/**
 * A redemption with coins added at the end of the queue; with all its places in use the last one moves there too. Crumbs
 * join the last place that it has: each place is served by itself.
 */
export function addAtTail(state: StateWriter, redemption: Redemption, amountBase: bigint): Redemption {
  const known = redemption.places.at(-1)
  if (known !== undefined && isCrumb(state, amountBase))
    return addAtPlace(redemption, { sequence: known.sequence, queuedBase: amountBase })
  const sequence = nextPlace(state)
  if (redemption.places.length < PLACES_MAX)
    return addAtPlace(redemption, { sequence, queuedBase: amountBase })
  const last = redemption.places.at(-1)
  assert(last !== undefined, 'all places are in use')
  const queuedBase = last.queuedBase + amountBase
  return addAtPlace(takeFromPlace(redemption, last), { sequence, queuedBase })
}

/** A place that coins return to: their own, or the earliest later one of the redemption when all places are in use. */
export function placeToReturn(redemption: Redemption, sequence: number): number {
  const { places } = redemption
  if (places.length < PLACES_MAX || places.some((place) => place.sequence === sequence)) return sequence
  const later = places.find((place) => place.sequence > sequence) ?? places.at(-1)
  assert(later !== undefined, 'all places are in use')
  return later.sequence
}
