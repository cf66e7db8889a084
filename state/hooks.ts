// Calls the hooks of a version's modules in order. Owns: when each runs. Not: the block around them (engine.ts).
import { assert } from '../base/assert.ts'
import type { WriteContext } from './context.ts'
import { deliverFaults } from './faults.ts'
import { changeParameters } from './parameters.ts'
import type { Module, NextBlock } from './rules.ts'
import { isUpgrading, upgradeStep } from './upgrade.ts'
import { modulesAt, protocolVersionOf } from './versions.ts'
import type { StateReader } from './view.ts'

/** Before the transactions: the next step of an upgrade under way, then every module's `beginBlock`. */
export function beginBlock(ctx: WriteContext, modules: readonly Module[]): void {
  upgradeStep(ctx, modules)
  for (const { rules } of modules) rules.beginBlock?.(ctx)
}

/**
 * After the transactions. In a block that ends a window, first due parameters change and then every module handles the
 * window's end, so that recounts see the new ones (ECONOMY §3); then every module's `endBlock`, then
 * the faults of the queue.
 */
export function endBlock(ctx: WriteContext, modules: readonly Module[]): void {
  const ended = endWindow(ctx, modules)
  if (ended !== undefined) {
    changeParameters(ctx, modules)
    for (const { rules } of modules) rules.onWindowEnd?.(ctx, ended)
  }
  for (const { rules } of modules) rules.endBlock?.(ctx)
  deliverFaults(ctx, modules)
}

function endWindow(ctx: WriteContext, modules: readonly Module[]): number | undefined {
  const clocks = modules.filter(({ rules }) => rules.endWindow !== undefined)
  assert(clocks.length <= 1, 'at most one module keeps the window clock')
  return clocks[0]?.rules.endWindow?.(ctx)
}

/** When the state next needs a block even without transactions, Unix milliseconds; infinite when it never does. */
export function dueAtMs(modules: readonly Module[], state: StateReader): number {
  const live = modulesAt(modules, protocolVersionOf(state))
  return Math.min(...live.map(({ rules }) => rules.dueAtMs?.(state) ?? Number.POSITIVE_INFINITY))
}

/** Whether the next block has work besides transactions, so that an idle chain should not wait for its heartbeat. */
export function hasWork(modules: readonly Module[], state: StateReader, next: NextBlock): boolean {
  if (isUpgrading(state)) return true
  return modulesAt(modules, protocolVersionOf(state)).some(
    ({ rules }) => rules.hasWork?.(state, next) === true,
  )
}
