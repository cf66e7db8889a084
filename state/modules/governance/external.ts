// What governance needs from other modules: the members and their capacity, the catalogue, assets, compliance, the anchor, coins.
import type { Address } from '../../../base/ids.ts'
import { PRICES_MAX } from '../../../base/protocol/oracleReport.ts'
import { quorum } from '../../../base/protocol/validators.ts'
import type { Lowered } from '../../balanceChanges.ts'
import type { ReadContext, WriteContext } from '../../context.ts'
import { COIN_ASSET, type Escrow, escrowsOf, ledger } from '../../ledger.ts'
import type { ParameterFault, Sections } from '../../parameterRules.ts'
import { checkParameters, parameterFacts, readParameters } from '../../parameters.ts'
import type { StateReader } from '../../view.ts'
import { accountsParams } from '../accounts/tables.ts'
import { getAsset, registerAsset } from '../assets/ledger.ts'
import { type AssetFacts, type AssetRefusal, nextAssetId, refuseAsset } from '../assets/registration.ts'
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
import {
  type AttestorRefusal,
  changeAttestors,
  isAttestable as isAttested,
  refuseAttestors,
  setRequirement,
} from '../compliance/credentials.ts'
import { isFrozenWhole } from '../compliance/debits.ts'
import {
  type FreezeRefusal,
  getFreeze,
  getStatus,
  liftFreeze,
  placeFreeze,
  refuseFreeze,
} from '../compliance/freezes.ts'
import {
  isPaused,
  type PauseRefusal,
  pauseTransfers,
  refusePause,
  resumeTransfers,
} from '../compliance/pause.ts'
import type { AttestorChange, FreezeOrder, PauseOrder, RequirementChange } from '../compliance/schema.ts'
import { leaveWhenUnlocked } from '../default/exits.ts'
import { refuseSpending, spendFund } from '../default/fund.ts'
import { resumeMinting as liftStop, stopMinting as stopMints } from '../issuance/minting.ts'
import { settleCoverage } from '../issuance/settle.ts'
import { issuanceTables } from '../issuance/tables.ts'
import { holdAnchor } from '../oracle/anchor.ts'
import {
  type ChangeRefusal,
  changeReporters,
  isUrgent as isUrgentChange,
  refuseChange,
} from '../oracle/appointments.ts'
import { PRICE_MAX } from '../oracle/decide.ts'
import { canReportPrice, setPrice } from '../oracle/prices.ts'
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
import { governanceSchema } from './schema.ts'

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

/** Stops all minting by order; false when it is stopped already. */
export function stopMinting(ctx: WriteContext, reason: string): boolean {
  if (isMintingStopped(ctx.state)) return false
  stopMints(ctx, reason, 'governance')
  return true
}

/** Whether a number is the coin's or an asset's. */
export function isAsset(state: StateReader, asset: number): boolean {
  return asset === COIN_ASSET || getAsset(state, asset) !== undefined
}

/** The issuer of an asset; undefined for the coin and for what does not exist. */
export function issuerOf(state: StateReader, asset: number): Address | undefined {
  return getAsset(state, asset)?.issuer
}

type NewAsset = AssetFacts & { readonly coinPriceBase: bigint }

/** Why an asset cannot be registered, or undefined. */
export function refuseNewAsset(state: StateReader, asset: NewAsset): AssetRefusal | undefined {
  const { coinPriceBase } = asset
  if (coinPriceBase > PRICE_MAX) return { code: 'FieldRefused', field: 'coinPriceBase' }
  // A price that no report has room for would go stale and never be renewed.
  if (coinPriceBase > 0n && !canReportPrice(state)) return { code: 'TooManyAssets', maximum: PRICES_MAX }
  return refuseAsset(state, asset)
}

/** Registers an asset under the next number; one with a price backs bonds and pays for coins. */
export function addAsset(ctx: WriteContext, { coinPriceBase, ...facts }: NewAsset): void {
  const id = nextAssetId(ctx.state)
  registerAsset(ctx, { id, ...facts })
  if (coinPriceBase > 0n) setPrice(ctx.state, { asset: id, priceBase: coinPriceBase })
}

/** Why an account cannot be frozen in this way, or undefined. */
export function refuseFreezing(ctx: WriteContext, order: FreezeOrder): FreezeRefusal | undefined {
  return refuseFreeze(ctx, order)
}

