// A replacement file: an operator's new key for its validator. Owns: making and reading it.
// Not: whether it is acceptable (base/protocol/recoveryRules.ts).
import { equalBytes, toHex } from '../../base/bytes.ts'
import { bls } from '../../base/crypto/bls.ts'
import { signHash } from '../../base/crypto/secp256k1.ts'
import { type Json, SchemaError } from '../../base/field.ts'
import type { Hash32 } from '../../base/ids.ts'
import { personalMessageHash, replacementText } from '../../base/protocol/recovery.ts'
import { message, t } from '../../base/schema.ts'
import { RecoveryError } from '../../node/recovery/recoveries.ts'
import { readText } from '../../storage/durableFile.ts'
import type { OfferedReplacement } from './proposal.ts'

const replacementSchema = message('Replacement', {
  genesisHash: t.hash,
  provider: t.u64,
  oldKey: t.fixed(48),
  consensusKey: t.fixed(48),
  peerId: t.bytes(64),
  possessionProof: t.fixed(96),
  operatorSignature: t.fixed(65),
})

export interface ReplacementKeys {
  readonly genesisHash: Hash32
  readonly provider: number
  readonly oldKey: Uint8Array
  readonly consensusSecret: Uint8Array
  readonly peerId: Uint8Array
}

/** The text the operator account must sign, in its wallet or here. */
export function textToSign(keys: ReplacementKeys): string {
  const { genesisHash, provider, oldKey, peerId } = keys
  const newKey = bls.publicKey(keys.consensusSecret)
  return replacementText({ genesisHash, provider, oldKey, newKey, peerId })
}

/** Signs as `personal_sign` does, with the secret of the operator account (32 bytes). */
export function signAsOperator(keys: ReplacementKeys, operatorSecret: Uint8Array): Uint8Array {
  return signHash(personalMessageHash(textToSign(keys)), operatorSecret)
}

/** Wallets return yParity as 27 or 28. */
export function normaliseSignature(signature: Uint8Array): Uint8Array {
  const parity = signature[64]
  if (signature.length !== 65 || parity === undefined || parity < 27) return signature
  const out = signature.slice()
  out[64] = parity - 27
  return out
}

/** The file's text. */
export function replacementFileText(keys: ReplacementKeys, operatorSignature: Uint8Array): string {
  const { genesisHash, provider, oldKey, consensusSecret, peerId } = keys
  const consensusKey = bls.publicKey(consensusSecret)
  const possessionProof = bls.prove(consensusSecret)
  const value = { genesisHash, provider, oldKey, consensusKey, peerId, possessionProof, operatorSignature }
  return `${JSON.stringify(replacementSchema.toJson(value), null, 2)}\n`
}

/** Reads a replacement; throws RecoveryError when it is malformed or belongs to another chain. */
export function readReplacement(file: string, genesisHash: Hash32): OfferedReplacement {
  const text = readText(file)
  let value: ReturnType<typeof replacementSchema.decode>
  try {
    value = replacementSchema.fromJson(JSON.parse(text) as Json)
  } catch (cause) {
    if (cause instanceof SchemaError || cause instanceof SyntaxError) {
      throw new RecoveryError('format', `${file} is not a replacement: ${cause.message}`)
    }
    throw cause
  }
  if (equalBytes(value.genesisHash, genesisHash)) return value
  throw new RecoveryError('genesis', `${file} belongs to the chain ${toHex(value.genesisHash)}`)
}
