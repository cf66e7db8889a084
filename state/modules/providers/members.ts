// Membership: who is a member, with which keys and status; admitting, removing, jailing, convicting.
// Called by genesis, evidence, governance. Not: when the validator set follows (validatorSet.ts), who decides (governance).
import { assert, mustExist } from '../../../base/assert.ts'
import { bls } from '../../../base/crypto/bls.ts'
import { sha256 } from '../../../base/crypto/hash.ts'
import { type Address, ZERO_ADDRESS } from '../../../base/ids.ts'
import { isPeerIdBytes } from '../../../base/protocol/validators.ts'
import type { Fault, WriteContext } from '../../context.ts'
import type { StateReader } from '../../view.ts'
import { postFault } from './faultQueue.ts'
import { joinGroup } from './groups.ts'
import { type FaultKind, PROVIDERS_MAX, type Profile, type Provider, type ProviderStatus } from './schema.ts'
import { touchStanding } from './suspension.ts'
import { changedMembers, events, providersTables } from './tables.ts'
import { canValidate, hasVote, joinValidators, markSetChange } from './validatorSet.ts'

export function getProvider(state: StateReader, id: number): Provider | undefined {
  return providersTables.provider.get(state, { id })
}

function mustGetProvider(state: StateReader, id: number): Provider {
  return mustExist(getProvider(state, id), 'the provider exists')
}

/** Ids of all members ever admitted, ascending; at most `PROVIDERS_MAX`. */
export function providerIds(state: StateReader): readonly number[] {
  return providersTables.index.get(state, {})?.providers ?? []
}

/** The member whose operator account this is. */
export function providerByOperator(state: StateReader, operator: Address): number | undefined {
  return providersTables.operator.get(state, { operator })?.provider
}

/** The member that has or had this consensus key. */
export function providerByConsensusKey(state: StateReader, consensusKey: Uint8Array): number | undefined {
  return providersTables.consensusKey.get(state, { consensusKey })?.provider
}

/** The member that has or had this peer id. */
export function providerByPeerId(state: StateReader, peerId: Uint8Array): number | undefined {
  return providersTables.peer.get(state, { peerIdHash: sha256(peerId) })?.provider
}

export type KeyRefusal =
  | { readonly code: 'KeyTaken'; readonly provider: number }
  | { readonly code: 'BadPossessionProof' }

/** Why a member may not use a consensus key, or undefined. One pairing check unless the key is taken. */
export function checkConsensusKey(
  state: StateReader,
  key: { readonly consensusKey: Uint8Array; readonly possessionProof: Uint8Array },
): KeyRefusal | undefined {
  const provider = providerByConsensusKey(state, key.consensusKey)
  if (provider !== undefined) return { code: 'KeyTaken', provider }
  return bls.verifyProof(key.consensusKey, key.possessionProof) ? undefined : { code: 'BadPossessionProof' }
}

export type PeerIdRefusal =
  | { readonly code: 'PeerIdTaken'; readonly provider: number }
  | { readonly code: 'MalformedPeerId' }

/** Why `member` (undefined: a new one) may not use a peer id, or undefined. */
export function checkPeerId(
  state: StateReader,
  peerId: Uint8Array,
  member: number | undefined,
): PeerIdRefusal | undefined {
  if (!isPeerIdBytes(peerId)) return { code: 'MalformedPeerId' }
  const provider = providerByPeerId(state, peerId)
  if (provider === undefined) return undefined
  const current = mustGetProvider(state, provider).peerId
  const isReturn = provider === member && current.some((byte, i) => byte !== peerId[i])
  return isReturn ? undefined : { code: 'PeerIdTaken', provider }
}

/** Id of the next member, or undefined when all are used: ids are never reused. */
export function nextProviderId(state: StateReader): number | undefined {
  const ids = providerIds(state)
  return ids.length >= PROVIDERS_MAX ? undefined : (ids.at(-1) ?? 0) + 1
}

/**
 * Admits a member; genesis and governance call it, after verifying the key's proof of possession.
 * In genesis it joins the validator set at once, later at the next boundary. Asserts that id, operator and key are new.
 */
export function addProvider(
  ctx: WriteContext,
  admitted: {
    readonly id: number
    readonly operator: Address
    readonly consensusKey: Uint8Array
    readonly peerId: Uint8Array
    readonly profile: Profile
  },
): void {
  const { id, operator, consensusKey, peerId, profile } = admitted
  const ids = providerIds(ctx.state)
  assert(!ids.includes(id) && ids.length < PROVIDERS_MAX, 'the provider id is new and within the bound')
  assert(providerByOperator(ctx.state, operator) === undefined, 'the operator is new')
  const provider: Provider = { operator, consensusKey, peerId, status: 'active', profile, removed: false }
  registerConsensusKey(ctx, id, consensusKey)
  registerPeerId(ctx, id, peerId)
  providersTables.provider.set(ctx.state, { id }, provider)
  providersTables.operator.set(ctx.state, { operator }, { provider: id })
  joinGroup(ctx.state, id, profile.legalGroup)
  providersTables.index.set(ctx.state, {}, { providers: [...ids, id].sort((a, b) => a - b) })
  joinValidators(ctx, { id, operator, consensusKey, peerId })
  events.ProviderAdmitted(ctx, { provider: id, operator, consensusKey })
}

