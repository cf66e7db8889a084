// When a node warns of lost validators, wrong clocks and disk failures, and when it does not.
import assert from 'node:assert/strict'
import { ClockWatch } from '../../node/watch/clockWatch.ts'
import { LoopLagWindow, startLoopWatch } from '../../node/watch/loopWatch.ts'
import { ALONE_MS, AloneWatch, PeerWatch } from '../../node/watch/peerWatch.ts'
import { troubleText } from '../../node/watch/trouble.ts'

describe('clockWatch', () => {
  const timing = { precisionMs: 500, messageDelayMs: 2_000 }

  /** Feeds a block per `stepMs`, `ageMs(i)` old by this clock; returns the verdicts. */
  function feed(count: number, stepMs: number, ageMs: (i: number) => number): readonly string[] {
    const watch = new ClockWatch(timing)
    const said: string[] = []
    for (let i = 0; i < count; i++) {
      const nowMs = 1_000_000 + i * stepMs
      const verdict = watch.onFinalized(nowMs - ageMs(i), nowMs, i * stepMs)
      if (verdict !== undefined) said.push(`${verdict.kind} ${verdict.offsetMs}`)
    }
    return said
  }

  it('reports nothing while blocks have about the expected age', () => {
    assert.deepEqual(
      feed(200, 100, (i) => 50 + (i % 7) * 300),
      [],
    )
    assert.deepEqual(
      feed(20, 15_000, () => 900),
      [],
    )
  })

  it('reports a clock that is behind or ahead once, then every minute', () => {
    assert.deepEqual(
      feed(100, 250, () => -3_600_000),
      ['behind -3600000'],
    )
    assert.deepEqual(
      feed(100, 250, () => 3_600_000),
      ['ahead 3600000'],
    )
    assert.equal(feed(601, 250, () => 60_000).length, 3)
    assert.deepEqual(
      feed(5, 15_000, () => 20_000),
      ['ahead 20000'],
    )
  })

  it('gives the least offset of the latest blocks once there are some', () => {
    const watch = new ClockWatch(timing)
    for (const [i, ageMs] of [900, 400, 700].entries()) watch.onFinalized(1_000 - ageMs, 1_000, i * 100)
    assert.equal(watch.offsetMs, undefined)
    watch.onFinalized(500, 1_000, 300)
    assert.equal(watch.offsetMs, 400)
    for (let i = 0; i < 4; i++) watch.onFinalized(0, 800, 20_000 + i * 10_000)
    assert.equal(watch.offsetMs, 800)
  })

  it('does not mistake catching up for a wrong clock', () => {
    // An hour behind, catching up at ten times and at twice the pace of the chain.
    assert.deepEqual(
      feed(400, 10, (i) => 3_600_000 - i * 100),
      [],
    )
    assert.deepEqual(
      feed(400, 50, (i) => 3_600_000 - i * 50),
      [],
    )
    // In bursts, with pauses in which the chain moves on without this node.
    assert.deepEqual(
      feed(400, 250, (i) => 60_000 - Math.floor(i / 20) * 3_000),
      [],
    )
  })

  it('reports when the clock is right again', () => {
    assert.deepEqual(
      feed(200, 250, (i) => (i < 100 ? -30_000 : 100)),
      ['behind -30000', 'right 100'],
    )
  })
})

