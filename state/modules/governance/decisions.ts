// The actions of governance: who may propose what, and votes (ECONOMY §10). Not: a proposal's life (proposals.ts).
import { mustExist } from '../../../base/assert.ts'
import type { ActionArgs } from '../../../base/moduleDefinition.ts'
import type { ActionContext } from '../../context.ts'
import { PROVIDERS_MAX } from '../providers/schema.ts'
import {
  getLot,
  getMember,
  isInJail,
  isMintingStopped,
  mayBeJailed,
  memberOf,
  nextMemberId,
  otherSpelling,
  profileRefusal,
  refuseKey,
  refuseLot,
  refusePayment,
  refusePeerId,
  reporterAt,
} from './external.ts'
import { canLoseVote, castVote, conclude, openProposal, proposerOf, voterOf, votersMin } from './proposals.ts'
import type { governanceSchema } from './schema.ts'
import { fail, governanceParams, governanceTables } from './tables.ts'
import { lockWindows } from './voting.ts'

type Args<A extends keyof (typeof governanceSchema)['actions']> = ActionArgs<typeof governanceSchema, A>

export function proposeAdmission(
  ctx: ActionContext,
  { possessionProof, ...admission }: Args<'proposeAdmission'>,
) {
  const proposer = proposerOf(ctx)
  if ('refused' in proposer) return proposer.refused
  const { operator, consensusKey, peerId } = admission
  if (nextMemberId(ctx.state) === undefined) return fail.TooManyProviders({ maximum: PROVIDERS_MAX })
  const owner = memberOf(ctx.state, operator)
  if (owner !== undefined) return fail.OperatorTaken({ provider: owner })
  const reporter = reporterAt(ctx.state, operator)
  if (reporter !== undefined) return fail.OperatorReports({ reporter })
  const spelling = otherSpelling(ctx.state, admission.legalGroup)
  if (spelling !== undefined) return fail.LegalGroupSpelled({ spelling })
  const field = profileRefusal(admission)
  if (field !== undefined) return fail.ProfileRefused({ field })
  const taken = refusePeerId(ctx.state, peerId)
  if (taken?.code === 'PeerIdTaken') return fail.PeerIdTaken({ provider: taken.provider })
  if (taken !== undefined) return fail.MalformedPeerId({})
  const refusal = refuseKey(ctx.state, { consensusKey, possessionProof })
  if (refusal?.code === 'KeyTaken') return fail.KeyTaken({ provider: refusal.provider })
  if (refusal !== undefined) return fail.BadPossessionProof({})
  // After this point the action must succeed.
  openProposal(ctx, { kind: 'admit', provider: 0, proposer: proposer.id, admission })
  return undefined
}

export function proposeRemoval(ctx: ActionContext, { provider }: Args<'proposeRemoval'>) {
  const proposer = proposerOf(ctx)
  if ('refused' in proposer) return proposer.refused
  const record = getMember(ctx.state, provider)
  if (record === undefined) return fail.UnknownProvider({ provider })
  if (record.removed) return fail.AlreadyRemoved({ provider })
  if (!canLoseVote(ctx.state, provider)) return fail.TooFewVoters({ minimum: votersMin(ctx.state) })
  // After this point the action must succeed.
  openProposal(ctx, { kind: 'remove', provider, proposer: proposer.id })
  return undefined
}

export function proposeJail(ctx: ActionContext, { provider }: Args<'proposeJail'>) {
  const proposer = proposerOf(ctx)
  if ('refused' in proposer) return proposer.refused
  const record = getMember(ctx.state, provider)
  if (record === undefined) return fail.UnknownProvider({ provider })
  if (!mayBeJailed(record)) return fail.AlreadyJailed({ provider })
  if (!canLoseVote(ctx.state, provider)) return fail.TooFewVoters({ minimum: votersMin(ctx.state) })
  // After this point the action must succeed.
  openProposal(ctx, { kind: 'jail', provider, proposer: proposer.id })
  return undefined
}

export function proposeUnjail(ctx: ActionContext, { provider }: Args<'proposeUnjail'>) {
  const proposer = proposerOf(ctx)
  if ('refused' in proposer) return proposer.refused
  if (getMember(ctx.state, provider) === undefined) return fail.UnknownProvider({ provider })
  if (!isInJail(ctx.state, provider)) return fail.NotJailed({ provider })
  // After this point the action must succeed.
  openProposal(ctx, { kind: 'unjail', provider, proposer: proposer.id })
  return undefined
}

export function proposeResumeMinting(ctx: ActionContext) {
  const proposer = proposerOf(ctx)
  if ('refused' in proposer) return proposer.refused
  if (!isMintingStopped(ctx.state)) return fail.MintingNotStopped({})
  // After this point the action must succeed.
  openProposal(ctx, { kind: 'resumeMinting', provider: 0, proposer: proposer.id })
  return undefined
}

export function proposeAttestation(ctx: ActionContext, args: Args<'proposeAttestation'>) {
  const proposer = proposerOf(ctx)
  if ('refused' in proposer) return proposer.refused
  const { lot, lastWindow } = args
  const refusal = refuseLot(ctx.state, args, lockWindows(governanceParams.get(ctx.state), 'attest'))
  switch (refusal?.code) {
    case 'UnknownLot':
      return fail.UnknownLot({ lot })
    case 'ProviderNotServing':
      return fail.ProviderNotServing({ provider: refusal.provider })
    case 'LotAttested':
      return fail.LotAttested({ lot })
    case 'LotEnding':
      return fail.LotEnding({ lot, lastWindow: refusal.lastWindow })
    case 'LastWindowOutOfRange':
      return fail.LastWindowOutOfRange({ lastWindow, earliest: refusal.earliest, latest: refusal.latest })
  }
  // After this point the action must succeed.
  const { provider } = mustExist(getLot(ctx.state, lot), 'the lot was checked')
  openProposal(ctx, { kind: 'attest', provider, proposer: proposer.id, attestation: { lot, lastWindow } })
  return undefined
}

export function proposeSpending(ctx: ActionContext, spending: Args<'proposeSpending'>) {
  const proposer = proposerOf(ctx)
  if ('refused' in proposer) return proposer.refused
  const { asset, to, amountBase } = spending
  if (amountBase === 0n) return fail.ZeroAmount({})
  const refusal = refusePayment(ctx.state, spending)
  if (refusal?.code === 'RecipientRefused') return fail.RecipientRefused({ recipient: to })
  if (refusal !== undefined)
    return fail.FundTooSmall({ asset, spendableBase: refusal.spendableBase, neededBase: amountBase })
  // After this point the action must succeed.
  openProposal(ctx, { kind: 'spend', provider: 0, proposer: proposer.id, spending })
  return undefined
}

export function vote(ctx: ActionContext, { proposal, approve }: Args<'vote'>) {
  const voter = voterOf(ctx)
  if (voter === undefined) return fail.NotValidator({ sender: ctx.sender })
  if (!governanceTables.proposal.has(ctx.state, { id: proposal })) return fail.UnknownProposal({ proposal })
  // After this point the action must succeed.
  castVote(ctx, proposal, voter, approve)
  return undefined
}

export function withdrawProposal(ctx: ActionContext, { proposal }: Args<'withdrawProposal'>) {
  const record = governanceTables.proposal.get(ctx.state, { id: proposal })
  if (record === undefined) return fail.UnknownProposal({ proposal })
  if (record.proposer !== memberOf(ctx.state, ctx.sender)) return fail.NotProposer({ proposal })
  // After this point the action must succeed.
  conclude(ctx, proposal, 'withdrawn')
  return undefined
}
