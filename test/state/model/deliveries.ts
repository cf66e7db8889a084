// ECONOMY §4: coins for receipts, and how a series ends: served, overdue, with a lock too small, or with its issuer.
// docs/decisions/when-a-series-fails.md has what a failure pays.
import { atLeastZero, COIN, ceilDiv, floorDiv, least, most, P, sum } from './arithmetic.ts'
import { whileUnchanged } from './capacity.ts'
import {
  bondOf,
  bondValuePpm,
  brokenMintLimits,
  isSuspendedGroup,
  type MintLimit,
  mintRooms,
} from './coverage.ts'
import { lockUp } from './issuance.ts'
import { bondEscrow, createCoins, move, unitsOf } from './ledger.ts'
import { isLongStale, isStale, quoteIn } from './prices.ts'
import {
  coinsDue,
  compensationOf,
  faceOf,
  isLive,
  liveSeriesOf,
  lockedIn,
  outstandingOf,
  pricePaid,
  receiptsOf,
  seriesLock,
  waitingFor,
} from './sales.ts'
import { costOf, lockFor, lockNeeded } from './series.ts'
import type { FailReason, Series, World } from './world.ts'

/** How many locks of a receipt the bond adds at most. */
const LOCKS_FROM_BOND = 2n

const isOver = (world: World, series: Series): boolean =>
  series.state !== 'selling' ||
  (waitingFor(world, series.id).length === 0 &&
    (series.stopped ||
      world.window > series.closesAt ||
      series.capBase - series.soldBase < world.parameters.minimumBase))

/** Nobody has a receipt of it and no purchase waits: it is forgotten `seriesTailWindows` later. */
export function finish(world: World, series: Series): void {
  const isDone = series.state === 'converted' || series.state === 'failed'
  if (!isDone || faceOf(world, series) > 0n || waitingFor(world, series.id).length > 0) return
  series.state = 'ended'
  world.sales.over.push({ kind: 'series', id: series.id, window: world.window })
}

/** The lock of which nobody else has a part is the issuer's; of a defaulted one it is its estate's, as its bond is (§9). */
function returnLock(world: World, series: Series): void {
  const { asset, id } = series
  const issuer = world.providers.get(series.provider)!
  const lockBase = lockedIn(world, series)
  if (issuer.status !== 'defaulted') {
    move(world, asset, seriesLock(id), issuer.operator, lockBase)
    return
  }
  move(world, asset, seriesLock(id), bondEscrow(issuer.id), lockBase)
  issuer.bonds.set(asset, bondOf(world, issuer.id, asset) + lockBase)
}

/** All receipts are coins, or none was sold. */
export function complete(world: World, series: Series): void {
  returnLock(world, series)
  delete series.lockShortSince
  series.state = 'converted'
  finish(world, series)
}

/**
 * Holders get what was paid and the lock; the bond adds what the price has risen beyond the lock, at most two locks more, and
 * only what is above b·L.
 */
export function failSeries(world: World, series: Series, reason: Exclude<FailReason, 'none'>): void {
  const { asset, provider, id } = series
  const waiting = outstandingOf(world, series)
  if (waiting === 0n) returnLock(world, series)
  const lock = lockedIn(world, series)
  const quote = quoteIn(world, asset)!
  const risen = floorDiv(waiting * quote.priceBase, COIN) - unitsOf(world, asset, pricePaid(id)) - lock
  const wanted = reason === 'defaulted' ? 0n : least(atLeastZero(risen), LOCKS_FROM_BOND * lock)
  const spare = floorDiv(aboveBond(world, provider) * quote.lockPriceBase, COIN)
  // What is convicted is kept whole until its penalty is taken.
  const added = world.providers.get(provider)!.isFrozen
    ? 0n
    : [spare, bondOf(world, provider, asset)].reduce(least, wanted)
  move(world, asset, seriesLock(id), compensationOf(id), lock)
  if (added > 0n) {
    world.providers.get(provider)!.bonds.set(asset, bondOf(world, provider, asset) - added)
    move(world, asset, bondEscrow(provider), compensationOf(id), added)
  }
  if (reason === 'overdue' || reason === 'lockTooSmall')
    world.sales.barredUntil.set(provider, world.window + world.parameters.horizonWindows)
  delete series.lockShortSince
  series.state = 'failed'
  series.failReason = reason
  finish(world, series)
}

