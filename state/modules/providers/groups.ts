// Legal groups: the providers that coverage, suspension and rejections count as one. Not: what follows from it.
import { utf8 } from '../../../base/bytes.ts'
import { sha256 } from '../../../base/crypto/hash.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { providersTables } from './tables.ts'

/** Remembers the first member of a legal group; a member without one is a group of its own. */
export function joinGroup(state: StateWriter, id: number, legalGroup: string): void {
  if (legalGroup === '') return
  const at = { nameHash: sha256(utf8(legalGroup)) }
  const first = providersTables.legalGroup.get(state, at)?.first
  if (first === undefined || id < first) providersTables.legalGroup.set(state, at, { first: id })
}

/** The legal group of a member, named by the lowest id in it. Asserts that the member exists. */
export function groupOf(state: StateReader, id: number): number {
  const { legalGroup } = providersTables.provider.mustGet(state, { id }).profile
  if (legalGroup === '') return id
  return providersTables.legalGroup.mustGet(state, { nameHash: sha256(utf8(legalGroup)) }).first
}
