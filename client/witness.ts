// Compares the finalized chains of two providers (CONSENSUS §7: wallets can compare providers). Owns: finding the
// divergence and its evidence. Not: the client's reaction.
import { equalBytes } from '../base/bytes.ts'
import { verifyEpochProof } from '../base/protocol/epochProof.ts'
import {
  certifiedHeader,
  type FinalHeader,
  type FinalityProof,
  type TrustedSet,
  verifyFinality,
} from '../base/protocol/finalityProof.ts'
import { type Header, headerHash } from '../base/protocol/header.ts'
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
  /** The trusted set that signs a header above the origin. */
  readonly setFor: (header: Header) => Promise<TrustedSet>
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

/** A proven block and the set that signed it. */
interface Ours {
  readonly proof: FinalityProof
  readonly trusted: TrustedSet
}

/** The witness has another block at this height: checks whether it is proven, or where its sets diverge from ours. */
async function judge(options: Comparison, ours: Ours, theirs: FinalityProof): Promise<WitnessVerdict> {
  const { primary, witness } = options
  const { proof, trusted } = ours
  const provider = witness.name
  const result = verifyFinality(trusted, theirs, { epochs: 'sameSet' })
  if (result.ok) {
    const conflict = conflictOf(trusted, { provider: primary.name, proof }, { provider, proof: theirs })
    return { verdict: 'conflict', provider, conflict }
  }
  const conflict = await partingEpoch(options)
  if (conflict !== undefined) return { verdict: 'conflict', provider, conflict }
  const { check, reason } = result.failure
  return { verdict: 'unusable', provider, reason: `check ${check} failed: ${reason}` }
}

/** The primary's block at a height below the tip, proven like the tip. Throws when the primary cannot prove it. */
async function provenAt({ primary, setFor }: Comparison, height: number): Promise<Ours> {
  const reader = new AnswerReader(primary.name)
  const proof = await finalityAt(primary, height)
  const returned = proof.header.height
  if (returned !== height) return reader.fails('height', `returned block ${returned} instead of ${height}`)
  const trusted = await setFor(certifiedHeader(proof))
  const result = verifyFinality(trusted, proof, { epochs: 'sameSet' })
  return result.ok ? { proof, trusted } : reader.fails(result.failure.check, result.failure.reason)
}

async function compare(options: Comparison): Promise<WitnessVerdict> {
  const { tip, trusted, witness, origin } = options
  const provider = witness.name
  const unusable = (reason: string): WitnessVerdict => ({ verdict: 'unusable', provider, reason })
  const ourHeight = tip.final.header.height
  let theirs = await finalityAt(witness, 'latest')
  if (theirs.header.height > ourHeight) {
    theirs = await finalityAt(witness, ourHeight)
    const returned = theirs.header.height
    if (returned !== ourHeight) return unusable(`returned block ${returned} instead of ${ourHeight}`)
  }
  const { height } = theirs.header
  if (height < ourHeight && height <= origin.height) {
    return unusable(`is at block ${height}, not above the trusted start, block ${origin.height}`)
  }
  const ours = height === ourHeight ? { proof: tip.proof, trusted } : await provenAt(options, height)
  const same = equalBytes(headerHash(ours.proof.header), headerHash(theirs.header))
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
