// Every fuzz target, by weight.
import type { FuzzTarget } from './target.ts'
import { addressTarget } from './targets/addresses.ts'
import { coreTarget } from './targets/core.ts'
import { economyTarget } from './targets/economy.ts'
import { frameTarget, gossipTarget, helloTarget, messageTarget } from './targets/frames.ts'
import {
  calldataTarget,
  epochProofTarget,
  evidenceTarget,
  signerTarget,
  stateProofTarget,
} from './targets/proofs.ts'
import { journalTarget, keystoreTarget } from './targets/records.ts'
import { rpcTarget } from './targets/rpc.ts'
import { schemaTarget, syncTarget } from './targets/schemas.ts'
import { transactionTarget } from './targets/transactions.ts'
import { certificateTarget, verifierTarget } from './targets/votes.ts'

export const TARGETS: readonly FuzzTarget[] = [
  messageTarget,
  frameTarget,
  helloTarget,
  gossipTarget,
  addressTarget,
  syncTarget,
  schemaTarget,
  certificateTarget,
  verifierTarget,
  coreTarget,
  journalTarget,
  keystoreTarget,
  transactionTarget,
  calldataTarget,
  evidenceTarget,
  epochProofTarget,
  stateProofTarget,
  signerTarget,
  rpcTarget,
  economyTarget,
]

/** Frames per target when `frames` are spread by weight; at least one each. */
export function sharesOf(targets: readonly FuzzTarget[], frames: number): readonly number[] {
  const weight = targets.reduce((sum, target) => sum + target.weight, 0)
  return targets.map((target) => Math.max(1, Math.round((frames * target.weight) / weight)))
}
