// Untrusted input of light clients, validators and signers: proofs, evidence, calldata, signer frames. Nothing false
// passes.

import { decodeAbi, encodeAbi } from '../../../base/abi.ts'
import { equalBytes, utf8 } from '../../../base/bytes.ts'
import { type AbiType, SchemaError } from '../../../base/field.ts'
import { type EpochProof, epochProofSchema, verifyEpochProof } from '../../../base/protocol/epochProof.ts'
import { evidenceSchema, judgeEvidence, voteAsCertificate } from '../../../base/protocol/evidence.ts'
import { trustedSet } from '../../../base/protocol/finalityProof.ts'
import { headerHash } from '../../../base/protocol/header.ts'
import { verifyStateProof } from '../../../base/protocol/stateProof.ts'
import { type Subject, signersBitmap, voteBytes } from '../../../base/protocol/vote.ts'
import { decodeReply, decodeRequest, encodeReply, encodeRequest } from '../../../signer/signerProtocol.ts'
import { MemoryState } from '../../../state/overlay.ts'
import { proveKey } from '../../../state/tree/proof.ts'
import { TreeVersion } from '../../../state/tree/tree.ts'
import type { Random } from '../../support/random.ts'
import { makeRules, makeValidator } from '../../support/simChain.ts'
import { standInBls as bls } from '../../support/standInBls.ts'
import { mutateBytes, randomBytes } from '../bytes.ts'
import type { FuzzTarget } from '../target.ts'

const MEMBERS = 4

function chain() {
  const made = Array.from({ length: MEMBERS }, (_, i) => makeValidator(i, bls))
  const set = { validators: made.map((m) => m.validator) }
  const rules = makeRules({ setOf: () => set, epochBlocks: 10, timestampMs: 1_700_000_000_000 })
  const sign = (signer: number, subject: Subject): Uint8Array =>
    bls.sign(made[signer]!.secretKey, voteBytes(rules.genesisHash, subject))
  return { set, genesisHash: rules.genesisHash, genesis: rules.genesis, sign }
}

/** Evidence convicts only the validator that contradicted itself. */
export const evidenceTarget: FuzzTarget = {
  name: 'evidence',
  weight: 1,
  open: () => {
    const { set, genesisHash, sign } = chain()
    const culprit = MEMBERS - 1
    const digest = utf8('a block of exactly 32 bytes here.').slice(0, 32)
    const finalize: Subject = { kind: 'finalize', epoch: 1, view: 5, parentView: 0, digest }
    const sides: readonly (readonly [Subject, Subject])[] = [
      [{ kind: 'nullify', epoch: 1, view: 5 }, finalize],
      [finalize, { ...finalize, digest: digest.slice().reverse() }],
      [
        { ...finalize, kind: 'notarize' },
        { ...finalize, parentView: 1 },
      ],
    ]
    const seeds = sides.map(([a, b]) => {
      const of = (subject: Subject) =>
        voteAsCertificate({ subject, signer: culprit, signature: sign(culprit, subject) }, MEMBERS)
      return evidenceSchema.encode({ first: of(a), second: of(b) })
    })
    return {
      step: (r) => {
        const bytes = r.chance(0.02) ? r.pick(seeds) : mutateBytes(r, r.pick(seeds), r.pick(seeds))
        const judged = judgeEvidence({ bytes, genesisHash, set, verifyAggregate: bls.verifyAggregate })
        if ('conviction' in judged && judged.conviction.culprits.some((index) => index !== culprit)) {
          throw new Error(`convicted the innocent ${judged.conviction.culprits.join()}`)
        }
      },
    }
  },
}

/** A mutated epoch proof verifies only for the true header. */
export const epochProofTarget: FuzzTarget = {
  name: 'epochProof',
  weight: 0.5,
  open: () => {
    const { set, genesisHash, genesis, sign } = chain()
    const header = { ...genesis.header, epoch: 1, height: 10, view: 9 }
    const digest = headerHash(header)
    const signers = [0, 1, 2]
    const subject: Subject = { kind: 'finalize', epoch: 1, view: 9, parentView: 8, digest }
    const signature = bls.aggregate(signers.map((i) => sign(i, subject)))!
    const certificate = { subject, bitmap: signersBitmap(signers, MEMBERS), signature }
    const trusted = trustedSet({ genesisHash, epoch: 1, height: 0, set })
    const seeds = [
      epochProofSchema.encode({ header, certificate, nextSet: set }),
      epochProofSchema.encode({ header: { ...header, endsEpoch: false }, certificate }),
    ]
    if (!verifyEpochProof(trusted, epochProofSchema.decode(seeds[0]!), { bls }).ok) {
      throw new Error('the true proof does not verify')
    }
    return {
      step: (r) => {
        let proof: EpochProof
        try {
          proof = epochProofSchema.decode(mutateBytes(r, r.pick(seeds), r.pick(seeds)))
        } catch (error) {
          if (error instanceof SchemaError) return
          throw error
        }
        const verified = verifyEpochProof(trusted, proof, { bls })
        if (verified.ok && !equalBytes(verified.value.boundary.hash, digest)) {
          throw new Error('a proof of another block verified')
        }
      },
    }
  },
}

