// Whether the current view needs a block (CONSENSUS §4 "Need"): recomputed each time, never stored.
import type { EpochState } from './state.ts'

export type NeedReason = 'work' | 'heartbeat' | 'enteredByNullify' | 'parentNotFinal' | 'heard' | 'boundary'

export interface Need {
  readonly reason: NeedReason | undefined
  /** When time alone creates a need; undefined when only an event can. */
  readonly nextAtMs: number | undefined
}

/** Cases (a) to (f), cheapest first; the order does not affect whether there is a need. */
export function need(state: EpochState, nowMs: number): Need {
  const yes = (reason: NeedReason): Need => ({ reason, nextAtMs: undefined })
  if (state.enteredBy === 'nullify') return yes('enteredByNullify')
  if (state.proposals.has(state.view) || state.pool.hasVerified(state.view)) return yes('heard')
  const parent = state.parent()
  if (state.hasWork(parent)) return yes('work')
  const block = parent === undefined ? undefined : state.blocks.block(parent.digest)
  if (block !== undefined && state.isBoundary(block)) return yes('boundary')
  let nextAtMs: number | undefined
  if (parent === undefined || parent.view > state.finalizedView) {
    const atMs = state.enteredAtMs + 2 * state.parameters.deltaMs
    if (nowMs >= atMs) return yes('parentNotFinal')
    nextAtMs = atMs
  }
  if (block !== undefined) {
    const atMs = state.whenWall(block.header.timestampMs + state.parameters.heartbeatMs)
    if (nowMs >= atMs) return yes('heartbeat')
    nextAtMs = nextAtMs === undefined ? atMs : Math.min(nextAtMs, atMs)
  }
  return { reason: undefined, nextAtMs }
}
