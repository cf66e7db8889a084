// ECONOMY §4: mints and retiring; §3: the lock of a mint and its release. Not: primary sales (series.ts).
import { ceilDiv, floorDiv, least, P, sum } from './arithmetic.ts'
import { lowerAssumed } from './assumed.ts'
import { brokenMintLimits } from './coverage.ts'
import { burnCoins, coinsOf, createCoins, lockEscrow, move } from './ledger.ts'
import type { Floor, Lock, Provider, World } from './world.ts'

export const providerOf = (world: World, operator: string): Provider | undefined =>
  [...world.providers.values()].find((provider) => provider.operator === operator)

/** The result of an action: nothing, a failure by name, or broken rules and limits of which the refusal must name one. */
export type Outcome = string | undefined | ReadonlySet<string>

/** Of a mint's value, `retain` is locked; of that value, `lockFloor` waits for burned liability (§3, Lock). */
export function lockUp(
  world: World,
  provider: number,
  locked: {
    readonly asset: number
    readonly valueBase: bigint
    readonly from: string
    readonly maxBase: bigint
  },
): void {
  const { retainPpm, lockFloorPpm } = world.parameters
  const totalBase = least(ceilDiv(locked.valueBase * retainPpm, P), locked.maxBase)
  const floorBase = least(ceilDiv(locked.valueBase * lockFloorPpm, P), totalBase)
  if (totalBase === 0n) return
  move(world, locked.asset, locked.from, lockEscrow(provider), totalBase)
  floorOf(world, provider, locked.asset).floorBase += floorBase
  const restBase = totalBase - floorBase
  const K = world.parameters.horizonWindows
  const rateBase = floorDiv(restBase, BigInt(K))
  world.locks.push({ provider, asset: locked.asset, restBase, rateBase, goodWindowsLeft: K })
}

export function floorOf(world: World, provider: number, asset: number): Floor {
  const known = world.floors.find((floor) => floor.provider === provider && floor.asset === asset)
  if (known !== undefined) return known
  const floor: Floor = { provider, asset, floorBase: 0n, freedBase: 0n }
  world.floors.push(floor)
  return floor
}

/** A genesis balance: backed like every mint, but it locks nothing. */
export function mintAtGenesis(world: World, provider: number, to: string, amountBase: bigint): Outcome {
  const broken = brokenMintLimits(world, provider, amountBase)
  if (broken.size > 0) return broken
  createCoins(world, provider, to, amountBase)
  return undefined
}

/** A direct mint: without proceeds the lock is in the minted coins. */
export function mint(
  world: World,
  sender: string,
  args: { readonly to: string; readonly amountBase: bigint },
): Outcome {
  const provider = providerOf(world, sender)
  if (provider === undefined) return 'NotProvider'
  if (args.amountBase === 0n) return 'ZeroAmount'
  const broken = brokenMintLimits(world, provider.id, args.amountBase)
  if (broken.size > 0) return broken
  createCoins(world, provider.id, args.to, args.amountBase)
  const { amountBase } = args
  lockUp(world, provider.id, { asset: 0, valueBase: amountBase, from: args.to, maxBase: amountBase })
  return undefined
}

/** Retire: a provider burns `min(x, L[own])` of its coins. */
export function retire(world: World, sender: string, args: { readonly amountBase: bigint }): Outcome {
  const provider = providerOf(world, sender)
  if (provider === undefined) return 'NotProvider'
  if (args.amountBase === 0n) return 'ZeroAmount'
  if (provider.liabilityBase === 0n) return 'NothingToRetire'
  const burn = least(args.amountBase, provider.liabilityBase)
  if (coinsOf(world, sender) < burn) return 'InsufficientCoins'
  burnLiability(world, provider, sender, burn)
  return undefined
}

/**
 * Burns locked coins (docs/decisions/locked-coins-can-be-retired.md): what is freed, then what good windows release next, then
 * the floor.
 */
