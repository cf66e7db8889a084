// Two clocks: timers and limits run on the monotonic one, block timestamps on the wall clock, which may jump.
import assert from 'node:assert/strict'
import { Bench, kindsSigned, ofKind, sent, T0 } from '../support/coreHarness.ts'

const HOUR_MS = 3_600_000

function work(bench: Bench) {
  return bench.feed({ kind: 'work', parent: bench.rules.genesis.hash, ready: true })
}

describe('clocks', () => {
  it('retransmits on time after one look at a clock an hour ahead', () => {
    const bench = new Bench({ leads: 3 })
    bench.wallAheadMs = HOUR_MS
    bench.tick(1_000)
    bench.wallAheadMs = 0
    assert.equal(sent(bench.tick(2_000), 'status').length, 1)
  })

  it('answers again after it answered with a clock an hour ahead', () => {
    const bench = new Bench({ leads: 3 })
    const [from] = bench.others
    const body = { epoch: 1, fromView: 1, toView: 60 }
    const ask = () => sent(bench.receive(from, { kind: 'certificatesRequest', body }), 'certificates').length
    bench.receiveCertificate(bench.nullify(1))
    bench.wallAheadMs = HOUR_MS
    assert.equal(ask(), 1)
    bench.wallAheadMs = 0
    bench.nowMs += 1_000
    assert.equal(ask(), 1)
  })

  it('gives up on a leader in the usual time with a clock an hour behind', () => {
    const bench = new Bench({ leads: 3 })
    bench.wallAheadMs = -HOUR_MS
    bench.tick()
    work(bench)
    // (interval 100 + twice the precision 50) + precision 50 + build 100 + 2·50
    assert.deepEqual(kindsSigned(bench.tick(449)), [])
    assert.deepEqual(kindsSigned(bench.tick(1)), ['nullify 1'])
  })

  it('keeps a running timer when the clock jumps', () => {
    for (const byMs of [-HOUR_MS, HOUR_MS]) {
      const bench = new Bench({ leads: 3 })
      bench.tick()
      work(bench)
      bench.wallAheadMs = byMs
      assert.deepEqual(kindsSigned(bench.tick(249)), [])
      assert.deepEqual(kindsSigned(bench.tick(1)), ['nullify 1'])
    }
  })

  it('dates and judges blocks by the wall clock', () => {
    const bench = new Bench({ leads: 3 })
    bench.wallAheadMs = -60_000
    const block = bench.block(1, bench.rules.genesis)
    assert.deepEqual(kindsSigned(bench.propose({ view: 1, parentView: 0, block })), [])
    bench.wallAheadMs = 0
    assert.deepEqual(kindsSigned(bench.tick()), ['notarize 1'])

    const leader = new Bench({ leads: 1 })
    leader.wallAheadMs = 5_000
    leader.tick()
    assert.equal(ofKind(work(leader), 'build')[0]!.order.timestampMs, leader.nowMs + 5_000)
  })

  it('needs the heartbeat when the wall clock says so', () => {
    const bench = new Bench({ leads: 3, parameters: { heartbeatMs: HOUR_MS } })
    bench.tick()
    assert.equal(bench.core.status().needed, false)
    bench.wallAheadMs = T0 + HOUR_MS - bench.nowMs
    bench.tick()
    assert.equal(bench.core.status().needed, true)
  })
})
