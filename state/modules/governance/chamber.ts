// The chamber of holders (ECONOMY §5, §10): coins locked for a motion hold the anchor for a bounded time, or veto a change of
// reporters. A motion ends by its coins, by its time or with its proposal; then whoever locked coins takes them back.
import type { Address } from '../../../base/ids.ts'
import type { ActionArgs } from '../../../base/moduleDefinition.ts'
import { maxBigint, mulDivCeil, mulDivFloor, PPM } from '../../../base/units.ts'
import type { ActionContext, ReadContext, WriteContext } from '../../context.ts'
import type { StateReader } from '../../view.ts'
import {
  coinSupply,
  coinsOf,
  holdAnchorUntil,
  lockForMotion,
  returnFromMotion,
  windowNow,
} from './external.ts'
import { conclude } from './proposals.ts'
import type { governanceSchema, Motion } from './schema.ts'
import type { MotionKind } from './shapes.ts'
import { events, fail, governanceParams, governanceTables } from './tables.ts'

type Args<A extends keyof (typeof governanceSchema)['actions']> = ActionArgs<typeof governanceSchema, A>

/** A lock for an open motion is at least this part of what opens one, which bounds how many there are. */
const OPENING_PARTS = 10n
const NEW = { nextId: 1, anchorMotion: 0, anchorFreeFrom: 0 }

function getChamber(state: StateReader) {
  return governanceTables.chamber.get(state, {}) ?? NEW
}

export function getMotion(state: StateReader, id: number): Motion | undefined {
  return governanceTables.motion.get(state, { id })
}

export function lockedFor(state: StateReader, motion: number, holder: Address): bigint {
  return governanceTables.support.get(state, { motion, holder })?.amountBase ?? 0n
}

/** Coins at which a motion is carried, by the supply of now. */
export function neededFor(state: StateReader, kind: MotionKind): bigint {
  const { anchorHoldPpm, reporterVetoPpm } = governanceParams.get(state)
  const sharePpm = kind === 'holdAnchor' ? anchorHoldPpm : reporterVetoPpm
  return maxBigint(1n, mulDivCeil(coinSupply(state), sharePpm, PPM))
}

/** Coins that open a motion. */
function openingBase(state: StateReader): bigint {
  return maxBigint(
    OPENING_PARTS,
    mulDivCeil(coinSupply(state), governanceParams.get(state).motionOpenPpm, PPM),
  )
}

/** Whether more coins can still carry it. */
function isOpen(ctx: ReadContext, { kind, proposal, carried, closesMs }: Motion): boolean {
  if (carried || closesMs <= ctx.block.timestampMs) return false
  return kind === 'holdAnchor' || governanceTables.proposal.has(ctx.state, { id: proposal })
}

/** Whether its coins can be taken back. */
export function isOver(ctx: ReadContext, motion: Motion): boolean {
  return motion.carried ? windowNow(ctx.state) > motion.lockedUntilWindow : !isOpen(ctx, motion)
}

/** The motion of this kind that is still open: there is one at a time for the anchor, and one for each proposal. */
function openOne(ctx: ReadContext, kind: MotionKind, proposal: number): number | undefined {
  const id =
    kind === 'holdAnchor'
      ? getChamber(ctx.state).anchorMotion
      : governanceTables.veto.get(ctx.state, { proposal })?.motion
  const motion = id === undefined ? undefined : getMotion(ctx.state, id)
  return motion !== undefined && isOpen(ctx, motion) ? id : undefined
}

function anchorRests(state: StateReader, kind: MotionKind): number | undefined {
  const { anchorFreeFrom } = getChamber(state)
  return kind === 'holdAnchor' && windowNow(state) < anchorFreeFrom ? anchorFreeFrom : undefined
}

/** A proposal that holders can veto: one that replaces absent reporters does not wait for them (ECONOMY §5). */
function isVetoable(state: StateReader, kind: MotionKind, proposal: number): boolean {
  if (kind === 'holdAnchor') return proposal === 0
  return governanceTables.proposal.get(state, { id: proposal })?.kind === 'reporters'
}

