// What the validators of one process share of their signatures: the answers are those of the real thing, and are computed once.
import assert from 'node:assert/strict'
import { utf8 } from '../../base/bytes.ts'
import { bls } from '../../base/crypto/bls.ts'
import type { Bls } from '../../base/crypto/types.ts'
import { sharedBls } from '../../devnet/sharedBls.ts'

const secrets = [0, 1, 2, 3].map((i) => bls.keygen(utf8(`a secret of at least 32 bytes, number ${i}`)))
const keys = secrets.map((secret) => bls.publicKey(secret))
const [message, other] = [utf8('a vote'), utf8('another vote')]

/** Counts the pairings behind the shared one. */
function counted(): { readonly shared: Bls; readonly pairings: () => number } {
  let pairings = 0
  const shared = sharedBls({
    ...bls,
    verify: (...args) => {
      pairings++
      return bls.verify(...args)
    },
    verifyAggregate: (...args) => {
      pairings++
      return bls.verifyAggregate(...args)
    },
  })
  return { shared, pairings: () => pairings }
}

describe('devnet.sharedBls', () => {
  it('pairs nothing that it has signed, alone, as a sum or as a sum of sums', () => {
    const { shared, pairings } = counted()
    const votes = secrets.map((secret) => shared.sign(secret, message))
    for (const [i, vote] of votes.entries()) assert.ok(shared.verify(keys[i]!, message, vote))
    const two = shared.aggregate([votes[1]!, votes[0]!])!
    assert.ok(shared.verifyAggregate(keys.slice(0, 2), message, two))
    const all = shared.aggregate([two, votes[3]!, votes[2]!])!
    assert.ok(shared.verifyAggregate(keys, message, all))
    assert.equal(pairings(), 0)
    assert.ok(bls.verifyAggregate(keys, message, all))
  })
  it('pairs what others signed, once', () => {
    const { shared, pairings } = counted()
    const votes = secrets.map((secret) => bls.sign(secret, message))
    const sum = bls.aggregate(votes)!
    for (let i = 0; i < 3; i++) {
      assert.ok(shared.verify(keys[0]!, message, votes[0]!))
      assert.ok(shared.verifyAggregate(keys, message, sum))
      assert.ok(shared.verifyAggregate([keys[0]!], message, votes[0]!))
    }
    assert.equal(pairings(), 2)
  })
  it('takes nothing for valid that is not', () => {
    const { shared } = counted()
    const votes = secrets.map((secret) => shared.sign(secret, message))
    const foreign = shared.sign(secrets[1]!, other)
    const sum = shared.aggregate(votes.slice(0, 3))!
    const mixed = shared.aggregate([votes[0]!, foreign])!
    const twice = shared.aggregate([votes[0]!, votes[0]!])!
    assert.equal(shared.verify(keys[0]!, other, votes[0]!), false)
    assert.equal(shared.verify(keys[1]!, message, votes[0]!), false)
    for (const [wrong, over, signature] of [
      [keys, message, sum],
      [keys.slice(0, 2), message, sum],
      [keys.slice(1, 4), message, sum],
      [keys.slice(0, 3), other, sum],
      [keys.slice(0, 2), message, mixed],
      [keys.slice(0, 2), other, mixed],
      [[keys[0]!, keys[1]!], message, twice],
      [[], message, sum],
    ] as const) {
      assert.equal(shared.verifyAggregate(wrong, over, signature), false)
      assert.equal(bls.verifyAggregate(wrong, over, signature), false)
    }
    assert.equal(shared.aggregate([new Uint8Array(96)]), undefined)
  })
})
