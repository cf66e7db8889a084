// Joins the definition of providers with its rules.
import { implement } from '../../rules.ts'
import { postBond } from './bonds.ts'
import { providersInvariants } from './invariants.ts'
import { tallyFault } from './members.ts'
import { updateProfile } from './profile.ts'
import { providersQueries } from './queries.ts'
import { changePeerId, rotateConsensusKey } from './rotation.ts'
import { providersSchema } from './schema.ts'
import { enterEpoch, hasWork, settleSetChange } from './validatorSet.ts'

export const providersModule = implement(providersSchema, {
  actions: { updateProfile, postBond, rotateConsensusKey, changePeerId },
  queries: providersQueries,
  hasWork,
  beginBlock: enterEpoch,
  endBlock: settleSetChange,
  onFault: tallyFault,
  invariants: providersInvariants,
})
