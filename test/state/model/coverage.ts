// ECONOMY §3: cover-N, the shortfall, and every limit that a mint must keep.
import { atLeastZero, COIN, floorDiv, largest, least, P, sum } from './arithmetic.ts'
import { capacityC, capacityCStar, offersAll, reservedR, whileUnchanged } from './capacity.ts'
import { bondPriceOf, isGivenUp, isStale, lockPriceOf } from './prices.ts'
import { isBarred, promisedBy } from './sales.ts'
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

/** Bonds that there are, or one on which a mint rests, a takeover or an assumption (docs/decisions/bonds-at-the-higher-price.md). */
export type BondUse = 'held' | 'minted'

/** The first asset of a bond with a price too old, where such assets are at least half of it (docs/economy.md). */
export function staleBond(world: World, provider: Provider, use: BondUse): number | undefined {
  const held = [...provider.bonds].filter(([asset, amount]) => amount > 0n && !isGivenUp(world, asset))
  const stale = held.filter(([asset]) => isStale(world, asset))
  const all = sum(held.map(([asset, amount]) => valuePpm(world, { asset, amount, use })))
  const old = sum(stale.map(([asset, amount]) => valuePpm(world, { asset, amount, use })))
  return stale.length > 0 && old * 2n >= all ? stale[0]![0] : undefined
}

const valuePpm = (
  world: World,
  of: { readonly asset: number; readonly amount: bigint; readonly use: BondUse },
): bigint => {
  const price = of.use === 'held' ? bondPriceOf(world, of.asset) : lockPriceOf(world, of.asset)
  return price === undefined ? 0n : floorDiv(of.amount * COIN * P, price)
}

/** The bonds at the oracle price, millionths of a base unit; `isFresh`: those whose price is not too old. One that is given up counts nothing. */
export function bondValuePpm(
  world: World,
  provider: Provider,
  { use, isFresh = false }: { readonly use: BondUse; readonly isFresh?: boolean },
): bigint {
  const counted = [...provider.bonds].filter(
    ([asset]) => !isGivenUp(world, asset) && !(isFresh && isStale(world, asset)),
  )
  return sum(counted.map(([asset, amount]) => valuePpm(world, { asset, amount, use })))
}

/** Whether the bond lets a provider owe so much; a smaller part of it with a price too old counts nothing. */
function bondCovers(world: World, provider: Provider, liabilityBase: bigint): boolean {
  const use = 'minted'
  const isFresh = staleBond(world, provider, use) === undefined
  return bondValuePpm(world, provider, { use, isFresh }) >= world.parameters.bondPpm * liabilityBase
}

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
  'barred',
  'receiptsFirst',
] as const
export type MintLimit = (typeof MINT_LIMITS)[number]

/** The failure that a broken limit has. */
export const LIMIT_NAMES: Readonly<Record<MintLimit, string>> = {
  status: 'ProviderNotActive',
  suspended: 'ProviderSuspended',
  notice: 'UnderNotice',
  stopped: 'MintingStopped',
  recount: 'RecountUnderWay',
  shortfall: 'CoverageShortfall',
  quota: 'QuotaExceeded',
  joint: 'JointLimitExceeded',
  ownBacking: 'OwnBackingExceeded',
  frontLoad: 'FrontLoadExceeded',
  bond: 'BondTooSmall',
  stale: 'OracleStale',
  barred: 'MintingBarred',
  receiptsFirst: 'ReceiptsFirst',
}

/** Whether any member of a provider's legal group is suspended: then the whole group is (§2). */
export const isSuspendedGroup = (world: World, provider: Provider): boolean =>
  [...world.providers.values()].some((other) => groupOf(other) === groupOf(provider) && isSuspended(other))

export const bondOf = (world: World, provider: number, asset: number): bigint =>
  world.providers.get(provider)!.bonds.get(asset) ?? 0n

/** The largest liability that a bond is `share` of, found by halving. */
function bondLimit(world: World, provider: Provider): bigint {
  let low = 0n
  let high = 2n ** 128n
  while (low < high) {
    const middle = (low + high + 1n) / 2n
    if (bondCovers(world, provider, middle)) low = middle
    else high = middle - 1n
  }
  return low
}

