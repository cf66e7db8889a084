// Unit tests of the small parts: wire, records, timers, pools, parameters.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { SchemaError } from '../../base/field.ts'
import { sealBlock } from '../../base/protocol/header.ts'
import { BLOCK_BYTES_MAX } from '../../base/protocol/limits.ts'
import type { Subject, Vote } from '../../base/protocol/vote.ts'
import { Activity } from '../../consensus/activity.ts'
import { BLOCKS_HELD_BYTES_MAX, BLOCKS_HELD_MAX, BlockPool } from '../../consensus/blockPool.ts'
import { CertificateStore } from '../../consensus/certificateStore.ts'
import {
  type ConsensusMessage,
  decodeMessage,
  encodeMessage,
  MESSAGE_BYTES_MAX,
} from '../../consensus/messages.ts'
import { OwnVotes } from '../../consensus/ownVotes.ts'
import { checkParameters } from '../../consensus/parameters.ts'
import { decodeRecord, encodeRecord, recordView } from '../../consensus/records.ts'
import { backedOff, jitter } from '../../consensus/timers.ts'
import { VotePool } from '../../consensus/votePool.ts'
import { Bench } from '../support/coreHarness.ts'
import { PARAMETERS } from '../support/coreParameters.ts'

const subject = (view: number): Subject => ({ kind: 'nullify', epoch: 1, view })
const vote = (signer: number, s: Subject): Vote => ({ subject: s, signer, signature: new Uint8Array(96) })

describe('consensus.messages', () => {
  it('round-trips every kind', () => {
    const bench = new Bench()
    const block = bench.block(1, bench.rules.genesis)
    const certificate = bench.certificate(bench.nullify(1))
    const all: readonly ConsensusMessage[] = [
      bench.proposal({ view: 1, parentView: 0, block, justification: [certificate] }),
      { kind: 'vote', body: vote(1, subject(1)) },
      { kind: 'certificate', body: certificate },
      { kind: 'status', body: { epoch: 1, view: 2, finalizedView: 1, finalizedHeight: 1 } },
      { kind: 'certificatesRequest', body: { epoch: 1, fromView: 1, toView: 64 } },
      { kind: 'certificates', body: { certificates: [certificate] } },
      { kind: 'blocksRequest', body: { hash: block.hash, countMax: 16 } },
      { kind: 'blocks', body: { blocks: [block.bytes] } },
      { kind: 'boundaryRequest', body: { epoch: 3 } },
      { kind: 'ownVotesRequest', body: { epoch: 3 } },
      { kind: 'heldVotes', body: { epoch: 3, votes: [vote(1, subject(1))] } },
      { kind: 'proposalRequest', body: { epoch: 3, view: 4 } },
    ]
    for (const message of all) assert.deepEqual(decodeMessage(encodeMessage(message)), message)
  })

  it('rejects unknown tags, trailing bytes, long frames and noise with a SchemaError', () => {
    const good = encodeMessage({ kind: 'boundaryRequest', body: { epoch: 3 } })
    const bad = [new Uint8Array(0), new Uint8Array([0]), new Uint8Array([99]), new Uint8Array([...good, 0])]
    for (const bytes of [...bad, new Uint8Array(MESSAGE_BYTES_MAX + 1)]) {
      assert.throws(() => decodeMessage(bytes), SchemaError)
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          decodeMessage(bytes)
        } catch (error) {
          assert.ok(error instanceof SchemaError, String(error))
        }
      }),
      { numRuns: 300 },
    )
  })
})

describe('consensus.records', () => {
  it('round-trips and returns its view', () => {
    const record = { kind: 'intent', body: { epoch: 1, subject: subject(7) } } as const
    assert.deepEqual(decodeRecord(encodeRecord(record)), record)
    assert.equal(recordView(record), 7)
    assert.throws(() => decodeRecord(new Uint8Array([77])), SchemaError)
  })
})

describe('consensus.timers', () => {
  it('grows by half a step, rounds down, and is capped at 20 s', () => {
    assert.deepEqual(
      [0, 1, 2, 3].map((k) => backedOff(100, k)),
      [100, 150, 225, 337],
    )
    assert.equal(backedOff(100, 1_000_000), 20_000)
    assert.equal(backedOff(30_000, 5), 30_000)
    assert.ok(backedOff(1, 3) > 1)
    assert.equal(backedOff(0, 9), 0)
  })

  it('makes jitter bounded, repeatable and different between nodes', () => {
    const of = (seed: number) => Array.from({ length: 50 }, (_, i) => jitter(seed, i, 1_000))
    assert.deepEqual(of(1), of(1))
    assert.notDeepEqual(of(1), of(2))
    assert.ok(of(3).every((x) => Number.isInteger(x) && x >= 0 && x < 1_000))
  })
})

