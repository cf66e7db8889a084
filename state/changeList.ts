// Lists of members whose figures have changed, for a later module that sums them up. Not: what it sums (issuance).
import { assert } from '../base/assert.ts'
import { VALIDATORS_MAX } from '../base/protocol/limits.ts'
import type { Table } from './table.ts'
import type { StateReader, StateWriter } from './view.ts'

export interface ChangeList {
  /** Members that have changed since the list was last cleared, in order of their first change. */
  list(state: StateReader): readonly number[]
  add(state: StateWriter, provider: number): void
  clear(state: StateWriter): void
}

/** A change list kept in a record of its own; at most one entry a member. */
export function changeListOf(
  table: Table<Record<never, never>, { readonly providers: readonly number[] }>,
): ChangeList {
  const list = (state: StateReader): readonly number[] => table.get(state, {})?.providers ?? []
  return {
    list,
    add: (state, provider) => {
      const known = list(state)
      if (known.includes(provider)) return
      assert(known.length < VALIDATORS_MAX, 'no more members change than there are')
      table.set(state, {}, { providers: [...known, provider] })
    },
    clear: (state) => {
      if (table.has(state, {})) table.delete(state, {})
    },
  }
}
