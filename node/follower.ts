// Keeps a node outside the validator set at the finalized tip: asks its peers for certified blocks again and again.
// Owns: when to ask. Not: what is believed (blockSync.ts). Validators learn of blocks by consensus instead.

import type { NodeLogger } from './application.ts'
import type { BlockSync } from './blockSync.ts'

/** Pause between two rounds: how late a follower shows a block at most, beside the network. */
const PAUSE_MS = 250

export interface FollowerOptions {
  readonly blockSync: Pick<BlockSync, 'follow'>
  /** False while the node is a validator. */
  readonly isFollowing: () => boolean
  /** Peers' faults never get here: what does is a broken rule or a failing disk. */
  readonly onFault: (reason: string) => void
  readonly logger: NodeLogger
}

/** Starts at once; `close` waits for the round under way. */
export function startFollower(options: FollowerOptions): { close(): Promise<void> } {
  const { blockSync, isFollowing, onFault, logger } = options
  const stop = new AbortController()
  let timer: NodeJS.Timeout | undefined
  let round: Promise<void> = Promise.resolve()
  const ask = (): void => {
    round = (isFollowing() ? blockSync.follow(stop.signal) : Promise.resolve()).then(
      () => {
        if (!stop.signal.aborted) timer = setTimeout(ask, PAUSE_MS)
      },
      (error: unknown) => {
        if (stop.signal.aborted) return
        logger.error({ err: error }, 'following the chain failed')
        onFault(`following the chain failed: ${error instanceof Error ? error.message : String(error)}`)
      },
    )
  }
  ask()
  return {
    async close() {
      stop.abort()
      clearTimeout(timer)
      await round
    },
  }
}
