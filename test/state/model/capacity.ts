// ECONOMY §3: V, D, c, C and C*, counted anew from lots and assignments at every question.
import { atLeastZero, COIN, ceilDiv, floorDiv, growth, P, sum } from './arithmetic.ts'
import {
  type Assignment,
  type HeldCapacity,
  type Lot,
  type Provider,
  SERVICES,
  type Service,
  type World,
} from './world.ts'

/** 10^-18 of a reference device-hour: V is whole ppm of a device-hour, D is finer (README, reading 1). */
export type Work = bigint
const WORK_PER_PPM_HOUR = COIN / P

/** Answers given since nothing has changed: the model asks the same of the same world many times over. */
let answers: Map<string, unknown> | undefined

/** Runs questions that change nothing; what was answered once is not counted again. */
export function whileUnchanged<T>(ask: () => T): T {
  if (answers !== undefined) return ask()
  answers = new Map()
  try {
    return ask()
  } finally {
    answers = undefined
  }
}

/** An answer that is counted once while nothing changes. */
export function once<T>(question: string, count: () => T): T {
  if (answers === undefined) return count()
  if (!answers.has(question)) answers.set(question, count())
  return answers.get(question) as T
}

/** §2: one lot group = (provider, class, region); lots that offer other services are a group of their own. */
export interface LotGroup {
  readonly key: string
  readonly provider: number
  readonly classId: number
  readonly region: string
  readonly services: readonly Service[]
  readonly lots: readonly Lot[]
}

export const lotGroupKey = (lot: Lot): string =>
  `${lot.provider}/${lot.classId}/${lot.region}/${lot.services.join('+')}`

/** All lot groups by provider, then by number; those without an attested lot have none and come last. */
export const lotGroups = (world: World): readonly LotGroup[] => once('groups', () => gatherGroups(world))

function gatherGroups(world: World): readonly LotGroup[] {
  const groups = new Map<string, LotGroup & { readonly lots: Lot[] }>()
  for (const lot of world.lots.values()) {
    const key = lotGroupKey(lot)
    const { provider, classId, region, services } = lot
    const group = groups.get(key) ?? { key, provider, classId, region, services, lots: [] }
    group.lots.push(lot)
    groups.set(key, group)
  }
  const numberOf = ({ key }: LotGroup): number => world.groupNumbers.get(key) ?? world.nextGroup
  return [...groups.values()].sort(
    (a, b) => a.provider - b.provider || numberOf(a) - numberOf(b) || (a.key < b.key ? -1 : 1),
  )
}

/** A lot group has a number from its first attested lot on, until its last one ends. */
export function numberGroup(world: World, lot: Lot): void {
  const key = lotGroupKey(lot)
  if (!world.groupNumbers.has(key)) world.groupNumbers.set(key, world.nextGroup++)
}

/** §1: ratings without a benchmark are multiplied by `specOnly`. */
export function ratingPpm(world: World, classId: number, service: Service): bigint {
  const { ratingsPpm, specOnly } = world.classes.get(classId)!
  return specOnly ? floorDiv(ratingsPpm[service] * world.parameters.specOnlyPpm, P) : ratingsPpm[service]
}

/** The least of the three services' ratings. */
export const leastRatingPpm = (world: World, classId: number): bigint =>
  SERVICES.map((service) => ratingPpm(world, classId, service)).reduce((a, b) => (a < b ? a : b))

/** Only lots offering all three services count (§3). */
export const offersAll = (group: Pick<LotGroup, 'services'>): boolean =>
  SERVICES.every((service) => group.services.includes(service))

/** §2: attested lots count from the next window on, once it is counted; before that a lot counts 0 and has no hours. */
const isCounted = (lot: Lot, window: number): boolean =>
  lot.countsFrom !== undefined && window >= lot.countsFrom

/** Windows that a lot offers: from its first one on, evergreen until notice ends it. */
const offers = (lot: Lot, window: number): boolean =>
  window >= lot.firstWindow && (lot.lastWindow === undefined || window <= lot.lastWindow)

/** Statuses that serve and count (§2): all but jailed, defaulted and left. */
export const counts = ({ status }: Pick<Provider, 'status'>): boolean =>
  status !== 'jailed' && status !== 'defaulted' && status !== 'left'

/** The window by which the hours of a lot group are told: a recount under way may have passed it. */
const windowOfHours = (world: World, group: LotGroup): number =>
  world.recounting?.has(world.groupNumbers.get(group.key) ?? 0) === true ? world.window : world.counted.window

