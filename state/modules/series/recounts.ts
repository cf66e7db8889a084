// Recounts of series, for its invariants: what each holds, and the lists against the records.
import { keyBytes, readU64be } from '../../../base/bytes.ts'
import type { ReadContext } from '../../context.ts'
import { eachItem, type Recount } from '../../recount.ts'
import type { StateKey, StateReader } from '../../view.ts'
import { getSeries, isLive, liveOf } from './books.ts'
import { getClocks } from './clock.ts'
import { coinsIn, escrowOf, memberIds, promisedBy, receiptSupply, unitsAt } from './external.ts'
import { outstandingOf } from './pricing.ts'
import { purchasesWaiting } from './purchases.ts'
import type { Series } from './schema.ts'
import { seriesTables } from './tables.ts'

/** The number that a key's first field is, after the two bytes of its table. */
function firstOf(key: StateKey): number {
  return readU64be(keyBytes(key), 2)
}

/** ECONOMY §12, 11, of one series. */
export function checkSale(series: Series): string | undefined {
  const { receivedBase, waitingBase, escrowBase, releasedBase, refundedBase } = series
  const known = waitingBase + escrowBase + releasedBase + refundedBase
  if (receivedBase !== known) return `a series received ${receivedBase}, ${known} is accounted for`
  const { soldBase, capBase, faceBase, coinsBase, takenBase } = series
  if (soldBase > capBase || faceBase > soldBase)
    return `${faceBase} receipts of ${soldBase} sold, the cap is ${capBase}`
  if (coinsBase > faceBase || takenBase > coinsBase)
    return `${coinsBase} coins for ${faceBase} receipts, ${takenBase} taken`
  return undefined
}

interface HandedIn {
  faceBase: bigint
  takenBase: bigint
}

function checkEscrow(state: StateReader, id: number, series: Series, handedIn: HandedIn): string | undefined {
  const { asset, waitingBase, escrowBase, lockBase, compensationBase, coinsBase, takenBase } = series
  const owedBase = waitingBase + escrowBase + lockBase + compensationBase
  const heldBase = unitsAt(state, { asset, owner: escrowOf(id) })
  if (heldBase !== owedBase) return `series ${id}: ${heldBase} units held, ${owedBase} owed`
  const coinsHeld = coinsIn(state, id)
  if (coinsHeld !== coinsBase - takenBase)
    return `series ${id}: ${coinsHeld} coins held, ${coinsBase - takenBase} owed`
  if (handedIn.takenBase !== takenBase)
    return `series ${id}: ${takenBase} taken, holders took ${handedIn.takenBase}`
  const supplyBase = receiptSupply(state, id)
  if ((supplyBase !== undefined) !== (series.kind === 'forward'))
    return `series ${id}: its receipts are missing, or too many`
  const receiptsBase = (supplyBase ?? 0n) + handedIn.faceBase
  return receiptsBase === series.faceBase
    ? undefined
    : `series ${id}: ${series.faceBase} receipts, ${receiptsBase} in anybody's hands`
}

export function* recountSeries({ state }: ReadContext): Recount {
  const handedIn = new Map<number, HandedIn>()
  yield* seriesTables.position.each(({ faceBase, takenBase }, key) => {
    const id = firstOf(key)
    const known = handedIn.get(id) ?? { faceBase: 0n, takenBase: 0n }
    handedIn.set(id, { faceBase: known.faceBase + faceBase, takenBase: known.takenBase + takenBase })
    return undefined
  })
  return yield* seriesTables.series.each((series, key) => {
    const id = firstOf(key)
    return checkEscrow(state, id, series, handedIn.get(id) ?? { faceBase: 0n, takenBase: 0n })
  })
}

/** Live series by their provider, their clocks, and what comes before own mints. */
export function* recountLists({ state }: ReadContext): Recount {
  const promised = new Map<number, bigint>()
  const clocks = new Map<number, number>()
  const live = new Map<number, number[]>()
  const broken = yield* seriesTables.series.each((series, key) => {
    if (!isLive(series)) return undefined
    const { provider, asset } = series
    promised.set(provider, (promised.get(provider) ?? 0n) + outstandingOf(series))
    clocks.set(asset, (clocks.get(asset) ?? 0) + 1)
    live.set(provider, [...(live.get(provider) ?? []), firstOf(key)])
    return undefined
  })
  if (broken !== undefined) return broken
  for (const clock of getClocks(state))
    if (clocks.get(clock.asset) !== clock.live)
      return `the clock of asset ${clock.asset} counts ${clock.live} series`
  if (getClocks(state).length !== clocks.size) return 'a live series has no clock'
  return yield* eachItem(memberIds(state), (provider) => {
    const { promisedBase } = promisedBy(state, provider)
    if (promisedBase !== (promised.get(provider) ?? 0n))
      return `provider ${provider}: ${promisedBase} receipts come first`
    const listed = liveOf(state, provider)
    const found = live.get(provider) ?? []
    return listed.length === found.length && listed.every((id, i) => id === found[i])
      ? undefined
      : `provider ${provider}: lists series ${listed.join(', ')}`
  })
}

/** Purchases that wait, by series and in the draw; purchases by buyer. */
export function* recountWaiting({ state }: ReadContext): Recount {
  const waiting = new Map<number, { count: number; paidBase: bigint }>()
  let total = 0
  let purchases = 0
  const broken = yield* seriesTables.purchase.each((purchase) => {
    purchases++
    const { series, paidBase, filledBase, refundedBase, amountBase } = purchase
    if (filledBase > amountBase || refundedBase > paidBase)
      return 'a purchase was filled or refunded beyond itself'
    if (purchase.state !== 'waiting') return undefined
    total++
    const known = waiting.get(series) ?? { count: 0, paidBase: 0n }
    waiting.set(series, { count: known.count + 1, paidBase: known.paidBase + paidBase })
    return getSeries(state, series) === undefined
      ? `a purchase waits for series ${series}, which is gone`
      : undefined
  })
  if (broken !== undefined) return broken
  if (total !== purchasesWaiting(state))
    return `${total} purchases wait, the draw says ${purchasesWaiting(state)}`
  let listed = 0
  yield* seriesTables.buyer.each(({ count }) => {
    listed += count
    return undefined
  })
  if (listed !== purchases) return `${purchases} purchases are kept, buyers list ${listed}`
  return yield* seriesTables.series.each((series, key) => {
    const known = waiting.get(firstOf(key)) ?? { count: 0, paidBase: 0n }
    return known.count === series.waitingCount && known.paidBase === series.waitingBase
      ? undefined
      : `series ${firstOf(key)}: ${series.waitingCount} purchases wait, ${known.count} found`
  })
}
