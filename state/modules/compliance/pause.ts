// A pause of all transfers, by order of governance. Not: what it stops (debits.ts).
import type { ReadContext, WriteContext } from '../../context.ts'
import { expiryRange, getStatus, setStatus } from './freezes.ts'
import type { PauseOrder } from './schema.ts'
import { complianceParams, complianceTables, events } from './tables.ts'

export interface PauseRefusal {
  readonly code: 'ExpiryOutOfRange'
  readonly earliest: number
  readonly latest: number
}

/** Why transfers cannot be paused until then, or undefined. */
export function refusePause(ctx: WriteContext, { expires }: PauseOrder): PauseRefusal | undefined {
  const range = expiryRange(ctx.block.timestampMs, complianceParams.get(ctx.state).pauseMaxMs)
  return expires < range.earliest || expires > range.latest
    ? { code: 'ExpiryOutOfRange', ...range }
    : undefined
}

/** Whether transfers are paused, or were until a moment ago. */
export function isPaused(ctx: ReadContext): boolean {
  return complianceTables.pause.has(ctx.state, {})
}

/** Pauses transfers, or moves the end of a pause; false if that has become impossible. */
export function pauseTransfers(ctx: WriteContext, order: PauseOrder): boolean {
  if (refusePause(ctx, order) !== undefined) return false
  const { caseHash, expires } = order
  const sinceMs = complianceTables.pause.get(ctx.state, {})?.sinceMs ?? ctx.block.timestampMs
  const expiresMs = expires * 1000
  complianceTables.pause.set(ctx.state, {}, { caseHash, sinceMs, expiresMs })
  setStatus(ctx.state, { pausedUntilMs: expiresMs })
  events.TransfersPaused(ctx, { caseHash, expires })
  return true
}

/** Ends a pause; false when there is none. */
export function resumeTransfers(ctx: WriteContext, reason: 'lifted' | 'expired' = 'lifted'): boolean {
  if (!isPaused(ctx)) return false
  complianceTables.pause.delete(ctx.state, {})
  setStatus(ctx.state, { pausedUntilMs: 0 })
  events.TransfersResumed(ctx, { reason })
  return true
}

/** Removes a pause whose time is over. */
export function endPause(ctx: WriteContext): void {
  const { pausedUntilMs } = getStatus(ctx.state)
  if (pausedUntilMs > 0 && pausedUntilMs <= ctx.block.timestampMs) resumeTransfers(ctx, 'expired')
}
