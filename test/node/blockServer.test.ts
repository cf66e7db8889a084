// Fetches by hash from several peers at once: nobody waits for another's flood, and the main thread keeps most of its time.
import assert from 'node:assert/strict'
import type { SealedBlock } from '../../base/protocol/header.ts'
import type { Target } from '../../consensus/types.ts'
import { BlockServer } from '../../node/blockServer.ts'

const READ_MS = 10
const hashOf = (n: number): Uint8Array => new Uint8Array(32).fill(n)
const peer = (name: string): Target => ({ kind: 'peer', peer: name })

function setUp() {
  let nowMs = 0
  const pauses: { readonly delayMs: number; readonly run: () => void }[] = []
  const answers: { readonly to: string; readonly count: number }[] = []
  const failures: unknown[] = []
  const server = new BlockServer({
    application: {
      // A chain in which block n follows block n − 1, down to 1.
      blockByHash: async (hash) => {
        nowMs += READ_MS
        const n = hash[0]!
        if (n === 255) throw new Error('the disk failed')
        if (n === 0) return undefined
        return { bytes: Uint8Array.of(n), header: { parentHash: hashOf(n - 1) } } as unknown as SealedBlock
      },
    },
    clock: {
      nowMs: () => 0,
      monotonicMs: () => nowMs,
      after: (delayMs, run) => {
        const pause = { delayMs, run }
        pauses.push(pause)
        return () => void pauses.splice(pauses.indexOf(pause), 1)
      },
    },
    send: (to, blocks) =>
      void answers.push({ to: (to as { readonly peer: string }).peer, count: blocks.length }),
    onFailure: (error) => void failures.push(error),
  })
  /** Ends every pause until nothing is left to serve. */
  const settle = async (): Promise<readonly number[]> => {
    const waited: number[] = []
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve))
      const pause = pauses.shift()
      if (pause === undefined) return waited
      waited.push(pause.delayMs)
      pause.run()
    }
  }
  return { server, answers, failures, settle }
}

describe('blockServer', () => {
  it('answers with the block and its ancestors, at most as many as asked for', async () => {
    const { server, answers, settle } = setUp()
    server.ask({ to: peer('a'), hash: hashOf(9), countMax: 4 })
    server.ask({ to: peer('a'), hash: hashOf(2), countMax: 4 })
    server.ask({ to: peer('a'), hash: hashOf(0), countMax: 4 })
    await settle()
    assert.deepEqual(answers, [
      { to: 'a', count: 4 },
      { to: 'a', count: 2 },
    ])
  })

  it('takes peers in turn, drops what one of them asks beyond its share, and pauses twice as long as it worked', async () => {
    const { server, answers, settle } = setUp()
    for (let i = 0; i < 100; i++) server.ask({ to: peer('flood'), hash: hashOf(3), countMax: 2 })
    server.ask({ to: peer('honest'), hash: hashOf(3), countMax: 1 })
    const waited = await settle()
    assert.deepEqual(
      answers.map(({ to }) => to),
      ['flood', 'flood', 'honest', 'flood', 'flood', 'flood'],
    )
    // The last read of an answer is the ancestor that no longer fits.
    assert.deepEqual(waited, [60, 60, 40, 60, 60, 60])
  })

  it('reports a failed read and goes on; answers nothing after it was closed', async () => {
    const { server, answers, failures, settle } = setUp()
    server.ask({ to: peer('a'), hash: hashOf(255), countMax: 1 })
    server.ask({ to: peer('b'), hash: hashOf(1), countMax: 1 })
    await settle()
    assert.match(String(failures[0]), /the disk failed/)
    assert.deepEqual(answers, [{ to: 'b', count: 1 }])
    server.ask({ to: peer('b'), hash: hashOf(1), countMax: 1 })
    server.close()
    server.ask({ to: peer('b'), hash: hashOf(1), countMax: 1 })
    assert.deepEqual(await settle(), [])
    assert.equal(answers.length, 1)
  })
})