/** `floor(devices·windowHours·rating·(P−auditHaircut)·(P−availabilityHaircut)/P²)` at a given rating, with lots as of `counted`. */
export function workAt(
  world: World,
  group: LotGroup,
  window: number,
  rating: bigint,
  counted = windowOfHours(world, group),
): Work {
  const { windowHours, availabilityHaircutPpm } = world.parameters
  const audited = sum(
    group.lots
      .filter((lot) => isCounted(lot, counted) && offers(lot, window))
      .map((lot) => BigInt(lot.devices) * (P - lot.auditHaircutPpm)),
  )
  const hoursPpm = floorDiv(audited * BigInt(windowHours) * rating * (P - availabilityHaircutPpm), P * P)
  return hoursPpm * WORK_PER_PPM_HOUR
}

/** `rating·P² ≥ minClass·A·G_k`: whether a class counts in the k-th window from now. */
export const classCounts = (world: World, classId: number, k: number): boolean => {
  const { minClassPpm, driftPpm } = world.parameters
  return leastRatingPpm(world, classId) * P * P >= minClassPpm * world.counted.anchorPpm * growth(driftPpm, k)
}

/** `rating·P³ ≥ minClass·A·G_K²`: whether a class still counts after 2K windows of the largest drift. */
export const classCountsLong = (world: World, classId: number): boolean => {
  const { minClassPpm, driftPpm, horizonWindows } = world.parameters
  const factor = growth(driftPpm, horizonWindows)
  return leastRatingPpm(world, classId) * P * P * P >= minClassPpm * world.counted.anchorPpm * factor * factor
}

/** Whether a lot group's hours count in the k-th window from the last recount's. */
export const groupCounts = (world: World, group: LotGroup, k: number): boolean =>
  offersAll(group) && counts(world.providers.get(group.provider)!) && classCounts(world, group.classId, k)

/** Whether a lot group's hours count in a window. */
export const countsInWindow = (world: World, group: LotGroup, window: number): boolean =>
  groupCounts(world, group, window - world.counted.window)

/** V of one lot group in the k-th window from the last recount's. */
export const capacityV = (world: World, group: LotGroup, k: number): Work =>
  groupCounts(world, group, k)
    ? workAt(
        world,
        group,
        world.counted.window + k,
        leastRatingPpm(world, group.classId),
        world.counted.window,
      )
    : 0n

/** What open and served assignments have taken of a lot group in a window. */
export const reservedWork = (world: World, key: string, window: number): Work =>
  sum(
    world.assignments
      .filter((a) => a.lotGroup === key && a.window === window && !a.isReturned)
      .map((a) => a.reserved),
  )

/** D of one lot group: what is reserved of hours that count (§3). */
export const reservedD = (world: World, group: LotGroup, k: number): Work =>
  groupCounts(world, group, k) ? reservedWork(world, group.key, world.counted.window + k) : 0n

/** `c = floor((V−D)·10^18·P / (A·G_k))`, without crumbs below the minimum request. */
export const coinsOfGroup = (world: World, group: LotGroup, k: number): bigint =>
  once(`c/${group.key}/${k}`, () => countCoins(world, group, k))

function countCoins(world: World, group: LotGroup, k: number): bigint {
  return worthOf(world, capacityV(world, group, k) - reservedD(world, group, k), k)
}

/** Coins that free work is worth in the k-th window. */
function worthOf(world: World, free: Work, k: number): bigint {
  const { driftPpm, minimumBase } = world.parameters
  const coins = floorDiv(atLeastZero(free) * P * P, world.counted.anchorPpm * growth(driftPpm, k))
  return coins < minimumBase ? 0n : coins
}

const groupsOf = (world: World, provider: number): readonly LotGroup[] =>
  lotGroups(world).filter((group) => group.provider === provider)

/** Σ over windows of c of the groups: computed per lot group, then summed. */
const coinsOf = (world: World, groups: readonly LotGroup[], windows: readonly number[]): bigint =>
  sum(windows.flatMap((k) => groups.map((group) => coinsOfGroup(world, group, k))))

/** The lot groups whose class lasts: those of C*. */
const lastingGroupsOf = (world: World, provider: number): readonly LotGroup[] =>
  groupsOf(world, provider).filter((group) => classCountsLong(world, group.classId))

/** c[i,k]. */
export const coinsInWindow = (world: World, provider: number, k: number): bigint =>
  coinsOf(world, groupsOf(world, provider), [k])

/** The windows k = 2 + coverN … last. */
export function coveredWindows(world: World, last = world.parameters.horizonWindows): readonly number[] {
  const windows: number[] = []
  for (let k = 2 + world.parameters.coverN; k <= last; k++) windows.push(k)
  return windows
}

