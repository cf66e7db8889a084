// The proof of reserves in every header (ECONOMY §11): each figure from the module that keeps it.
import { assert } from '../base/assert.ts'
import type { Reserve } from '../base/protocol/header.ts'
import type { Module } from './rules.ts'
import type { StateReader } from './view.ts'

const NOTHING: Reserve = {
  supplyBase: 0n,
  liabilitiesBase: 0n,
  capacityBase: 0n,
  lockedInRedemptionBase: 0n,
  anchor: 0n,
  shortfallBase: 0n,
}

/**
 * The reserve of a post-state. `liabilitiesBase` is what providers owe; the supply beyond it is orphaned.
 * Each figure is an aggregate that its module keeps; a recount verifies it. Figures of absent modules are 0.
 */
export function readReserve(modules: readonly Module[], state: StateReader): Reserve {
  const given = new Map<string, string>()
  const reserve = { ...NOTHING }
  for (const { definition, rules } of modules) {
    const own = rules.reserve?.(state) ?? {}
    for (const field of Object.keys(own)) {
      assert(!given.has(field), `${field} of the reserve is from ${given.get(field)} and ${definition.name}`)
      given.set(field, definition.name)
    }
    Object.assign(reserve, own)
  }
  return reserve
}
