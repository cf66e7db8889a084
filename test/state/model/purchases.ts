// ECONOMY §4, §8: purchases: the payment in escrow, the draw, and what is filled of them or comes back, and why.
import { atLeastZero, least, most } from './arithmetic.ts'
import { whileUnchanged } from './capacity.ts'
import { brokenMintLimits, LIMIT_NAMES, type MintLimit, mintRooms } from './coverage.ts'
import { finish } from './deliveries.ts'
import { lockUp } from './issuance.ts'
import { createCoins, issueUnits, move, THE_CHAIN, unitsOf } from './ledger.ts'
import { isStale, quoteIn } from './prices.ts'
import { draw } from './queue.ts'
import { paymentOf, pricePaid, promisedBy, receiptsOf } from './sales.ts'
import { costOf, leastPrice, type Refusal, refusal, seriesPrice, standingOf } from './series.ts'
import type { Purchase, Series, World } from './world.ts'

interface Fit {
  readonly fitsBase: bigint
  /** The rules that keep the rest back. */
  readonly reasons: ReadonlySet<string>
}

/** Rules that keep a provider from minting anything, whatever its limits are. */
const STANDING: readonly MintLimit[] = [
  'status',
  'suspended',
  'barred',
  'notice',
  'stopped',
  'shortfall',
  'stale',
]

/** What the mint rule leaves for buyers of coins: receipts sold before come first. */
function coinRoom(world: World, id: number): { readonly room: bigint; readonly binding: readonly string[] } {
  const rooms = mintRooms(world, id)
  const tightest = atLeastZero([...rooms.values()].reduce(least))
  const promised = promisedBy(world, id)
  const binding = [...rooms].filter(([, room]) => room <= tightest).map(([limit]) => LIMIT_NAMES[limit])
  return {
    room: atLeastZero(tightest - promised),
    binding: promised > 0n ? [...binding, 'ReceiptsFirst'] : binding,
  }
}

/** What of an amount a series can fill now. */
const fitOf = (world: World, series: Series, wanted: Pick<Purchase, 'amountBase' | 'priceBase'>): Fit =>
  whileUnchanged(() => findFit(world, series, wanted))

function findFit(
  world: World,
  series: Series,
  { amountBase, priceBase }: Pick<Purchase, 'amountBase' | 'priceBase'>,
): Fit {
  const { kind, provider, asset } = series
  const reasons = new Set<string>()
  if (series.state !== 'selling') reasons.add('SaleClosed')
  if (isStale(world, asset)) reasons.add('OracleStale')
  if (priceBase < leastPrice(world, kind, asset)) reasons.add('PriceTooLow')
  const broken = brokenMintLimits(world, provider, 0n)
  const standing =
    kind === 'forward'
      ? standingOf(world, provider)
      : STANDING.filter((limit) => broken.has(limit)).map((limit) => LIMIT_NAMES[limit])
  for (const name of standing) reasons.add(name)
  const { room, binding } = kind === 'forward' ? { room: amountBase, binding: [] } : coinRoom(world, provider)
  const leftBase = series.capBase - series.soldBase
  const fitsBase = [leftBase, room].reduce(least, amountBase)
  const isShut = reasons.size > 0
  if (leftBase < amountBase) reasons.add('CapReached')
  if (room < amountBase) for (const name of binding) reasons.add(name)
  // A rest that nobody could have bought is not worth a mint.
  const isWorth = fitsBase >= least(amountBase, world.parameters.minimumBase)
  return { fitsBase: isShut || !isWorth ? 0n : fitsBase, reasons }
}

