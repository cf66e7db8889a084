// What governance needs from other modules: the members, changes to them, and their capacity.
import type { Address } from '../../../base/ids.ts'
import { quorum } from '../../../base/protocol/validators.ts'
import type { ReadContext, WriteContext } from '../../context.ts'
import type { ParameterFault, Sections } from '../../parameterRules.ts'
import { checkParameters, parameterFacts, readParameters } from '../../parameters.ts'
import type { StateReader } from '../../view.ts'
import {
  type Attestation,
  type AttestationRefusal,
  attestForTime,
  refuseAttestation,
} from '../capacity/attestations.ts'
import { getLot as lotOf } from '../capacity/lots.ts'
import type { Lot } from '../capacity/schema.ts'
import { touchCapacity } from '../capacity/sums.ts'
import { capacityParams } from '../capacity/tables.ts'
import { currentWindow } from '../capacity/windows.ts'
import {
  appendClass,
  classBySlug,
  classIds,
  getClass as classOf,
  faultyField,
  faultyRating,
  type Rated,
  rerateClass,
} from '../catalogue/classes.ts'
import { CLASSES_MAX, type HardwareClass } from '../catalogue/schema.ts'
import { leaveWhenUnlocked } from '../default/exits.ts'
import { refuseSpending, spendFund } from '../default/fund.ts'
import { resumeMinting as liftStop } from '../issuance/minting.ts'
import { settleCoverage } from '../issuance/settle.ts'
import { issuanceTables } from '../issuance/tables.ts'
import {
  type ChangeRefusal,
  changeReporters,
  isUrgent as isUrgentChange,
  refuseChange,
} from '../oracle/appointments.ts'
import { reporterOf } from '../oracle/reporters.ts'
import type { ReporterChange } from '../oracle/schema.ts'
import { spelledOtherwise } from '../providers/groups.ts'
import {
  addProvider,
  checkConsensusKey,
  checkPeerId,
  getProvider,
  isJailed,
  jailProvider,
  type KeyRefusal,
  nextProviderId,
  type PeerIdRefusal,
  providerByConsensusKey,
  providerByOperator,
  removeProvider,
  unjailProvider,
} from '../providers/members.ts'
import { profileFault } from '../providers/profile.ts'
import type { Profile, Provider } from '../providers/schema.ts'
import { providersParams } from '../providers/tables.ts'
import { canValidate, hasVote, validatorSet } from '../providers/validatorSet.ts'

export function getMember(state: StateReader, id: number): Provider | undefined {
  return getProvider(state, id)
}

/** The member whose operator account this is. */
export function memberOf(state: StateReader, operator: Address): number | undefined {
  return providerByOperator(state, operator)
}

/** The reporter whose account this is. */
export function reporterAt(state: StateReader, account: Address): number | undefined {
  return reporterOf(state, account)
}

/** Members in the validator set of the running epoch, by id. */
export function validatorIds(state: StateReader): readonly number[] {
  return validatorSet(state).validators.map(({ id }) => id)
}

/** Quorum of the smallest validator set that the parameters allow. */
export function smallestQuorum(state: StateReader): number {
  return quorum(providersParams.get(state).validatorsMin)
}

/** Length of a capacity window, milliseconds. */
export function windowLength(state: StateReader): number {
  return capacityParams.get(state).windowMs
}

/** A pledge of hardware. */
export function getLot(state: StateReader, id: number): Lot | undefined {
  return lotOf(state, id)
}

/** Why a lot cannot be attested once a lock has ended, or undefined. */
export function refuseLot(
  state: StateReader,
  attestation: Attestation,
  lockWindows: number,
): AttestationRefusal | undefined {
  return refuseAttestation(state, attestation, lockWindows)
}

/** Lets a lot count for a time; false if that has become impossible. */
export function attest(ctx: WriteContext, attestation: Attestation): boolean {
  return attestForTime(ctx, attestation)
}

/** A payment from the guarantee fund. */
type FundPayment = Parameters<typeof spendFund>[1]

/** The class of a catalogue name; undefined for an unknown one. */
export function classNamed(state: StateReader, slug: string): number | undefined {
  return classBySlug(state, slug)
}

/** A class of the catalogue. */
export function getClass(state: StateReader, id: number): HardwareClass | undefined {
  return classOf(state, id)
}

/** Whether the catalogue has room for another class. */
export function hasClassRoom(state: StateReader): boolean {
  return classIds(state).length < CLASSES_MAX
}

/** The field of a class that the catalogue refuses, or undefined. */
export function refuseClass(value: HardwareClass) {
  return faultyField(value)
}

/** The rating that the catalogue refuses, or undefined. */
export function refuseRatings(value: Rated) {
  return faultyRating(value)
}

/** Adds a class to the catalogue. */
export function addHardware(ctx: WriteContext, value: HardwareClass): void {
  appendClass(ctx, value)
}

