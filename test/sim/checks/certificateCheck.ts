// Verifies a certificate from the specification alone: own signed bytes, bitmap parsing and quorum (CONSENSUS §2). Shares
// nothing with base/protocol/vote.ts, so that a bug there shows.
import { concatBytes, utf8 } from '../../../base/bytes.ts'
import type { Bls } from '../../../base/crypto/types.ts'
import type { Hash32 } from '../../../base/ids.ts'
import type { Validator } from '../../../base/protocol/validators.ts'
import type { Certificate, Subject } from '../../../base/protocol/vote.ts'

function integerBytes(value: number): Uint8Array {
  const out = new Uint8Array(8)
  new DataView(out.buffer).setBigUint64(0, BigInt(value))
  return out
}

/** The signed bytes of a vote, encoded independently. */
export function signedBytes(genesisHash: Hash32, subject: Subject): Uint8Array {
  const { kind, epoch, view, parentView, digest } = subject
  const tag = utf8(`suanli.${kind}`.padEnd(16, '\0'))
  const head = concatBytes(tag, genesisHash, integerBytes(epoch), integerBytes(view))
  return kind === 'nullify' ? head : concatBytes(head, integerBytes(parentView!), digest!)
}

/** Indexes set in a bitmap of exactly n bits, or its fault. */
export function bitmapMembers(bitmap: Uint8Array, n: number): readonly number[] | string {
  if (bitmap.length * 8 - n >= 8 || bitmap.length * 8 < n) return 'bitmap of the wrong length'
  const members: number[] = []
  for (let bit = 0; bit < bitmap.length * 8; bit++) {
    if (((bitmap[Math.floor(bit / 8)]! >> (bit % 8)) & 1) === 0) continue
    if (bit >= n) return 'padding bit set'
    members.push(bit)
  }
  return members
}

function subjectFault(subject: Subject): string | undefined {
  const { kind, view, parentView, digest } = subject
  if (view < 1) return 'view 0 is the floor'
  if (kind === 'nullify')
    return parentView !== undefined || digest !== undefined ? 'nullify names a block' : undefined
  if (parentView === undefined || digest === undefined) return 'names no block'
  return parentView >= view ? 'parent view is not below the view' : undefined
}

/** The fault of a certificate of this set, or undefined. */
export function certificateFault(options: {
  readonly certificate: Certificate
  readonly validators: readonly Validator[]
  readonly genesisHash: Hash32
  readonly bls: Bls
}): string | undefined {
  const { certificate, validators, genesisHash, bls } = options
  const n = validators.length
  const wrong = subjectFault(certificate.subject)
  if (wrong !== undefined) return wrong
  const members = bitmapMembers(certificate.bitmap, n)
  if (typeof members === 'string') return members
  const needed = n - Math.floor((n - 1) / 3)
  if (members.length < needed) return `${members.length} signers of ${needed}`
  const keys = members.map((i) => validators[i]!.consensusKey)
  const message = signedBytes(genesisHash, certificate.subject)
  return bls.verifyAggregate(keys, message, certificate.signature) ? undefined : 'invalid signature'
}
