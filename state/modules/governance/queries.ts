// Queries of governance: the open proposals, and what each would do.
import { mustExist } from '../../../base/assert.ts'
import { ZERO_HASH } from '../../../base/ids.ts'
import type { ReadContext } from '../../context.ts'
import type { Rules } from '../../rules.ts'
import type { StateReader } from '../../view.ts'
import { getMotion, isOver, lockedFor, neededFor } from './chamber.ts'
import { differencesOf } from './changes.ts'
import { getLot, rulesVersion } from './external.ts'
import { openProposals } from './proposals.ts'
import { type governanceSchema, MOTIONS_PAGE_MAX } from './schema.ts'
import { governanceTables } from './tables.ts'
import { scheduledUpgrade, signalsNeeded, signalsOf } from './upgrades.ts'

const NO_TEXT = { textHash: ZERO_HASH, link: '' }

function proposalOf(state: StateReader, id: number) {
  const proposal = governanceTables.proposal.get(state, { id })
  if (proposal === undefined) return undefined
  const text = governanceTables.text.get(state, { id }) ?? NO_TEXT
  return { id, ...proposal, ...governanceTables.votes.mustGet(state, { id }), ...text }
}

function motionOf(ctx: ReadContext, id: number) {
  const motion = getMotion(ctx.state, id)
  if (motion === undefined) return undefined
  return {
    id,
    ...motion,
    neededBase: neededFor(ctx.state, motion.kind),
    isOver: isOver(ctx, motion),
  }
}

function motionsFrom(ctx: ReadContext, from: number) {
  const found = []
  for (let id = from; id < from + MOTIONS_PAGE_MAX; id++) found.push(motionOf(ctx, id) ?? [])
  return found.flat()
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
  differences: (ctx, { id }) =>
    differencesOf(ctx, governanceTables.changes.get(ctx.state, { id })?.changes ?? []),
  freeze: (ctx, { id }) => governanceTables.freeze.get(ctx.state, { id }),
  freezeEnd: (ctx, { id }) => governanceTables.freezeEnd.get(ctx.state, { id })?.freeze,
  pause: (ctx, { id }) => governanceTables.pause.get(ctx.state, { id }),
  attestorChange: (ctx, { id }) => governanceTables.attestors.get(ctx.state, { id }),
  asset: (ctx, { id }) => governanceTables.asset.get(ctx.state, { id }),
  requirement: (ctx, { id }) => governanceTables.requirement.get(ctx.state, { id }),
  stop: (ctx, { id }) => governanceTables.stop.get(ctx.state, { id })?.reason,
  upgrade: (ctx, { id }) => governanceTables.upgrade.get(ctx.state, { id }),
  versions: ({ state }) => ({
    current: rulesVersion(state),
    scheduled: scheduledUpgrade(state),
    needed: signalsNeeded(state),
    signals: signalsOf(state),
  }),
  motion: (ctx, { id }) => motionOf(ctx, id),
  motions: (ctx, { from }) => motionsFrom(ctx, from),
  support: (ctx, { motion, holder }) => lockedFor(ctx.state, motion, holder),
}