describe('peerWatch', () => {
  const check = (steps: readonly (readonly [number, boolean, number][] | undefined)[]): readonly string[] => {
    const watch = new PeerWatch({ heartbeatMs: 15_000, nowMs: 0 })
    const said: string[] = []
    for (const [second, states] of steps.entries()) {
      const changes = watch.check(
        (states ?? []).map(([validator, isConnected, heardAtMs]) => ({
          validator,
          isConnected,
          hasAddress: validator < 90,
          heardAtMs,
        })),
        second * 1_000,
      )
      for (const { validator, kind, reason, forMs } of changes) {
        said.push(`${second}s: ${validator} ${kind} (${reason}) after ${forMs}`)
      }
    }
    return said
  }

  it('reports a validator that is not connected for three seconds, and its return', () => {
    const steps = Array.from({ length: 12 }, (_, s): [number, boolean, number][] => [
      [1, s < 2 || s > 8, s * 1_000],
      [2, true, s * 1_000],
    ])
    assert.deepEqual(check(steps), [
      '5s: 1 lost (not connected) after 3000',
      '9s: 1 back (not connected) after 7000',
    ])
  })

  it('says of a validator without a known address that this is why', () => {
    const steps = Array.from({ length: 8 }, (_, s): [number, boolean, number][] => [[90, s > 5, s * 1_000]])
    assert.deepEqual(check(steps), [
      '3s: 90 lost (no address) after 3000',
      '6s: 90 back (no address) after 6000',
    ])
  })

  it('does not report a short reconnection or an idle chain', () => {
    const blink = Array.from({ length: 12 }, (_, s): [number, boolean, number][] => [
      [1, s % 3 !== 0, s * 1_000],
    ])
    assert.deepEqual(check(blink), [])
    const idle = Array.from({ length: 60 }, (_, s): [number, boolean, number][] => {
      const beat = Math.floor(s / 15) * 15_000
      return [
        [1, true, beat],
        [2, true, beat + 300],
      ]
    })
    assert.deepEqual(check(idle), [])
  })

  it('reports a connected validator that is silent while others are not, and all when all are', () => {
    const oneSilent = Array.from({ length: 20 }, (_, s): [number, boolean, number][] => [
      [1, true, Math.min(s, 2) * 1_000],
      [2, true, s * 1_000],
    ])
    assert.deepEqual(check(oneSilent), ['14s: 1 lost (silent) after 3000'])
    const allSilent = Array.from({ length: 40 }, (_, s): [number, boolean, number][] => [
      [1, true, Math.min(s, 2) * 1_000],
      [2, true, Math.min(s, 3) * 1_000],
    ])
    assert.deepEqual(check(allSilent), ['29s: 1 lost (silent) after 3000', '30s: 2 lost (silent) after 3000'])
  })

  it('forgets validators that left the set', () => {
    const steps = Array.from({ length: 8 }, (_, s): [number, boolean, number][] =>
      s < 5 ? [[1, false, 0]] : [],
    )
    assert.deepEqual(check(steps), ['3s: 1 lost (not connected) after 3000'])
  })
})

describe('aloneWatch', () => {
  it('reports a node without peers after a while, every minute, and once when one is back', () => {
    const watch = new AloneWatch()
    const said: string[] = []
    for (let second = 0; second < 90; second++) {
      const change = watch.check(second < 2 || second > 85 ? 3 : 0, second * 1_000)
      if (change !== undefined) said.push(`${second}s ${change.kind} ${change.forMs}`)
    }
    assert.deepEqual(said, ['12s alone 10000', '72s alone 70000', '86s joined 84000'])
  })

  it('does not report a short loss', () => {
    const watch = new AloneWatch()
    for (let ms = 0; ms < 10 * ALONE_MS; ms += 1_000) {
      assert.equal(watch.check(ms % ALONE_MS === 0 ? 1 : 0, ms), undefined)
    }
  })
})

describe('trouble.text', () => {
  it('names a full disk from any source, and leaves other messages unchanged', () => {
    const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
    assert.match(troubleText(full), /^the disk is full: free space, then start the node again \(ENOSPC/)
    const level = new Error('commit failed', {
      cause: new Error('IO error: /x/000005.log: No space left on device'),
    })
    assert.match(troubleText(level), /^the disk is full/)
    assert.match(
      troubleText(new Error('EROFS: read-only file system, open')),
      /^the file system is read-only/,
    )
    assert.match(troubleText(new Error('EIO: i/o error, fdatasync')), /^the disk fails/)
    assert.equal(troubleText(new Error('root differs')), 'root differs')
    assert.equal(troubleText('x'), 'unknown failure')
  })
})

describe('loopWatch', () => {
  it('reports the longest turn and the mean of the last minute', () => {
    const window = new LoopLagWindow()
    assert.deepEqual(window.figures(), { loopLagMaxMs: 0, loopLagMeanMs: 0 })
    window.add({ maxMs: 120.4, meanMs: 3 })
    for (let i = 0; i < 59; i++) window.add({ maxMs: 5, meanMs: 1 })
    assert.deepEqual(window.figures(), { loopLagMaxMs: 120, loopLagMeanMs: 1 })
    window.add({ maxMs: 6, meanMs: 1 })
    assert.deepEqual(window.figures(), { loopLagMaxMs: 6, loopLagMeanMs: 1 })
  })

  it('warns of a long turn at once, then once a minute', () => {
    const window = new LoopLagWindow()
    const told: number[] = []
    for (let i = 0; i < 125; i++) {
      const lagMs = window.add({ maxMs: i % 10 === 5 ? 900 + i : 20, meanMs: 1 })
      if (lagMs !== undefined) told.push(lagMs)
    }
    assert.deepEqual(told, [905, 965])
  })

  it('measures a turn of this process', async () => {
    const watch = startLoopWatch({ warn: () => {} })
    // Block only once the native timer runs, and read only after a sample.
    while (watch.figures().loopLagMaxMs < 50) {
      const until = performance.now() + 60
      while (performance.now() < until);
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    watch.close()
  })
})
