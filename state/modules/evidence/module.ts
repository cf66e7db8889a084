// Joins the definition of evidence with its rules.
import { implement } from '../../rules.ts'
import { evidenceInvariants } from './invariants.ts'
import { evidenceQueries } from './queries.ts'
import { evidenceSchema } from './schema.ts'
import { submitEvidence } from './submission.ts'

export const evidenceModule = implement(evidenceSchema, {
  actions: { submitEvidence },
  queries: evidenceQueries,
  invariants: evidenceInvariants,
})
