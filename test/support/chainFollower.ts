// Follows a chain by its new heads. Owns: waiting by blocks, without clocks.
import { createPublicClient, webSocket } from 'viem'

export interface ChainFollower {
  /** Calls `ask` now and after every new block until it returns a value; rejects after `BLOCKS_MAX` blocks. */
  until<T>(ask: () => Promise<T | undefined>): Promise<T>
  close(): Promise<void>
}

const BLOCKS_MAX = 200

export async function followChain(wsUrl: string): Promise<ChainFollower> {
  const client = createPublicClient({ transport: webSocket(wsUrl) })
  const listeners = new Set<() => void>()
  const failures = new Set<(error: Error) => void>()
  const stop = client.watchBlockNumber({
    onBlockNumber: () => {
      for (const listener of [...listeners]) listener()
    },
    onError: (error) => {
      for (const fail of [...failures]) fail(error)
    },
  })
  // Responses arrive in order: the subscription is active once this one is back.
  await client.getBlockNumber()
  const nextBlock = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const done = (): void => {
        listeners.delete(done)
        failures.delete(reject)
        resolve()
      }
      listeners.add(done)
      failures.add(reject)
    })
  return {
    async until(ask) {
      for (let blocks = 0; blocks < BLOCKS_MAX; blocks++) {
        // Listen before asking, so that no block is missed.
        const next = nextBlock()
        next.catch(() => {})
        const answer = await ask()
        if (answer !== undefined) return answer
        await next
      }
      throw new Error(`${BLOCKS_MAX} blocks passed`)
    },
    async close() {
      stop()
      ;(await client.transport.getRpcClient()).close()
    },
  }
}
