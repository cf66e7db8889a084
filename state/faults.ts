// Delivers faults to the modules that act on them. Not: the queue (modules/providers/faultQueue.ts).
import type { WriteContext } from './context.ts'
import { takeFault } from './modules/providers/faultQueue.ts'
import type { Module } from './rules.ts'

/** Faults delivered at the end of one block; the rest waits for the next one. */
export const FAULTS_PER_BLOCK = 256

/** Gives the oldest faults, one after another, to the `onFault` of every module in registry order. */
export function deliverFaults(ctx: WriteContext, modules: readonly Module[]): void {
  for (let count = 0; count < FAULTS_PER_BLOCK; count++) {
    const fault = takeFault(ctx)
    if (fault === undefined) return
    for (const { rules } of modules) rules.onFault?.(ctx, fault)
  }
}
