// Joins the definition of the catalogue with its rules.
import { implement } from '../../rules.ts'
import { catalogueInvariants } from './invariants.ts'
import { catalogueQueries } from './queries.ts'
import { catalogueSchema } from './schema.ts'

export const catalogueModule = implement(catalogueSchema, {
  actions: {},
  queries: catalogueQueries,
  invariants: catalogueInvariants,
})
