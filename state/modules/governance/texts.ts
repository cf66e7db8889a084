// The text of a proposal: its hash, and where people read it. It cannot change under those who have voted on it.
import { equalBytes } from '../../../base/bytes.ts'
import { ZERO_HASH } from '../../../base/ids.ts'
import type { ActionArgs } from '../../../base/moduleDefinition.ts'
import type { ActionContext } from '../../context.ts'
import { memberOf } from './external.ts'
import { openProposals } from './proposals.ts'
import type { governanceSchema } from './schema.ts'
import { events, fail, governanceTables } from './tables.ts'

/** A host and a path of printable ASCII, so that no two links look alike; nobody's password in it. */
const LINK = /^https:\/\/[A-Za-z0-9.-]+(?::[0-9]{1,5})?(?:\/[\x21-\x7e]*)?$/

export function attachText(ctx: ActionContext, args: ActionArgs<typeof governanceSchema, 'attachText'>) {
  const { textHash, link } = args
  const member = memberOf(ctx.state, ctx.sender)
  const own = openProposals(ctx.state).proposals.filter(({ proposer }) => proposer === member)
  const id = args.proposal === 0 ? (own.at(-1)?.id ?? 0) : args.proposal
  const proposal = governanceTables.proposal.get(ctx.state, { id })
  if (proposal === undefined) return fail.UnknownProposal({ proposal: id })
  if (proposal.proposer !== member) return fail.NotProposer({ proposal: id })
  const { approve, reject } = governanceTables.votes.mustGet(ctx.state, { id })
  const others = [...approve, ...reject].some((voter) => voter !== member)
  if (others || governanceTables.text.has(ctx.state, { id })) return fail.TextFixed({ proposal: id })
  if (equalBytes(textHash, ZERO_HASH)) return fail.EmptyHash({})
  if (!LINK.test(link)) return fail.LinkRefused({})
  // After this point the action must succeed.
  governanceTables.text.set(ctx.state, { id }, { textHash, link })
  events.TextAttached(ctx, { proposal: id, textHash, link })
  return undefined
}
