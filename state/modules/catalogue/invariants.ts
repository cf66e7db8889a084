// Invariants of the catalogue: its index.
import type { Invariant } from '../../rules.ts'
import { classIds, getClass, getReferences } from './classes.ts'
import { catalogueTables } from './tables.ts'

const indexInvariant: Invariant = {
  id: 'catalogue.index',
  severity: 'alert',
  doc: 'The index lists exactly the classes; slugs are unique; only classes have references.',
  *recount({ state }) {
    const slugs = new Set<string>()
    let count = 0
    yield* catalogueTables.class.each(({ slug }) => {
      slugs.add(slug)
      count++
      return undefined
    })
    const indexed = classIds(state)
    if (indexed.some((id) => getClass(state, id) === undefined) || indexed.length !== count)
      return 'index and classes differ'
    let withReferences = 0
    yield* catalogueTables.references.each(() => {
      withReferences++
      return undefined
    })
    if (indexed.filter((id) => getReferences(state, id).length > 0).length !== withReferences)
      return 'references of no class'
    return slugs.size === count ? undefined : 'two classes have the same slug'
  },
}

export const catalogueInvariants: readonly Invariant[] = [indexInvariant]
