import assert from 'node:assert/strict'
import { AssertionFailed } from '../../base/assert.ts'
import { bytesToBigint, toHex, utf8 } from '../../base/bytes.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import { ZERO_HASH } from '../../base/ids.ts'
import { VALIDATORS_MAX } from '../../base/protocol/limits.ts'
import {
  faultyMax,
  quorum,
  type Validator,
  validatorSetHash,
  validatorSetSchema,
} from '../../base/protocol/validators.ts'
import {
  bitmapSigners,
  type Certificate,
  certificateSchema,
  certificateSigners,
  isWellFormedSubject,
  leaderPermutation,
  nextMix,
  randaoBytes,
  type Subject,
  signersBitmap,
  voteBytes,
  voteSchema,
} from '../../base/protocol/vote.ts'

const genesisHash = new Uint8Array(32).fill(1)
const digest = new Uint8Array(32).fill(2)
const notarize: Subject = { kind: 'notarize', epoch: 3, view: 7, parentView: 6, digest }
const finalize: Subject = { ...notarize, kind: 'finalize' }
const nullify: Subject = { kind: 'nullify', epoch: 3, view: 7 }

const validator = (id: number): Validator => ({
  id,
  operator: new Uint8Array(20).fill(id),
  consensusKey: new Uint8Array(48).fill(id),
  peerId: new Uint8Array(38).fill(id),
})

describe('base.protocol.vote', () => {
  it('signs tag, genesis, epoch, view, parent view and digest', () => {
    const tail = `${'01'.repeat(32)}${'0000000000000003'}${'0000000000000007'}`
    const block = `${'0000000000000006'}${'02'.repeat(32)}`
    const tag = (text: string): string => toHex(utf8(text))
    assert.equal(toHex(voteBytes(genesisHash, notarize)), tag('suanli.notarize\0') + tail + block)
    assert.equal(toHex(voteBytes(genesisHash, finalize)), tag('suanli.finalize\0') + tail + block)
    assert.equal(toHex(voteBytes(genesisHash, nullify)), tag('suanli.nullify\0\0') + tail)
    assert.equal(toHex(randaoBytes(genesisHash, 3, 7)), tag('suanli.randao\0\0\0') + tail)
  })

  it('signs different bytes for every kind and every field', () => {
    const other = new Uint8Array(32).fill(9)
    const messages = [
      voteBytes(genesisHash, notarize),
      voteBytes(genesisHash, finalize),
      voteBytes(genesisHash, nullify),
      randaoBytes(genesisHash, 3, 7),
      voteBytes(other, notarize),
      voteBytes(genesisHash, { ...notarize, epoch: 4 }),
      voteBytes(genesisHash, { ...notarize, view: 8 }),
      voteBytes(genesisHash, { ...notarize, parentView: 5 }),
      voteBytes(genesisHash, { ...notarize, digest: other }),
    ]
    assert.equal(new Set(messages.map((m) => toHex(m))).size, messages.length)
  })

  it('rejects subjects whose optional fields do not fit the kind', () => {
    const malformed: Subject[] = [
      { kind: 'notarize', epoch: 3, view: 7 },
      { kind: 'notarize', epoch: 3, view: 7, parentView: 6 },
      { kind: 'finalize', epoch: 3, view: 7, digest },
      { ...notarize, parentView: 7 },
      { ...nullify, digest },
      { ...nullify, parentView: 6 },
      { ...nullify, view: 0 },
    ]
    for (const subject of malformed) {
      assert.equal(isWellFormedSubject(subject), false)
      assert.throws(() => voteBytes(genesisHash, subject), AssertionFailed)
    }
    for (const subject of [notarize, finalize, nullify]) assert.equal(isWellFormedSubject(subject), true)
  })

  it('carries votes and certificates over the wire', () => {
    const signature = new Uint8Array(96).fill(3)
    const vote = { subject: nullify, signer: 0, signature }
    assert.deepEqual(voteSchema.decode(voteSchema.encode(vote)), vote)
    const certificate: Certificate = { subject: finalize, bitmap: new Uint8Array([7]), signature }
    assert.deepEqual(certificateSchema.decode(certificateSchema.encode(certificate)), certificate)
  })

  it('accepts only a bitmap that fits the set exactly', () => {
    for (const count of [1, 4, 7, 8, 9, 100, VALIDATORS_MAX]) {
      const all = Array.from({ length: count }, (_, i) => i)
      const some = all.filter((i) => i % 3 === 0)
      assert.deepEqual(bitmapSigners(signersBitmap(all, count), count), all)
      assert.deepEqual(bitmapSigners(signersBitmap(some, count), count), some)
      const bitmap = signersBitmap(some, count)
      assert.equal(bitmapSigners(bitmap.subarray(1), count), undefined)
      assert.equal(bitmapSigners(new Uint8Array(bitmap.length + 1), count), undefined)
      if (count % 8 !== 0) {
        bitmap[bitmap.length - 1]! |= 0x80
        assert.equal(bitmapSigners(bitmap, count), undefined)
      }
    }
    assert.deepEqual([...signersBitmap([0, 9], 10)], [1, 2])
    assert.throws(() => signersBitmap([4], 4), AssertionFailed)
    assert.throws(() => signersBitmap([-1], 4), AssertionFailed)
  })

  it('requires a quorum before any pairing', () => {
    const certificate = (subject: Subject, signers: number[]): Certificate => ({
      subject,
      bitmap: signersBitmap(signers, 4),
      signature: new Uint8Array(96),
    })
    assert.deepEqual(certificateSigners(certificate(notarize, [0, 2, 3]), 4), [0, 2, 3])
    assert.equal(certificateSigners(certificate(notarize, [0, 3]), 4), undefined)
    assert.equal(certificateSigners(certificate({ ...notarize, parentView: 7 }, [0, 1, 2]), 4), undefined)
    assert.equal(certificateSigners(certificate(notarize, [0, 1, 2]), 9), undefined)
  })

  it('keeps a certificate of 100 validators under 200 bytes, whatever its subject', () => {
    const late = { epoch: 1_000_000, view: 1_000_000_000, parentView: 999_999_999, digest }
    const bitmap = signersBitmap(
      Array.from({ length: 100 }, (_, i) => i),
      100,
    )
    for (const kind of ['notarize', 'finalize'] as const) {
      const signature = new Uint8Array(96).fill(0xff)
      const bytes = certificateSchema.encode({ subject: { kind, ...late }, bitmap, signature })
      assert.ok(bytes.length < 200, `${bytes.length} bytes`)
    }
  })

  it('chains the mix', () => {
    const reveal = new Uint8Array(96).fill(4)
    const text = `${Buffer.from('caudit1.mix').toString('hex')}${'00'.repeat(32)}000000000000000a${'04'.repeat(96)}`
    assert.deepEqual(nextMix(ZERO_HASH, 10, reveal), sha256(Buffer.from(text, 'hex')))
    assert.notDeepEqual(nextMix(ZERO_HASH, 11, reveal), nextMix(ZERO_HASH, 10, reveal))
  })

  it('orders leaders by epoch and mix, each exactly once', () => {
    const of = (epoch: number, validatorCount: number, floorMix = ZERO_HASH): readonly number[] =>
      leaderPermutation({ genesisHash, epoch, floorMix, validatorCount })
    for (const count of [1, 4, 7, 100, VALIDATORS_MAX]) {
      assert.deepEqual(
        of(0, count).toSorted((a, b) => a - b),
        Array.from({ length: count }, (_, i) => i),
      )
    }
    assert.deepEqual(of(1, 100), of(1, 100))
    assert.notDeepEqual(of(1, 100), of(2, 100))
    assert.notDeepEqual(of(1, 100), of(1, 100, digest))
    // Reimplemented from CONSENSUS §4: for i = n − 1 … 1 swap i and the first 48 bits of SHA256(seed ‖ i) mod i + 1.
    const u64 = (n: number): string => n.toString(16).padStart(16, '0')
    const seed = sha256(
      Buffer.concat([Buffer.from('perm'), genesisHash, Buffer.from(u64(5), 'hex'), ZERO_HASH]),
    )
    const expected = [0, 1, 2, 3, 4]
    for (let i = 4; i > 0; i--) {
      const draw = sha256(Buffer.concat([seed, Buffer.from(u64(i), 'hex')]))
      const j = Number(bytesToBigint(draw.slice(0, 6)) % BigInt(i + 1))
      ;[expected[i], expected[j]] = [expected[j]!, expected[i]!]
    }
    assert.deepEqual(of(5, 5), expected)
  })

  it('makes every validator lead about equally often', () => {
    const first = Array.from({ length: 4 }, () => 0)
    for (let epoch = 0; epoch < 400; epoch++) {
      const order = leaderPermutation({ genesisHash, epoch, floorMix: ZERO_HASH, validatorCount: 4 })
      first[order[0]!]!++
    }
    for (const count of first) assert.ok(count > 60 && count < 140, first.join(' '))
  })
})

