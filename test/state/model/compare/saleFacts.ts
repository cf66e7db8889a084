// What both sides are asked about primary sales, as named facts. Owns: the questions.
import { getAssetBalance } from '../../../../state/modules/assets/ledger.ts'
import { lockedProceeds } from '../../../../state/modules/issuance/proceeds.ts'
import { promisesOf } from '../../../../state/modules/issuance/promises.ts'
import { coinsOf, lockEscrow, unitsOf } from '../ledger.ts'
import { partOf } from '../receipts.ts'
import {
  cameOf,
  coinsDue,
  compensationOf,
  faceOf,
  isLive,
  lockedIn,
  outstandingOf,
  pricePaid,
  promisedBy,
  receiptsOf,
  waitingFor,
} from '../sales.ts'
import { lockNeeded, seriesPrice } from '../series.ts'
import type { Series, World } from '../world.ts'
import type { RealChain } from './realChain.ts'
import { ASSETS } from './scenario.ts'
import { nameOf, walletOf } from './wallets.ts'

type Facts = Map<string, string>

interface Info {
  readonly [name: string]: unknown
}

/** `isThorough`: what each wallet has of each series, too. */
interface Ask {
  readonly wallets: readonly number[]
  readonly isThorough: boolean
}

/** What a settled purchase shows when its reason is one of those that the model finds. */
const REASON_FITS = 'a rule that holds'

export function addSaleFacts(facts: Facts, world: World, ask: Ask): void {
  const { wallets, isThorough } = ask
  for (const { id } of world.providers.values()) {
    facts.set(`provider ${id} promised`, `${promisedBy(world, id)}`)
    facts.set(`provider ${id} barred until`, `${world.sales.barredUntil.get(id) ?? 0}`)
    for (const asset of ASSETS)
      facts.set(`provider ${id} locked units ${asset}`, `${unitsOf(world, asset, lockEscrow(id))}`)
  }
  for (const wallet of wallets)
    for (const asset of ASSETS)
      facts.set(`units ${asset} of wallet ${wallet}`, `${unitsOf(world, asset, nameOf(wallet))}`)
  for (let id = 1; id < world.sales.nextSeries; id++) {
    const series = world.sales.series.get(id)
    if (series === undefined) facts.set(`series ${id}`, 'gone')
    else addSeries(facts, world, series, isThorough ? wallets : [])
  }
  for (let id = 1; id < world.sales.nextPurchase; id++) {
    const purchase = world.sales.purchases.get(id)
    const outcome = purchase?.outcome
    const shown =
      outcome === undefined
        ? 'waits'
        : `${outcome.filledBase} filled, ${outcome.refundedBase} refunded: ${REASON_FITS}`
    facts.set(`purchase ${id}`, purchase === undefined ? 'gone' : shown)
  }
}

function addSeries(facts: Facts, world: World, series: Series, wallets: readonly number[]): void {
  const at = `series ${series.id}`
  const { asset, id, opensAt, closesAt, dueAt } = series
  const units = (owner: string): bigint => unitsOf(world, asset, owner)
  facts.set(at, `${series.state}, ${series.failReason}, ${series.stopped ? 'stopped' : 'runs'}`)
  facts.set(`${at} sold`, `${series.soldBase}`)
  facts.set(`${at} paid`, `${units(pricePaid(id))}`)
  facts.set(`${at} waiting`, `${waitingFor(world, id).reduce((sum, { paidBase }) => sum + paidBase, 0n)}`)
  facts.set(`${at} lock`, `${lockedIn(world, series)}, short since ${series.lockShortSince ?? 'never'}`)
  facts.set(`${at} compensation`, `${units(compensationOf(id))}`)
  facts.set(`${at} coins`, `${coinsOf(world, coinsDue(id))}`)
  facts.set(`${at} receipts`, `${faceOf(world, series)}, of which ${cameOf(world, series)} are coins`)
  if (isLive(series)) {
    facts.set(`${at} windows`, `${opensAt} to ${closesAt}, due ${dueAt}`)
    facts.set(`${at} price`, `${seriesPrice(series, world.window)}`)
    const needed = series.kind === 'forward' ? lockNeeded(world, series) : 0n
    facts.set(`${at} lock needed`, `${needed}, ${outstandingOf(world, series)} wait`)
  }
  if (series.kind === 'immediate') return
  for (const wallet of wallets) {
    const owner = nameOf(wallet)
    const tokens = unitsOf(world, receiptsOf(id), owner)
    const handed = series.handedIn.get(owner)?.faceBase ?? 0n
    if (tokens + handed === 0n) continue
    const { coins, refund, compensation } = partOf(world, series, owner, tokens)
    const isRefunded = !isLive(series) || series.state === 'blocked'
    const due = [coins, isRefunded ? refund : 0n, compensation]
    facts.set(`${at} of wallet ${wallet}`, `${tokens} + ${handed}: ${due.join(', ')}`)
  }
}

