// Hardware classes and the ratings that count. Genesis and governance add classes; other modules read ratings.
import { assert, mustExist } from '../../../base/assert.ts'
import { nameFault } from '../../../base/names.ts'
import { minBigint, mulDivFloor, PPM } from '../../../base/units.ts'
import type { WriteContext } from '../../context.ts'
import type { StateReader } from '../../view.ts'
import {
  CLASSES_MAX,
  type HardwareClass,
  type ModelReference,
  PUBLISHED_RATING_MAX,
  RATING_MAX,
  type Raise,
  referencesFault,
  type Service,
} from './schema.ts'
import { catalogueParams, catalogueTables, events } from './tables.ts'

const SLUG = /^[a-z0-9][a-z0-9-]{0,31}$/
export const MEMORY_GB_MAX = 1_000_000

/** Whether a text can be a catalogue name. */
export function isSlug(text: string): boolean {
  return SLUG.test(text)
}

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

/** What of a class its ratings are. */
export type Rated = Pick<HardwareClass, 'trainPpm' | 'finetunePpm' | 'inferPpm' | 'specOnly' | 'evidenceHash'>

/** The class of this catalogue name; undefined for an unknown one. */
export function classBySlug(state: StateReader, slug: string): number | undefined {
  return classIds(state).find((id) => getClass(state, id)?.slug === slug)
}

/** The field of a class that no catalogue may hold, or undefined: genesis and governance ask alike. */
export function faultyField(value: HardwareClass): keyof HardwareClass | undefined {
  if (!isSlug(value.slug)) return 'slug'
  if (nameFault(value.vendor) !== undefined) return 'vendor'
  if (nameFault(value.model) !== undefined) return 'model'
  if (value.memoryGb < 1 || value.memoryGb > MEMORY_GB_MAX) return 'memoryGb'
  return faultyRating(value)
}

/** The rating that is out of its bounds, or undefined. */
export function faultyRating(value: Rated) {
  return (['trainPpm', 'finetunePpm', 'inferPpm'] as const).find((name) => value[name] > PUBLISHED_RATING_MAX)
}

/** Adds a class that governance has decided on, under the next id. The caller has checked it. */
export function appendClass(ctx: WriteContext, value: HardwareClass): void {
  const id = (classIds(ctx.state).at(-1) ?? 0) + 1
  addClass(ctx, id, value)
  events.ClassAdded(ctx, { classId: id, slug: value.slug })
}

/** The latest raise of a class. */
export function raiseOf(state: StateReader, id: number): Raise | undefined {
  return catalogueTables.raise.get(state, { id })
}

/** Ratings that a pledge of a window has: a raise reaches it after one window in which both are known (ECONOMY §2). */
export function ratingsOfPledge(state: StateReader, id: number, window: number): Ratings | undefined {
  const present = getRatings(state, id)
  const raise = raiseOf(state, id)
  if (present === undefined || raise === undefined || window >= raise.fromWindow) return present
  return lesser(present, raise.before)
}

/** The lesser of two versions of ratings, service by service. */
export function lesser(a: Ratings, b: Ratings): Ratings {
  return {
    train: minBigint(a.train, b.train),
    finetune: minBigint(a.finetune, b.finetune),
    infer: minBigint(a.infer, b.infer),
  }
}

/**
 * Rates a class anew from the window that begins: what is cut counts less from its recount on, what is raised is for pledges of
 * the window after it. Asserts that the class exists and the ratings are in bounds.
 */
export function rerateClass(
  ctx: WriteContext,
  rerated: Rated & { readonly classId: number; readonly window: number },
): void {
  const { classId, window, ...rated } = rerated
  const known = mustExist(getClass(ctx.state, classId), 'a class that exists is rated anew')
  assert(faultyRating(rated) === undefined, 'a rating is within its bounds')
  const before = mustExist(ratingsOfPledge(ctx.state, classId, window), 'a class has ratings')
  const pledgesFrom = window + 1
  catalogueTables.class.set(ctx.state, { id: classId }, { ...known, ...rated })
  catalogueTables.raise.set(ctx.state, { id: classId }, { before, fromWindow: pledgesFrom })
  const { evidenceHash: _, ...told } = rated
  events.ClassRated(ctx, { classId, ...told, pledgesFrom })
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
