// Slots of the vote pool: the effect of a second vote, and of a check on both. Also the store's highest F.
import assert from 'node:assert/strict'
import type { Subject, Vote } from '../../base/protocol/vote.ts'
import { CertificateStore } from '../../consensus/certificateStore.ts'
import { VotePool } from '../../consensus/votePool.ts'
import { Bench } from '../support/coreHarness.ts'

const block = (kind: 'notarize' | 'finalize', fill: number): Subject => ({
  kind,
  epoch: 1,
  view: 5,
  parentView: 0,
  digest: new Uint8Array(32).fill(fill),
})

function vote(subject: Subject, signature: number): Vote {
  return { subject, signer: 2, signature: new Uint8Array(96).fill(signature) }
}

describe('consensus.votePool', () => {
  it('does not replace a verified vote by a copy of it', () => {
    const pool = new VotePool()
    const first = vote(block('notarize', 1), 1)
    assert.equal(pool.add(first, 'verified'), true)
    for (const trust of ['unverified', 'verified'] as const) {
      assert.equal(pool.add(vote(block('notarize', 1), 2), trust), false)
      assert.equal(pool.get(5, 'notarize', 2), first)
    }
    assert.equal(pool.isVerified(5, 'notarize', 2), true)
  })

  it('lets a verified copy replace an unverified one', () => {
    const pool = new VotePool()
    pool.add(vote(block('notarize', 1), 1), 'unverified')
    const checked = vote(block('notarize', 1), 2)
    assert.equal(pool.add(checked, 'verified'), true)
    assert.equal(pool.get(5, 'notarize', 2), checked)
  })

  it('keeps the first conflict: neither a third vote nor an unverified one hides it', () => {
    const pool = new VotePool()
    const first = vote(block('notarize', 1), 1)
    const second = vote(block('notarize', 2), 1)
    pool.add(first, 'unverified')
    assert.equal(pool.add(second, 'unverified'), true)
    assert.equal(pool.add(vote(block('notarize', 3), 1), 'unverified'), false)
    assert.deepEqual(pool.conflicts(5, 2), [{ first, second }])
    const proven = vote(block('notarize', 4), 1)
    assert.equal(pool.add(proven, 'verified'), true)
    assert.deepEqual(pool.conflicts(5, 2), [{ first, second: proven }])
    assert.equal(pool.add(vote(block('notarize', 5), 1), 'verified'), false)
  })

  it('frees the slot of an invalid vote for the second one', () => {
    const pool = new VotePool()
    const forged = vote(block('notarize', 1), 1)
    const real = vote(block('notarize', 2), 1)
    pool.add(forged, 'unverified')
    pool.add(real, 'unverified')
    pool.settle(forged, false)
    assert.equal(pool.get(5, 'notarize', 2), real)
    assert.deepEqual(pool.conflicts(5, 2), [])
    pool.settle(real, false)
    assert.equal(pool.get(5, 'notarize', 2), undefined)
    assert.equal(pool.add(real, 'unverified'), true)
  })

  it('never drops a verified vote, and forgets a forged conflict', () => {
    const pool = new VotePool()
    const first = vote(block('finalize', 1), 1)
    const second = vote(block('finalize', 2), 1)
    pool.add(first, 'verified')
    pool.settle(first, false)
    assert.equal(pool.isVerified(5, 'finalize', 2), true)
    pool.add(second, 'unverified')
    pool.settle(second, false)
    assert.deepEqual(pool.conflicts(5, 2), [])
  })

  it('groups by subject and returns only groups of q', () => {
    const pool = new VotePool()
    const of = (signer: number, fill: number): Vote => ({ ...vote(block('notarize', fill), 1), signer })
    for (const [signer, fill] of [
      [0, 1],
      [1, 1],
      [2, 1],
      [3, 2],
    ] as const) {
      pool.add(of(signer, fill), 'unverified')
    }
    const groups = pool.quorate(5, 'notarize', 3)
    assert.deepEqual(
      groups.map((group) => group.map((one) => one.signer)),
      [[0, 1, 2]],
    )
  })
})

describe('consensus.certificateStore', () => {
  it('keeps the highest F whatever the order', () => {
    const bench = new Bench()
    const store = new CertificateStore(bench.rules.genesis.hash)
    const [low, high] = [3, 5].map((view) =>
      bench.certificate(bench.on('finalize', view, 0, bench.block(view, bench.rules.genesis))),
    )
    for (const certificate of [high!, low!]) assert.equal(store.add(certificate), undefined)
    assert.equal(store.highestFinal, high)
  })
})