function registerConsensusKey(ctx: WriteContext, provider: number, consensusKey: Uint8Array): void {
  assert(providerByConsensusKey(ctx.state, consensusKey) === undefined, 'the consensus key is new')
  const sinceHeight = ctx.block.height
  providersTables.consensusKey.set(ctx.state, { consensusKey }, { provider, sinceHeight })
}

function registerPeerId(ctx: WriteContext, provider: number, peerId: Uint8Array): void {
  providersTables.peer.set(ctx.state, { peerIdHash: sha256(peerId) }, { provider })
}

/** When a member may change its keys again, milliseconds; 0 if it never did. */
export function rotationAllowedAtMs(state: StateReader, provider: number, intervalMs: number): number {
  const last = providersTables.rotation.get(state, { provider })
  return last === undefined ? 0 : last.lastMs + intervalMs
}

/** Replaces keys of a member; the caller has checked the new ones. The set follows at the next boundary. */
export function changeKeys(
  ctx: WriteContext,
  id: number,
  keys: { readonly consensusKey?: Uint8Array; readonly peerId?: Uint8Array },
): void {
  const provider = mustGetProvider(ctx.state, id)
  assert(!provider.removed, 'a removed member has no keys to change')
  const { consensusKey, peerId } = keys
  if (consensusKey !== undefined) {
    registerConsensusKey(ctx, id, consensusKey)
    events.ConsensusKeyRotated(ctx, { provider: id, consensusKey })
  }
  if (peerId !== undefined) {
    registerPeerId(ctx, id, peerId)
    events.PeerIdChanged(ctx, { provider: id, peerId })
  }
  providersTables.provider.set(ctx.state, { id }, { ...provider, ...keys })
  providersTables.rotation.set(ctx.state, { provider: id }, { lastMs: ctx.block.timestampMs })
  if (hasVote(provider)) markSetChange(ctx.state)
}

/** Writes a member; one that gains or loses the vote changes the set at a boundary. */
function updateProvider(ctx: WriteContext, id: number, next: Provider): void {
  const before = mustGetProvider(ctx.state, id)
  providersTables.provider.set(ctx.state, { id }, next)
  if (before.status !== next.status) changedMembers.add(ctx.state, id)
  if (hasVote(before) !== hasVote(next)) markSetChange(ctx.state)
  if (canValidate(before.status) !== canValidate(next.status)) touchStanding(ctx.state)
}

/** Changes a member's status. */
export function setProviderStatus(ctx: WriteContext, id: number, status: ProviderStatus): void {
  const provider = mustGetProvider(ctx.state, id)
  if (provider.status !== status) updateProvider(ctx, id, { ...provider, status })
}

/** Removes the vote permanently; the member stays in the economy as retiring. Asserts that it was not removed before. */
export function removeProvider(ctx: WriteContext, id: number): void {
  const provider = mustGetProvider(ctx.state, id)
  assert(!provider.removed, 'a member is removed once')
  const jail = providersTables.jail.get(ctx.state, { provider: id })
  if (jail !== undefined) {
    providersTables.jail.set(ctx.state, { provider: id }, { ...jail, statusBefore: 'retiring' })
  }
  const status = canValidate(provider.status) ? 'retiring' : provider.status
  updateProvider(ctx, id, { ...provider, status, removed: true })
  events.ProviderRemoved(ctx, { provider: id })
}

/** Suspends the vote until `unjailProvider`. Asserts that the member serves. */
export function jailProvider(ctx: WriteContext, id: number): void {
  const { status } = mustGetProvider(ctx.state, id)
  assert(canValidate(status), 'only a serving member is jailed')
  providersTables.jail.set(
    ctx.state,
    { provider: id },
    { statusBefore: status, sinceHeight: ctx.block.height },
  )
  setProviderStatus(ctx, id, 'jailed')
  events.ProviderJailed(ctx, { provider: id })
}

/** Ends the service of a member for good: it has no vote, owes nothing, and its bond is its own again. Asserts that it serves. */
export function dismissProvider(ctx: WriteContext, id: number): void {
  const { status, removed } = mustGetProvider(ctx.state, id)
  assert(removed && canValidate(status), 'whoever leaves has served, and has no vote')
  setProviderStatus(ctx, id, 'left')
}

/**
 * Makes a member defaulted for good, also out of jail: it loses the vote by the bounded change of the set, and no longer
 * serves. Asserts that it has not defaulted before.
 */
