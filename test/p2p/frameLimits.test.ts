// Allowances per peer and kind, penalties during a refusal, and a flooded channel over real sockets.
import assert from 'node:assert/strict'
import { type ConsensusMessage, encodeMessage } from '../../consensus/messages.ts'
import { ALLOWANCES, FrameLimits } from '../../p2p/frameLimits.ts'
import { PENALTY_LIMIT, Penalties, REFUSAL_FIRST_MS } from '../../p2p/penalties.ts'
import { closeAll, startMesh, type TestNode, until } from '../support/hostHarness.ts'

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

  it('forgets the oldest peers, not all, when there are too many', () => {
    const { limits } = clocked()
    for (let i = 0; i < 100; i++) limits.take('last', STATUS)
    for (let i = 0; i < 1_023; i++) limits.take(`${i}`, STATUS)
    assert.ok(limits.take('last', STATUS) > 0)
  })

  it('reads a flooding peer slowly, loses nothing, and serves the others', async () => {
    const nodes: TestNode[] = await startMesh(3)
    try {
      const [target, flooder, other] = nodes as [TestNode, TestNode, TestNode]
      const sent = ALLOWANCES.status.framesAtOnce + 4
      for (let i = 0; i < sent; i++) flooder.consensus.sendToValidator(0, STATUS)
      await until('the burst has arrived', () => target.received.length >= ALLOWANCES.status.framesAtOnce)
      const early = target.received.length
      other.consensus.sendToValidator(0, REQUEST)
      await until('the other is heard', () => target.received.some(({ from }) => from === 2))
      await until('the rest has arrived', () => target.received.length === sent + 1)
      assert.ok(early < sent, `${early} of ${sent} at once`)
      assert.deepEqual(target.logger.warnings, [])
    } finally {
      await closeAll(nodes)
    }
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
