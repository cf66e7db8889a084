// A consensus channel over real sockets whose peer sends more than its allowance.
import assert from 'node:assert/strict'
import { encodeMessage } from '../../consensus/messages.ts'
import { ALLOWANCES } from '../../p2p/frameLimits.ts'
import { closeAll, startMesh, type TestNode, until } from '../support/hostHarness.ts'

const STATUS = encodeMessage({
  kind: 'status',
  body: { epoch: 1, view: 2, finalizedView: 1, finalizedHeight: 1 },
})
const REQUEST = encodeMessage({ kind: 'boundaryRequest', body: { epoch: 1 } })

describe('p2p.pacing', () => {
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
