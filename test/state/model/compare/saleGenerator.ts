// Random operations of primary sales that mostly make sense. Owns: their mixture.
import type { Random } from '../../../support/random.ts'
import { atLeastZero, COIN, least } from '../arithmetic.ts'
import { mintRooms } from '../coverage.ts'
import { unitsOf } from '../ledger.ts'
import { quoteIn } from '../prices.ts'
import { isLive, lockedIn, promisedBy, receiptsOf } from '../sales.ts'
import { costOf, leastPrice, lockNeeded, seriesPrice } from '../series.ts'
import type { Series, World } from '../world.ts'
import type { SaleOperation } from './saleOperations.ts'
import { ASSET, ASSETS, PRICE_BASE } from './scenario.ts'
import { holders, ISSUER, nameOf } from './wallets.ts'

type Kind = SaleOperation['kind']

/** How often each is drawn, beside the weights of generator.ts. */
export const SALE_WEIGHTS: readonly (readonly [Kind, number])[] = [
  ['openSeries', 7],
  ['stopSeries', 1],
  ['secureSeries', 3],
  ['reclaimLock', 1],
  ['buySeries', 16],
  ['claimReceipts', 6],
  ['refundReceipts', 2],
  ['quote', 3],
  ['stopMinting', 2],
  ['resumeMinting', 5],
]

interface SentSale {
  readonly from: number
  readonly operation: SaleOperation
}

/** Whether anybody says what the second asset is worth: on some chains nobody does for so long that its price is given up. */
export const hasFeed = ({ providers, window }: World): boolean => providers.size % 3 !== 0 || window % 30 < 6

/** Names what is not there. */
const NOBODYS = 9_999

export function nextSale(random: Random, world: World, kind: Kind): SentSale {
  const member = random.pick([...world.providers.keys()])
  const holder = random.pick(holders)
  const stranger = random.chance(0.04)
  switch (kind) {
    case 'openSeries':
      return { from: stranger ? holder : member, operation: openOf(random, world, member) }
    case 'buySeries':
      return { from: holder, operation: buyOf(random, world, holder) }
    case 'claimReceipts':
    case 'refundReceipts':
      return takeOf(random, world, kind)
    case 'quote':
      return hasFeed(world)
        ? { from: ISSUER, operation: quoteOf(random) }
        : nextSale(random, world, 'buySeries')
    case 'stopMinting':
    case 'resumeMinting':
      return { from: ISSUER, operation: { kind } }
    default: {
      const series = anySeries(random, world)
      const from = stranger || series === undefined ? holder : random.chance(0.95) ? series.provider : member
      const id = series?.id ?? NOBODYS
      if (kind !== 'secureSeries') return { from, operation: { kind, id } }
      return { from, operation: { kind, id, amountBase: missing(random, world, series) } }
    }
  }
}

const share = (base: bigint, percent: number): bigint => (base * BigInt(percent)) / 100n

/** Rather one that lives. */
function anySeries(random: Random, world: World): Series | undefined {
  const all = [...world.sales.series.values()]
  const live = all.filter(isLive)
  const pool = live.length > 0 && random.chance(0.9) ? live : all
  return pool.length === 0 || random.chance(0.02) ? undefined : random.pick(pool)
}

/** What a lock lacks, or about as much. */
function missing(random: Random, world: World, series: Series | undefined): bigint {
  if (series === undefined || series.kind === 'immediate' || !isLive(series))
    return BigInt(random.between(0, 1_000))
  const lacks = atLeastZero(lockNeeded(world, series) - lockedIn(world, series))
  return random.chance(0.5) && lacks > 0n ? lacks : BigInt(random.between(0, 20_000_000))
}

function openOf(random: Random, world: World, member: number): SaleOperation {
  const asset = random.chance(0.03) ? 7 : random.pick(ASSETS)
  const series = random.chance(0.6) ? 'forward' : 'immediate'
  const price = quoteIn(world, asset)?.priceBase ?? PRICE_BASE
  const floor = quoteIn(world, asset) === undefined ? price : leastPrice(world, series, asset)
  const startPriceBase = random.chance(0.1)
    ? floor - BigInt(random.between(0, 1))
    : share(price, random.between(70, 160))
  const falls = series === 'immediate' ? random.chance(0.5) : random.chance(0.03)
  const endPriceBase = falls ? share(startPriceBase, random.between(60, 101)) : 0n
  const opensAt = random.chance(0.5)
    ? 0
    : Math.max(0, world.window + random.between(random.chance(0.1) ? -1 : 0, 3))
  const begins = opensAt === 0 ? world.window : opensAt
  const closesAt = Math.max(0, begins + random.between(random.chance(0.05) ? -1 : 0, 2))
  // Some are due late, so that more can become of their issuer before.
  const dueAt = closesAt + random.between(random.chance(0.05) ? 0 : 1, random.chance(0.25) ? 12 : 4)
  return {
    kind: 'openSeries',
    series,
    asset,
    capBase: random.chance(0.03)
      ? 0n
      : (capOf(random, world, member) * BigInt(random.between(1, 1_000))) / 1_000n,
    startPriceBase,
    endPriceBase,
    opensAt,
    closesAt,
    dueAt: series === 'forward' ? dueAt : random.chance(0.03) ? dueAt : 0,
  }
}