describe('consensus.parameters', () => {
  it('accepts valid ones and names the invalid field of others', () => {
    assert.equal(checkParameters(PARAMETERS), undefined)
    const wrong = (changes: object) => checkParameters({ ...PARAMETERS, ...changes })
    assert.match(wrong({ deltaMs: 0 })!, /^deltaMs/)
    assert.match(wrong({ buildMs: 1.5 })!, /^buildMs/)
    assert.match(wrong({ messageDelayMs: 199 })!, /^messageDelayMs/)
    assert.match(wrong({ heartbeatMs: 0 })!, /^heartbeatMs/)
    assert.equal(wrong({ minBlockIntervalMs: 0 }), undefined)
  })
})

describe('consensus.activity', () => {
  it('counts only views in which q others voted, and not before the window is full', () => {
    const activity = new Activity({ validatorCount: 4, quorum: 3, sinceView: 0 })
    for (let view = 1; view <= 8; view++) activity.note(view, [0, 1, 2])
    assert.equal(activity.isInactive(3, 8), false)
    assert.equal(activity.isInactive(3, 9), true)
    assert.equal(activity.isInactive(0, 9), false)
    activity.note(4, [3])
    assert.equal(activity.isInactive(3, 9), false)
    const sparse = new Activity({ validatorCount: 4, quorum: 3, sinceView: 0 })
    for (let view = 1; view <= 20; view++) sparse.note(view, [0, 1])
    assert.equal(sparse.isInactive(3, 21), false)
    const late = new Activity({ validatorCount: 4, quorum: 3, sinceView: 100 })
    for (let view = 90; view <= 108; view++) late.note(view, [0, 1, 2])
    assert.equal(late.isInactive(3, 108), false)
    assert.equal(late.isInactive(3, 109), true)
  })
})

describe('consensus.ownVotes', () => {
  it('allows no sequence of votes that contains a double vote', () => {
    const digests = [1, 2].map((n) => new Uint8Array(32).fill(n))
    const subjects = fc.record({
      kind: fc.constantFrom('notarize', 'nullify', 'finalize'),
      view: fc.integer({ min: 1, max: 3 }),
      digest: fc.constantFrom(...digests),
    })
    fc.assert(
      fc.property(fc.array(subjects, { maxLength: 30 }), (list) => {
        const votes = new OwnVotes()
        for (const { kind, view, digest } of list) {
          const s: Subject =
            kind === 'nullify'
              ? subject(view)
              : { kind: kind as 'notarize', epoch: 1, view, parentView: 0, digest }
          if (votes.refuses(s) === undefined) votes.record(s)
        }
        for (let view = 1; view <= 3; view++) {
          const flags = votes.of(view)
          assert.ok(!(flags.nullified && flags.finalized))
          if (flags.notarized && flags.finalized) {
            assert.deepEqual(flags.notarized.digest, flags.finalized.digest)
          }
        }
      }),
      { numRuns: 300 },
    )
  })
})

describe('consensus.ownVotes floor and bound', () => {
  const block = (kind: 'notarize' | 'finalize', view: number, fill: number): Subject => ({
    kind,
    epoch: 1,
    view,
    parentView: 0,
    digest: new Uint8Array(32).fill(fill),
  })

  it('re-signs identical subjects, refuses others, and refuses when full', () => {
    const votes = new OwnVotes(1)
    votes.record(block('finalize', 5, 1))
    assert.equal(votes.refuses(block('finalize', 5, 1)), undefined)
    assert.equal(votes.refuses(block('finalize', 5, 2)), 'finalized')
    assert.equal(votes.refuses(block('notarize', 5, 1)), 'finalized')
    assert.equal(votes.refuses(subject(6)), 'full')
  })

  it('forgets views below the floor permanently: adopts nothing there, and never lowers the floor', () => {
    const votes = new OwnVotes()
    votes.record(block('notarize', 5, 1))
    votes.record(subject(7))
    votes.raiseFloor(6)
    assert.deepEqual(votes.subjects(), [subject(7)])
    votes.raiseFloor(2)
    assert.equal(votes.floor, 6)
    votes.adopt(subject(6))
    assert.deepEqual(votes.subjects(), [subject(7)])
    assert.equal(votes.refuses(subject(6)), 'belowFloor')
  })
})

