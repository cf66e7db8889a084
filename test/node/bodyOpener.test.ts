// Large bodies are opened in steps before consensus sees them.
import assert from 'node:assert/strict'
import { SchemaError } from '../../base/field.ts'
import {
  decodeBlock,
  hasOwnBody,
  openInSteps,
  sealBlock,
  transactionsRootOf,
} from '../../base/protocol/header.ts'
import { TX_BYTES_MAX } from '../../base/protocol/limits.ts'
import type { ConsensusMessage } from '../../consensus/messages.ts'
import { BodyOpener, LARGE_BODY_BYTES } from '../../node/bodyOpener.ts'
import { Bench } from '../support/coreHarness.ts'

const LARGE_TXS = Math.ceil(LARGE_BODY_BYTES / (TX_BYTES_MAX - 64))

describe('node.bodyOpener', () => {
  const bench = new Bench({})
  const leader = bench.core.state.leaderOf(1)
  const txs = Array.from({ length: LARGE_TXS }, (_, i) => new Uint8Array(TX_BYTES_MAX - 64).fill(i))
  const large = bench.block(1, bench.rules.genesis, { txs })
  const proposal = (block = large): ConsensusMessage => bench.proposal({ view: 1, parentView: 0, block })

  function opener() {
    const alarms: (() => void)[] = []
    const bodies = new BodyOpener({
      after: (_, callback) => {
        alarms.push(callback)
        return () => {}
      },
    })
    let done = 0
    const open = (message: ConsensusMessage, validator = leader): boolean =>
      bodies.open(bench.core.state, [{ peer: `peer${validator}`, validator }, message], () => done++)
    return { bodies, alarms, open, done: () => done }
  }

  it('opens the large body of a proposal in steps, and says when', () => {
    const { alarms, open, done } = opener()
    assert.equal(open(proposal()), true)
    let turns = 0
    for (; alarms.length > 0; turns++) alarms.shift()!()
    assert.equal(done(), 1)
    assert.ok(turns >= 3, `${turns} turns`)
  })

  it('leaves to consensus what is small, of another than the leader, or beside one that is being opened', () => {
    const { alarms, open } = opener()
    assert.equal(open(proposal(bench.block(1, bench.rules.genesis, { txs: [new Uint8Array(8)] }))), false)
    assert.equal(open(proposal(), (leader + 1) % 4), false)
    assert.equal(open({ kind: 'blocks', body: { blocks: [large.bytes] } }), false)
    assert.deepEqual(alarms, [])
    assert.equal(open(proposal()), true)
    assert.equal(open(proposal()), false)
  })

  it('passes on what does not decode, and nothing once it is closed', () => {
    const { bodies, alarms, open, done } = opener()
    const broken = proposal()
    if (broken.kind !== 'proposal') throw new Error('a proposal')
    broken.body.block = large.bytes.slice(0, -1)
    assert.equal(open(broken), true)
    while (alarms.length > 0) alarms.shift()!()
    assert.equal(done(), 1)
    open(proposal())
    bodies.close()
    while (alarms.length > 0) alarms.shift()!()
    assert.equal(done(), 1)
  })
})

describe('base.openInSteps', () => {
  const bench = new Bench({})
  const { header } = bench.block(1, bench.rules.genesis, { txs: [] })
  const transactions = [1, 2, 3].map((n) => new Uint8Array(100).fill(n))
  const sealed = (root: Uint8Array) =>
    sealBlock({ header: { ...header, transactionsRoot: root }, transactions }).bytes

  it('answers what opening at once does', () => {
    const own = sealed(transactionsRootOf(transactions))
    const foreign = sealed(new Uint8Array(32))
    for (const bytes of [own, foreign]) {
      const [copy, expected] = [bytes.slice(), decodeBlock(bytes.slice())]
      // A pause after decoding, and one after each transaction.
      assert.equal([...openInSteps(copy, 1)].length, 4)
      assert.deepEqual(decodeBlock(copy), expected)
      assert.equal(decodeBlock(copy), decodeBlock(copy))
      assert.equal(hasOwnBody(decodeBlock(copy)), hasOwnBody(expected))
      assert.equal(hasOwnBody(expected), bytes === own)
    }
  })

  it('throws what decoding does', () => {
    assert.throws(() => openInSteps(Uint8Array.of(1), 1).next(), SchemaError)
  })
})
