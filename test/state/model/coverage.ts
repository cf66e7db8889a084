// ECONOMY §3: cover-N, the shortfall, and every limit that a mint must keep.
import { atLeastZero, COIN, floorDiv, largest, least, P, sum } from './arithmetic.ts'
import { capacityC, capacityCStar, reservedR, whileUnchanged } from './capacity.ts'
import { bondPriceOf, staleSince } from './prices.ts'
import type { Provider, World } from './world.ts'

/** Providers of one legal group are one j; without a group a provider is its own. */
export const groupOf = (provider: Provider): string =>
  provider.legalGroup === ''
    ? `provider ${provider.id}`
    : `group ${provider.legalGroup.trim().toLowerCase().normalize('NFC')}`

export const isSuspended = (provider: Provider): boolean => provider.suspendedSince !== undefined

interface Group {
  readonly name: string
  readonly members: readonly Provider[]
  readonly isSuspended: boolean
  readonly capacityBase: bigint
  readonly lastingBase: bigint
  readonly liabilityBase: bigint
  readonly reservedBase: bigint
}

/** All legal groups with their sums. */
export function legalGroups(world: World): readonly Group[] {
  const members = new Map<string, Provider[]>()
  for (const provider of world.providers.values()) {
    const name = groupOf(provider)
    members.set(name, [...(members.get(name) ?? []), provider])
  }
  return [...members].map(([name, list]) => ({
    name,
    members: list,
    isSuspended: list.some(isSuspended),
    capacityBase: sum(list.map(({ id }) => capacityC(world, id))),
    lastingBase: sum(list.map(({ id }) => capacityCStar(world, id))),
    liabilityBase: sum(list.map(({ liabilityBase }) => liabilityBase)),
    reservedBase: sum(list.map(({ id }) => reservedR(world, id))),
  }))
}

/** Σ C of those not suspended, for the header (§11): the right side of cover-N. */
export const totalCapacity = (world: World): bigint =>
  sum(
    legalGroups(world)
      .filter((group) => !group.isSuspended)
      .map((group) => group.capacityBase),
  )

export const totalLiabilities = (world: World): bigint =>
  sum([...world.providers.values()].map(({ liabilityBase }) => liabilityBase))

/** `ΣN + L_orphan + Σ(the (coverN − suspended groups)⁺ largest X of those not suspended) − ΣC of those not suspended`, if positive. */
export function shortfall(world: World): bigint {
  const groups = legalGroups(world)
  const needed = sum(
    [...world.providers.values()].map(({ id, liabilityBase }) =>
      atLeastZero(liabilityBase - reservedR(world, id)),
    ),
  )
  const standing = groups.filter((group) => !group.isSuspended)
  const silent = world.counted.coverN - (groups.length - standing.length)
  // X[j] = C[j] + min(R[j], L[j]).
  const lost = largest(
    standing.map((g) => g.capacityBase + least(g.reservedBase, g.liabilityBase)),
    silent,
  )
  return atLeastZero(needed + world.orphanBase + sum(lost) - sum(standing.map((g) => g.capacityBase)))
}

/** §3, Causes: a provider's own shortfall, max(0, L−R−C). */
export const ownShortfall = (world: World, provider: Provider): bigint =>
  atLeastZero(provider.liabilityBase - reservedR(world, provider.id) - capacityC(world, provider.id))

/** Largest total liability for which `(L+x)·m ≤ room·P`. */
const underMargin = (world: World, roomBase: bigint): bigint =>
  floorDiv(atLeastZero(roomBase) * P, world.parameters.marginPpm)

/** Quota of a legal group: the largest L with `L·m·W ≤ w·(W − coverN·T)·P`. */
export function quota(world: World, groupName: string): bigint {
  const { marginPpm } = world.parameters
  const { coverN } = world.counted
  const groups = legalGroups(world)
  const threshold =
    largest(
      groups.map((g) => g.lastingBase),
      coverN + 1,
    )[coverN] ?? 0n
  const counted = (g: Group): bigint => least(g.lastingBase, threshold)
  const all = sum(groups.map(counted))
  if (all === 0n) return 0n
  const own = counted(groups.find((g) => g.name === groupName)!)
  return floorDiv(own * (all - BigInt(coverN) * threshold) * P, marginPpm * all)
}

/** Largest ΣL: `(ΣL + L_orphan + x)·m ≤ (ΣC* − Σ top coverN of (C* + min(R,L)))·P`; the suspended's C* stays in. */
export function jointLimit(world: World): bigint {
  const groups = legalGroups(world)
  const lost = largest(
    groups.map((g) => g.lastingBase + least(g.reservedBase, g.liabilityBase)),
    world.counted.coverN,
  )
  return underMargin(world, sum(groups.map((g) => g.lastingBase)) - sum(lost))
}

/** `(L+x)·m ≤ C*·P`. */
export const ownBackingLimit = (world: World, provider: number): bigint =>
  underMargin(world, capacityCStar(world, provider))

