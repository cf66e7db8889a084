// ECONOMY §10: one validator, one vote, more than two thirds, a time lock by kind; changes of parameters at a window's end.
import { growth, P } from './arithmetic.ts'
import { counts } from './capacity.ts'
import { groupOf } from './coverage.ts'
import { spendable } from './fund.ts'
import type { ReporterChange } from './institutions.ts'
import { providerOf } from './issuance.ts'
import { hasLeft, stopServing } from './leaving.ts'
import { FUND, move } from './ledger.ts'
import { changeReporters, isUrgent, refuseReporters } from './oracle.ts'
import type { Parameters, Proposal, ProposedClass, Provider, Spending, World } from './world.ts'

export interface GovernanceTerms {
  readonly approvalPpm: bigint
  readonly votingMs: number
  /** Time locks, windows. */
  readonly lockWindows: Readonly<Record<Proposal['kind'], number>>
  /** Whether any faulty validator is borne, which coverN must match (§10). */
  readonly validatorsMin: number
  readonly openPerMemberMax: number
  /** Never fewer votes than this. */
  readonly votersMin: number
}

/** Members whose votes count: validators of the running epoch that have not lost the vote since. */
export const voters = (world: World): readonly Provider[] =>
  [...world.providers.values()].filter(
    (p) => world.validators.includes(p.operator) && !p.removed && counts(p),
  )

const voterOf = (world: World, sender: string): Provider | undefined => {
  const provider = providerOf(world, sender)
  return provider !== undefined && voters(world).includes(provider) ? provider : undefined
}

const canLoseVote = (world: World, terms: GovernanceTerms, provider: Provider): boolean =>
  !voters(world).includes(provider) || voters(world).length > terms.votersMin

/** Whether enough approve; whether too many have rejected for it to pass any more. */
export function standing(
  world: World,
  terms: GovernanceTerms,
  proposal: Proposal,
): 'passed' | 'rejected' | 'open' {
  const electorate = voters(world)
  const count = (votes: Set<number>): bigint => BigInt(electorate.filter(({ id }) => votes.has(id)).length)
  const needed = BigInt(electorate.length) * terms.approvalPpm
  if (count(proposal.approve) * P > needed) return 'passed'
  return (BigInt(electorate.length) - count(proposal.reject)) * P > needed ? 'open' : 'rejected'
}

/** Largest rating that a catalogue publishes. */
const RATING_MAX = 10n ** 10n

const isNamed = (world: World, slug: string): boolean =>
  [...world.classes.values()].some((known) => (known.slug ?? `class-${known.id}`) === slug)

/** Parameters and the catalogue change before a window's recount. */
const waitsForWindowEnd = ({ kind }: Proposal): boolean => kind === 'parameters' || kind === 'class'

/** A validator opens a proposal and votes for it. */
export function propose(
  world: World,
  terms: GovernanceTerms,
  sender: string,
  what: {
    readonly kind: 'remove' | 'jail' | 'unjail' | 'parameters' | 'reporters' | 'spend' | 'class'
    readonly provider: number
    readonly change?: Proposal['change']
    readonly reporters?: ReporterChange
    readonly spending?: Spending
    readonly hardware?: ProposedClass
  },
): string | undefined {
  const voter = voterOf(world, sender)
  if (voter === undefined) return 'NotValidator'
  const own = [...world.proposals.values()].filter(({ proposer }) => proposer === voter.id)
  if (own.length >= terms.openPerMemberMax) return 'TooManyProposals'
  const subject = world.providers.get(what.provider)
  if (what.kind === 'parameters') {
    if (refuseParameters(world, terms, { ...world.parameters, ...what.change })) return 'ParametersRefused'
  } else if (what.kind === 'reporters') {
    const refusal = refuseReporters(world, what.reporters!, terms.lockWindows.reporters)
    if (refusal !== undefined) return refusal
  } else if (what.kind === 'class') {
    const { slug, ratingsPpm } = what.hardware!
    if (slug === '' || Object.values(ratingsPpm).some((rating) => rating > RATING_MAX)) return 'ClassRefused'
    if (isNamed(world, slug)) return 'ClassKnown'
  } else if (what.kind === 'spend') {
    const { asset, amountBase } = what.spending!
    if (amountBase === 0n) return 'ZeroAmount'
    if (spendable(world, asset) < amountBase) return 'FundTooSmall'
  } else {
    if (subject === undefined) return 'UnknownProvider'
    if (what.kind === 'remove' && subject.removed) return 'AlreadyRemoved'
    if (what.kind === 'jail' && !counts(subject)) return 'AlreadyJailed'
    if (what.kind === 'unjail' && subject.status !== 'jailed') return 'NotJailed'
    if (what.kind !== 'unjail' && !canLoseVote(world, terms, subject)) return 'TooFewVoters'
  }
  const id = world.nextProposal++
  const proposal: Proposal = {
    id,
    // Whoever only replaces absent reporters need not wait.
    kind: what.reporters !== undefined && isUrgent(world, what.reporters) ? 'absentReporters' : what.kind,
    provider: what.provider,
    proposer: voter.id,
    expiresMs: world.timestampMs + terms.votingMs,
    executesMs: 0,
    approve: new Set(),
    reject: new Set(),
    ...(what.change === undefined ? {} : { change: what.change }),
    ...(what.reporters === undefined ? {} : { reporters: what.reporters }),
    ...(what.spending === undefined ? {} : { spending: what.spending }),
    ...(what.hardware === undefined ? {} : { hardware: what.hardware }),
  }
  world.proposals.set(id, proposal)
  cast(world, terms, proposal, voter.id, true)
  return undefined
}

