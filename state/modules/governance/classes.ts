// Changes of the catalogue: hardware classes to add, and other ratings of those that it has (ECONOMY §2, §10). Both take effect at
// a window's end, before its recount. Not: the proposal's life (proposals.ts), what ratings do to lots (capacity).
import { equalBytes } from '../../../base/bytes.ts'
import type { ActionArgs } from '../../../base/moduleDefinition.ts'
import type { ActionContext, WriteContext } from '../../context.ts'
import { CLASSES_MAX } from '../catalogue/schema.ts'
import {
  addHardware,
  classNamed,
  getClass,
  hasClassRoom,
  refuseClass,
  refuseRatings,
  rerate,
} from './external.ts'
import { openProposal, proposerOf } from './proposals.ts'
import type { governanceSchema, Rerating } from './schema.ts'
import { fail, governanceTables } from './tables.ts'

type Args<A extends keyof (typeof governanceSchema)['actions']> = ActionArgs<typeof governanceSchema, A>

export function proposeClass(ctx: ActionContext, hardware: Args<'proposeClass'>) {
  const proposer = proposerOf(ctx)
  if ('refused' in proposer) return proposer.refused
  const field = refuseClass(hardware)
  if (field !== undefined) return fail.ClassRefused({ field })
  const classId = classNamed(ctx.state, hardware.slug)
  if (classId !== undefined) return fail.ClassKnown({ classId })
  if (!hasClassRoom(ctx.state)) return fail.TooManyClasses({ maximum: CLASSES_MAX })
  // After this point the action must succeed.
  openProposal(ctx, { kind: 'class', provider: 0, proposer: proposer.id, class: hardware })
  return undefined
}

export function proposeRatings(ctx: ActionContext, rerating: Args<'proposeRatings'>) {
  const proposer = proposerOf(ctx)
  if ('refused' in proposer) return proposer.refused
  const { classId } = rerating
  const known = getClass(ctx.state, classId)
  if (known === undefined) return fail.UnknownClass({ classId })
  const field = refuseRatings(rerating)
  if (field !== undefined) return fail.ClassRefused({ field })
  if (isSame(known, rerating)) return fail.NoChanges({})
  // After this point the action must succeed.
  openProposal(ctx, { kind: 'ratings', provider: 0, proposer: proposer.id, rerating })
  return undefined
}

function isSame(known: Omit<Rerating, 'classId'>, rerating: Rerating): boolean {
  const isRatedSame = (['trainPpm', 'finetunePpm', 'inferPpm', 'specOnly'] as const).every(
    (name) => known[name] === rerating[name],
  )
  return isRatedSame && equalBytes(known.evidenceHash, rerating.evidenceHash)
}

/** Changes the catalogue as a proposal says; false when another has added such a class, or the last there is room for. */
export function changeCatalogue(ctx: WriteContext, id: number): boolean {
  const rerating = governanceTables.rerating.get(ctx.state, { id })
  if (rerating !== undefined) {
    rerate(ctx, rerating)
    return true
  }
  const hardware = governanceTables.class.mustGet(ctx.state, { id })
  if (classNamed(ctx.state, hardware.slug) !== undefined || !hasClassRoom(ctx.state)) return false
  addHardware(ctx, hardware)
  return true
}
