// Locks in settlement assets (ECONOMY §3): what sales brought in and the provider does not have yet. The rules are those of
// locked coins (locks.ts), with a clock for each provider and asset. Not: what is locked of a sale (sales.ts).
import { assert, mustExist } from '../../../base/assert.ts'
import type { Address } from '../../../base/ids.ts'
import { AMOUNT_MAX, minBigint, mulDivFloor, PPM } from '../../../base/units.ts'
import { spendWork } from '../../blockWork.ts'
import type { WriteContext } from '../../context.ts'
import type { Escrow } from '../../ledger.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { coinValuePpm } from './coverage.ts'
import {
  getMember,
  horizonOf,
  lockAddress,
  lockUnits,
  payIncome,
  payLockedUnits,
  priceIn,
} from './external.ts'
import { type Endings, freeShare, grow, type Lock, shrink, takeShare } from './locks.ts'
import { PROCEEDS_ASSETS_MAX } from './shapes.ts'
import { events, issuanceTables } from './tables.ts'

interface At {
  readonly provider: number
  readonly asset: number
}

const NOTHING: Lock = { lockedBase: 0n, floorBase: 0n, freedBase: 0n, releaseBase: 0n, goodWindows: 0 }

/** Measured steps of releasing a lock in one asset. */
const RELEASE_STEPS = 400

/** Assets in which a provider has locked proceeds; at most `PROCEEDS_ASSETS_MAX`. */
function assetsOf(state: StateReader, provider: number): readonly number[] {
  return issuanceTables.proceedsAssets.get(state, { provider })?.assets ?? []
}

/** The lock of a provider in one asset. */
export function getProceeds(state: StateReader, at: At): Lock {
  return issuanceTables.proceeds.get(state, at) ?? NOTHING
}

/** What of a provider's proceeds is locked, by asset. */
export function lockedProceeds(
  state: StateReader,
  provider: number,
): readonly { readonly asset: number; readonly amountBase: bigint }[] {
  return assetsOf(state, provider).map((asset) => ({
    asset,
    amountBase: getProceeds(state, { provider, asset }).lockedBase,
  }))
}

/** Whether proceeds in an asset can be locked: a provider has locks in few assets at once. */
export function canLockProceeds(state: StateReader, { provider, asset }: At): boolean {
  const assets = assetsOf(state, provider)
  return assets.includes(asset) || assets.length < PROCEEDS_ASSETS_MAX
}

/** Locked proceeds in coins' base units at the higher oracle price, rounded down; assets without a price count 0. */
export function proceedsValue(state: StateReader, provider: number): bigint {
  let valuePpm = 0n
  for (const { asset, amountBase } of lockedProceeds(state, provider)) {
    const price = priceIn(state, asset)
    if (price !== undefined) valuePpm += coinValuePpm(amountBase, price.lockPriceBase)
  }
  return minBigint(AMOUNT_MAX, mulDivFloor(valuePpm, 1n, PPM))
}

function endingsOf(state: StateWriter, { provider, asset }: At): Endings {
  const { proceedsRelease } = issuanceTables
  return {
    get: (goodWindow) => proceedsRelease.get(state, { provider, asset, goodWindow }),
    set: (goodWindow, ending) => proceedsRelease.set(state, { provider, asset, goodWindow }, ending),
    delete: (goodWindow) => proceedsRelease.delete(state, { provider, asset, goodWindow }),
  }
}

/** Stores a lock; one that is empty and has nothing to release is forgotten. */
function put(state: StateWriter, at: At, lock: Lock): void {
  const { provider, asset } = at
  const known = assetsOf(state, provider)
  if (lock.lockedBase > 0n) {
    issuanceTables.proceeds.set(state, at, lock)
    if (known.includes(asset)) return
    assert(known.length < PROCEEDS_ASSETS_MAX, 'the caller has looked for room')
    issuanceTables.proceedsAssets.set(state, { provider }, { assets: [...known, asset] })
    return
  }
  assert(lock.releaseBase === 0n && lock.floorBase === 0n, 'an empty lock releases nothing')
  if (issuanceTables.proceeds.has(state, at)) issuanceTables.proceeds.delete(state, at)
  const assets = known.filter((other) => other !== asset)
  if (assets.length === known.length) return
  if (assets.length === 0) issuanceTables.proceedsAssets.delete(state, { provider })
  else issuanceTables.proceedsAssets.set(state, { provider }, { assets })
}

/** Moves units of an escrow into a provider's lock. The caller has asked `canLockProceeds`. */
export function lockProceeds(
  ctx: WriteContext,
  lock: At & { readonly from: Escrow; readonly lockedBase: bigint; readonly floorBase: bigint },
): void {
  const { state } = ctx
  const { provider, asset, from, lockedBase } = lock
  if (lockedBase === 0n) return
  const at = { provider, asset }
  lockUnits(ctx, { provider, asset, from, amountBase: lockedBase })
  const horizonWindows = horizonOf(state)
  put(state, at, grow(getProceeds(state, at), endingsOf(state, at), { ...lock, horizonWindows }))
  events.ProceedsLocked(ctx, { provider, asset, amountBase: lockedBase })
}

