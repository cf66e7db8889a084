// Joins the definition of default with its rules.
import { implement } from '../../rules.ts'
import { commitBid, revealBid } from './auction.ts'
import { beginExit, completeExit, withdrawBond } from './exits.ts'
import { defaultInvariants } from './invariants.ts'
import { acceptNovation, offerNovation, withdrawNovation } from './novation.ts'
import { defaultQueries } from './queries.ts'
import { defaultSchema } from './schema.ts'
import { onFault } from './slashing.ts'
import { beginBlock, endBlock, hasWork, onWindowEnd } from './work.ts'

export const defaultModule = implement(defaultSchema, {
  actions: {
    commitBid,
    revealBid,
    offerNovation,
    withdrawNovation,
    acceptNovation,
    beginExit,
    completeExit,
    withdrawBond,
  },
  queries: defaultQueries,
  beginBlock,
  onWindowEnd,
  endBlock,
  onFault,
  hasWork,
  invariants: defaultInvariants,
})
