// Joins the definition of issuance with its rules.
import { implement } from '../../rules.ts'
import { endBlock, hasWork } from './blockEnd.ts'
import { issuanceInvariants } from './invariants.ts'
import { reserve } from './limits.ts'
import { mint, retire, retireLocked } from './minting.ts'
import { checkParameters } from './parameters.ts'
import { issuanceQueries } from './queries.ts'
import { issuanceSchema } from './schema.ts'
import { continueTurn } from './turn.ts'

export const issuanceModule = implement(issuanceSchema, {
  actions: { mint, retire, retireLocked },
  queries: issuanceQueries,
  checkParameters,
  beginBlock: continueTurn,
  endBlock,
  hasWork,
  reserve,
  invariants: issuanceInvariants,
})
