// Queries of the catalogue: classes and their ratings.
import { mustExist } from '../../../base/assert.ts'
import type { Rules } from '../../rules.ts'
import type { StateReader } from '../../view.ts'
import { classIds, effectiveRatings, getClass, getRatings, getReferences, raiseOf } from './classes.ts'
import type { catalogueSchema } from './schema.ts'
import { catalogueParams } from './tables.ts'

function infoOf(state: StateReader, id: number) {
  const value = getClass(state, id)
  if (value === undefined) return undefined
  return { id, ...value, effective: effectiveRatings(value, catalogueParams.get(state).specOnlyPpm) }
}

export const catalogueQueries: Rules<typeof catalogueSchema>['queries'] = {
  class: (ctx, { id }) => infoOf(ctx.state, id),
  classes: (ctx) => classIds(ctx.state).map((id) => mustExist(infoOf(ctx.state, id), 'indexed class exists')),
  rating: (ctx, { id }) => getRatings(ctx.state, id),
  raise: (ctx, { id }) => raiseOf(ctx.state, id),
  references: (ctx) =>
    classIds(ctx.state).flatMap((classId) =>
      getReferences(ctx.state, classId).map((reference) => ({ classId, ...reference })),
    ),
}
