// The wait before a node signs after a start: answers, time limits, later epochs, and what a liar can do with it.
import assert from 'node:assert/strict'
import type { Vote } from '../../base/protocol/vote.ts'
import type { ConsensusMessage } from '../../consensus/messages.ts'
import type { EpochStart } from '../../consensus/types.ts'
import { OWN_VOTES_WAIT_MS, OwnVoteExchange } from '../../node/ownVoteCheck.ts'
import { nullify } from '../support/signerFixture.ts'

const KEYS = [0, 1, 2, 3].map((i) => new Uint8Array(48).fill(i))
const startOf = (epoch: number, count = 4): EpochStart =>
  ({
    epoch,
    validators: { validators: KEYS.slice(0, count).map((consensusKey) => ({ consensusKey })) },
  }) as unknown as EpochStart

/** A clock that a test moves. */
class Timers {
  #nowMs = 0
  readonly waiting = new Set<{ atMs: number; run: () => void }>()
  nowMs = () => this.#nowMs
  monotonicMs = () => this.#nowMs
  after = (delayMs: number, run: () => void) => {
    const timer = { atMs: this.#nowMs + delayMs, run }
    this.waiting.add(timer)
    return () => void this.waiting.delete(timer)
  }
  pass(ms: number): void {
    const untilMs = this.#nowMs + ms
    for (;;) {
      const [next] = [...this.waiting].filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)
      if (next === undefined) break
      this.waiting.delete(next)
      this.#nowMs = next.atMs
      next.run()
    }
    this.#nowMs = untilMs
  }
}

describe('node.ownVoteCheck', () => {
  function setUp() {
    const clock = new Timers()
    const sent: ConsensusMessage[] = []
    const held: Vote[] = []
    const exchange = new OwnVoteExchange({
      signer: { publicKey: KEYS[0]!, noteHeld: async (votes) => void held.push(...votes) },
      clock,
      send: (_, message) => void sent.push(message),
      onFinal: () => {},
    })
    const answer = (validator: number, epoch = 1, votes: readonly Vote[] = []) =>
      exchange.onHeld({ peer: `${validator}`, validator }, { epoch, final: undefined, votes })
    const isReady = async (): Promise<boolean> => {
      let ready = false
      void exchange.ready.then(() => {
        ready = true
      })
      await new Promise((resolve) => setImmediate(resolve))
      return ready
    }
    return { clock, sent, held, exchange, answer, isReady }
  }

  it('is over when all have answered; their votes reach the signer first', async () => {
    const { exchange, answer, isReady, held, clock } = setUp()
    exchange.enter(startOf(1))
    const vote: Vote = { subject: nullify(3), signer: 0, signature: new Uint8Array(96) }
    await answer(1, 1, [vote])
    await answer(1)
    await answer(0)
    await answer(2)
    assert.equal(await isReady(), false)
    await answer(3)
    assert.equal(await isReady(), true)
    assert.deepEqual(held, [vote])
    assert.equal(clock.waiting.size, 0)
  })

  it('waits a moment longer with a quorum, and a limited time alone, asking again meanwhile', async () => {
    const one = setUp()
    one.exchange.enter(startOf(1))
    await one.answer(1)
    await one.answer(2)
    assert.equal(await one.isReady(), false)
    one.clock.pass(300)
    assert.equal(await one.isReady(), true)
    const alone = setUp()
    alone.exchange.enter(startOf(1))
    alone.clock.pass(OWN_VOTES_WAIT_MS - 1)
    assert.equal(await alone.isReady(), false)
    assert.equal(alone.sent.length, 6)
    alone.clock.pass(1)
    assert.equal(await alone.isReady(), true)
    const single = setUp()
    single.exchange.enter(startOf(1, 1))
    assert.equal(await single.isReady(), true)
  })

  it('asks again in the epochs that more than a liar claim, and in no other', async () => {
    const { exchange, answer, isReady, clock } = setUp()
    exchange.enter(startOf(1))
    await answer(1, Number.MAX_SAFE_INTEGER)
    await answer(2, 3)
    await answer(3, 3)
    assert.equal(await isReady(), true)
    exchange.enter(startOf(2))
    assert.equal(await isReady(), false)
    await answer(1, Number.MAX_SAFE_INTEGER)
    clock.pass(OWN_VOTES_WAIT_MS)
    exchange.enter(startOf(3))
    assert.equal(await isReady(), false)
    clock.pass(OWN_VOTES_WAIT_MS)
    exchange.enter(startOf(4))
    assert.equal(await isReady(), true)
  })

  it('answers members only, and each at a bounded rate', () => {
    const { exchange, sent, clock } = setUp()
    const state = { epoch: 1, pool: { views: () => [] }, certificates: {} } as never
    exchange.onRequest({ peer: 'stranger', validator: undefined }, state)
    assert.equal(sent.length, 0)
    for (let i = 0; i < 50; i++) exchange.onRequest({ peer: 'a', validator: 1 }, state)
    exchange.onRequest({ peer: 'b', validator: 2 }, state)
    assert.equal(sent.length, 9)
    clock.pass(1_000)
    exchange.onRequest({ peer: 'a', validator: 1 }, state)
    assert.equal(sent.length, 10)
  })
})