describe('consensus.pools', () => {
  it('the vote pool forgets old views but keeps those that wait for finality', () => {
    const pool = new VotePool()
    for (const view of [1, 50, 90, 300]) pool.add(vote(0, subject(view)), 'unverified')
    pool.prune({ finalizedView: 40, view: 301, keep: (view) => view === 50 })
    assert.deepEqual(pool.views(), [50, 300])
  })

  it('the block pool is bounded and never drops what is certified', () => {
    const bench = new Bench()
    const pool = new BlockPool(bench.rules.genesis)
    const first = bench.block(1, bench.rules.genesis)
    pool.add(first, { view: 1, keep: () => false })
    const keep = (digest: Uint8Array) => digest === first.hash
    for (let i = 0; i < BLOCKS_HELD_MAX + 20; i++) {
      pool.add(bench.block(1, bench.rules.genesis, { timestampMs: bench.nowMs + 1 + i }), { view: 1, keep })
    }
    assert.notEqual(pool.block(first.hash), undefined)
    const held = Array.from({ length: BLOCKS_HELD_MAX + 20 }, (_, i) =>
      bench.block(1, bench.rules.genesis, { timestampMs: bench.nowMs + 1 + i }),
    ).filter((b) => pool.block(b.hash) !== undefined).length
    assert.ok(held < BLOCKS_HELD_MAX)
  })

  it('the block pool drops by the view under which it filed a body, never by what its header claims', () => {
    const bench = new Bench()
    const pool = new BlockPool(bench.rules.genesis)
    const { header } = bench.block(1, bench.rules.genesis)
    const made = (view: number, claimed: number) =>
      sealBlock({
        header: { ...header, view: claimed, height: claimed, timestampMs: view },
        transactions: [],
      })
    const junk = made(1, Number.MAX_SAFE_INTEGER)
    pool.add(junk, { view: 1, keep: () => false })
    for (let view = 2; view <= BLOCKS_HELD_MAX; view++) {
      pool.add(made(view, 5), { view, keep: () => false })
    }
    assert.equal(pool.block(junk.hash), undefined)
    assert.equal(pool.size, BLOCKS_HELD_MAX)
    // The same body asked for in a later view is as new as that view.
    const second = made(2, 5)
    pool.add(second, { view: 300, keep: () => false })
    pool.moveTip(made(300, 3), 299)
    assert.equal(pool.size, 2)
    assert.notEqual(pool.block(second.hash), undefined)
  })

  it('the block pool is bounded in bytes, and drops the oldest first', () => {
    const bench = new Bench()
    const pool = new BlockPool(bench.rules.genesis)
    const { header } = bench.block(1, bench.rules.genesis)
    const bytes = new Uint8Array(BLOCK_BYTES_MAX)
    const hashes = Array.from({ length: 80 }, (_, i) => {
      const block = sealBlock({ header: { ...header, timestampMs: i + 1 }, transactions: [] })
      pool.add({ ...block, bytes }, { view: i + 1, keep: () => false })
      return block.hash
    })
    assert.ok(pool.bytes <= BLOCKS_HELD_BYTES_MAX)
    assert.equal(pool.block(hashes[0]!), undefined)
    assert.notEqual(pool.block(hashes[79]!), undefined)
    assert.notEqual(pool.block(hashes[20]!), undefined)
  })

  it('the certificate store limits a justification to the highest 64 skipped views', () => {
    const bench = new Bench()
    const store = new CertificateStore(bench.rules.genesis.hash)
    for (let view = 1; view <= 80; view++) store.add(bench.certificate(bench.nullify(view)))
    const views = store.justification(0, 81).map((c) => c.subject.view)
    assert.equal(views.length, 64)
    assert.equal(views[0], 80)
    assert.deepEqual(store.parentFor(81), { view: 0, digest: bench.rules.genesis.hash })
    assert.equal(store.range(1, 1000).length, 64)
  })

  it('the certificate store finds no parent across a gap, and tells which blocks can become final', () => {
    const bench = new Bench()
    const store = new CertificateStore(bench.rules.genesis.hash)
    store.add(bench.certificate(bench.nullify(3)))
    assert.equal(store.parentFor(4), undefined)
    assert.equal(store.highestGap(4), 2)
    const lost = bench.block(1, bench.rules.genesis)
    const won = bench.block(2, bench.rules.genesis)
    store.add(bench.certificate(bench.on('notarize', 1, 0, lost)))
    assert.equal(store.isContending(lost.hash), true)
    store.add(bench.certificate(bench.on('finalize', 2, 0, won)))
    assert.equal(store.isContending(lost.hash), false)
    assert.equal(store.isContending(won.hash), true)
    assert.equal(store.certifies(lost.hash), true)
    store.add(bench.certificate(bench.on('finalize', 100, 2, won)))
    store.prune()
    assert.equal(store.get('notarize', 1), undefined)
  })
})
