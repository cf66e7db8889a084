// Invariants of governance: the index of open proposals.
import type { ReadContext } from '../../context.ts'
import { eachEntry, eachItem, type Recount } from '../../recount.ts'
import type { Invariant } from '../../rules.ts'
import { openProposals } from './proposals.ts'
import { OPEN_PER_MEMBER_MAX } from './schema.ts'
import { governanceTables } from './tables.ts'

function* recountOpen({ state }: ReadContext): Recount {
  const { nextId, proposals } = openProposals(state)
  const perMember = new Map<number, number>()
  let last = 0
  const broken = yield* eachItem(proposals, ({ id, proposer }) => {
    if (id <= last || id >= nextId) return `proposal ${id} is out of order`
    last = id
    const count = (perMember.get(proposer) ?? 0) + 1
    if (count > OPEN_PER_MEMBER_MAX) return `provider ${proposer} has ${count} open proposals`
    perMember.set(proposer, count)
    const proposal = governanceTables.proposal.get(state, { id })
    const votes = governanceTables.votes.get(state, { id })
    if (proposal === undefined || votes === undefined) return `proposal ${id} has no record`
    if (governanceTables.admission.has(state, { id }) !== (proposal.kind === 'admit'))
      return `proposal ${id} and its admission do not match`
    if (governanceTables.changes.has(state, { id }) !== (proposal.kind === 'parameters'))
      return `proposal ${id} and its changes do not match`
    if (governanceTables.attestation.has(state, { id }) !== (proposal.kind === 'attest'))
      return `proposal ${id} and its attestation do not match`
    const changesReporters = proposal.kind === 'reporters' || proposal.kind === 'absentReporters'
    if (governanceTables.reporters.has(state, { id }) !== changesReporters)
      return `proposal ${id} and its reporters do not match`
    if (governanceTables.spending.has(state, { id }) !== (proposal.kind === 'spend'))
      return `proposal ${id} and its spending do not match`
    if (governanceTables.class.has(state, { id }) !== (proposal.kind === 'class'))
      return `proposal ${id} and its class do not match`
    if (governanceTables.rerating.has(state, { id }) !== (proposal.kind === 'ratings'))
      return `proposal ${id} and its ratings do not match`
    if (votes.approve.some((voter) => votes.reject.includes(voter)))
      return `proposal ${id}: a member voted twice`
    return undefined
  })
  if (broken !== undefined) return broken
  let records = 0
  yield* eachEntry(governanceTables.proposal.prefix, () => {
    records++
    return undefined
  })
  return records === proposals.length ? undefined : `${records} proposals, the index has ${proposals.length}`
}

export const governanceInvariants: readonly Invariant[] = [
  {
    id: 'governance.open',
    severity: 'alert',
    doc: 'The index lists exactly the open proposals, nobody has too many and nobody votes twice.',
    recount: recountOpen,
  },
]
