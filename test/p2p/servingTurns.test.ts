// Turns among peers that ask: order, and how much of the thread answering may take.
import assert from 'node:assert/strict'
import { ServingTurns } from '../../p2p/servingTurns.ts'

/** A clock that only the test moves, and work that moves it. */
function bench(known: readonly string[] = []) {
  let nowMs = 0
  let alarms: { readonly atMs: number; readonly callback: () => void }[] = []
  const served: string[] = []
  const turns = new ServingTurns({
    clock: {
      monotonicMs: () => nowMs,
      after: (delayMs, callback) => {
        alarms.push({ atMs: nowMs + delayMs, callback })
        return () => {}
      },
    },
    isKnown: (peer) => known.includes(peer),
  })
  return {
    turns,
    served,
    ask: (peer: string, costMs: number, bytes = 0) =>
      turns.add(peer, async () => {
        nowMs += costMs
        served.push(`${peer} ${nowMs}`)
        return bytes
      }),
    run: async (untilMs: number) => {
      for (;;) {
        await new Promise(setImmediate)
        const next = alarms.filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0]
        if (next === undefined) break
        alarms = alarms.filter((alarm) => alarm !== next)
        nowMs = Math.max(nowMs, next.atMs)
        next.callback()
      }
      nowMs = untilMs
    },
  }
}

describe('p2p.ServingTurns', () => {
  it('serves at once when nobody waits', () => {
    const { ask, served } = bench()
    ask('a', 5)
    assert.deepEqual(served, ['a 5'])
  })

  it('leaves three quarters of the thread to others, whoever asks and however much', async () => {
    const { ask, served, run } = bench()
    for (let i = 0; i < 64; i++) ask(`${i % 16}`, 6)
    await run(1_000)
    // 6 ms each, and 18 ms of pause.
    assert.equal(served.length, 42)
  })

  it('counts what the bytes of an answer cost when they are sent', async () => {
    const { ask, served, run } = bench()
    for (let i = 0; i < 64; i++) ask(`${i % 16}`, 1, 4 * 1024 * 1024)
    await run(1_000)
    // 30 ms of sending and 90 ms of pause, 1 and 3 ms for the answer itself.
    assert.equal(served.length, 9)
  })

  it('serves a stranger after three turns of members, though they ask without end', async () => {
    const { ask, served, run } = bench(['one', 'two'])
    ask('one', 1)
    for (let i = 0; i < 4; i++) for (const peer of ['joiner', 'one', 'two']) ask(peer, 1)
    await run(100)
    assert.deepEqual(
      served.slice(0, 10).map((line) => line.split(' ')[0]),
      ['one', 'one', 'two', 'joiner', 'one', 'two', 'one', 'joiner', 'two', 'one'],
    )
  })

  it('takes turns, members before all others', async () => {
    const { ask, served, run } = bench(['member'])
    for (const peer of ['a', 'a', 'a', 'b', 'member', 'member']) ask(peer, 1)
    await run(100)
    assert.deepEqual(
      served.map((line) => line.split(' ')[0]),
      ['a', 'member', 'member', 'a', 'b', 'a'],
    )
  })

  it('rests a tenth of a second at most after one slow answer', async () => {
    const { ask, served, run } = bench()
    ask('a', 1_000)
    ask('b', 1)
    await run(1_200)
    assert.deepEqual(served, ['a 1000', 'b 1101'])
  })

  it('forgets what a peer that has gone waits for', async () => {
    const { ask, served, run, turns } = bench()
    for (const peer of ['a', 'b', 'b', 'a']) ask(peer, 1)
    turns.forget('b')
    await run(100)
    assert.deepEqual(
      served.map((line) => line.split(' ')[0]),
      ['a', 'a'],
    )
  })
})
