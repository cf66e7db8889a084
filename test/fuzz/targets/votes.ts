// Certificates and votes before verification: a certificate that passes the structural check has a quorum of distinct signers.
import { bls } from '../../../base/crypto/bls.ts'
import { quorum } from '../../../base/protocol/validators.ts'
import {
  bitmapSigners,
  type Certificate,
  certificateSigners,
  isWellFormedSubject,
  type Subject,
  signersBitmap,
  voteBytes,
} from '../../../base/protocol/vote.ts'
import { Verifier } from '../../../node/verifier.ts'
import type { Random } from '../../support/random.ts'
import { makeValidator } from '../../support/simChain.ts'
import { mutateBytes, randomBytes } from '../bytes.ts'
import type { FuzzTarget } from '../target.ts'

const SET_MAX = 40

function anySubject(random: Random): Subject {
  const kind = random.pick(['notarize', 'nullify', 'finalize'] as const)
  const view = random.chance(0.1) ? 0 : random.between(0, 20)
  return {
    kind,
    epoch: 1,
    view,
    ...(random.chance(kind === 'nullify' ? 0.1 : 0.9) ? { parentView: random.between(0, 20) } : {}),
    ...(random.chance(kind === 'nullify' ? 0.1 : 0.9) ? { digest: randomBytes(random, 32) } : {}),
  }
}

function anyBitmap(random: Random, n: number): Uint8Array {
  const signers = Array.from({ length: n }, (_, i) => i).filter(() => random.chance(0.75))
  const bitmap = signersBitmap(signers, n)
  return random.chance(0.5) ? bitmap : mutateBytes(random, bitmap, randomBytes(random, 3))
}

/** Structural checks only. */
export const certificateTarget: FuzzTarget = {
  name: 'certificate',
  weight: 8,
  open: () => {
    const signature = new Uint8Array(96)
    return {
      step: (r) => {
        const n = r.between(1, SET_MAX)
        const certificate: Certificate = { subject: anySubject(r), bitmap: anyBitmap(r, n), signature }
        const signers = certificateSigners(certificate, n)
        if (signers === undefined) return
        if (signers.length < quorum(n)) throw new Error('passed without a quorum')
        if (new Set(signers).size !== signers.length || signers.some((i) => i < 0 || i >= n)) {
          throw new Error('passed with duplicate or foreign signers')
        }
        if (!isWellFormedSubject(certificate.subject)) throw new Error('passed with a malformed subject')
        const back = bitmapSigners(signersBitmap(signers, n), n)
        if (back?.join() !== signers.join() || certificate.bitmap.length !== Math.ceil(n / 8)) {
          throw new Error('passed with a second encoding')
        }
      },
    }
  },
}

/** The real verifier with real keys: never throws, and nothing forged passes. */
export const verifierTarget: FuzzTarget = {
  name: 'verifier',
  weight: 0.001,
  open: (random) => {
    const made = Array.from({ length: 4 }, (_, i) => makeValidator(i, bls))
    const verifier = new Verifier(bls)
    verifier.useValidators(1, { validators: made.map((m) => m.validator) })
    const genesisHash = randomBytes(random, 32)
    const message = voteBytes(genesisHash, { kind: 'nullify', epoch: 1, view: 7 })
    const good = made.map((m) => bls.sign(m.secretKey, message))
    const infinity = new Uint8Array(96)
    infinity[0] = 0xc0
    return {
      step: (r) => {
        const forged = r.pick([infinity, mutateBytes(r, r.pick(good), r.pick(good)).slice(0, 96)])
        const signature = forged.length === 96 ? forged : new Uint8Array(96)
        const signer = r.between(0, 5)
        const isTrue = made[signer] !== undefined && good[signer]!.every((byte, i) => byte === signature[i])
        const [single] = verifier.checkSignatures(1, [{ signers: [signer], message, signature }])
        if (single !== isTrue) throw new Error('a forged signature passed, or a true one did not')
        const subject: Subject = { kind: 'nullify', epoch: 1, view: 7 }
        const votes = [0, 1].map((i) => ({ subject, signer: i, signature: i === 0 ? good[0]! : signature }))
        const { valid } = verifier.checkVotes(1, message, votes)
        if (!valid.includes(0)) throw new Error('a forged vote invalidated a true one')
      },
    }
  },
}
