// ECONOMY §9, Exit: leaving, handing liability over by agreement, and the bond after the tail. Not: defaults (defaults.ts).
import { floorDiv } from './arithmetic.ts'
import { addCompensation, lowerAssumed, releaseCompensation } from './assumed.ts'
import { counts } from './capacity.ts'
import { brokenTakeoverLimits } from './coverage.ts'
import { type GovernanceTerms, voters } from './governance.ts'
import { floorOf, type Outcome, providerOf } from './issuance.ts'
import { hasLeft } from './leaving.ts'
import { bondEscrow, compensationEscrow, lockEscrow, move, novationEscrow, unitsOf } from './ledger.ts'
import { liveSeriesOf } from './sales.ts'
import type { Provider, World } from './world.ts'

/** Whether nobody else serves but members whose exit is complete. */
const isLast = (world: World, provider: Provider): boolean =>
  [...world.providers.values()].every(
    (other) => other.id === provider.id || !counts(other) || (other.status === 'retiring' && other.removed),
  )

/** It mints no more, and serves, votes and counts until it owes nothing. */
export function beginExit(world: World, sender: string): Outcome {
  const provider = providerOf(world, sender)
  if (provider === undefined) return 'NotProvider'
  if (provider.status === 'retiring') return 'AlreadyLeaving'
  if (!counts(provider)) return 'ProviderNotServing'
  if (provider.liabilityBase > 0n && isLast(world, provider)) return 'LastProvider'
  provider.status = 'retiring'
  return undefined
}

/** The vote ends for good, never below the least of the set. */
export function completeExit(world: World, terms: GovernanceTerms, sender: string): Outcome {
  const provider = providerOf(world, sender)
  if (provider === undefined) return 'NotProvider'
  if (provider.status !== 'retiring' || provider.removed) return 'NotLeaving'
  if (provider.liabilityBase > 0n) return 'LiabilityLeft'
  if (liveSeriesOf(world, provider.id).length > 0) return 'SeriesLive'
  const electorate = voters(world)
  if (electorate.includes(provider) && electorate.length <= terms.validatorsMin) return 'TooFewValidators'
  provider.removed = true
  return undefined
}

/** After each window: whoever has no vote and owes nothing, receipts neither, has its bond locked for the tail from then on. */
export function trackTail(world: World, provider: Provider): void {
  const isOut = provider.removed || provider.status === 'defaulted'
  const isOwing = provider.liabilityBase > 0n || liveSeriesOf(world, provider.id).length > 0
  if (!isOut || isOwing) delete provider.tail
  else
    provider.tail ??= {
      sinceWindow: world.window,
      untilWindow: world.window + world.parameters.tailWindows,
    }
}

export function withdrawBond(
  world: World,
  sender: string,
  { asset, amountBase }: { readonly asset: number; readonly amountBase: bigint },
): Outcome {
  const provider = providerOf(world, sender)
  if (provider === undefined) return 'NotProvider'
  if (amountBase === 0n) return 'ZeroAmount'
  if (provider.liabilityBase > 0n) return 'LiabilityLeft'
  if (!hasLeft(world, provider)) return 'BondLocked'
  if (provider.isFrozen) return 'BondFrozen'
  const bond = provider.bonds.get(asset) ?? 0n
  if (bond < amountBase) return 'InsufficientBond'
  provider.bonds.set(asset, bond - amountBase)
  move(world, asset, bondEscrow(provider.id), sender, amountBase)
  return undefined
}

export interface NovationTerms {
  readonly amountBase: bigint
  readonly asset: number
  readonly paymentBase: bigint
}

/** A payment waits in escrow for whoever takes so much of the liability. */
export function offerNovation(
  world: World,
  sender: string,
  offer: NovationTerms & { readonly to: number },
): Outcome {
  const { to, amountBase, asset, paymentBase } = offer
  const from = providerOf(world, sender)
  if (from === undefined) return 'NotProvider'
  if (!world.providers.has(to)) return 'UnknownProvider'
  if (to === from.id) return 'SameProvider'
  if (amountBase === 0n) return 'ZeroAmount'
  if (from.status === 'defaulted') return 'HasDefaulted'
  if (world.failures.novations.has(from.id)) return 'NovationOpen'
  if (amountBase > from.liabilityBase) return 'LiabilityTooSmall'
  if (asset !== 0 && !world.assets.has(asset)) return 'UnknownAsset'
  if (unitsOf(world, asset, sender) < paymentBase)
    return asset === 0 ? 'InsufficientCoins' : 'InsufficientAsset'
  move(world, asset, sender, novationEscrow(from.id), paymentBase)
  world.failures.novations.set(from.id, { to, amountBase, asset, paymentBase })
  return undefined
}

