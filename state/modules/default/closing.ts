// The end of a default (ECONOMY §9, waterfall, step 4): what nobody took is orphaned, served by the longer queue; what is left
// of the estate goes to the fund, set aside for buying orphans back while there are any. No balance is ever cut.
import type { WriteContext } from '../../context.ts'
import { getCase, leaveOpen, updateCase } from './cases.ts'
import { orphanRest, payFromEstate } from './external.ts'
import { earmark } from './fund.ts'
import type { Case } from './schema.ts'
import { events } from './tables.ts'

/** Closes a default; its record stays. */
export function closeCase(ctx: WriteContext, provider: number, known: Case): void {
  const { state } = ctx
  const orphanedBase = orphanRest(ctx, provider)
  for (const { asset, leftBase } of known.estate) {
    payFromEstate(ctx, { provider, to: 'fund', asset, amountBase: leftBase, as: 'estate' })
    if (orphanedBase > 0n) earmark(ctx, { asset, amountBase: leftBase })
  }
  // Rounding, and what members would have had that serve no longer.
  for (const { asset, leftBase } of known.pool)
    payFromEstate(ctx, { provider, to: 'fund', asset, amountBase: leftBase, as: 'estate' })
  for (const { asset, leftBase } of known.aid)
    payFromEstate(ctx, { provider, to: 'fund', asset, amountBase: leftBase, as: 'aid' })
  const emptied = (held: Case['estate'][number]) => ({ ...held, leftBase: 0n })
  updateCase(state, provider, {
    stage: 'closed',
    orphanedBase,
    estate: known.estate.map(emptied),
    pool: known.pool.map(emptied),
    aid: known.aid.map(emptied),
  })
  leaveOpen(state, provider)
  const { novatedBase, assumedBase } = getCase(state, provider) ?? known
  events.DefaultClosed(ctx, { provider, novatedBase, assumedBase, orphanedBase })
}