/** What the bonds have above b·L, in coins: both are rounded for the bond, which is its holders of coins'. */
function aboveBond(world: World, id: number): bigint {
  const provider = world.providers.get(id)!
  const worth = floorDiv(bondValuePpm(world, provider, { use: 'minted' }), P)
  return atLeastZero(worth - ceilDiv(provider.liabilityBase * world.parameters.bondPpm, P))
}

/** The issuer defaults: §9 calls it before the estate is added up. */
export function closeSeriesOf(world: World, provider: number): void {
  for (const series of liveSeriesOf(world, provider)) closeOne(world, series, 'defaulted')
}

/** A forward series fails; a sale of coins takes no more purchases, and ends when the last one is settled. */
function closeOne(world: World, series: Series, reason: 'suspended' | 'defaulted'): void {
  if (series.kind === 'forward') failSeries(world, series, reason)
  else if (waitingFor(world, series.id).length === 0) complete(world, series)
  else series.stopped = true
}

/** Reasons that are nobody's fault: a stop for all. */
const FOR_ALL: readonly MintLimit[] = ['stopped', 'shortfall', 'recount', 'stale']
/** Reasons that only the issuer can end, whatever its limits are. */
const ISSUERS: readonly MintLimit[] = ['status', 'suspended', 'notice']
const ROOMS: readonly MintLimit[] = ['quota', 'ownBacking', 'frontLoad', 'bond']

interface Outlook {
  readonly amountBase: bigint
  /** Only the joint limit or a stop for all keeps the rest back. */
  readonly isExcused: boolean
}

const NOTHING_COMES: Outlook = { amountBase: 0n, isExcused: false }

/** What of a series can become coins now: the whole mint rule, and the lock. */
const outlookOf = (world: World, series: Series): Outlook => whileUnchanged(() => findOutlook(world, series))

function findOutlook(world: World, series: Series): Outlook {
  const { provider } = series
  const waiting = outstandingOf(world, series)
  if (fundingOf(world, series, waiting) === undefined) return NOTHING_COMES
  const broken = brokenMintLimits(world, provider, 0n, 'receipts')
  const rooms = mintRooms(world, provider)
  const room = atLeastZero([...rooms.values()].reduce(least))
  // The oldest is served first: without the joint limit its receipts would take their coins before these.
  const before = liveSeriesOf(world, provider)
    .filter((other) => other.id < series.id && other.state !== 'selling')
    .map((other) => outstandingOf(world, other))
  const ownRoom = ROOMS.map((limit) => rooms.get(limit) ?? room).reduce(least)
  const isIssuers = ISSUERS.some((limit) => broken.has(limit)) || ownRoom < sum(before) + waiting
  const isShut = [...ISSUERS, ...FOR_ALL].some((limit) => broken.has(limit))
  if (isShut) return { amountBase: 0n, isExcused: !isIssuers }
  const amountBase = least(waiting, room)
  // Crumbs wait for more, unless they are all.
  if (amountBase < least(waiting, world.parameters.minimumBase))
    return { amountBase: 0n, isExcused: !isIssuers }
  if (fundingOf(world, series, amountBase) === undefined) return NOTHING_COMES
  return { amountBase, isExcused: !isIssuers && amountBase < waiting }
}

/** How a conversion is paid; undefined when price and lock do not cover what its mint locks at today's price. */
function fundingOf(world: World, series: Series, amountBase: bigint) {
  const { retainPpm } = world.parameters
  const waiting = outstandingOf(world, series)
  const lock = lockedIn(world, series)
  const paid = floorDiv(unitsOf(world, series.asset, pricePaid(series.id)) * amountBase, waiting)
  const worth = most(paid, costOf(amountBase, quoteIn(world, series.asset)!.lockPriceBase))
  const added = atLeastZero(ceilDiv(worth * retainPpm, P) - paid)
  // The lock of what waits on must stay.
  const spare = atLeastZero(lock - lockFor(world, series, waiting - amountBase))
  if (added > spare) return undefined
  // Its part of the lock comes back, as far as it is not needed.
  const returned = least(spare, most(added, floorDiv(lock * amountBase, waiting)))
  return { paid, worth, fromLock: returned, added }
}

