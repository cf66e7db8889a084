// Invariants of notary.
import { keyBytes, readU64be } from '../../../base/bytes.ts'
import type { Invariant } from '../../../state/rules.ts'
import { getTotals } from './deeds.ts'
import { heldFor } from './external.ts'
import { notaryTables } from './tables.ts'

export const notaryInvariants: readonly Invariant[] = [
  {
    id: 'notary.held',
    severity: 'halt',
    doc: 'The escrow of each open deed holds its deposit, and the total is their sum.',
    *recount(ctx) {
      let sum = 0n
      const reason = yield* notaryTables.deed.each((deed, key) => {
        const bytes = keyBytes(key)
        const id = readU64be(bytes, bytes.length - 8)
        sum += deed.heldBase
        return heldFor(ctx.state, id) === deed.heldBase ? undefined : `escrow of deed ${id}`
      })
      if (reason !== undefined) return reason
      const { heldBase } = getTotals(ctx.state)
      return sum === heldBase ? undefined : `deeds hold ${sum}, the total is ${heldBase}`
    },
  },
]
