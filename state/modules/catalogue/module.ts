// Rules of the catalogue. Genesis fills it and governance changes it through `addClass`; other modules read ratings.
import { assert, mustExist } from '../../../base/assert.ts'
import type { InferFields } from '../../../base/field.ts'
import { minBigint, mulDivFloor, PPM } from '../../../base/units.ts'
import type { WriteContext } from '../../context.ts'
import { type Invariant, implement } from '../../rules.ts'
import { paramsOf, tablesOf } from '../../table.ts'
import type { StateReader } from '../../view.ts'
import { CLASSES_MAX, catalogueSchema, type Service } from './schema.ts'

export type HardwareClass = InferFields<(typeof catalogueSchema)['records']['class']['value']>
/** Ratings in ppm of the reference device, per service. */
export type Ratings = { readonly [S in Service]: bigint }

export const catalogueTables = tablesOf(catalogueSchema)
export const catalogueParams = paramsOf(catalogueSchema)

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
  catalogueTables.class.set(ctx.state, { id }, value)
  catalogueTables.index.set(ctx.state, {}, { classes: [...ids, id].sort((a, b) => a - b) })
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

function infoOf(state: StateReader, id: number) {
  const value = getClass(state, id)
  if (value === undefined) return undefined
  return { id, ...value, effective: effectiveRatings(value, catalogueParams.get(state).specOnlyPpm) }
}

const indexInvariant: Invariant = {
  id: 'catalogue.index',
  severity: 'alert',
  doc: 'The index lists exactly the classes; slugs are unique.',
  recount(full) {
    const slugs = new Set<string>()
    let count = 0
    for (const value of catalogueTables.class.values(full)) {
      slugs.add(value.slug)
      count++
    }
    const indexed = classIds(full)
    if (indexed.some((id) => getClass(full, id) === undefined) || indexed.length !== count)
      return 'index and classes differ'
    return slugs.size === count ? undefined : 'two classes have the same slug'
  },
}

export const catalogueModule = implement(catalogueSchema, {
  actions: {},
  queries: {
    class: (ctx, { id }) => infoOf(ctx.state, id),
    classes: (ctx) =>
      classIds(ctx.state).map((id) => mustExist(infoOf(ctx.state, id), 'indexed class exists')),
    rating: (ctx, { id }) => getRatings(ctx.state, id),
  },
  invariants: [indexInvariant],
})
