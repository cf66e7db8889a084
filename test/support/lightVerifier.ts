// Verifies a node's balance answer with public libraries only: protobufjs, node:crypto, ICS-23 and @noble/curves.
// Uses none of this project's code; the constants come from docs and ARCHITECTURE.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { ics23, verifyMembership, verifyNonMembership } from '@confio/ics23'
import { bls12_381 } from '@noble/curves/bls12-381.js'
import protobuf from 'protobufjs/minimal.js'
import { bytesToHex, hexToBytes } from 'viem'

type Hex = `0x${string}`

export interface ProvenBalance {
  readonly value: { readonly balanceBase: string; readonly nonce: number }
  readonly proof: readonly { readonly key: Hex; readonly value: Hex | null; readonly bytes: Hex }[]
  readonly header: { readonly hash: Hex; readonly bytes: Hex }
  readonly certificate: {
    readonly bytes: Hex
    readonly path: readonly { readonly hash: Hex; readonly bytes: Hex }[]
  }
}

/** A light client's trusted start. */
export interface TrustedGenesis {
  readonly hash: Hex
  /** BLS public keys in the order of provider ids. */
  readonly consensusKeys: readonly Hex[]
}

const HEADER = { height: 4, parentHash: 5, stateRoot: 10, reserve: 16 } as const
const CERTIFICATE = { subject: 1, bitmap: 2, signature: 3 } as const
const SUBJECT = { kind: 1, epoch: 2, view: 3, parentView: 4, digest: 5 } as const
const FINALIZE = 2
const SIGNATURE_TAG = 'BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_'
const LEAF_TAG = new TextEncoder().encode('suanli/state/leaf/v1')
/** Module accounts, its first record. */
const ACCOUNT_PREFIX = '0x0101'

const INNER = { childOrder: [0, 1], childSize: 32, minPrefixLength: 0, maxPrefixLength: 0 } as const
const { HashOp, LengthOp } = ics23
const leafSpec = (prehash: ics23.HashOp) => ({
  hash: HashOp.SHA256,
  prehashKey: prehash,
  prehashValue: prehash,
  length: LengthOp.REQUIRE_32_BYTES,
  prefix: LEAF_TAG,
})
const specOf = (prehash: ics23.HashOp) =>
  ics23.ProofSpec.create({
    leafSpec: leafSpec(prehash),
    innerSpec: { ...INNER, childOrder: [...INNER.childOrder], hash: HashOp.SHA256 },
    maxDepth: 256,
  })
const EXISTENCE = specOf(HashOp.SHA256)
const ABSENCE = specOf(HashOp.NO_HASH)

const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(bytes).digest())

/** Protobuf fields by number: integers and byte strings; the last one wins. */
export function protobufFields(bytes: Uint8Array): Map<number, number | Uint8Array> {
  const reader = protobuf.Reader.create(bytes)
  const out = new Map<number, number | Uint8Array>()
  while (reader.pos < reader.len) {
    const tag = reader.uint32()
    if ((tag & 7) === 0) out.set(tag >>> 3, Number(reader.uint64()))
    else if ((tag & 7) === 2) out.set(tag >>> 3, new Uint8Array(reader.bytes()))
    else assert.fail(`wire type ${tag & 7}`)
  }
  return out
}

const bytesAt = (fields: Map<number, number | Uint8Array>, field: number): Uint8Array => {
  const value = fields.get(field)
  assert.ok(value instanceof Uint8Array, `field ${field}`)
  return value
}
/** Absent = 0, as in protobuf. */
const numberAt = (fields: Map<number, number | Uint8Array>, field: number): number => {
  const value = fields.get(field) ?? 0
  assert.ok(typeof value === 'number', `field ${field}`)
  return value
}

function u64(value: number): Uint8Array {
  const out = new Uint8Array(8)
  new DataView(out.buffer).setBigUint64(0, BigInt(value))
  return out
}

