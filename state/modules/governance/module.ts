// Joins the definition of governance with its rules.
import { implement } from '../../rules.ts'
import {
  proposeAdmission,
  proposeJail,
  proposeRemoval,
  proposeUnjail,
  vote,
  withdrawProposal,
} from './decisions.ts'
import { governanceInvariants } from './invariants.ts'
import { concludeDue, dueAtMs } from './proposals.ts'
import { governanceQueries } from './queries.ts'
import { governanceSchema } from './schema.ts'

export const governanceModule = implement(governanceSchema, {
  actions: { proposeAdmission, proposeRemoval, proposeJail, proposeUnjail, vote, withdrawProposal },
  queries: governanceQueries,
  dueAtMs,
  beginBlock: concludeDue,
  invariants: governanceInvariants,
})
