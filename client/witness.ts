// Compares the finalized chains of two providers (CONSENSUS §7: wallets can compare providers). Owns: finding the
// divergence and its evidence. Not: the client's reaction.
import { equalBytes } from '../base/bytes.ts'
import { verifyEpochProof } from '../base/protocol/epochProof.ts'
import {
  type FinalHeader,
  type FinalityProof,
  type TrustedSet,
  verifyFinality,
} from '../base/protocol/finalityProof.ts'
import { headerHash } from '../base/protocol/header.ts'
import { AnswerReader } from './answers.ts'
import { type Conflict, conflictOf } from './conflict.ts'
import { LightClientError } from './errors.ts'
import type { Provider } from './provider.ts'

/** Epochs compared, one by one, after two providers disagree. */
const EPOCHS_COMPARED_MAX = 10_000
const BATCH = 64

export type WitnessVerdict =
  /** Holds the same block at that height. */
  | { readonly verdict: 'agrees'; readonly provider: string; readonly height: number }
  /** Unreachable, or its answers are not proven: only says that this witness cannot be used. */
  | { readonly verdict: 'unusable'; readonly provider: string; readonly reason: string }
  | { readonly verdict: 'conflict'; readonly provider: string; readonly conflict: Conflict }

export interface Comparison {
  /** Start of both walks. */
  readonly origin: TrustedSet
  /** The set that signed `tip`. */
  readonly trusted: TrustedSet
  readonly primary: Provider
  readonly tip: { readonly final: FinalHeader; readonly proof: FinalityProof }
  readonly witness: Provider
}

async function finalityAt(provider: Provider, block: number | 'latest'): Promise<FinalityProof> {
  const answer = await provider.request('chain_certificate', { block })
  return new AnswerReader(provider.name).finality(answer)
}

/** The first epoch with two verified but different boundaries; undefined when one side has no proof. */
async function partingEpoch(options: Comparison): Promise<Conflict | undefined> {
  const { primary, witness } = options
  const sides = [primary, witness].map((provider) => ({ provider, reader: new AnswerReader(provider.name) }))
  let trusted = options.origin
  for (let seen = 0; seen < EPOCHS_COMPARED_MAX; ) {
    const params = { fromEpoch: trusted.epoch, max: BATCH, changesOnly: false }
    const [ours, theirs] = await Promise.all(
      sides.map(async ({ provider, reader }) => {
        return reader.epochProofs(await provider.request('chain_epochProofs', params), BATCH).proofs
      }),
    )
    const count = Math.min(ours!.length, theirs!.length)
    if (count === 0) return undefined
    for (let i = 0; i < count; i++) {
      const results = [ours![i]!, theirs![i]!].map((proof) => verifyEpochProof(trusted, proof))
      const [mine, other] = results
      if (mine?.ok !== true || other?.ok !== true) return undefined
      if (!equalBytes(mine.value.boundary.hash, other.value.boundary.hash)) {
        const proofOf = ({ boundary }: typeof mine.value): FinalityProof => ({
          header: boundary.header,
          path: [],
          certificate: boundary.certificate,
        })
        return conflictOf(
          trusted,
          { provider: primary.name, proof: proofOf(mine.value) },
          { provider: witness.name, proof: proofOf(other.value) },
        )
      }
      trusted = mine.value.next
      seen++
    }
  }
  return undefined
}

/** The witness has another block at this height: checks whether it is proven, or where its sets diverge from ours. */
async function judge(
  options: Comparison,
  ours: FinalityProof,
  theirs: FinalityProof,
): Promise<WitnessVerdict> {
  const { trusted, primary, witness } = options
  const provider = witness.name
  const result = verifyFinality(trusted, theirs, { epochs: 'sameSet' })
  if (result.ok) {
    const conflict = conflictOf(trusted, { provider: primary.name, proof: ours }, { provider, proof: theirs })
    return { verdict: 'conflict', provider, conflict }
  }
  const conflict = await partingEpoch(options)
  if (conflict !== undefined) return { verdict: 'conflict', provider, conflict }
  const { check, reason } = result.failure
  return { verdict: 'unusable', provider, reason: `check ${check} failed: ${reason}` }
}

async function compare(options: Comparison): Promise<WitnessVerdict> {
  const { tip, trusted, primary, witness } = options
  const provider = witness.name
  const ourHeight = tip.final.header.height
  let theirs = await finalityAt(witness, 'latest')
  let ours = tip.proof
  if (theirs.header.height > ourHeight) theirs = await finalityAt(witness, ourHeight)
  else if (theirs.header.height < ourHeight) ours = await finalityAt(primary, theirs.header.height)
  const { height } = theirs.header
  if (ours.header.height !== height) {
    return { verdict: 'unusable', provider, reason: `returned block ${height} instead of ${ourHeight}` }
  }
  if (ours !== tip.proof && height > trusted.height) {
    const result = verifyFinality(trusted, ours, { epochs: 'sameSet' })
    if (!result.ok) {
      const { check, reason } = result.failure
      throw new LightClientError('check', `check ${check} failed: ${reason}`, {
        check,
        provider: primary.name,
      })
    }
  }
  const same = equalBytes(headerHash(ours.header), headerHash(theirs.header))
  return same ? { verdict: 'agrees', provider, height } : judge(options, ours, theirs)
}

/** Whether the witness has the primary's tip (or, when behind, the primary has the witness's). */
export async function compareWitness(options: Comparison): Promise<WitnessVerdict> {
  try {
    return await compare(options)
  } catch (error) {
    // Rethrow the primary's failures.
    if (!(error instanceof LightClientError) || error.provider !== options.witness.name) throw error
    return { verdict: 'unusable', provider: options.witness.name, reason: error.message }
  }
}