/** Around what the issuer could mint now, so that some receipts wait and others do not. */
function capOf(random: Random, world: World, member: number): bigint {
  const room = atLeastZero([...mintRooms(world, member).values()].reduce(least))
  return (random.chance(0.3) ? 2n * room : least(room, 100n * COIN)) + 5n * COIN
}

function buyOf(random: Random, world: World, holder: number): SaleOperation {
  const open = [...world.sales.series.values()].filter(
    (each) => each.state === 'selling' && !each.stopped && each.opensAt <= world.window,
  )
  const series = open.length > 0 && random.chance(0.95) ? random.pick(open) : anySeries(random, world)
  if (series === undefined) return { kind: 'buySeries', id: NOBODYS, amountBase: COIN, payMaxBase: 0n }
  const left = series.capBase - series.soldBase
  const price = seriesPrice(series, world.window)
  const affordable = (unitsOf(world, series.asset, nameOf(holder)) * COIN) / price
  const most = random.chance(0.15) ? left : least(left, affordable / 4n)
  const part = random.chance(0.3) ? most : (most * BigInt(random.between(1, 1_000))) / 1_000n
  const amountBase = random.chance(0.03) ? random.pick([0n, 1n, left + 1n]) : part
  const cost = costOf(amountBase, price)
  return {
    kind: 'buySeries',
    id: series.id,
    amountBase,
    payMaxBase: random.chance(0.03) ? atLeastZero(cost - 1n) : cost,
  }
}

/** Of a holder that has receipts, where there is one. */
function takeOf(random: Random, world: World, drawn: 'claimReceipts' | 'refundReceipts'): SentSale {
  const blocked = [...world.sales.series.values()].filter(({ state }) => state === 'blocked')
  // Such a state does not last.
  const isRefund = blocked.length > 0 && random.chance(0.6)
  const kind = isRefund ? 'refundReceipts' : drawn
  const over = [...world.sales.series.values()].filter((each) => each.kind === 'forward' && !isLive(each))
  const pool = isRefund ? blocked : over.length > 0 && random.chance(0.5) ? over : []
  const series = pool.length > 0 ? random.pick(pool) : anySeries(random, world)
  if (series === undefined) return { from: holders[0]!, operation: { kind, id: NOBODYS, amountBase: 1n } }
  const held = (wallet: number): bigint => unitsOf(world, receiptsOf(series.id), nameOf(wallet))
  const having = holders.filter((wallet) => held(wallet) > 0n || series.handedIn.has(nameOf(wallet)))
  const from = having.length > 0 && random.chance(0.95) ? random.pick(having) : random.pick(holders)
  const all = held(from)
  const amountBase = random.chance(0.05)
    ? random.pick([0n, 1n, all + 1n])
    : random.chance(0.6)
      ? all
      : (all * BigInt(random.between(0, 1_000))) / 1_000n
  return { from, operation: { kind, id: series.id, amountBase } }
}

/** A renewal of the second asset's price: chambers agree, or bonds and locks are valued apart. */
function quoteOf(random: Random): SaleOperation {
  const priceBase = share(PRICE_BASE, random.between(70, 170))
  const isDisputed = random.chance(0.3)
  return {
    kind: 'quote',
    asset: ASSETS[1],
    priceBase,
    bondPriceBase: isDisputed ? share(priceBase, random.between(90, 100)) : priceBase,
    lockPriceBase: isDisputed ? share(priceBase, random.between(100, 110)) : priceBase,
  }
}

/** A member whose receipts wait for coins, to bring capacity for them; undefined when there is none. */
export function owingMember(random: Random, world: World): number | undefined {
  const owing = [...world.providers.keys()].filter((id) => promisedBy(world, id) > 0n)
  return owing.length === 0 ? undefined : random.pick(owing)
}

/** A token for a transfer: a settlement asset, or receipts of a series. */
export function anyToken(random: Random, world: World): number {
  const forward = [...world.sales.series.values()].filter(({ kind }) => kind === 'forward')
  if (random.chance(0.5) || forward.length === 0) return random.chance(0.8) ? ASSET : ASSETS[1]
  return receiptsOf(random.chance(0.03) ? NOBODYS : random.pick(forward).id)
}
