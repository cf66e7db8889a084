// Proposals of reporters: whom to appoint and dismiss (ECONOMY §10). Not: the proposal's life (proposals.ts), which changes
// are possible (the oracle).
import type { ActionArgs } from '../../../base/moduleDefinition.ts'
import type { ActionContext } from '../../context.ts'
import { isUrgent, refuseReporters } from './external.ts'
import { openProposal, proposerOf } from './proposals.ts'
import type { governanceSchema } from './schema.ts'
import { fail, governanceParams } from './tables.ts'
import { lockWindows } from './voting.ts'

type Refusal = NonNullable<ReturnType<typeof refuseReporters>>

function failureOf(refusal: Refusal) {
  switch (refusal.code) {
    case 'NothingToChange':
      return fail.NoChanges({})
    case 'UnknownReporter':
      return fail.UnknownReporter({ reporter: refusal.reporter })
    case 'AlreadyReporter':
      return fail.AlreadyReporter({ reporter: refusal.reporter })
    case 'AccountRefused':
      return fail.ReporterAccountRefused({ account: refusal.account })
    case 'NameRefused':
      return fail.ReporterNameRefused({ name: refusal.name })
    case 'CountOutOfRange': {
      const { count, minimum, maximum } = refusal
      return fail.ReportersOutOfRange({ count, minimum, maximum })
    }
    case 'TooManyReplaced':
      return fail.TooManyReplaced({ replaced: refusal.replaced, maximum: refusal.maximum })
  }
}

export function proposeReporters(
  ctx: ActionContext,
  reporters: ActionArgs<typeof governanceSchema, 'proposeReporters'>,
) {
  const proposer = proposerOf(ctx)
  if ('refused' in proposer) return proposer.refused
  // One that is impossible now may be possible once the lock has ended: what was replaced long ago no longer counts.
  const lock = lockWindows(governanceParams.get(ctx.state), 'reporters')
  const refusal = refuseReporters(ctx.state, reporters, lock)
  if (refusal !== undefined) return failureOf(refusal)
  // After this point the action must succeed.
  const kind = isUrgent(ctx.state, reporters) ? 'absentReporters' : 'reporters'
  openProposal(ctx, { kind, provider: 0, proposer: proposer.id, reporters })
  return undefined
}
