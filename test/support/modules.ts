// Lists of modules for test chains, derived from the registry: a module needs only those before it.
import { MODULES } from '../../state/registry.ts'
import type { Module } from '../../state/rules.ts'
import type { schemas } from '../../state/schemas.ts'

/** The registry up to and with one module. */
export function modulesThrough(name: keyof typeof schemas): readonly Module[] {
  const at = MODULES.findIndex(({ definition }) => definition.name === name)
  if (at < 0) throw new Error(`${name} is not in the registry`)
  return MODULES.slice(0, at + 1)
}
