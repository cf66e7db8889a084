// Recoveries of four test validators with real keys, for breaking one rule at a time.
import { secretKeyAddress } from '../../base/address.ts'
import { utf8 } from '../../base/bytes.ts'
import { bls } from '../../base/crypto/bls.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import { signHash } from '../../base/crypto/secp256k1.ts'
import {
  type Attestation,
  personalMessageHash,
  type Recovery,
  type RecoveryFile,
  recoverySigningBytes,
  replacementText,
} from '../../base/protocol/recovery.ts'
import type { Validator } from '../../base/protocol/validators.ts'

export const GENESIS = sha256(utf8('genesis of the recovery tests'))
export const FLOOR = { height: 120, hash: sha256(utf8('block 120')), epoch: 3, view: 17 }
export const hashOf = (text: string) => sha256(utf8(text))

/** Caches keys and proofs, which take milliseconds each. */
function once<K, V>(make: (key: K) => V): (key: K) => V {
  const made = new Map<string, V>()
  return (key) => {
    const name = JSON.stringify(key)
    if (!made.has(name)) made.set(name, make(key))
    return made.get(name)!
  }
}

/** Keys 1 to 4 belong to the validators; higher numbers are replacement keys. */
export const secretOf = once((n: number): Uint8Array => bls.keygen(sha256(utf8(`recovery key ${n}`))))
const publicKeyOf = once((n: number): Uint8Array => bls.publicKey(secretOf(n)))
const proofOf = once((n: number): Uint8Array => bls.prove(secretOf(n)))
export const operatorSecretOf = (id: number): Uint8Array => sha256(utf8(`operator ${id}`))
const peerIdOf = (n: number): Uint8Array => new Uint8Array(38).fill(n)

export function validatorOf(id: number, key = id): Validator {
  return {
    id,
    operator: secretKeyAddress(operatorSecretOf(id)),
    consensusKey: publicKeyOf(key),
    peerId: peerIdOf(key),
  }
}

export const PREVIOUS = [1, 2, 3, 4].map((id) => validatorOf(id))

/** Provider `id` continues with key number `key`, authorised by the account of `operator`. */
export function replacedMember(id: number, key: number, operator = id): Recovery['members'][number] {
  const validator = validatorOf(id, key)
  const text = replacementText({
    genesisHash: GENESIS,
    provider: id,
    oldKey: PREVIOUS[id - 1]!.consensusKey,
    newKey: validator.consensusKey,
    peerId: validator.peerId,
  })
  return {
    validator,
    replacement: {
      possessionProof: proofOf(key),
      operatorSignature: signHash(personalMessageHash(text), operatorSecretOf(operator)),
    },
  }
}

/** By default members 1 and 2 keep their keys, 3 and 4 get new ones (13 and 14). */
export function recoveryOf(over: Partial<Recovery> = {}): Recovery {
  return {
    genesisHash: GENESIS,
    floor: FLOOR,
    certificate: {
      subject: { kind: 'finalize', epoch: 3, view: 17, parentView: 16, digest: FLOOR.hash },
      bitmap: Uint8Array.of(0b0111),
      signature: new Uint8Array(96).fill(1),
    },
    epoch: 1003,
    previous: { validators: PREVIOUS },
    members: [
      { validator: PREVIOUS[0]! },
      { validator: PREVIOUS[1]! },
      replacedMember(3, 13),
      replacedMember(4, 14),
    ],
    abandoned: [],
    reason: 'two machines burned',
    madeBy: 1,
    ...over,
  }
}

export function attestationOf(provider: number, over: Partial<Attestation> = {}): Attestation {
  return { provider, finalized: FLOOR, epoch: 3, votesKnown: true, finalizeVotes: [], ...over }
}

/** Signed by every member with its attestation in `attested`; default: it has the floor. */
export function signedFile(recovery: Recovery, attested: readonly Attestation[] = []): RecoveryFile {
  const keys = new Map([1, 2, 3, 4, 13, 14].map((n) => [publicKeyOf(n).join(), secretOf(n)]))
  return {
    recovery,
    signatures: recovery.members.map(({ validator: { id, consensusKey } }) => {
      const attestation = attested.find(({ provider }) => provider === id) ?? attestationOf(id)
      const secret = keys.get(consensusKey.join())!
      return { attestation, signature: bls.sign(secret, recoverySigningBytes(recovery, attestation)) }
    }),
  }
}
