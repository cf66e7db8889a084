// Queries of governance: the open proposals, and what each would do.
import { mustExist } from '../../../base/assert.ts'
import type { Rules } from '../../rules.ts'
import type { StateReader } from '../../view.ts'
import { getLot } from './external.ts'
import { openProposals } from './proposals.ts'
import type { governanceSchema } from './schema.ts'
import { governanceTables } from './tables.ts'

function proposalOf(state: StateReader, id: number) {
  const proposal = governanceTables.proposal.get(state, { id })
  if (proposal === undefined) return undefined
  return { id, ...proposal, ...governanceTables.votes.mustGet(state, { id }) }
}

export const governanceQueries: Rules<typeof governanceSchema>['queries'] = {
  proposals: (ctx) =>
    openProposals(ctx.state).proposals.map(({ id }) =>
      mustExist(proposalOf(ctx.state, id), 'a listed proposal exists'),
    ),
  proposal: (ctx, { id }) => proposalOf(ctx.state, id),
  admission: (ctx, { id }) => governanceTables.admission.get(ctx.state, { id }),
  attestation: (ctx, { id }) => {
    const wanted = governanceTables.attestation.get(ctx.state, { id })
    const lot = wanted === undefined ? undefined : getLot(ctx.state, wanted.lot)
    return wanted === undefined || lot === undefined
      ? undefined
      : { lastWindow: wanted.lastWindow, lot: { id: wanted.lot, ...lot } }
  },
  reporterChange: (ctx, { id }) => governanceTables.reporters.get(ctx.state, { id }),
  spending: (ctx, { id }) => governanceTables.spending.get(ctx.state, { id }),
  class: (ctx, { id }) => governanceTables.class.get(ctx.state, { id }),
  rerating: (ctx, { id }) => governanceTables.rerating.get(ctx.state, { id }),
  changes: (ctx, { id }) => governanceTables.changes.get(ctx.state, { id })?.changes ?? [],
}
