// Rules of governance: who may propose what, votes, queries, invariants (ECONOMY §10). Not: a proposal's life (proposals.ts).
import { mustExist } from '../../../base/assert.ts'
import type { ActionContext } from '../../context.ts'
import { failuresOf, type Invariant, implement } from '../../rules.ts'
import type { FullState, StateReader } from '../../view.ts'
import {
  checkConsensusKey,
  checkPeerId,
  getProvider,
  isJailed,
  nextProviderId,
  providerByOperator,
} from '../providers/members.ts'
import { PROVIDERS_MAX } from '../providers/schema.ts'
import { validates } from '../providers/validatorSet.ts'
import {
  canLoseVote,
  castVote,
  conclude,
  concludeDue,
  openProposal,
  openProposals,
  votersOf,
} from './proposals.ts'
import { governanceSchema, OPEN_PER_MEMBER_MAX, VOTERS_MIN } from './schema.ts'
import { governanceParams, governanceTables } from './tables.ts'

const fail = failuresOf(governanceSchema)

/** The sender as a member whose vote counts. */
function voterOf(ctx: ActionContext): number | undefined {
  const id = providerByOperator(ctx.state, ctx.sender)
  return id !== undefined && votersOf(ctx.state).includes(id) ? id : undefined
}

/** The sender as a voter with room for one more proposal. */
function proposerOf(ctx: ActionContext) {
  const id = voterOf(ctx)
  if (id === undefined) return { refused: fail.NotValidator({ sender: ctx.sender }) }
  const maximum = governanceParams.get(ctx.state).openPerMemberMax
  const own = openProposals(ctx.state).proposals.filter(({ proposer }) => proposer === id).length
  return own >= maximum ? { refused: fail.TooManyProposals({ maximum }) } : { id }
}

function proposalOf(state: StateReader, id: number) {
  const proposal = governanceTables.proposal.get(state, { id })
  if (proposal === undefined) return undefined
  return { id, ...proposal, ...governanceTables.votes.mustGet(state, { id }) }
}

function checkOpen(full: FullState): string | undefined {
  const { nextId, proposals } = openProposals(full)
  const perMember = new Map<number, number>()
  let last = 0
  for (const { id, proposer } of proposals) {
    if (id <= last || id >= nextId) return `proposal ${id} is out of order`
    last = id
    const count = (perMember.get(proposer) ?? 0) + 1
    if (count > OPEN_PER_MEMBER_MAX) return `provider ${proposer} has ${count} open proposals`
    perMember.set(proposer, count)
    const proposal = governanceTables.proposal.get(full, { id })
    const votes = governanceTables.votes.get(full, { id })
    if (proposal === undefined || votes === undefined) return `proposal ${id} has no record`
    if (governanceTables.admission.has(full, { id }) !== (proposal.kind === 'admit'))
      return `proposal ${id} and its admission do not fit`
    if (votes.approve.some((voter) => votes.reject.includes(voter)))
      return `proposal ${id}: a member voted twice`
  }
  const records = [...governanceTables.proposal.values(full)].length
  return records === proposals.length ? undefined : `${records} proposals, the index has ${proposals.length}`
}

const invariants: readonly Invariant[] = [
  {
    id: 'governance.open',
    severity: 'alert',
    doc: 'The index lists exactly the open proposals, nobody has too many and nobody votes twice.',
    recount: checkOpen,
  },
]

export const governanceModule = implement(governanceSchema, {
  actions: {
    proposeAdmission(ctx, { possessionProof, ...admission }) {
      const proposer = proposerOf(ctx)
      if ('refused' in proposer) return proposer.refused
      const { operator, consensusKey, peerId } = admission
      if (nextProviderId(ctx.state) === undefined) return fail.TooManyProviders({ maximum: PROVIDERS_MAX })
      const owner = providerByOperator(ctx.state, operator)
      if (owner !== undefined) return fail.OperatorTaken({ provider: owner })
      const taken = checkPeerId(ctx.state, peerId, undefined)
      if (taken?.code === 'PeerIdTaken') return fail.PeerIdTaken({ provider: taken.provider })
      if (taken !== undefined) return fail.MalformedPeerId({})
      const refusal = checkConsensusKey(ctx.state, { consensusKey, possessionProof })
      if (refusal?.code === 'KeyTaken') return fail.KeyTaken({ provider: refusal.provider })
      if (refusal !== undefined) return fail.BadPossessionProof({})
      // After this point the action must succeed.
      openProposal(ctx, { kind: 'admit', provider: 0, proposer: proposer.id, admission })
      return undefined
    },
    proposeRemoval(ctx, { provider }) {
      const proposer = proposerOf(ctx)
      if ('refused' in proposer) return proposer.refused
      const record = getProvider(ctx.state, provider)
      if (record === undefined) return fail.UnknownProvider({ provider })
      if (record.removed) return fail.AlreadyRemoved({ provider })
      if (!canLoseVote(ctx.state, provider)) return fail.TooFewVoters({ minimum: VOTERS_MIN })
      // After this point the action must succeed.
      openProposal(ctx, { kind: 'remove', provider, proposer: proposer.id })
      return undefined
    },
    proposeJail(ctx, { provider }) {
      const proposer = proposerOf(ctx)
      if ('refused' in proposer) return proposer.refused
      const record = getProvider(ctx.state, provider)
      if (record === undefined) return fail.UnknownProvider({ provider })
      if (!validates(record.status)) return fail.AlreadyJailed({ provider })
      if (!canLoseVote(ctx.state, provider)) return fail.TooFewVoters({ minimum: VOTERS_MIN })
      // After this point the action must succeed.
      openProposal(ctx, { kind: 'jail', provider, proposer: proposer.id })
      return undefined
    },
    proposeUnjail(ctx, { provider }) {
      const proposer = proposerOf(ctx)
      if ('refused' in proposer) return proposer.refused
      if (getProvider(ctx.state, provider) === undefined) return fail.UnknownProvider({ provider })
      if (!isJailed(ctx.state, provider)) return fail.NotJailed({ provider })
      // After this point the action must succeed.
      openProposal(ctx, { kind: 'unjail', provider, proposer: proposer.id })
      return undefined
    },
    vote(ctx, { proposal, approve }) {
      const voter = voterOf(ctx)
      if (voter === undefined) return fail.NotValidator({ sender: ctx.sender })
      if (!governanceTables.proposal.has(ctx.state, { id: proposal }))
        return fail.UnknownProposal({ proposal })
      // After this point the action must succeed.
      castVote(ctx, proposal, voter, approve)
      return undefined
    },
    withdrawProposal(ctx, { proposal }) {
      const record = governanceTables.proposal.get(ctx.state, { id: proposal })
      if (record === undefined) return fail.UnknownProposal({ proposal })
      if (record.proposer !== providerByOperator(ctx.state, ctx.sender)) return fail.NotProposer({ proposal })
      // After this point the action must succeed.
      conclude(ctx, proposal, 'withdrawn')
      return undefined
    },
  },
  queries: {
    proposals: (ctx) =>
      openProposals(ctx.state).proposals.map(({ id }) =>
        mustExist(proposalOf(ctx.state, id), 'a listed proposal exists'),
      ),
    proposal: (ctx, { id }) => proposalOf(ctx.state, id),
    admission: (ctx, { id }) => governanceTables.admission.get(ctx.state, { id }),
  },
  beginBlock: concludeDue,
  invariants,
})
