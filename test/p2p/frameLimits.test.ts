// Allowances per peer and kind, and penalties during a refusal; over sockets in pacing.test.ts.
import assert from 'node:assert/strict'
import { type ConsensusMessage, encodeMessage } from '../../consensus/messages.ts'
import { ALLOWANCES, FrameLimits } from '../../p2p/frameLimits.ts'
import { PENALTY_LIMIT, Penalties, REFUSAL_FIRST_MS } from '../../p2p/penalties.ts'

const status: ConsensusMessage = {
  kind: 'status',
  body: { epoch: 1, view: 2, finalizedView: 1, finalizedHeight: 1 },
}
const STATUS = encodeMessage(status)
const REQUEST = encodeMessage({ kind: 'boundaryRequest', body: { epoch: 1 } })

function clocked() {
  const clock = { nowMs: 1_000 }
  return { clock, limits: new FrameLimits(() => clock.nowMs) }
}

describe('p2p.frameLimits', () => {
  it('lets a burst through, then one frame at a time', () => {
    const { clock, limits } = clocked()
    const { framesAtOnce, framesPerSecond } = ALLOWANCES.status
    for (let i = 0; i < framesAtOnce; i++) assert.equal(limits.take('a', STATUS), 0)
    const everyMs = 1_000 / framesPerSecond
    assert.equal(limits.take('a', STATUS), everyMs)
    assert.equal(limits.take('a', STATUS), 2 * everyMs)
    clock.nowMs += 3 * everyMs
    assert.equal(limits.take('a', STATUS), 0)
  })

  it('counts each peer and each kind alone', () => {
    const { limits } = clocked()
    for (let i = 0; i < 100; i++) limits.take('a', STATUS)
    assert.ok(limits.take('a', STATUS) > 0)
    assert.equal(limits.take('b', STATUS), 0)
    assert.equal(limits.take('a', REQUEST), 0)
  })

  it('counts bytes as well as frames', () => {
    const { limits } = clocked()
    const frame = new Uint8Array(1024 * 1024)
    frame[0] = STATUS[0]!
    assert.equal(limits.take('a', frame), 0)
    assert.equal(limits.take('a', frame), 4_000)
  })

  it('earns no more than one burst in a long pause', () => {
    const { clock, limits } = clocked()
    clock.nowMs += 3_600_000
    const waits = Array.from({ length: 200 }, () => limits.take('a', STATUS))
    assert.equal(waits.filter((ms) => ms === 0).length, ALLOWANCES.status.framesAtOnce)
  })

  it('allows little of an unknown kind, and of an empty frame', () => {
    for (const frame of [new Uint8Array([99]), new Uint8Array(0)]) {
      const { limits } = clocked()
      const waits = Array.from({ length: 1_000 }, () => limits.take('a', frame))
      assert.ok(waits.filter((ms) => ms === 0).length <= 200)
    }
  })

  it('forgets the oldest peer, not all, when there are too many', () => {
    const { limits } = clocked()
    for (let i = 0; i < 1_024; i++) limits.take(`${i}`, STATUS)
    for (let i = 0; i < 100; i++) limits.take('1000', STATUS)
    limits.take('another', STATUS)
    assert.ok(limits.take('1000', STATUS) > 0)
  })
})

describe('p2p.penalties', () => {
  it('collects nothing while the peer is refused', () => {
    const clock = { nowMs: 0 }
    const penalties = new Penalties({ nowMs: () => clock.nowMs })
    assert.equal(penalties.add('a', PENALTY_LIMIT, true), REFUSAL_FIRST_MS)
    for (let i = 0; i < 100; i++) assert.equal(penalties.add('a', 25, true), 0)
    clock.nowMs += REFUSAL_FIRST_MS - 1
    assert.equal(penalties.refusedForMs('a'), 1)
    assert.equal(penalties.add('a', PENALTY_LIMIT, true), 0)
    clock.nowMs += 1
    assert.equal(penalties.add('a', PENALTY_LIMIT - 1, true), 0)
    assert.equal(penalties.add('a', PENALTY_LIMIT, true), 2 * REFUSAL_FIRST_MS)
  })
})