/** Release, conversion 1:1 and the mint in one step; the coins are the series', and each holder takes its share. */
function convert(world: World, series: Series, amountBase: bigint): void {
  const { provider, asset, id } = series
  const { paid, worth, fromLock, added } = fundingOf(world, series, amountBase)!
  const { operator } = world.providers.get(provider)!
  move(world, asset, pricePaid(id), operator, paid)
  move(world, asset, seriesLock(id), operator, fromLock)
  createCoins(world, provider, coinsDue(id), amountBase)
  lockUp(world, provider, { asset, valueBase: worth, from: operator, maxBase: paid + added })
}

function deliver(world: World, series: Series): void {
  const { amountBase, isExcused } = outlookOf(world, series)
  if (amountBase > 0n) convert(world, series, amountBase)
  if (outstandingOf(world, series) === 0n) {
    complete(world, series)
    return
  }
  const isOverdue = world.window > series.dueAt
  if (isOverdue && !isExcused) {
    failSeries(world, series, 'overdue')
    return
  }
  series.state = isOverdue ? 'blocked' : 'delivering'
  keepLock(world, series)
}

/** A lock that is too small at two looks in a row fails the series. */
function keepLock(world: World, series: Series): void {
  if (lockedIn(world, series) >= lockNeeded(world, series)) delete series.lockShortSince
  else if (series.lockShortSince === undefined) series.lockShortSince = world.window
  else failSeries(world, series, 'lockTooSmall')
}

/** Its price may never come back: nothing is sold any more, and of receipts whoever wants takes the plain refund. */
function giveUp(world: World, series: Series): void {
  if (waitingFor(world, series.id).length > 0) return
  if (series.kind === 'immediate' || faceOf(world, series) === 0n) complete(world, series)
  else series.state = 'blocked'
}

/** One live series after a window's recount. */
function look(world: World, series: Series): void {
  const issuer = world.providers.get(series.provider)!
  if (issuer.status === 'defaulted' || isSuspendedGroup(world, issuer)) {
    closeOne(world, series, issuer.status === 'defaulted' ? 'defaulted' : 'suspended')
    return
  }
  if (isStale(world, series.asset)) {
    if (isLongStale(world, series.asset)) giveUp(world, series)
    return
  }
  if (!isOver(world, series)) {
    if (series.kind === 'forward') keepLock(world, series)
    return
  }
  if (series.kind === 'immediate' || faceOf(world, series) === 0n) {
    complete(world, series)
    return
  }
  if (series.state === 'selling') series.state = 'delivering'
  deliver(world, series)
}

/**
 * Each live series once after each window's recount: members by id, the oldest series first, at most M looks and members in a
 * block. What is not done goes on in the next one, or in the next window.
 */
export function lookAtSeries(world: World): void {
  if (world.recounting !== undefined) return
  const members = [...world.providers.keys()]
  let { window, member, next } = world.sales.look
  if (member >= members.length) {
    if (window === world.window) return
    window = world.window
    member = 0
    next = 0
  }
  for (let left = world.parameters.salesStepsMax; left > 0 && member < members.length; left--) {
    const series = liveSeriesOf(world, members[member]!).find(({ id }) => id >= next)
    if (series === undefined) {
      member++
      next = 0
      continue
    }
    look(world, series)
    next = series.id + 1
  }
  world.sales.look = { window, member, next }
}

/** What is over leaves the state `seriesTailWindows` later, at most M of them in a block. */
export function forgetSales(world: World): void {
  const { sales } = world
  for (let left = world.parameters.salesStepsMax; left > 0; left--) {
    const [oldest] = sales.over
    if (oldest === undefined || world.window < oldest.window + world.parameters.seriesTailWindows) return
    sales.over.shift()
    if (oldest.kind === 'purchase') sales.purchases.delete(oldest.id)
    else forgetSeries(world, oldest.id)
  }
}

function forgetSeries(world: World, id: number): void {
  const { asset } = world.sales.series.get(id)!
  const left = [pricePaid(id), compensationOf(id), seriesLock(id)].map((owner) =>
    unitsOf(world, asset, owner),
  )
  if (sum(left) > 0n || (world.coins.get(coinsDue(id)) ?? 0n) > 0n)
    throw new Error(`series ${id} ended with something left`)
  world.sales.series.delete(id)
  world.assets.delete(receiptsOf(id))
}

/** At a window's end: dates of series whose price is stale as the next one begins move by a window (§5). */
export function holdDates(world: World): void {
  for (const series of world.sales.series.values()) {
    if (!isLive(series) || !isStale(world, series.asset)) continue
    series.opensAt++
    series.closesAt++
    if (series.kind === 'forward') series.dueAt++
  }
}
