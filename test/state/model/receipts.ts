// ECONOMY §4, docs/decisions/receipts-are-all-alike.md: what holders of receipts take, now and when a series is over.
import { floorDiv } from './arithmetic.ts'
import { complete, finish } from './deliveries.ts'
import { destroyUnits, move, moveCoins, unitsOf } from './ledger.ts'
import {
  cameOf,
  coinsDue,
  compensationOf,
  faceOf,
  isLive,
  outstandingOf,
  pricePaid,
  receiptsOf,
} from './sales.ts'
import type { Refusal } from './series.ts'
import type { Series, World } from './world.ts'

/** What receipts of a holder are: their share, rounded down, of what all receipts together have. */
export function partOf(
  world: World,
  series: Series,
  owner: string,
  tokensBase: bigint,
): {
  readonly face: bigint
  readonly coins: bigint
  readonly share: bigint
  readonly refund: bigint
  readonly compensation: bigint
} {
  const { asset, id } = series
  const before = series.handedIn.get(owner) ?? { faceBase: 0n, takenBase: 0n }
  const face = before.faceBase + tokensBase
  const all = faceOf(world, series)
  const part = (whole: bigint): bigint => (face === 0n ? 0n : floorDiv(whole * face, all))
  const share = part(cameOf(world, series))
  return {
    face,
    share,
    coins: share - before.takenBase,
    refund: part(unitsOf(world, asset, pricePaid(id))),
    compensation: part(unitsOf(world, asset, compensationOf(id))),
  }
}

interface Args {
  readonly series: number
  readonly amountBase: bigint
}

function find(world: World, sender: string, args: Args): Series | ReadonlySet<string> {
  const series = world.sales.series.get(args.series)
  if (series === undefined) return new Set(['UnknownSeries'])
  if (series.kind !== 'forward') return new Set(['NotForward'])
  const held = unitsOf(world, receiptsOf(series.id), sender)
  return held < args.amountBase ? new Set(['InsufficientReceipts']) : series
}

/** Hands in receipts and takes what they are: coins so far, and when the series is over everything. */
export function claim(world: World, sender: string, args: Args): Refusal {
  const series = find(world, sender, args)
  if (!('id' in series)) return series
  const { face, coins } = partOf(world, series, sender, args.amountBase)
  if (face === 0n || (isLive(series) && coins === 0n)) return new Set(['NothingToClaim'])
  if (isLive(series)) collect(world, series, sender, args.amountBase)
  else leave(world, series, sender, args.amountBase)
  finish(world, series)
  return undefined
}

/** Leaves an overdue series that nothing of the issuer's keeps back. */
export function refund(world: World, sender: string, args: Args): Refusal {
  const series = find(world, sender, args)
  if (!('id' in series)) return series
  const reasons = new Set<string>()
  if (series.state !== 'blocked') reasons.add('RefundNotOpen')
  if (partOf(world, series, sender, args.amountBase).face === 0n) reasons.add('NothingToClaim')
  if (reasons.size > 0) return reasons
  leave(world, series, sender, args.amountBase)
  if (outstandingOf(world, series) === 0n) complete(world, series)
  return undefined
}

function takeTokens(world: World, series: Series, owner: string, amountBase: bigint): void {
  destroyUnits(world, { asset: receiptsOf(series.id), owner, amountBase })
}

/** Coins now; the receipts stay handed in for those to come. */
function collect(world: World, series: Series, owner: string, tokensBase: bigint): void {
  const { face, share, coins } = partOf(world, series, owner, tokensBase)
  takeTokens(world, series, owner, tokensBase)
  series.handedIn.set(owner, { faceBase: face, takenBase: share })
  moveCoins(world, coinsDue(series.id), owner, coins)
}

/** All that the receipts are; the last one takes what is left. */
function leave(world: World, series: Series, owner: string, tokensBase: bigint): void {
  const { coins, refund: paid, compensation } = partOf(world, series, owner, tokensBase)
  takeTokens(world, series, owner, tokensBase)
  series.handedIn.delete(owner)
  moveCoins(world, coinsDue(series.id), owner, coins)
  move(world, series.asset, pricePaid(series.id), owner, paid)
  move(world, series.asset, compensationOf(series.id), owner, compensation)
}
