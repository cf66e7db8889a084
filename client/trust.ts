// The trusted start: a genesis document with a known hash, or a checkpoint. Owns: their forms. Not: following the
// chain (lightClient.ts).
import { equalBytes, toHex } from '../base/bytes.ts'
import { type Json, SchemaError } from '../base/field.ts'
import type { Hash32 } from '../base/ids.ts'
import { type BoundaryCheckpoint, parseBoundaryCheckpoint } from '../base/protocol/checkpoint.ts'
import { checkValidatorSet, type EpochProof } from '../base/protocol/epochProof.ts'
import { proofFails, type TrustedSet, trustedSet, type Verified } from '../base/protocol/finalityProof.ts'
import { headerHash } from '../base/protocol/header.ts'
import { validatorSetHash } from '../base/protocol/validators.ts'
import { type Genesis, genesisHash, genesisSchema, genesisValidators } from '../genesis/schema.ts'
import { LightClientError } from './errors.ts'

/**
 * Trusts a genesis document in its JSON form; with `expected`, only the one with that hash, so that the document may
 * come from an untrusted source. Fails `encoding`, `genesis`, `validatorSet` or `validatorKey`.
 *
 * @example
 * const document = await httpProvider('http://127.0.0.1:8545').request('chain_genesis', {})
 * trustGenesis(document).ok // true
 * trustGenesis(document, new Uint8Array(32)).ok // false
 */
export function trustGenesis(document: Json, expected?: Hash32): Verified<TrustedSet> {
  let genesis: Genesis
  try {
    genesis = genesisSchema.fromJson(document)
    const wrong = genesisSchema.check(genesis)
    if (wrong !== undefined) return proofFails('encoding', `the genesis document is malformed: ${wrong}`)
  } catch (error) {
    if (!(error instanceof SchemaError)) throw error
    return proofFails('encoding', `the genesis document is malformed: ${error.message}`)
  }
  const hash = genesisHash(genesis)
  if (expected !== undefined && !equalBytes(hash, expected)) {
    return proofFails('genesis', `the genesis document has the hash ${toHex(hash)}, not ${toHex(expected)}`)
  }
  const set = genesisValidators(genesis)
  const wrong = checkValidatorSet(set)
  if (wrong !== undefined) return { ok: false, failure: wrong }
  return { ok: true, value: trustedSet({ genesisHash: hash, epoch: 0, height: 0, set }) }
}

/**
 * Parses a checkpoint, ignoring surrounding space. Throws LightClientError `input`.
 *
 * @example
 * const checkpoint = parseCheckpoint(`0x${'11'.repeat(32)}:7:0x${'22'.repeat(32)}`)
 * checkpoint.epoch // 7
 */
export function parseCheckpoint(text: string): BoundaryCheckpoint {
  const checkpoint = parseBoundaryCheckpoint(text.trim())
  if (checkpoint !== undefined) return checkpoint
  throw new LightClientError('input', 'a checkpoint is <genesis hash>:<epoch>:<hash of its boundary>')
}

/** The set named by a trusted boundary; its certificate is not needed, because the user trusts its hash. */
export function trustCheckpoint(checkpoint: BoundaryCheckpoint, proof: EpochProof): Verified<TrustedSet> {
  const { header, nextSet } = proof
  const hash = headerHash(header)
  if (!equalBytes(hash, checkpoint.hash)) {
    const given = `the boundary of epoch ${header.epoch} has the hash ${toHex(hash)}`
    return proofFails('genesis', `${given}, the checkpoint names ${toHex(checkpoint.hash)}`)
  }
  if (!header.endsEpoch || header.nextSetHash === undefined || header.epoch !== checkpoint.epoch) {
    return proofFails('endsEpoch', `the checkpoint's block does not end epoch ${checkpoint.epoch}`)
  }
  if (nextSet === undefined) {
    const reason = `the boundary of epoch ${checkpoint.epoch} keeps its set: a checkpoint must change it`
    return proofFails('nextSetHash', reason)
  }
  if (!equalBytes(validatorSetHash(nextSet), header.nextSetHash)) {
    return proofFails('nextSetHash', `another set than the one that block ${header.height} names`)
  }
  const wrong = checkValidatorSet(nextSet)
  if (wrong !== undefined) return { ok: false, failure: wrong }
  const { genesisHash: genesis } = checkpoint
  const { height, epoch } = header
  return { ok: true, value: trustedSet({ genesisHash: genesis, epoch: epoch + 1, height, set: nextSet }) }
}
