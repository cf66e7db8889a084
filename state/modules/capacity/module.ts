// Joins the definition of capacity with its rules.
import { implement } from '../../rules.ts'
import { onWindowEnd } from './blockEnd.ts'
import { reserve } from './book.ts'
import { capacityInvariants } from './invariants.ts'
import { giveNotice, pledge } from './pledges.ts'
import { capacityQueries } from './queries.ts'
import { capacitySchema } from './schema.ts'
import { dueAtMs, endWindow } from './windows.ts'

export const capacityModule = implement(capacitySchema, {
  actions: { pledge, giveNotice },
  queries: capacityQueries,
  endWindow,
  onWindowEnd,
  dueAtMs,
  reserve,
  invariants: capacityInvariants,
})