/** A mutated proof proves neither another value nor absence. */
export const stateProofTarget: FuzzTarget = {
  name: 'stateProof',
  weight: 0.5,
  open: () => {
    const entries = Array.from({ length: 40 }, (_, i) => [`key${i}`, utf8(`value${i}`)] as const)
    const state = new MemoryState()
    state.apply(new Map(entries))
    const tree = TreeVersion.empty().update(new Map(entries))
    const [key, value] = entries[7]!
    const present = proveKey(tree, key, state).proof
    const absent = proveKey(tree, 'nothing', state).proof
    const root = tree.rootHash
    return {
      step: (r) => {
        const proof = mutateBytes(r, r.pick([present, absent]), absent)
        if (equalBytes(proof, present) || equalBytes(proof, absent)) return
        if (verifyStateProof({ root, key: utf8(key), value: utf8('other'), proof })) {
          throw new Error('proved another value')
        }
        if (verifyStateProof({ root, key: utf8(key), value: undefined, proof })) {
          throw new Error('proved absence of a key that exists')
        }
        verifyStateProof({ root, key: utf8(key), value, proof })
      },
      close: () => tree.release(),
    }
  },
}

const ABI: readonly (readonly AbiType[])[] = [
  [{ kind: 'uint', bits: 256 }, { kind: 'address' }, { kind: 'bytes' }],
  [{ kind: 'string' }, { kind: 'array', of: { kind: 'bytes' } }],
  [{ kind: 'array', of: { kind: 'tuple', components: [{ name: 'a', type: { kind: 'string' } }] } }],
]

/** Calldata decodes to values with exactly these bytes, or not at all. */
export const calldataTarget: FuzzTarget = {
  name: 'calldata',
  weight: 1,
  open: (random) => {
    const seeds = [
      encodeAbi(ABI[0]!, [7n, randomBytes(random, 20), randomBytes(random, 40)]),
      encodeAbi(ABI[1]!, ['suanli', [randomBytes(random, 3), randomBytes(random, 33)]]),
      encodeAbi(ABI[2]!, [[['a'], ['bb']]]),
    ]
    return {
      step: (r) => {
        const at = r.between(0, ABI.length - 1)
        const bytes = mutateBytes(r, seeds[at]!, r.pick(seeds))
        try {
          decodeAbi(ABI[at]!, bytes)
        } catch (error) {
          if (!(error instanceof SchemaError)) throw error
        }
      },
    }
  },
}

/** Requests to and replies of a remote signer. */
export const signerTarget: FuzzTarget = {
  name: 'signer',
  weight: 1,
  open: (random) => {
    const subjects: Subject[] = [
      { kind: 'nullify', epoch: 1, view: 5 },
      { kind: 'finalize', epoch: 1, view: 6, parentView: 5, digest: randomBytes(random, 32) },
    ]
    const requests = [
      encodeRequest({ kind: 'sign', body: { id: 7, epoch: 1, floor: 3, signer: 2, subjects } }),
      encodeRequest({ kind: 'beginEpoch', body: { id: 8, epoch: 2 } }),
      encodeRequest({ kind: 'ping', body: { id: 9 } }),
    ].map(body)
    const replies = [
      encodeReply({ kind: 'signed', body: { id: 7, results: [{ signature: randomBytes(random, 96) }] } }),
      encodeReply({
        kind: 'epoch',
        body: {
          id: 8,
          epoch: 1,
          floor: 2,
          observing: false,
          trustedEpoch: 1,
          lossNonce: undefined,
          subjects,
        },
      }),
      encodeReply({ kind: 'pong', body: { id: 9, observing: true } }),
    ].map(body)
    return {
      step: (r: Random) => {
        const [seeds, decode] = r.chance(0.5) ? [requests, decodeRequest] : [replies, decodeReply]
        try {
          decode(mutateBytes(r, r.pick(seeds), r.pick(seeds)))
        } catch (error) {
          if (!(error instanceof SchemaError)) throw error
        }
      },
    }
  },
}

/** A frame without its length. */
function body(frame: Uint8Array): Uint8Array {
  return frame.subarray(4)
}
