// The bounded work of series at the beginning and end of a block, and whether any is left.
import type { WriteContext } from '../../context.ts'
import type { StateReader } from '../../view.ts'
import { removeHistory } from './history.ts'
import { purchasesWaiting, settlePurchases } from './purchases.ts'
import { openBudget } from './steps.ts'
import { isSweepDue, sweep } from './sweep.ts'

/** Purchases of earlier blocks whose order is drawn are settled. */
export function beginBlock(ctx: WriteContext): void {
  settlePurchases(ctx, openBudget(ctx, 'draw'))
}

export function endBlock(ctx: WriteContext): void {
  sweep(ctx, openBudget(ctx, 'sweep'))
  removeHistory(ctx, openBudget(ctx, 'history'))
}

/** Whether series have work for the next block, so that an idle chain should not wait for its heartbeat. */
export function hasWork(state: StateReader): boolean {
  return purchasesWaiting(state) > 0 || isSweepDue(state)
}