/** A vote replaces an earlier one of the same member. */
function cast(
  world: World,
  terms: GovernanceTerms,
  proposal: Proposal,
  voter: number,
  approve: boolean,
): void {
  proposal.approve.delete(voter)
  proposal.reject.delete(voter)
  ;(approve ? proposal.approve : proposal.reject).add(voter)
  const result = standing(world, terms, proposal)
  if (result === 'rejected') world.proposals.delete(proposal.id)
  else if (result === 'open') proposal.executesMs = 0
  else if (proposal.executesMs === 0 && world.timestampMs < proposal.expiresMs)
    proposal.executesMs = world.timestampMs + terms.lockWindows[proposal.kind] * world.parameters.windowMs
}

export function vote(
  world: World,
  terms: GovernanceTerms,
  sender: string,
  args: { readonly proposal: number; readonly approve: boolean },
): string | undefined {
  const voter = voterOf(world, sender)
  if (voter === undefined) return 'NotValidator'
  const proposal = world.proposals.get(args.proposal)
  if (proposal === undefined) return 'UnknownProposal'
  cast(world, terms, proposal, voter.id, args.approve)
  return undefined
}

export function withdraw(
  world: World,
  sender: string,
  args: { readonly proposal: number },
): string | undefined {
  const proposal = world.proposals.get(args.proposal)
  if (proposal === undefined) return 'UnknownProposal'
  if (proposal.proposer !== providerOf(world, sender)?.id) return 'NotProposer'
  world.proposals.delete(args.proposal)
  return undefined
}

/** What genesis and governance alike refuse (§3, §10, §13); a known set of parameters at a time is tried here. */
function refuseParameters(world: World, terms: GovernanceTerms, p: Parameters): boolean {
  const groups = new Set([...world.providers.values()].map(groupOf)).size
  return (
    p.marginPpm < growth(p.driftPpm, p.horizonWindows) ||
    2 + p.coverN > Math.ceil(p.horizonWindows / 4) ||
    p.coverN >= groups ||
    (p.coverN === 0 && terms.validatorsMin >= 4) ||
    p.assignAhead < 1 ||
    p.assignAhead * 8 > p.horizonWindows ||
    p.disputedDriftPpm > p.driftPpm ||
    p.bondMaintenancePpm > p.bondPpm
  )
}

/**
 * §3, Parameters: unlocked changes take force at a window's end, oldest first, each checked again on top of the others. Returns
 * whether any did.
 */
export function changeParameters(world: World, terms: GovernanceTerms): boolean {
  let hasChanged = false
  for (const proposal of inOrder(world)) {
    const { executesMs, change, hardware } = proposal
    if (!waitsForWindowEnd(proposal) || executesMs === 0 || executesMs > world.timestampMs) continue
    if (standing(world, terms, proposal) !== 'passed') {
      if (proposal.expiresMs <= world.timestampMs) world.proposals.delete(proposal.id)
      else proposal.executesMs = 0
      continue
    }
    world.proposals.delete(proposal.id)
    if (hardware !== undefined) {
      const id = world.classes.size + 1
      if (!isNamed(world, hardware.slug)) world.classes.set(id, { id, ...hardware })
      continue
    }
    const after = { ...world.parameters, ...change }
    if (refuseParameters(world, terms, after)) continue
    Object.assign(world.parameters, after)
    hasChanged = true
  }
  return hasChanged
}

const inOrder = (world: World): readonly Proposal[] =>
  [...world.proposals.values()].sort((a, b) => a.id - b.id)

/** Executes what is unlocked and ends what has expired, oldest first. */
export function conclude(world: World, terms: GovernanceTerms): void {
  for (const proposal of inOrder(world)) {
    // Enough votes for these wait for a window's end.
    if (waitsForWindowEnd(proposal) && proposal.executesMs > 0) continue
    const dueMs = proposal.executesMs > 0 ? proposal.executesMs : proposal.expiresMs
    if (dueMs > world.timestampMs) continue
    const stands = proposal.executesMs > 0 && standing(world, terms, proposal) === 'passed'
    if (stands) execute(world, terms, proposal)
    else if (proposal.expiresMs > world.timestampMs) {
      proposal.executesMs = 0
      continue
    }
    world.proposals.delete(proposal.id)
  }
}

function execute(world: World, terms: GovernanceTerms, proposal: Proposal): void {
  const { kind, reporters, spending } = proposal
  if (reporters !== undefined) {
    const mustBeUrgent = kind === 'absentReporters'
    if (refuseReporters(world, reporters, 0) !== undefined) return
    if (!mustBeUrgent || isUrgent(world, reporters)) changeReporters(world, reporters)
    return
  }
  if (spending !== undefined) {
    const { asset, to, amountBase } = spending
    if (spendable(world, asset) >= amountBase) move(world, asset, FUND, to, amountBase)
    return
  }
  const provider = world.providers.get(proposal.provider)!
  if (proposal.kind === 'unjail') {
    if (provider.status === 'jailed') provider.status = provider.statusBeforeJail
    // Its bond has unlocked in jail.
    if (hasLeft(world, provider) && counts(provider)) stopServing(world, provider, 'left')
    return
  }
  if (!canLoseVote(world, terms, provider)) return
  if (proposal.kind === 'remove') {
    // No vote ever again; it serves until nothing is owed.
    provider.removed = true
    provider.statusBeforeJail = 'retiring'
    if (counts(provider)) provider.status = 'retiring'
  } else if (counts(provider)) {
    provider.statusBeforeJail = provider.status
    provider.status = 'jailed'
  }
}