/** Rates a class anew from the window that begins. */
export function rerate(ctx: WriteContext, rerated: Rated & { readonly classId: number }): void {
  rerateClass(ctx, { ...rerated, window: currentWindow(ctx.state) })
}

/** Why the guarantee fund cannot pay, or undefined. */
export function refusePayment(state: StateReader, payment: FundPayment) {
  return refuseSpending(state, payment)
}

/** Pays from the guarantee fund; false if that has become impossible. */
export function payFromFund(ctx: WriteContext, payment: FundPayment): boolean {
  return spendFund(ctx, payment)
}

/** Whether minting is stopped, by a broken invariant or by order. */
export function isMintingStopped(state: StateReader): boolean {
  return issuanceTables.stop.has(state, {})
}

/** Ends a stop of minting once a full recount holds; false when there is none. */
export function resumeMinting(ctx: WriteContext): boolean {
  return liftStop(ctx)
}

/** The parameters in force, of all modules. */
export function parametersNow(ctx: ReadContext): Sections {
  return readParameters(ctx.state, ctx.block.modules, ctx.block.protocolVersion)
}

/** Why these cannot be the parameters, or undefined: the check that genesis passes too. */
export function parameterFault(ctx: ReadContext, sections: Sections): ParameterFault | undefined {
  return checkParameters(ctx.block.modules, sections, parameterFacts(ctx))
}

/** Why a change of reporters is impossible once a lock has ended, or undefined. */
export function refuseReporters(
  state: StateReader,
  change: ReporterChange,
  lockWindows: number,
): ChangeRefusal | undefined {
  return refuseChange(state, change, { horizon: capacityParams.get(state).horizonWindows, lockWindows })
}

/** Whether a possible change only replaces reporters that were absent for so long that it need not wait. */
export function isUrgent(state: StateReader, change: ReporterChange): boolean {
  return isUrgentChange(state, change)
}

/** Changes the reporters; false if that has become impossible, or, if it was to be urgent, no longer is. */
export function replaceReporters(ctx: WriteContext, change: ReporterChange, mustBeUrgent: boolean): boolean {
  if (refuseReporters(ctx.state, change, 0) !== undefined) return false
  if (mustBeUrgent && !isUrgent(ctx.state, change)) return false
  changeReporters(ctx, change, capacityParams.get(ctx.state).horizonWindows)
  return true
}

/** Whether a member belongs in the validator set. */
export function mayVote(member: Provider): boolean {
  return hasVote(member)
}

/** Whether a member serves, so that it can be jailed. */
export function mayBeJailed(member: Provider): boolean {
  return canValidate(member.status)
}

/** Whether a member is in jail. */
export function isInJail(state: StateReader, member: number): boolean {
  return isJailed(state, member)
}

/** Id of the next member; undefined when all are used. */
export function nextMemberId(state: StateReader): number | undefined {
  return nextProviderId(state)
}

/** Why a new member may not use a consensus key, or undefined. Verifies its proof of possession. */
export function refuseKey(
  state: StateReader,
  key: { readonly consensusKey: Uint8Array; readonly possessionProof: Uint8Array },
): KeyRefusal | undefined {
  return checkConsensusKey(state, key)
}

/** Why a new member may not use a peer id, or undefined. */
export function refusePeerId(state: StateReader, peerId: Uint8Array): PeerIdRefusal | undefined {
  return checkPeerId(state, peerId, undefined)
}

/** How a member spells the legal group of a new one, when that is spelled otherwise. */
export function otherSpelling(state: StateReader, legalGroup: string): string | undefined {
  return spelledOtherwise(state, legalGroup)
}

/** The field of a candidate's profile that genesis would be refused with, or undefined. */
export const profileRefusal = (profile: Profile): string | undefined => profileFault(profile)

/** Whether a consensus key is or was a member's. */
export function isKeyTaken(state: StateReader, consensusKey: Uint8Array): boolean {
  return providerByConsensusKey(state, consensusKey) !== undefined
}

/** Admits a new member. */
export function admitMember(
  ctx: WriteContext,
  member: {
    readonly id: number
    readonly operator: Address
    readonly consensusKey: Uint8Array
    readonly peerId: Uint8Array
    readonly profile: Profile
  },
): void {
  addProvider(ctx, member)
}

/** Removes a member's vote permanently; it serves on until it owes nothing (module default). */
export function removeMember(ctx: WriteContext, member: number): void {
  removeProvider(ctx, member)
  touchCapacity(ctx.state)
  settleCoverage(ctx)
}

/** Suspends a member's vote. */
export function jailMember(ctx: WriteContext, member: number): void {
  jailProvider(ctx, member)
  touchCapacity(ctx.state)
  settleCoverage(ctx)
}

/** Restores a jailed member's status; one whose bond has unlocked in jail has left, and counts nothing. */
export function unjailMember(ctx: WriteContext, member: number): void {
  unjailProvider(ctx, member)
  leaveWhenUnlocked(ctx, member)
  touchCapacity(ctx.state)
  settleCoverage(ctx)
}