export function retireLocked(world: World, sender: string, args: { readonly amountBase: bigint }): Outcome {
  const provider = providerOf(world, sender)
  if (provider === undefined) return 'NotProvider'
  if (args.amountBase === 0n) return 'ZeroAmount'
  if (provider.liabilityBase === 0n) return 'NothingToRetire'
  const burn = least(args.amountBase, provider.liabilityBase)
  if (coinsOf(world, lockEscrow(provider.id)) < burn) return 'InsufficientLock'
  burnLiability(world, provider, lockEscrow(provider.id), burn)
  const floor = floorOf(world, provider.id, 0)
  const freed = least(floor.freedBase, burn)
  floor.freedBase -= freed
  floor.floorBase -= takeTimed(world, provider.id, burn - freed)
  return undefined
}

/** Takes coins out of what good windows release, the next first. Returns what these do not have. */
function takeTimed(world: World, provider: number, amountBase: bigint): bigint {
  let rest = amountBase
  const isOwn = (lock: Lock): boolean => lock.provider === provider && lock.asset === 0
  const ends = new Set(world.locks.filter(isOwn).map(({ goodWindowsLeft }) => goodWindowsLeft))
  for (const goodWindowsLeft of [...ends].sort((a, b) => a - b)) {
    if (rest === 0n) break
    const ending = world.locks.filter((lock) => isOwn(lock) && lock.goodWindowsLeft === goodWindowsLeft)
    const whole = sum(ending.map(({ restBase }) => restBase))
    const taken = least(whole, rest)
    rest -= taken
    world.locks = world.locks.filter((lock) => !ending.includes(lock))
    const restBase = whole - taken
    // What ends together is released together from now on.
    const rateBase = floorDiv(restBase, BigInt(goodWindowsLeft))
    if (restBase > 0n) world.locks.push({ provider, asset: 0, restBase, rateBase, goodWindowsLeft })
  }
  return rest
}

/** Burns coins of an account against a liability, and frees the locks' floor in proportion. */
export function burnLiability(world: World, provider: Provider, from: string, amountBase: bigint): void {
  const before = provider.liabilityBase
  lowerAssumed(provider, amountBase)
  burnCoins(world, provider.id, from, amountBase)
  if (before === 0n) return
  for (const floor of world.floors.filter((each) => each.provider === provider.id)) {
    const freed = floorDiv(floor.floorBase * amountBase, before)
    floor.floorBase -= freed
    floor.freedBase += freed
  }
}

function release(world: World, lock: Pick<Lock, 'provider' | 'asset'>, amountBase: bigint): void {
  const { operator } = world.providers.get(lock.provider)!
  if (amountBase > 0n) move(world, lock.asset, lockEscrow(lock.provider), operator, amountBase)
}

/**
 * At a window's end what burning has freed is paid, and 1/K of each lock's rest if the window was good: active, no open
 * fault, what was granted in it served, or nothing granted. Whoever leaves and owes nothing gets all.
 */
export function releaseLocks(world: World, isGood: (provider: Provider) => boolean): void {
  releaseLeavers(world)
  for (const floor of world.floors) {
    release(world, floor, floor.freedBase)
    floor.freedBase = 0n
  }
  for (const lock of world.locks) {
    if (!isGood(world.providers.get(lock.provider)!)) continue
    lock.goodWindowsLeft--
    const released = lock.goodWindowsLeft === 0 ? lock.restBase : lock.rateBase
    release(world, lock, released)
    lock.restBase -= released
  }
  world.locks = world.locks.filter((lock) => lock.goodWindowsLeft > 0)
}

/** Nothing is left to secure: no window of such a member would be good again (§9, exit). */
function releaseLeavers(world: World): void {
  const owesNothing = (id: number): boolean => {
    const { status, removed, liabilityBase } = world.providers.get(id)!
    return liabilityBase === 0n && (removed || status === 'retiring')
  }
  for (const floor of world.floors.filter(({ provider }) => owesNothing(provider))) {
    release(world, floor, floor.freedBase + floor.floorBase)
    floor.freedBase = 0n
    floor.floorBase = 0n
  }
  for (const lock of world.locks.filter(({ provider }) => owesNothing(provider)))
    release(world, lock, lock.restBase)
  world.locks = world.locks.filter(({ provider }) => !owesNothing(provider))
}
