// Invariants of the catalogue: its index.
import type { Invariant } from '../../rules.ts'
import { classIds, getClass } from './classes.ts'
import { catalogueTables } from './tables.ts'

const indexInvariant: Invariant = {
  id: 'catalogue.index',
  severity: 'alert',
  doc: 'The index lists exactly the classes; slugs are unique.',
  recount(full) {
    const slugs = new Set<string>()
    let count = 0
    for (const value of catalogueTables.class.values(full)) {
      slugs.add(value.slug)
      count++
    }
    const indexed = classIds(full)
    if (indexed.some((id) => getClass(full, id) === undefined) || indexed.length !== count)
      return 'index and classes differ'
    return slugs.size === count ? undefined : 'two classes have the same slug'
  },
}

export const catalogueInvariants: readonly Invariant[] = [indexInvariant]
