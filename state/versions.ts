// Which modules a chain has at a protocol version. What is absent costs, answers and runs nothing, so that a newer build
// replays old blocks to the same receipts. Not: actions and queries of a module (abiTable.ts).
import { isLive } from '../base/moduleDefinition.ts'
import { accountsParams } from './modules/accounts/tables.ts'
import type { Module } from './rules.ts'
import type { StateReader } from './view.ts'

const lists = new WeakMap<readonly Module[], Map<number, readonly Module[]>>()

/** The modules that exist at a version, in registry order; one list per version, so that caches can be keyed by it. */
export function modulesAt(modules: readonly Module[], protocolVersion: number): readonly Module[] {
  let byVersion = lists.get(modules)
  if (byVersion === undefined) {
    byVersion = new Map()
    lists.set(modules, byVersion)
  }
  let live = byVersion.get(protocolVersion)
  if (live === undefined) {
    live = modules.filter(({ definition }) => isLive(definition, protocolVersion))
    byVersion.set(protocolVersion, live)
  }
  return live
}

/** Version of the rules for the block on top of this state. */
export function protocolVersionOf(state: StateReader): number {
  return accountsParams.get(state).protocolVersion
}
