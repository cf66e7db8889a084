// Joins the definition of backing with its rules.
import { implement } from '../../rules.ts'
import { backingInvariants } from './invariants.ts'
import { back, claim, unback } from './positions.ts'
import { backingQueries } from './queries.ts'
import { redelegate } from './redelegate.ts'
import { backingSchema } from './schema.ts'
import { setShare } from './share.ts'

export const backingModule = implement(backingSchema, {
  actions: { back, unback, claim, setShare, redelegate },
  queries: backingQueries,
  invariants: backingInvariants,
})