/** Frees the floors of a provider's locks when some of its liability is about to burn. */
export function freeProceeds(
  state: StateWriter,
  burn: { readonly provider: number; readonly burnedBase: bigint; readonly liabilityBase: bigint },
): void {
  const { provider } = burn
  for (const asset of assetsOf(state, provider)) {
    const before = getProceeds(state, { provider, asset })
    const after = freeShare(before, burn)
    if (after !== before) put(state, { provider, asset }, after)
  }
}

/** Pays what a window's end releases of a member's proceeds, less its backers' share; of a defaulted one nothing: they belong to the estate. */
export function releaseProceeds(ctx: WriteContext, provider: number, isGood: boolean): void {
  const { state } = ctx
  const assets = assetsOf(state, provider)
  const member = assets.length === 0 ? undefined : getMember(state, provider)
  if (member === undefined || member.status === 'defaulted') return
  spendWork(ctx, assets.length * RELEASE_STEPS)
  for (const asset of assets) {
    const at = { provider, asset }
    const { amountBase, after } = shrink(getProceeds(state, at), endingsOf(state, at), isGood)
    put(state, at, after)
    if (amountBase === 0n) continue
    payIncome(ctx, { ...at, from: lockAddress(provider), to: member.operator, amountBase })
    events.ProceedsReleased(ctx, { ...at, amountBase, lockedBase: after.lockedBase })
  }
}

/** Pays all of a member's locked proceeds to it, less its backers' share; the caller has seen that it owes nothing and mints no more. */
export function releaseAllProceeds(ctx: WriteContext, provider: number): void {
  const assets = assetsOf(ctx.state, provider)
  if (assets.length === 0) return
  const { operator: to } = mustExist(getMember(ctx.state, provider), 'a lock belongs to a member')
  spendWork(ctx, assets.length * RELEASE_STEPS)
  for (const asset of assets) {
    const amountBase = forgetLock(ctx.state, { provider, asset })
    payIncome(ctx, { provider, asset, from: lockAddress(provider), to, amountBase })
    events.ProceedsReleased(ctx, { provider, asset, amountBase, lockedBase: 0n })
  }
}

/** Takes a lock off the books. Returns what it held. Its endings are deleted with it: K point deletes at most. */
function forgetLock(state: StateWriter, at: At): bigint {
  const { lockedBase, goodWindows } = getProceeds(state, at)
  if (lockedBase === 0n) return 0n
  const endings = endingsOf(state, at)
  const horizonWindows = horizonOf(state)
  for (let ahead = 1; ahead <= horizonWindows; ahead++)
    if (endings.get(goodWindows + ahead) !== undefined) endings.delete(goodWindows + ahead)
  put(state, at, NOTHING)
  return lockedBase
}

/** Pays the whole lock of a provider in one asset to whoever takes over its estate (ECONOMY §9), and forgets it. Returns how much. */
export function seizeProceeds(ctx: WriteContext, seizure: At & { readonly to: Address }): bigint {
  const { provider, asset, to } = seizure
  const amountBase = forgetLock(ctx.state, { provider, asset })
  payLockedUnits(ctx, { provider, asset, to, amountBase })
  return amountBase
}

/** The first asset in which one provider's locks could not move to another, which has locks in too many; undefined for none. */
export function assetWithoutRoom(
  state: StateReader,
  { from, to }: { readonly from: number; readonly to: number },
): number | undefined {
  const known = assetsOf(state, to)
  const added = assetsOf(state, from).filter((asset) => !known.includes(asset))
  return added[PROCEEDS_ASSETS_MAX - known.length]
}

/**
 * Moves the part of a provider's locks that belongs to `amountBase` of its liability, for release over K good windows of
 * whoever takes it. The caller has asked `assetWithoutRoom`.
 */
export function moveProceeds(
  ctx: WriteContext,
  move: {
    readonly from: number
    readonly to: number
    readonly amountBase: bigint
    readonly liabilityBase: bigint
  },
): void {
  const { state } = ctx
  const { from, to } = move
  const horizonWindows = horizonOf(state)
  for (const asset of assetsOf(state, from)) {
    const [source, target] = [
      { provider: from, asset },
      { provider: to, asset },
    ]
    const taken = takeShare(getProceeds(state, source), endingsOf(state, source), { ...move, horizonWindows })
    const { lockedBase, floorBase, after } = taken
    put(state, source, after)
    if (lockedBase === 0n) continue
    payLockedUnits(ctx, { ...source, to: lockAddress(to), amountBase: lockedBase })
    put(
      state,
      target,
      grow(getProceeds(state, target), endingsOf(state, target), { lockedBase, floorBase, horizonWindows }),
    )
    events.ProceedsLocked(ctx, { ...target, amountBase: lockedBase })
  }
}