/** Least over k = ⌈K/4⌉, ⌈K/2⌉, ⌈3K/4⌉ of the L with `Σ c*·K·P ≥ frontLoad·k·L`. */
export function frontLoadLimit(world: World, provider: number): bigint | undefined {
  const { horizonWindows: K, frontLoadPpm } = world.parameters
  if (frontLoadPpm === 0n) return undefined
  const limits = [1, 2, 3].map((quarters) => {
    const k = Math.ceil((quarters * K) / 4)
    const early = capacityCStar(world, provider, k)
    return floorDiv(early * BigInt(K) * P, frontLoadPpm * BigInt(k))
  })
  return limits.reduce(least)
}

/** §9: own limits, those of its own capacity, that drift or parameters exceed. */
export function exceedsOwnLimits(world: World, { id, liabilityBase }: Provider): boolean {
  const frontLoad = frontLoadLimit(world, id)
  return liabilityBase > ownBackingLimit(world, id) || (frontLoad !== undefined && liabilityBase > frontLoad)
}

/** The part of L that needs a bond: not what was assumed with a compensation, or had to be (§9). */
export const bondedLiability = ({ liabilityBase, exemptBase }: Provider): bigint => liabilityBase - exemptBase

/** The first asset of a bond with a price too old, where such assets are at least half of it (docs/economy.md). */
export function staleBond(world: World, provider: Provider): number | undefined {
  const held = [...provider.bonds].filter(([, amount]) => amount > 0n)
  const stale = held.filter(([asset]) => staleSince(world, asset) !== undefined)
  const all = sum(held.map(([asset, amount]) => valuePpm(world, asset, amount)))
  const old = sum(stale.map(([asset, amount]) => valuePpm(world, asset, amount)))
  return stale.length > 0 && old * 2n >= all ? stale[0]![0] : undefined
}

const valuePpm = (world: World, asset: number, amountBase: bigint): bigint => {
  const price = bondPriceOf(world, asset)
  return price === undefined ? 0n : floorDiv(amountBase * COIN * P, price)
}

/** The bonds at the oracle price, millionths of a base unit; `isFresh`: those whose price is not too old. */
export function bondValuePpm(world: World, provider: Provider, isFresh: boolean): bigint {
  const counted = [...provider.bonds].filter(([asset]) => !isFresh || staleSince(world, asset) === undefined)
  return sum(counted.map(([asset, amount]) => valuePpm(world, asset, amount)))
}

/** Whether the bond is at least `share` of a liability; a smaller part of it with a price too old counts nothing. */
export const bondCovers = (
  world: World,
  provider: Provider,
  sharePpm: bigint,
  liabilityBase: bigint,
): boolean =>
  bondValuePpm(world, provider, staleBond(world, provider) === undefined) >= sharePpm * liabilityBase

export const MINT_LIMITS = [
  'status',
  'suspended',
  'notice',
  'stopped',
  'recount',
  'shortfall',
  'quota',
  'joint',
  'ownBacking',
  'frontLoad',
  'bond',
  'stale',
] as const
export type MintLimit = (typeof MINT_LIMITS)[number]

/**
 * Every rule that a mint of x coins by a provider would break; none: it passes (§3, One function). `from`: what x of its
 * liability moves to the provider, so that it is not new.
 */
export const brokenMintLimits = (
  world: World,
  id: number,
  x: bigint,
  from?: number,
): ReadonlySet<MintLimit> => whileUnchanged(() => findBroken(world, { id, x, from }))

function findBroken(
  world: World,
  { id, x, from }: { readonly id: number; readonly x: bigint; readonly from: number | undefined },
): ReadonlySet<MintLimit> {
  const provider = world.providers.get(id)!
  const broken = new Set<MintLimit>()
  const own = provider.liabilityBase + x
  const group = groupOf(provider)
  const members = [...world.providers.values()].filter((p) => groupOf(p) === group)
  if (provider.status !== 'active') broken.add('status')
  if (members.some(isSuspended)) broken.add('suspended')
  if ([...world.lots.values()].some((lot) => lot.provider === id && lot.lastWindow !== undefined))
    broken.add('notice')
  if (world.mintStop !== undefined) broken.add('stopped')
  if (world.recounting !== undefined) broken.add('recount')
  if (shortfall(world) > 0n) broken.add('shortfall')
  const groupLiability = sum(members.map((p) => p.liabilityBase))
  const isOneGroup = from !== undefined && groupOf(world.providers.get(from)!) === group
  if (!isOneGroup && groupLiability + x > quota(world, group)) broken.add('quota')
  if (from === undefined && totalLiabilities(world) + world.orphanBase + x > jointLimit(world))
    broken.add('joint')
  if (own > ownBackingLimit(world, id)) broken.add('ownBacking')
  const frontLoad = frontLoadLimit(world, id)
  if (frontLoad !== undefined && own > frontLoad) broken.add('frontLoad')
  if (!bondCovers(world, provider, world.parameters.bondPpm, bondedLiability(provider) + x))
    broken.add('bond')
  if (staleBond(world, provider) !== undefined) broken.add('stale')
  return broken
}
