// Legal groups: the providers that coverage, suspension and rejections count as one. Not: what follows from it.
import { utf8 } from '../../../base/bytes.ts'
import { sha256 } from '../../../base/crypto/hash.ts'
import { foldedName } from '../../../base/names.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { providersTables } from './tables.ts'

/** Remembers the first member of a legal group; a member without one is a group of its own. */
export function joinGroup(state: StateWriter, id: number, legalGroup: string): void {
  if (legalGroup === '') return
  const at = { nameHash: sha256(utf8(legalGroup)) }
  const first = providersTables.legalGroup.get(state, at)?.first
  if (first === undefined || id < first) providersTables.legalGroup.set(state, at, { first: id })
}

/**
 * How a member already spells a legal group, where a name is another spelling of it: coverage counts a group once, and
 * under two spellings it would count twice. Undefined when there is none. At most one read per member.
 */
export function spelledOtherwise(state: StateReader, legalGroup: string): string | undefined {
  if (legalGroup === '') return undefined
  const folded = foldedName(legalGroup)
  for (const id of providersTables.index.get(state, {})?.providers ?? []) {
    const known = providersTables.provider.mustGet(state, { id }).profile.legalGroup
    if (known !== '' && known !== legalGroup && foldedName(known) === folded) return known
  }
  return undefined
}

/** The legal group of a member, named by the lowest id in it. Asserts that the member exists. */
export function groupOf(state: StateReader, id: number): number {
  const { legalGroup } = providersTables.provider.mustGet(state, { id }).profile
  if (legalGroup === '') return id
  return providersTables.legalGroup.mustGet(state, { nameHash: sha256(utf8(legalGroup)) }).first
}
