// Syncs a node to the finalized tip: a follower always, a validator when it is far behind.
// Owns: when to ask. Not: what is accepted (blockSync.ts). Near the tip validators learn of blocks by consensus.

import { errorText } from '../../base/errors.ts'
import { MONOTONIC, type Timers } from '../../p2p/timers.ts'
import type { NodeLogger } from '../logging.ts'
import type { BlockSync } from './blockSync.ts'
import type { CommitListener } from './pull.ts'

/** Pause between a follower's rounds: the most it adds to the network's delay. */
const PAUSE_MS = 250
/** A validator checks less often: consensus also notices gaps. */
const VALIDATOR_PAUSE_MS = 2_000
/** Blocks a validator may be behind before it syncs (CONSENSUS §4 "Catch-up"). */
const VALIDATOR_LAG = 64

export interface FollowerOptions {
  readonly blockSync: Pick<BlockSync, 'follow'>
  /** `none`: consensus has halted and nothing may change any more. */
  readonly role: () => 'follower' | 'validator' | 'none'
  /** Called on every commit, so that consensus can follow. */
  readonly onCommit?: CommitListener
  /** Called on a violated rule or a failing disk; never because of a peer. */
  readonly onFault: (reason: string) => void
  /** Default: the process's monotonic one. */
  readonly clock?: Timers
  readonly logger: NodeLogger
}

/** Starts at once; `close` waits for the current round. */
export function startFollower(options: FollowerOptions): { close(): Promise<void> } {
  const { blockSync, role, onCommit, onFault, clock = MONOTONIC, logger } = options
  const stop = new AbortController()
  let cancel: (() => void) | undefined
  let round: Promise<void> = Promise.resolve()
  const follow = (): Promise<void> => {
    const now = role()
    if (now === 'none') return Promise.resolve()
    const lagMin = now === 'validator' ? VALIDATOR_LAG : 0
    return blockSync.follow(stop.signal, { lagMin, ...(onCommit === undefined ? {} : { onCommit }) })
  }
  const ask = (): void => {
    round = follow().then(
      () => {
        if (stop.signal.aborted) return
        cancel = clock.after(role() === 'follower' ? PAUSE_MS : VALIDATOR_PAUSE_MS, ask)
      },
      (error: unknown) => {
        if (stop.signal.aborted) return
        logger.error({ err: error }, 'following the chain failed')
        onFault(`following the chain failed: ${errorText(error)}`)
      },
    )
  }
  ask()
  return {
    async close() {
      stop.abort()
      cancel?.()
      await round
    },
  }
}