/** Freezes an account; false if that has become impossible. */
export function freezeAccount(ctx: WriteContext, order: FreezeOrder): boolean {
  return placeFreeze(ctx, order)
}

/** Whether a freeze has not ended. */
export function isFrozenBy(state: StateReader, freeze: number): boolean {
  return getFreeze(state, freeze) !== undefined
}

/** Lifts a freeze; false when it has ended. */
export function unfreezeAccount(ctx: WriteContext, freeze: number): boolean {
  return liftFreeze(ctx, freeze)
}

/** Why transfers cannot be paused until then, or undefined. */
export function refusePausing(ctx: WriteContext, order: PauseOrder): PauseRefusal | undefined {
  return refusePause(ctx, order)
}

/** Pauses transfers; false if that has become impossible. */
export function beginPause(ctx: WriteContext, order: PauseOrder): boolean {
  return pauseTransfers(ctx, order)
}

/** Whether transfers are paused. */
export function arePaused(ctx: ReadContext): boolean {
  return isPaused(ctx)
}

/** Ends a pause; false when there is none. */
export function endPause(ctx: WriteContext): boolean {
  return resumeTransfers(ctx)
}

/** Why a change of attestors is impossible, or undefined. */
export function refuseAttestorChange(
  state: StateReader,
  change: AttestorChange,
): AttestorRefusal | undefined {
  return refuseAttestors(state, change)
}

/** Appoints and dismisses attestors; false if that has become impossible. */
export function appointAttestors(ctx: WriteContext, change: AttestorChange): boolean {
  return changeAttestors(ctx, change)
}

/** Whether somebody attests a credential of this name; always for none. */
export function isAttestable(state: StateReader, schema: string): boolean {
  return isAttested(state, schema)
}

/** Sets the credential that recipients of an asset need. */
export function requireCredential(
  ctx: WriteContext,
  change: RequirementChange & { readonly issuer: Address },
): void {
  setRequirement(ctx, change)
}

/** Version of the rules for the next block. */
export function rulesVersion(state: StateReader): number {
  return accountsParams.get(state).protocolVersion
}

/** Gives the rules a version from the next block on. */
export function changeVersion(ctx: WriteContext, protocolVersion: number): void {
  accountsParams.set(ctx.state, { ...accountsParams.get(ctx.state), protocolVersion })
}

/** Index of the running capacity window. */
export function windowNow(state: StateReader): number {
  return currentWindow(state)
}

/** Holds the anchor where it is through a window. */
export function holdAnchorUntil(ctx: WriteContext, window: number): void {
  holdAnchor(ctx, window)
}

/** All coins. */
export function coinSupply(state: StateReader): bigint {
  return ledger.supplyOf(state, COIN_ASSET)
}

/** Coins of an account. */
export function coinsOf(state: StateReader, owner: Address): bigint {
  return ledger.balanceOf(state, { asset: COIN_ASSET, owner })
}

const escrowOf = (motion: number): Escrow => escrowsOf(governanceSchema).motions(motion)

/** Takes coins into the escrow of a motion; a refusal has written nothing. */
export function lockForMotion(
  ctx: WriteContext,
  lock: { readonly motion: number; readonly from: Address; readonly amountBase: bigint },
) {
  const { motion, from, amountBase } = lock
  return ledger.move(ctx, { asset: COIN_ASSET, from, to: escrowOf(motion), amountBase })
}

/** Returns coins from the escrow of a motion. Asserts that it holds them. */
export function returnFromMotion(
  ctx: WriteContext,
  payment: { readonly motion: number; readonly to: Address; readonly amountBase: bigint },
): void {
  const { motion, to, amountBase } = payment
  ledger.release(ctx, { asset: COIN_ASSET, from: escrowOf(motion), to, amountBase })
}

/** Coins in the escrow of a motion. */
export function heldForMotion(state: StateReader, motion: number): bigint {
  return ledger.balanceOf(state, { asset: COIN_ASSET, owner: escrowOf(motion) })
}

/** Whether a freeze lets an account give up nothing of an asset. */
export function mayGiveNothing(ctx: ReadContext, at: Lowered): boolean {
  return isFrozenWhole(ctx, at)
}

/** Whether any account is frozen. */
export function hasFreezes(state: StateReader): boolean {
  return getStatus(state).freezes.length > 0
}
