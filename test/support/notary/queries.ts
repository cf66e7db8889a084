// Queries of notary.
import type { Rules } from '../../../state/rules.ts'
import { getTotals } from './deeds.ts'
import type { notarySchema } from './schema.ts'
import { notaryTables } from './tables.ts'

export const notaryQueries: Rules<typeof notarySchema>['queries'] = {
  deed: (ctx, { id }) => {
    const deed = notaryTables.deed.get(ctx.state, { id })
    return deed === undefined ? undefined : { id, ...deed }
  },
  drafts: (ctx) => {
    const { head, nextId } = getTotals(ctx.state)
    return nextId - head
  },
  sealed: (ctx) => getTotals(ctx.state).sealedCount,
}