/** What each limit leaves a provider to mint; below zero where more is owed already. */
export function mintRooms(world: World, id: number): ReadonlyMap<MintLimit, bigint> {
  const provider = world.providers.get(id)!
  const group = groupOf(provider)
  const members = [...world.providers.values()].filter((p) => groupOf(p) === group)
  const own = provider.liabilityBase
  const rooms = new Map<MintLimit, bigint>([
    ['quota', quota(world, group) - sum(members.map((p) => p.liabilityBase))],
    ['joint', jointLimit(world) - totalLiabilities(world) - world.orphanBase],
    ['ownBacking', ownBackingLimit(world, id) - own],
    ['bond', bondLimit(world, provider) - bondedLiability(provider)],
  ])
  const frontLoad = frontLoadLimit(world, id)
  if (frontLoad !== undefined) rooms.set('frontLoad', frontLoad - own)
  return rooms
}

/** Whom a mint is for: the provider and its buyers, or holders of receipts that it has sold before. */
export type MintKind = 'own' | 'receipts'

/** Every rule that a mint of x coins by a provider would break; none: it passes (§3, One function). */
export const brokenMintLimits = (
  world: World,
  id: number,
  x: bigint,
  kind: MintKind = 'own',
): ReadonlySet<MintLimit> => broken(world, { id, x, kind, moved: undefined })

/** Of a takeover: what moves is not new. */
export const brokenTakeoverLimits = (
  world: World,
  id: number,
  x: bigint,
  from: number,
): ReadonlySet<MintLimit> => broken(world, { id, x, kind: 'own', moved: { from, amountBase: x } })

interface Wanted {
  readonly id: number
  readonly x: bigint
  /** What of x another owes already. */
  readonly moved: { readonly from: number; readonly amountBase: bigint } | undefined
}

const broken = (world: World, wanted: Wanted & { readonly kind: MintKind }): ReadonlySet<MintLimit> =>
  whileUnchanged(() => {
    const { id, x, kind } = wanted
    const found = findBroken(world, wanted)
    if (kind === 'receipts') return found
    if (isBarred(world, id)) found.add('barred')
    const promised = promisedBy(world, id)
    if (promised > 0n && findBroken(world, { ...wanted, x: x + promised }).size > 0)
      found.add('receiptsFirst')
    return found
  })

function findBroken(world: World, { id, x, moved }: Wanted): Set<MintLimit> {
  const provider = world.providers.get(id)!
  const found = new Set<MintLimit>()
  const own = provider.liabilityBase + x
  const group = groupOf(provider)
  const members = [...world.providers.values()].filter((p) => groupOf(p) === group)
  if (provider.status !== 'active') found.add('status')
  if (members.some(isSuspended)) found.add('suspended')
  const ending = [...world.lots.values()].filter(
    (lot) => lot.provider === id && lot.lastWindow !== undefined && offersAll(lot),
  )
  if (ending.length > 0) found.add('notice')
  if (world.mintStop !== undefined) found.add('stopped')
  if (world.recounting !== undefined) found.add('recount')
  if (shortfall(world) > 0n) found.add('shortfall')
  const groupLiability = sum(members.map((p) => p.liabilityBase))
  const isOneGroup = moved !== undefined && groupOf(world.providers.get(moved.from)!) === group
  const knownBase = moved?.amountBase ?? 0n
  if (groupLiability + x - (isOneGroup ? knownBase : 0n) > quota(world, group)) found.add('quota')
  if (totalLiabilities(world) + world.orphanBase + x - knownBase > jointLimit(world)) found.add('joint')
  if (own > ownBackingLimit(world, id)) found.add('ownBacking')
  const frontLoad = frontLoadLimit(world, id)
  if (frontLoad !== undefined && own > frontLoad) found.add('frontLoad')
  if (!bondCovers(world, provider, bondedLiability(provider) + x)) found.add('bond')
  if (staleBond(world, provider, 'minted') !== undefined) found.add('stale')
  return found
}
