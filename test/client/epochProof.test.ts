import assert from 'node:assert/strict'
import { fromHex } from '../../base/bytes.ts'
import { bls } from '../../base/crypto/bls.ts'
import { type EpochProof, epochProofSchema, verifyEpochProof } from '../../base/protocol/epochProof.ts'
import type { ProofCheck, TrustedSet, Verified } from '../../base/protocol/finalityProof.ts'
import { verifyFinality } from '../../base/protocol/finalityProof.ts'
import { quorum, type ValidatorSet, validatorSetHash } from '../../base/protocol/validators.ts'
import { certificateSchema } from '../../base/protocol/vote.ts'
import { certify, finalizes, LightChain, setOf } from '../support/lightChain.ts'

function failsWith<T>(result: Verified<T>, check: ProofCheck, what?: string): void {
  assert.equal(result.ok ? 'accepted' : result.failure.check, check, what)
}

/** A chain whose epoch 0 ends with a change from `before` to `after`. */
function changed(before: readonly number[], after: ValidatorSet): { chain: LightChain; proof: EpochProof } {
  const chain = new LightChain(before)
  chain.add()
  chain.add({ nextSet: after })
  return { chain, proof: chain.proofs.get(0)! }
}

describe('protocol.epochProof', () => {
  const after = setOf([1, 2, 4, 5])
  const { chain, proof } = changed([1, 2, 3, 4], after)
  const { genesis, genesisHash } = chain
  const verify = (altered: Partial<EpochProof>, trusted: TrustedSet = genesis) =>
    verifyEpochProof(trusted, { ...proof, ...altered })
  /** The boundary with a modified header, signed by the real set. */
  const resigned = (header: Partial<EpochProof['header']>): Partial<EpochProof> => {
    const altered = { ...proof.header, ...header }
    return { header: altered, certificate: certify(genesisHash, genesis.set, finalizes(altered)) }
  }

  it('returns the set that the boundary names', () => {
    const result = verify({})
    assert.ok(result.ok)
    const { next, boundary } = result.value
    assert.deepEqual(next.set, after)
    assert.deepEqual([next.epoch, next.height], [1, 2])
    assert.deepEqual(next.setHash, validatorSetHash(after))
    assert.deepEqual(boundary.signers, [0, 1, 2])
    assert.deepEqual(epochProofSchema.decode(epochProofSchema.encode(proof)), proof)
  })

  it('needs no set when the set does not change', () => {
    const same = changed([1, 2, 3, 4], setOf([1, 2, 3, 4]))
    assert.equal(same.proof.nextSet, undefined)
    const result = verifyEpochProof(same.chain.genesis, same.proof)
    assert.ok(result.ok)
    assert.deepEqual(result.value.next.set, same.chain.genesis.set)
    failsWith(verifyEpochProof(same.chain.genesis, { ...same.proof, nextSet: after }), 'nextSetHash')
    const { nextSet: _, ...without } = proof
    failsWith(verifyEpochProof(genesis, without), 'nextSetHash')
  })

  it('rejects another chain, epoch or set', () => {
    failsWith(verify({}, { ...genesis, genesisHash: new Uint8Array(32) }), 'signature')
    const next = verify({})
    assert.ok(next.ok)
    failsWith(verify({}, next.value.next), 'epoch', 'replayed epoch')
    failsWith(verify(resigned({ epoch: 1 })), 'epoch', 'skipped epoch')
    failsWith(verify({}, { ...genesis, height: 2 }), 'height')
    const other = setOf([1, 2, 3, 6])
    failsWith(verify({}, { ...genesis, set: other, setHash: validatorSetHash(other) }), 'setHash')
    failsWith(verify({ nextSet: setOf([1, 2, 4, 6]) }), 'nextSetHash')
  })

  it('skips epochs of the same set only on request, never of another set', () => {
    const later = { ...proof, ...resigned({ epoch: 7 }) }
    failsWith(verifyEpochProof(genesis, later), 'epoch')
    const result = verifyEpochProof(genesis, later, { epochs: 'sameSet' })
    assert.ok(result.ok)
    assert.equal(result.value.next.epoch, 8)
    const foreign = { ...proof, ...resigned({ epoch: 7, setHash: validatorSetHash(after) }) }
    failsWith(verifyEpochProof(genesis, foreign, { epochs: 'sameSet' }), 'setHash')
    // The certificate's epoch differs from the header's.
    const { certificate } = resigned({ epoch: 7 })
    failsWith(verify({ certificate: certificate! }), 'epoch')
  })

  it('rejects a block that does not end an epoch', () => {
    failsWith(verify(resigned({ endsEpoch: false })), 'endsEpoch')
    const { nextSetHash: _, ...header } = proof.header
    const certificate = certify(genesisHash, genesis.set, finalizes(header))
    failsWith(verify({ header, certificate }), 'endsEpoch')
  })

  it('rejects a header modified after signing', () => {
    const { header } = proof
    const touched: readonly Partial<EpochProof['header']>[] = [
      { stateRoot: new Uint8Array(32).fill(1) },
      { nextSetHash: validatorSetHash(setOf([1, 2, 3, 9])) },
      { timestampMs: header.timestampMs + 1 },
      { height: header.height + 1 },
      { reserve: { ...header.reserve, supplyBase: header.reserve.supplyBase + 1n } },
    ]
    for (const change of touched) {
      failsWith(verify({ header: { ...header, ...change } }), 'digest', Object.keys(change)[0])
    }
  })

  it('rejects certificates of other votes', () => {
    const { header } = proof
    const kinds = [
      { ...finalizes(header), kind: 'notarize' as const },
      { kind: 'nullify' as const, epoch: 0, view: header.view },
    ]
    for (const subject of kinds) {
      failsWith(verify({ certificate: certify(genesisHash, genesis.set, subject) }), 'digest', subject.kind)
    }
    const view = proof.certificate.subject.view + 1
    const { certificate } = proof
    const moved = { ...certificate, subject: { ...certificate.subject, view } }
    failsWith(verify({ certificate: moved }), 'signature')
    const inverted = { ...certificate, subject: { ...certificate.subject, parentView: 99 } }
    failsWith(verify({ certificate: inverted }), 'digest')
  })

  it('rejects inexact bitmaps, and fewer signers than a quorum', () => {
    const { certificate } = proof
    const withBitmap = (...bytes: number[]) => ({
      certificate: { ...certificate, bitmap: Uint8Array.from(bytes) },
    })
    failsWith(verify(withBitmap()), 'bitmap', 'truncated')
    failsWith(verify(withBitmap(0b111, 0)), 'bitmap', 'longer')
    failsWith(verify(withBitmap(0b10111)), 'bitmap', 'padding bits')
    failsWith(verify(withBitmap(0b011)), 'quorum')
    failsWith(verify(withBitmap(0b1111)), 'signature', 'one more than signed')
    failsWith(verify(withBitmap(0b1011)), 'signature', 'another than signed')
    const few = certify(genesisHash, genesis.set, finalizes(proof.header), [0, 1])
    failsWith(verify({ certificate: few }), 'quorum')
    const all = certify(genesisHash, genesis.set, finalizes(proof.header), [0, 1, 2, 3])
    assert.ok(verify({ certificate: all }).ok)
  })

  it('rejects sets that are empty, unordered, or have a key or operator twice or outside the subgroup', () => {
    const [first, second, ...rest] = after.validators
    const key = (consensusKey: Uint8Array): ValidatorSet => ({
      validators: [first!, { ...second!, consensusKey }, ...rest],
    })
    const infinity = new Uint8Array(48)
    infinity[0] = 0xc0
    // x = 4 is on the curve but not in the subgroup.
    const outside = fromHex(`80${'00'.repeat(46)}04`)
    const cases: readonly (readonly [string, ProofCheck, ValidatorSet])[] = [
      ['empty', 'validatorSet', { validators: [] }],
      ['unordered', 'validatorSet', { validators: [second!, first!, ...rest] }],
      ['the same id twice', 'validatorSet', { validators: [first!, { ...second!, id: first!.id }, ...rest] }],
      [
        'the same operator twice',
        'validatorSet',
        { validators: [first!, { ...second!, operator: first!.operator }, ...rest] },
      ],
      ['the same key twice', 'validatorSet', key(first!.consensusKey)],
      ['infinity', 'validatorKey', key(infinity)],
      ['zero', 'validatorKey', key(new Uint8Array(48))],
      ['no point', 'validatorKey', key(new Uint8Array(48).fill(255))],
      ['outside the subgroup', 'validatorKey', key(outside)],
    ]
    assert.equal(bls.isKey(outside), false)
    for (const [what, check, nextSet] of cases) {
      failsWith(verify({ ...resigned({ nextSetHash: validatorSetHash(nextSet) }), nextSet }), check, what)
    }
  })

  it('rejects a removed set, even with all its keys', () => {
    // All former members' keys, against a client that has verified the change (CONSENSUS §9, 32).
    const next = verify({})
    assert.ok(next.ok)
    const forged = chain.fork()
    forged.set = genesis.set
    const byOld = forged.add({ nextSet: setOf([1, 2, 3, 4]) })
    const certificate = forged.certificates.get(byOld.header.height)!
    failsWith(verifyEpochProof(next.value.next, { header: byOld.header, certificate }), 'setHash')
    // Claiming the new set does not help: its quorum did not sign.
    const claimed = { ...byOld.header, setHash: next.value.next.setHash }
    const signed = certify(genesisHash, genesis.set, finalizes(claimed))
    failsWith(verifyEpochProof(next.value.next, { header: claimed, certificate: signed }), 'signature')
  })

  it('verifies the headers between a block and its certificate', () => {
    const long = new LightChain([1, 2, 3, 4])
    for (let i = 0; i < 5; i++) long.add({ isCertified: i === 4 })
    const { certificate, headers: path } = long.finalityOf(1)!
    const { header } = long.kept[1]!.block
    const check = (altered: object) =>
      verifyFinality(long.genesis, { header, path: [...path], certificate, ...altered })
    const result = check({})
    assert.ok(result.ok)
    assert.equal(path.length, 4)
    failsWith(check({ path: path.slice(1) }), 'path', 'a gap')
    failsWith(check({ path: path.slice(0, -1) }), 'digest', 'cut off')
    failsWith(check({ path: [] }), 'digest')
    failsWith(check({ path: [...path].reverse() }), 'path')
    failsWith(check({ path: path.with(1, { ...path[1]!, gasUsed: 1 }) }), 'path', 'touched')
    failsWith(check({ header: { ...header, gasUsed: 1 } }), 'path')
    const many = Array.from({ length: 257 }, () => path[0]!)
    failsWith(check({ path: many }), 'path', 'too long')
    // A quorum signed it and the hashes link, but the heights do not: a parent two heights below is no parent.
    const jump = new LightChain([1, 2, 3, 4])
    const below = jump.add({ isCertified: false }).header
    const above = jump.add({ header: { height: 3 } }).header
    const skipping = { header: below, path: [above], certificate: jump.certificates.get(3)! }
    failsWith(verifyFinality(jump.genesis, skipping), 'path')
  })

  it('encodes a certificate of 100 validators in under 200 bytes', () => {
    const set = setOf(Array.from({ length: 100 }, (_, i) => i + 1))
    const subject = { kind: 'finalize', epoch: 2 ** 40, view: 2 ** 40, parentView: 2 ** 40 - 1 } as const
    const signers = Array.from({ length: quorum(100) }, (_, i) => i + 33)
    const certificate = certify(genesisHash, set, { ...subject, digest: genesisHash }, signers)
    const { length } = certificateSchema.encode(certificate)
    assert.ok(length < 200, `${length} bytes`)
    assert.equal(signers.length, 67)
  })
})