export function openMotion(ctx: ActionContext, { kind, proposal, amountBase }: Args<'openMotion'>) {
  const { state } = ctx
  if (!isVetoable(state, kind, proposal)) return fail.NotVetoable({ proposal })
  const open = openOne(ctx, kind, proposal)
  if (open !== undefined) return fail.MotionOpen({ motion: open })
  const rests = anchorRests(state, kind)
  if (rests !== undefined) return fail.AnchorRests({ untilWindow: rests })
  const minimumBase = openingBase(state)
  if (amountBase < minimumBase) return fail.BelowMinimum({ amountBase, minimumBase })
  const chamber = getChamber(state)
  const id = chamber.nextId
  const refusal = lockForMotion(ctx, { motion: id, from: ctx.sender, amountBase })
  if (refusal?.code === 'DebitRefused') return refusal
  if (refusal !== undefined)
    return fail.InsufficientCoins({ balanceBase: coinsOf(state, ctx.sender), neededBase: amountBase })
  // After this point the action must succeed.
  const openedMs = ctx.block.timestampMs
  const closesMs = openedMs + governanceParams.get(state).motionMs
  const anchorMotion = kind === 'holdAnchor' ? id : chamber.anchorMotion
  governanceTables.chamber.set(state, {}, { ...chamber, nextId: id + 1, anchorMotion })
  if (kind === 'vetoReporters') governanceTables.veto.set(state, { proposal }, { motion: id })
  const motion = { kind, proposal, weightBase: 0n, openedMs, closesMs, carried: false, lockedUntilWindow: 0 }
  governanceTables.motion.set(state, { id }, motion)
  const closes = Math.floor(closesMs / 1000)
  events.MotionOpened(ctx, { motion: id, holder: ctx.sender, kind, proposal, closes })
  addSupport(ctx, id, amountBase)
  return undefined
}

export function supportMotion(ctx: ActionContext, { motion: id, amountBase }: Args<'supportMotion'>) {
  const { state } = ctx
  const motion = getMotion(state, id)
  if (motion === undefined) return fail.UnknownMotion({ motion: id })
  if (!isOpen(ctx, motion)) return fail.MotionOver({ motion: id })
  const rests = anchorRests(state, motion.kind)
  if (rests !== undefined) return fail.AnchorRests({ untilWindow: rests })
  const minimumBase = mulDivFloor(openingBase(state), 1n, OPENING_PARTS)
  if (amountBase < minimumBase) return fail.BelowMinimum({ amountBase, minimumBase })
  const refusal = lockForMotion(ctx, { motion: id, from: ctx.sender, amountBase })
  if (refusal?.code === 'DebitRefused') return refusal
  if (refusal !== undefined)
    return fail.InsufficientCoins({ balanceBase: coinsOf(state, ctx.sender), neededBase: amountBase })
  // After this point the action must succeed.
  addSupport(ctx, id, amountBase)
  return undefined
}

/** Counts coins that are in escrow already, and carries the motion once there are enough. */
function addSupport(ctx: ActionContext, id: number, amountBase: bigint): void {
  const { state, sender: holder } = ctx
  const motion = governanceTables.motion.mustGet(state, { id })
  const weightBase = motion.weightBase + amountBase
  const at = { motion: id, holder }
  governanceTables.support.set(state, at, { amountBase: lockedFor(state, id, holder) + amountBase })
  governanceTables.motion.set(state, { id }, { ...motion, weightBase })
  events.CoinsLocked(ctx, { motion: id, holder, amountBase, weightBase })
  if (weightBase >= neededFor(state, motion.kind)) carry(ctx, id)
}

function carry(ctx: WriteContext, id: number): void {
  const { state } = ctx
  const motion = governanceTables.motion.mustGet(state, { id })
  const { kind, proposal } = motion
  const { anchorHoldWindows, anchorRestWindows } = governanceParams.get(state)
  const now = windowNow(state)
  // Coins that carried something stay locked through the running window at least: nobody lends them out for a moment.
  const lockedUntilWindow = kind === 'holdAnchor' ? now + anchorHoldWindows - 1 : now
  governanceTables.motion.set(state, { id }, { ...motion, carried: true, lockedUntilWindow })
  events.MotionCarried(ctx, { motion: id, kind, lockedUntilWindow })
  if (kind === 'vetoReporters') {
    conclude(ctx, proposal, 'vetoed')
    return
  }
  const anchorFreeFrom = lockedUntilWindow + 1 + anchorRestWindows
  governanceTables.chamber.set(state, {}, { ...getChamber(state), anchorFreeFrom })
  holdAnchorUntil(ctx, lockedUntilWindow)
}

export function reclaimCoins(ctx: ActionContext, { motion: id, holder }: Args<'reclaimCoins'>) {
  const { state } = ctx
  const motion = getMotion(state, id)
  if (motion === undefined) return fail.UnknownMotion({ motion: id })
  const amountBase = lockedFor(state, id, holder)
  if (amountBase === 0n) return fail.NothingLocked({ motion: id, holder })
  if (!isOver(ctx, motion)) return fail.MotionNotOver({ motion: id, untilWindow: motion.lockedUntilWindow })
  // After this point the action must succeed.
  const weightBase = motion.weightBase - amountBase
  governanceTables.support.delete(state, { motion: id, holder })
  if (weightBase === 0n) governanceTables.motion.delete(state, { id })
  else governanceTables.motion.set(state, { id }, { ...motion, weightBase })
  returnFromMotion(ctx, { motion: id, to: holder, amountBase })
  events.CoinsReclaimed(ctx, { motion: id, holder, amountBase })
  return undefined
}