/** Ends an offer and pays its payment back. */
export function refundNovation(world: World, from: Provider): void {
  const open = world.failures.novations.get(from.id)
  if (open === undefined) return
  world.failures.novations.delete(from.id)
  move(world, open.asset, novationEscrow(from.id), from.operator, open.paymentBase)
}

export function withdrawNovation(world: World, sender: string): Outcome {
  const from = providerOf(world, sender)
  if (from === undefined) return 'NotProvider'
  if (!world.failures.novations.has(from.id)) return 'NoNovation'
  refundNovation(world, from)
  return undefined
}

/** Takes liability over exactly as offered, if the whole mint rule lets the provider owe as much. */
export function acceptNovation(
  world: World,
  sender: string,
  terms: NovationTerms & { readonly from: number },
): Outcome {
  const to = providerOf(world, sender)
  if (to === undefined) return 'NotProvider'
  const open = world.failures.novations.get(terms.from)
  const isSame =
    open?.amountBase === terms.amountBase &&
    open.asset === terms.asset &&
    open.paymentBase === terms.paymentBase
  if (open === undefined || !isSame) return 'NoNovation'
  if (open.to !== to.id) return 'NotOffered'
  const from = world.providers.get(terms.from)!
  if (open.amountBase > from.liabilityBase) return 'LiabilityTooSmall'
  const broken = brokenTakeoverLimits(world, to.id, open.amountBase, from.id)
  if (broken.size > 0) return broken
  world.failures.novations.delete(from.id)
  moveLocks(world, { from, to, amountBase: open.amountBase })
  moveCompensation(world, { from, to, amountBase: open.amountBase })
  move(world, open.asset, novationEscrow(from.id), sender, open.paymentBase)
  return undefined
}

interface Handover {
  readonly from: Provider
  readonly to: Provider
  readonly amountBase: bigint
}

/**
 * The lock moves along in proportion, floor and every rate rounded down; what is timed of it begins its K good windows anew. Locks
 * that end with the same good window are one.
 */
function moveLocks(world: World, { from, to, amountBase }: Handover): void {
  const part = (base: bigint): bigint => floorDiv(base * amountBase, from.liabilityBase)
  const own = world.locks.filter(({ provider }) => provider === from.id)
  const floors = world.floors.filter(({ provider }) => provider === from.id)
  const assets = new Set([...own, ...floors].map(({ asset }) => asset))
  world.locks = world.locks.filter(({ provider }) => provider !== from.id)
  const K = world.parameters.horizonWindows
  for (const asset of assets) {
    const floor = floorOf(world, from.id, asset)
    const floorBase = part(floor.floorBase)
    floor.floorBase -= floorBase
    floorOf(world, to.id, asset).floorBase += floorBase
    let timedBase = 0n
    const ends = new Set(own.filter((lock) => lock.asset === asset).map((lock) => lock.goodWindowsLeft))
    for (const goodWindowsLeft of ends) {
      const same = own.filter((lock) => lock.asset === asset && lock.goodWindowsLeft === goodWindowsLeft)
      const left = BigInt(goodWindowsLeft)
      const rateBase = same.reduce((total, lock) => total + lock.rateBase, 0n)
      const restBase = same.reduce((total, lock) => total + lock.restBase, 0n)
      const movedRate = part(rateBase)
      const moved = movedRate * left + part(restBase - rateBase * left)
      timedBase += moved
      world.locks.push({
        provider: from.id,
        asset,
        restBase: restBase - moved,
        rateBase: rateBase - movedRate,
        goodWindowsLeft,
      })
    }
    const rateBase = floorDiv(timedBase, BigInt(K))
    if (timedBase > 0n)
      world.locks.push({ provider: to.id, asset, restBase: timedBase, rateBase, goodWindowsLeft: K })
    move(world, asset, lockEscrow(from.id), lockEscrow(to.id), floorBase + timedBase)
  }
}

/** The liability moves, and of a compensation the part that belongs to it. */
function moveCompensation(world: World, { from, to, amountBase }: Handover): void {
  const assumedBase = floorDiv(from.assumedBase * amountBase, from.liabilityBase)
  const moved = new Map<number, bigint>()
  if (assumedBase > 0n) {
    releaseCompensation(world, from)
    for (const [asset, held] of from.compensation.assets) {
      const partBase = floorDiv(held * assumedBase, from.compensation.forBase)
      from.compensation.assets.set(asset, held - partBase)
      moved.set(asset, partBase)
      move(world, asset, compensationEscrow(from.id), compensationEscrow(to.id), partBase)
    }
    from.compensation.forBase -= assumedBase
  }
  lowerAssumed(from, amountBase)
  from.liabilityBase -= amountBase
  to.liabilityBase += amountBase
  if (assumedBase > 0n) addCompensation(world, to, { assumedBase, exemptBase: 0n, paid: moved })
}
