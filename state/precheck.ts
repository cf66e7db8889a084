// Prechecks: pure functions of calldata that a module's rules may ask for, and that a node may compute beforehand in
// other threads. Owns: who has one, and running it. Not: threads and memory (node/pool/precheckPool.ts).
import { assert } from '../base/assert.ts'
import { bytesKey, concatBytes, equalBytes } from '../base/bytes.ts'
import { sha256 } from '../base/crypto/hash.ts'
import type { Address } from '../base/ids.ts'
import { isSystemAddress, moduleAddress } from '../base/moduleDefinition.ts'
import type { PrecheckFacts } from './context.ts'
import type { Module } from './rules.ts'

/** Bytes of a result. */
export const PRECHECK_BYTES_MAX = 2_048

/** What is known beforehand of a call to a module; undefined: compute it now. The answers must be the same. */
export type KnownPrecheck = (moduleId: number, data: Uint8Array) => Uint8Array | undefined

/** The module that a call goes to, if this call has a precheck. */
export function precheckModule(
  modules: readonly Module[],
  { to, data }: { readonly to: Address; readonly data: Uint8Array },
): Module | undefined {
  if (!isSystemAddress(to)) return undefined
  const module = modules.find(
    ({ definition, rules }) => rules.precheck !== undefined && equalBytes(moduleAddress(definition), to),
  )
  return module?.rules.hasPrecheck?.(data) === false ? undefined : module
}

/** Names a call to a module: two calls with one key have one result. */
export function precheckKey(moduleId: number, data: Uint8Array): string {
  return bytesKey(sha256(concatBytes(Uint8Array.of(moduleId), data)))
}

/** Computes a module's precheck on this thread. Asserts that the module has one. */
export function runPrecheck(
  { definition, rules }: Module,
  data: Uint8Array,
  facts: PrecheckFacts,
): Uint8Array {
  assert(rules.precheck !== undefined, `${definition.name} has a precheck`)
  const result = rules.precheck(data, facts)
  assert(result.length <= PRECHECK_BYTES_MAX, `${definition.name}: the result of a precheck is short`)
  return result
}
