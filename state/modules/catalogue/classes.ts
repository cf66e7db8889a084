// Hardware classes and the ratings that count. Genesis and governance add classes; other modules read ratings.
import { assert } from '../../../base/assert.ts'
import { minBigint, mulDivFloor, PPM } from '../../../base/units.ts'
import type { WriteContext } from '../../context.ts'
import type { StateReader } from '../../view.ts'
import {
  CLASSES_MAX,
  type HardwareClass,
  type ModelReference,
  RATING_MAX,
  referencesFault,
  type Service,
} from './schema.ts'
import { catalogueParams, catalogueTables } from './tables.ts'

/** Ratings in ppm of the reference device, per service. */
export type Ratings = { readonly [S in Service]: bigint }

export function getClass(state: StateReader, id: number): HardwareClass | undefined {
  return catalogueTables.class.get(state, { id })
}

/** Ids of all classes, ascending; at most `CLASSES_MAX`. */
export function classIds(state: StateReader): readonly number[] {
  return catalogueTables.index.get(state, {})?.classes ?? []
}

/** Adds a class; genesis and governance call it. Asserts that id and slug are new. */
export function addClass(ctx: WriteContext, id: number, value: HardwareClass): void {
  const ids = classIds(ctx.state)
  assert(!ids.includes(id) && ids.length < CLASSES_MAX, 'the class id is new and within the bound')
  const ratings = [value.trainPpm, value.finetunePpm, value.inferPpm]
  assert(
    ratings.every((ratingPpm) => ratingPpm <= RATING_MAX),
    `a rating is at most ${RATING_MAX} ppm`,
  )
  catalogueTables.class.set(ctx.state, { id }, value)
  catalogueTables.index.set(ctx.state, {}, { classes: [...ids, id].sort((a, b) => a - b) })
}

/** Names the published throughputs of a class; genesis calls it. Asserts that they are within their bounds. */
export function setReferences(ctx: WriteContext, id: number, references: readonly ModelReference[]): void {
  assert(getClass(ctx.state, id) !== undefined, 'references are of a class in the catalogue')
  const fault = referencesFault(references)
  assert(fault === undefined, `${fault}`)
  if (references.length > 0) catalogueTables.references.set(ctx.state, { id }, { references })
}

/** Published throughputs of a class, in the order of genesis. */
export function getReferences(state: StateReader, id: number): readonly ModelReference[] {
  return catalogueTables.references.get(state, { id })?.references ?? []
}

/** Ratings that count: spec-only ones times `specOnlyPpm`, rounded down (coverage gains). */
export function effectiveRatings(value: HardwareClass, specOnlyPpm: bigint): Ratings {
  const reduced = (ratingPpm: bigint): bigint =>
    value.specOnly ? mulDivFloor(ratingPpm, specOnlyPpm, PPM) : ratingPpm
  return {
    train: reduced(value.trainPpm),
    finetune: reduced(value.finetunePpm),
    infer: reduced(value.inferPpm),
  }
}

/** Ratings that count of a class in state; undefined when it is not in the catalogue. */
export function getRatings(state: StateReader, id: number): Ratings | undefined {
  const value = getClass(state, id)
  if (value === undefined) return undefined
  return effectiveRatings(value, catalogueParams.get(state).specOnlyPpm)
}

/** The least of the three ratings, ppm: what a lot offering all services counts with (ECONOMY §3). */
export function leastRating(ratings: Ratings): bigint {
  return minBigint(ratings.train, minBigint(ratings.finetune, ratings.infer))
}
