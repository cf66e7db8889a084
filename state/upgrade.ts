// Carries the state over to a new protocol version: every module's `onActivate`, in bounded steps over several blocks.
// Owns: how far an upgrade has got. Not: which version is in force (accounts' parameters), who decides it (governance).
import { assert } from '../base/assert.ts'
import { isLive } from '../base/moduleDefinition.ts'
import type { WriteContext } from './context.ts'
import { accountsTables } from './modules/accounts/tables.ts'
import type { Module } from './rules.ts'
import { protocolVersionOf } from './versions.ts'
import type { StateReader, StateWriter } from './view.ts'

/** The record is absent until the first upgrade of a chain that began with version 1. */
const FRESH = { version: 1, module: 0, cursor: 0 }

/** A chain that begins with a later version has nothing to carry over; genesis only. */
export function openVersion(state: StateWriter, protocolVersion: number): void {
  assert(!accountsTables.upgrade.has(state, {}), 'a chain begins once')
  if (protocolVersion > FRESH.version) {
    accountsTables.upgrade.set(state, {}, { ...FRESH, version: protocolVersion })
  }
}

/** Whether a version is in force to which the state is not carried over yet. */
export function isUpgrading(state: StateReader): boolean {
  const { version } = accountsTables.upgrade.get(state, {}) ?? FRESH
  return version < protocolVersionOf(state)
}

/**
 * Goes on where the block before stopped: version by version and module by module, until a hook has more to do, which
 * ends this block's share. Every hook bounds its own step.
 */
export function upgradeStep(ctx: WriteContext, modules: readonly Module[]): void {
  const target = ctx.block.protocolVersion
  const stored = accountsTables.upgrade.get(ctx.state, {}) ?? FRESH
  assert(stored.version <= target, 'versions only rise')
  let at = stored
  while (at.version < target) {
    at = activate(ctx, modules, at)
    if (at.module !== 0) break
  }
  if (at !== stored) accountsTables.upgrade.set(ctx.state, {}, at)
}

/** Runs the hooks of one version from the stored module on; stops at the first that has more to do. */
function activate(ctx: WriteContext, modules: readonly Module[], from: typeof FRESH): typeof FRESH {
  const version = from.version + 1
  const live = modules.filter(({ definition }) => isLive(definition, version))
  const first = from.module === 0 ? 0 : live.findIndex(({ definition }) => definition.id === from.module)
  assert(first >= 0, 'the module under way is of the version')
  let { cursor } = from
  for (const { definition, rules } of live.slice(first)) {
    const next = rules.onActivate?.(ctx, { version, cursor })
    if (next !== undefined) {
      assert(next > cursor, `${definition.name}.onActivate advances`)
      return { version: from.version, module: definition.id, cursor: next }
    }
    cursor = 0
  }
  return { version, module: 0, cursor: 0 }
}
