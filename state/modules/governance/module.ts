// Joins the definition of governance with its rules.
import { implement } from '../../rules.ts'
import { proposeAsset, proposeRequirement } from './assets.ts'
import { openMotion, reclaimCoins, supportMotion } from './chamber.ts'
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
import { concludeDue } from './effects.ts'
import { governanceInvariants } from './invariants.ts'
import {
  proposeAttestors,
  proposeFreeze,
  proposePause,
  proposeStopMinting,
  proposeUnfreeze,
  proposeUnpause,
} from './orders.ts'
import { checkParameters } from './parameters.ts'
import { dueAtMs } from './proposals.ts'
import { governanceQueries } from './queries.ts'
import { proposeReporters } from './reporters.ts'
import { governanceSchema } from './schema.ts'
import { attachText } from './texts.ts'
import { proposeUpgrade, signalVersion, upgradeWhenDue } from './upgrades.ts'

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
    proposeStopMinting,
    proposeFreeze,
    proposeUnfreeze,
    proposePause,
    proposeUnpause,
    proposeAttestors,
    proposeAsset,
    proposeRequirement,
    proposeUpgrade,
    attachText,
    signalVersion,
    openMotion,
    supportMotion,
    reclaimCoins,
    vote,
    withdrawProposal,
  },
  queries: governanceQueries,
  dueAtMs,
  dueParameters,
  checkParameters,
  beginBlock: concludeDue,
  endBlock: upgradeWhenDue,
  invariants: governanceInvariants,
})