/** Pays into escrow at the price of this window; a later block of another group settles it. */
export function buy(
  world: World,
  sender: string,
  args: { readonly series: number; readonly amountBase: bigint; readonly payMaxBase: bigint },
  place: { readonly txHash: string; readonly proposerGroup: string },
): Refusal {
  const { sales, window } = world
  const series = sales.series.get(args.series)
  if (series === undefined) return new Set(['UnknownSeries'])
  const { amountBase } = args
  const priceBase = seriesPrice(series, window)
  const paidBase = costOf(amountBase, priceBase)
  const isOpen =
    series.state === 'selling' && !series.stopped && series.opensAt <= window && window <= series.closesAt
  // While a recount is under way nobody can tell what fits: the purchase waits for it.
  const fits = world.recounting === undefined ? fitOf(world, series, { amountBase, priceBase }).fitsBase : 1n
  const reasons = refusal([
    ...(isOpen ? [] : ['SaleNotOpen']),
    ...(amountBase < world.parameters.minimumBase ? ['BelowMinimum'] : []),
    ...(amountBase > series.capBase - series.soldBase ? ['CapReached'] : []),
    ...(isStale(world, series.asset) ? ['OracleStale'] : []),
    ...(paidBase > args.payMaxBase ? ['PriceAboveLimit'] : []),
    ...(fits === 0n ? ['NothingFits'] : []),
    ...(sales.waiting.length + sales.drawn.length < world.parameters.waitingMax ? [] : ['TooManyWaiting']),
    ...(unitsOf(world, series.asset, sender) < paidBase ? ['InsufficientAsset'] : []),
  ])
  if (reasons !== undefined) return reasons
  const id = sales.nextPurchase++
  sales.purchases.set(id, { id, series: series.id, buyer: sender, amountBase, paidBase, priceBase })
  move(world, series.asset, sender, paymentOf(id), paidBase)
  const { txHash, proposerGroup } = place
  sales.waiting.push({ what: id, height: world.height, proposerGroup, txHash, index: sales.boughtInBlock++ })
  return undefined
}

/** §8: the draw of earlier blocks' purchases, and their settlement, which a recount and the step limit may put off. */
export function settlePurchases(
  world: World,
  block: Parameters<typeof draw>[1] & { readonly isCounting: boolean },
): void {
  const { sales } = world
  const { drawn, left } = draw(sales.waiting, block)
  sales.waiting = left
  sales.drawn.push(...drawn)
  if (block.isCounting) return
  for (const id of sales.drawn.splice(0, world.parameters.salesStepsMax)) settle(world, id)
}

function settle(world: World, id: number): void {
  const purchase = world.sales.purchases.get(id)!
  const series = world.sales.series.get(purchase.series)!
  const { fitsBase: filledBase, reasons } = fitOf(world, series, purchase)
  const cost = costOf(filledBase, purchase.priceBase)
  const refundedBase = purchase.paidBase - cost
  series.soldBase += filledBase
  if (filledBase > 0n && series.kind === 'forward') {
    move(world, series.asset, paymentOf(id), pricePaid(series.id), cost)
    const receipts = { asset: receiptsOf(series.id), to: purchase.buyer, amountBase: filledBase }
    issueUnits(world, THE_CHAIN, receipts)
  } else if (filledBase > 0n) deliverCoins(world, series, { purchase, filledBase, cost })
  move(world, series.asset, paymentOf(id), purchase.buyer, refundedBase)
  const none = filledBase === purchase.amountBase
  purchase.outcome = { filledBase, refundedBase, reasons: none ? new Set(['none']) : reasons }
  world.sales.over.push({ kind: 'purchase', id, window: world.window })
  finish(world, series)
}

/** The buyer gets all coins; what the mint retains is taken from the price (docs/decisions/sales-lock-their-proceeds.md). */
function deliverCoins(
  world: World,
  series: Series,
  part: { readonly purchase: Purchase; readonly filledBase: bigint; readonly cost: bigint },
): void {
  const { purchase, filledBase, cost } = part
  const { provider, asset } = series
  createCoins(world, provider, purchase.buyer, filledBase)
  const { operator } = world.providers.get(provider)!
  move(world, asset, paymentOf(purchase.id), operator, cost)
  const valueBase = most(cost, costOf(filledBase, quoteIn(world, asset)!.lockPriceBase))
  lockUp(world, provider, { asset, valueBase, from: operator, maxBase: cost })
}