describe('base.protocol.validators', () => {
  it('counts the quorum as n − f', () => {
    const table = [
      [1, 0, 1],
      [2, 0, 2],
      [3, 0, 3],
      [4, 1, 3],
      [5, 1, 4],
      [6, 1, 5],
      [7, 2, 5],
      [100, 33, 67],
    ] as const
    for (const [n, f, q] of table) {
      assert.equal(faultyMax(n), f)
      assert.equal(quorum(n), q)
    }
    for (let n = 1; n <= VALIDATORS_MAX; n++) {
      // Two quorums share more than f validators, and the honest ones alone make one.
      assert.ok(2 * quorum(n) - n > faultyMax(n) && n - faultyMax(n) >= quorum(n))
    }
  })

  it('hashes the canonical bytes of the set', () => {
    const set = { validators: [1, 2, 3].map(validator) }
    const bytes = validatorSetSchema.encode(set)
    assert.deepEqual(validatorSetSchema.decode(bytes), set)
    assert.deepEqual(validatorSetHash(set), sha256(bytes))
    const swapped = { validators: [2, 1, 3].map(validator) }
    assert.notDeepEqual(validatorSetHash(swapped), validatorSetHash(set))
  })

  it('bounds the set', () => {
    const validators = Array.from({ length: VALIDATORS_MAX + 1 }, () => validator(1))
    assert.throws(() => validatorSetSchema.encode({ validators }), AssertionFailed)
  })
})