export function addRealSaleFacts(facts: Facts, real: RealChain, world: World, ask: Ask): void {
  const { wallets, isThorough } = ask
  for (const { id } of world.providers.values()) {
    const { promisedBase, barredUntil } = promisesOf(real.full, id)
    facts.set(`provider ${id} promised`, `${promisedBase}`)
    facts.set(`provider ${id} barred until`, `${barredUntil}`)
    const locked = lockedProceeds(real.full, id)
    for (const asset of ASSETS)
      facts.set(
        `provider ${id} locked units ${asset}`,
        `${locked.find((each) => each.asset === asset)?.amountBase ?? 0n}`,
      )
  }
  for (const wallet of wallets)
    for (const asset of ASSETS)
      facts.set(
        `units ${asset} of wallet ${wallet}`,
        `${getAssetBalance(real.full, { asset, owner: walletOf(wallet) })}`,
      )
  for (let id = 1; id < world.sales.nextSeries; id++) {
    const info = real.query<Info | undefined>('series', 'show', { series: id })
    if (info === undefined) facts.set(`series ${id}`, 'gone')
    else addRealSeries(facts, real, { id, info, wallets: isThorough ? wallets : [] })
  }
  for (let id = 1; id < world.sales.nextPurchase; id++) {
    const info = real.query<Info | undefined>('series', 'purchase', { id })
    facts.set(`purchase ${id}`, info === undefined ? 'gone' : shownPurchase(world, id, info))
  }
}

function shownPurchase(world: World, id: number, info: Info): string {
  if (info.state === 'waiting') return 'waits'
  const reasons = world.sales.purchases.get(id)?.outcome?.reasons
  const reason = reasons?.has(`${info.reason}`) === true ? REASON_FITS : `${info.reason}`
  return `${info.filledBase} filled, ${info.refundedBase} refunded: ${reason}`
}

function addRealSeries(
  facts: Facts,
  real: RealChain,
  of: { readonly id: number; readonly info: Info; readonly wallets: readonly number[] },
): void {
  const { id, info, wallets } = of
  const at = `series ${id}`
  facts.set(at, `${info.state}, ${info.failReason}, ${info.stopped === true ? 'stopped' : 'runs'}`)
  facts.set(`${at} sold`, `${info.soldBase}`)
  facts.set(`${at} paid`, `${info.escrowBase}`)
  facts.set(`${at} waiting`, `${info.waitingBase}`)
  facts.set(`${at} lock`, `${info.lockBase}, short since ${info.lockShortSince ?? 'never'}`)
  facts.set(`${at} compensation`, `${info.compensationBase}`)
  facts.set(`${at} coins`, `${(info.coinsBase as bigint) - (info.takenBase as bigint)}`)
  facts.set(`${at} receipts`, `${info.faceBase}, of which ${info.coinsBase} are coins`)
  if (['selling', 'delivering', 'blocked'].includes(`${info.state}`)) {
    facts.set(`${at} windows`, `${info.opensAt} to ${info.closesAt}, due ${info.dueAt}`)
    facts.set(`${at} price`, `${info.priceBase}`)
    facts.set(`${at} lock needed`, `${info.lockNeededBase}, ${info.outstandingBase} wait`)
  }
  if (info.kind === 'immediate') return
  for (const wallet of wallets) {
    const held = real.query<Info>('series', 'holding', { series: id, owner: walletOf(wallet) })
    if ((held.receiptsBase as bigint) + (held.handedInBase as bigint) === 0n) continue
    const due = [held.coinsBase, held.refundBase, held.compensationBase].join(', ')
    facts.set(`${at} of wallet ${wallet}`, `${held.receiptsBase} + ${held.handedInBase}: ${due}`)
  }
}