/** C[i] = Σ c[i,k] over k = 2+coverN … K; while a recount is under way what is held of the last one. */
export const capacityC = (world: World, provider: number): bigint =>
  once(
    `C/${provider}`,
    () =>
      heldOf(world, provider)?.capacityBase ??
      coinsOf(world, groupsOf(world, provider), coveredWindows(world)),
  )

/** C*[i], up to the window `last`: K, or one of the quarter points. */
export const capacityCStar = (
  world: World,
  provider: number,
  last = world.parameters.horizonWindows,
): bigint =>
  once(
    `C*/${provider}/${last}`,
    () =>
      heldOf(world, provider)?.lastingBase.get(last) ??
      coinsOf(world, lastingGroupsOf(world, provider), coveredWindows(world, last)),
  )

const NOTHING_HELD: HeldCapacity = { capacityBase: 0n, lastingBase: new Map() }

function heldOf(world: World, provider: number): HeldCapacity | undefined {
  if (world.recounting === undefined) return undefined
  return counts(world.providers.get(provider)!) ? world.held.get(provider) : NOTHING_HELD
}

/** K, and the quarter points up to which C* is asked for. */
const lastWindows = (world: World): readonly number[] => {
  const K = world.parameters.horizonWindows
  return [...new Set([1, 2, 3, 4].map((quarters) => Math.ceil((quarters * K) / 4)))]
}

/**
 * Holds C and C* as the last complete recount has them: parameters and lots of the next one must not change them yet. Of
 * every provider, whether or not its status lets it count: whoever is jailed now may count again before the next is complete.
 */
export function holdCapacity(world: World): void {
  for (const { id } of world.providers.values()) {
    const groups = groupsOf(world, id)
    const lasting = lastingGroupsOf(world, id)
    const held = (of: readonly LotGroup[], windows: readonly number[]): bigint =>
      sum(windows.flatMap((k) => of.map((group) => bookableCoins(world, group, k))))
    world.held.set(id, {
      capacityBase: held(groups, coveredWindows(world)),
      lastingBase: new Map(
        lastWindows(world).map((last) => [last, held(lasting, coveredWindows(world, last))]),
      ),
    })
  }
}

/**
 * Changes what is booked of a lot group in a window. Of what is held while a recount is under way this takes, or returns,
 * what it takes of the hours that the group has to book (README, reading 36).
 */
export function changeBooked(
  world: World,
  at: Pick<Assignment, 'provider' | 'lotGroup' | 'window'>,
  change: () => void,
): void {
  const held = world.held.get(at.provider)
  const group = lotGroups(world).find(({ key }) => key === at.lotGroup)
  const k = at.window - world.counted.window
  const isCounted = k >= 2 + world.parameters.coverN && group !== undefined
  if (world.recounting === undefined || held === undefined || !isCounted) {
    change()
    return
  }
  const before = bookableCoins(world, group, k)
  change()
  const moved = bookableCoins(world, group, k) - before
  held.capacityBase = atLeastZero(held.capacityBase + moved)
  if (!classCountsLong(world, group.classId)) return
  for (const [last, base] of held.lastingBase)
    if (k <= last) held.lastingBase.set(last, atLeastZero(base + moved))
}

/** c of the hours that a lot group has to book, by the last complete recount or by the one that has passed it. */
export function bookableCoins(world: World, group: LotGroup, k: number): bigint {
  if (!offersAll(group) || !classCounts(world, group.classId, k)) return 0n
  const window = world.counted.window + k
  const work = workAt(world, group, window, leastRatingPpm(world, group.classId))
  return worthOf(world, work - reservedWork(world, group.key, window), k)
}

/** R[i]: coins reserved on hours of i that count, in the current window and later, not yet settled. */
export const reservedR = (world: World, provider: number): bigint =>
  once(`R/${provider}`, () => countReserved(world, provider))

function countReserved(world: World, provider: number): bigint {
  const groups = new Map(groupsOf(world, provider).map((group) => [group.key, group]))
  return sum(
    world.assignments
      .filter((a) => a.isOpen && a.provider === provider && a.window >= world.window)
      .filter((a) => countsInWindow(world, groups.get(a.lotGroup)!, a.window))
      .map((a) => a.amountBase - a.settledBase),
  )
}

/** Work that a number of coins needs at today's anchor, with the bonus: liabilities round up. */
export const workOf = (world: World, amountBase: bigint, bonusPpm: bigint): Work =>
  ceilDiv(ceilDiv(amountBase * (P + bonusPpm), P) * world.counted.anchorPpm, P)

/** Coins that free work serves at today's anchor, with the bonus: capacity rounds down. */
export const coinsOfWork = (world: World, work: Work, bonusPpm: bigint): bigint =>
  floorDiv(floorDiv(work * P, world.counted.anchorPpm) * P, P + bonusPpm)
