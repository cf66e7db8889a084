// Joins the definition of governance with its rules.
import { implement } from '../../rules.ts'
import { dueParameters, proposeParameters } from './changes.ts'
import { proposeClass, proposeRatings } from './classes.ts'
import {
  proposeAdmission,
  proposeAttestation,
  proposeJail,
  proposeRemoval,
  proposeResumeMinting,
  proposeSpending,
  proposeUnjail,
  vote,
  withdrawProposal,
} from './decisions.ts'
import { governanceInvariants } from './invariants.ts'
import { concludeDue, dueAtMs } from './proposals.ts'
import { governanceQueries } from './queries.ts'
import { proposeReporters } from './reporters.ts'
import { governanceSchema } from './schema.ts'

export const governanceModule = implement(governanceSchema, {
  actions: {
    proposeAdmission,
    proposeRemoval,
    proposeJail,
    proposeUnjail,
    proposeParameters,
    proposeResumeMinting,
    proposeAttestation,
    proposeReporters,
    proposeSpending,
    proposeClass,
    proposeRatings,
    vote,
    withdrawProposal,
  },
  queries: governanceQueries,
  dueAtMs,
  dueParameters,
  beginBlock: concludeDue,
  invariants: governanceInvariants,
})