export function defaultProvider(ctx: WriteContext, id: number): void {
  assert(mustGetProvider(ctx.state, id).status !== 'defaulted', 'a member defaults once')
  const at = { provider: id }
  if (providersTables.jail.has(ctx.state, at)) providersTables.jail.delete(ctx.state, at)
  setProviderStatus(ctx, id, 'defaulted')
  events.ProviderDefaulted(ctx, { provider: id })
}

/** Restores a jailed member's status. */
export function unjailProvider(ctx: WriteContext, id: number): void {
  const { statusBefore } = providersTables.jail.mustGet(ctx.state, { provider: id })
  providersTables.jail.delete(ctx.state, { provider: id })
  setProviderStatus(ctx, id, statusBefore)
  events.ProviderUnjailed(ctx, { provider: id, status: statusBefore })
}

/** Jails a member that a recovery leaves out, so that the next change does not bring back a validator without a key. */
export function leaveOut(ctx: WriteContext, id: number): void {
  const provider = mustGetProvider(ctx.state, id)
  if (!canValidate(provider.status)) return
  const jail = { statusBefore: provider.status, sinceHeight: ctx.block.height }
  providersTables.jail.set(ctx.state, { provider: id }, jail)
  providersTables.provider.set(ctx.state, { id }, { ...provider, status: 'jailed' })
  touchStanding(ctx.state)
  changedMembers.add(ctx.state, id)
}

/** Sets a member's keys from a recovery, new or unchanged; those who accept the file vouch for them. */
export function replaceKeys(
  ctx: WriteContext,
  id: number,
  keys: { readonly consensusKey: Uint8Array; readonly peerId: Uint8Array },
): void {
  const { consensusKey, peerId } = keys
  if (providerByConsensusKey(ctx.state, consensusKey) === undefined)
    registerConsensusKey(ctx, id, consensusKey)
  if (providerByPeerId(ctx.state, peerId) === undefined) registerPeerId(ctx, id, peerId)
  const provider = mustGetProvider(ctx.state, id)
  providersTables.provider.set(ctx.state, { id }, { ...provider, consensusKey, peerId })
}

/** Whether `unjailProvider` may be called. */
export function isJailed(state: StateReader, provider: number): boolean {
  return providersTables.jail.has(state, { provider })
}

/**
 * Counts a fault and logs it; `amountBase`: the coins concerned, 0 when none.
 * Penalties are computed from the tally (ECONOMY §9), which is bounded by members × kinds.
 */
export function recordFault(
  ctx: WriteContext,
  fault: { readonly provider: number; readonly kind: FaultKind; readonly amountBase: bigint },
): void {
  const { provider, kind, amountBase } = fault
  assert(providersTables.provider.has(ctx.state, { id: provider }), 'the faulty provider exists')
  const known = providersTables.fault.get(ctx.state, { provider, kind })
  providersTables.fault.set(
    ctx.state,
    { provider, kind },
    {
      count: (known?.count ?? 0) + 1,
      amountBase: (known?.amountBase ?? 0n) + amountBase,
      firstHeight: known?.firstHeight ?? ctx.block.height,
      lastHeight: ctx.block.height,
    },
  )
  events.FaultRecorded(ctx, { provider, kind, amountBase })
}

/** Counts a fault of the queue. */
export function tallyFault(ctx: WriteContext, { provider, cause, amountBase }: Fault): void {
  recordFault(ctx, { provider, kind: cause, amountBase })
}

/** Whether a member's bonds must not be paid out: it was convicted and slashing is not settled. */
export function isBondFrozen(state: StateReader, provider: number): boolean {
  return providersTables.frozenBond.has(state, { provider })
}

/** Ends the freeze of a bond, once its part for the conviction is taken. No effect on one that is not frozen. */
export function thawBond(ctx: WriteContext, provider: number): void {
  if (!isBondFrozen(ctx.state, provider)) return
  providersTables.frozenBond.delete(ctx.state, { provider })
  events.BondThawed(ctx, { provider })
}

/**
 * Penalises a proven double vote: posts the fault of which module `foundBy` has the proof, freezes the bond, and removes the
 * vote at the next boundary. Module default takes its part when the queue brings it the fault; until then every payout of
 * the bond must check `isBondFrozen`.
 */
export function convictEquivocator(ctx: WriteContext, provider: number, foundBy: number): void {
  const cause = 'equivocation'
  postFault(ctx, { module: foundBy, provider, victim: ZERO_ADDRESS, amountBase: 0n, cause })
  const frozen = providersTables.frozenBond.get(ctx.state, { provider })
  const { sinceHeight, convictions } = frozen ?? { sinceHeight: ctx.block.height, convictions: 0 }
  providersTables.frozenBond.set(ctx.state, { provider }, { sinceHeight, convictions: convictions + 1 })
  if (frozen === undefined) events.BondFrozen(ctx, { provider })
  if (canValidate(mustGetProvider(ctx.state, provider).status)) jailProvider(ctx, provider)
}