/** Checks that the certificate is a finalization of `digest` by a quorum of the genesis set. */
function checkCertificate(certificate: Uint8Array, digest: Uint8Array, genesis: TrustedGenesis): void {
  const fields = protobufFields(certificate)
  const subject = protobufFields(bytesAt(fields, CERTIFICATE.subject))
  assert.equal(numberAt(subject, SUBJECT.kind), FINALIZE)
  assert.deepEqual(bytesAt(subject, SUBJECT.digest), digest)
  const bitmap = bytesAt(fields, CERTIFICATE.bitmap)
  const signers = genesis.consensusKeys.filter((_, i) => ((bitmap[i >> 3]! >> (i & 7)) & 1) === 1)
  const { length: count } = genesis.consensusKeys
  assert.ok(signers.length >= count - Math.floor((count - 1) / 3), `${signers.length} of ${count} signed`)
  const message = new Uint8Array([
    ...new TextEncoder().encode('suanli.finalize\0'),
    ...hexToBytes(genesis.hash),
    ...[SUBJECT.epoch, SUBJECT.view, SUBJECT.parentView].flatMap((f) => [...u64(numberAt(subject, f))]),
    ...digest,
  ])
  const scheme = bls12_381.longSignatures
  const key = scheme.aggregatePublicKeys(signers.map((hex) => bls12_381.G1.Point.fromBytes(hexToBytes(hex))))
  const signature = bytesAt(fields, CERTIFICATE.signature)
  assert.ok(scheme.verify(signature, scheme.hash(message, SIGNATURE_TAG), key), 'aggregate signature')
}

/** Checks the headers from the proven block to the certified one. */
function checkFinal(answer: ProvenBalance, genesis: TrustedGenesis): Map<number, number | Uint8Array> {
  const headers = [answer.header, ...answer.certificate.path]
  let parent: Uint8Array | undefined
  for (const header of headers) {
    const bytes = hexToBytes(header.bytes)
    if (parent !== undefined) assert.deepEqual(bytesAt(protobufFields(bytes), HEADER.parentHash), parent)
    parent = sha256(bytes)
    assert.equal(bytesToHex(parent), header.hash)
  }
  checkCertificate(hexToBytes(answer.certificate.bytes), parent!, genesis)
  return protobufFields(hexToBytes(answer.header.bytes))
}

/** Record: a version byte, then nonce and balance as protobuf fields 1 and 2. */
function readAccount(record: Uint8Array): { balanceBase: string; nonce: number } {
  assert.equal(record[0], 1)
  const fields = protobufFields(record.subarray(1))
  const balance = fields.get(2)
  const balanceBase = balance instanceof Uint8Array ? BigInt(bytesToHex(balance)).toString() : '0'
  return { balanceBase, nonce: numberAt(fields, 1) }
}

/** Asserts every link from the balance to the genesis keys; returns height and reserve fields of the certified header. */
export function verifyBalance(
  answer: ProvenBalance,
  address: Hex,
  genesis: TrustedGenesis,
): { readonly height: number; readonly reserve: Map<number, number | Uint8Array> } {
  const header = checkFinal(answer, genesis)
  const root = bytesAt(header, HEADER.stateRoot)
  const [entry, ...others] = answer.proof
  assert.equal(others.length, 0)
  assert.equal(entry!.key, `${ACCOUNT_PREFIX}${address.slice(2).toLowerCase()}`)
  const key = hexToBytes(entry!.key)
  const proof = ics23.CommitmentProof.decode(hexToBytes(entry!.bytes))
  if (entry!.value === null) {
    assert.ok(verifyNonMembership(proof, ABSENCE, root, sha256(key)), 'absence')
    assert.deepEqual(answer.value, { balanceBase: '0', nonce: 0 })
  } else {
    const value = hexToBytes(entry!.value)
    assert.ok(verifyMembership(proof, EXISTENCE, root, key, value), 'membership')
    assert.deepEqual(answer.value, readAccount(value))
    // The same proof does not prove a higher balance.
    const richer = Uint8Array.from(value)
    richer[richer.length - 1]! ^= 1
    assert.ok(!verifyMembership(proof, EXISTENCE, root, key, richer))
  }
  return { height: numberAt(header, HEADER.height), reserve: protobufFields(bytesAt(header, HEADER.reserve)) }
}
