// Plays the years on the chain: one window a day, four blocks a day and what these leave to be done, every invariant checked. READ FIRST in bench/replay/.
// Owns: what happens when, and the books. Not: what each party does (fleets.ts, issuing.ts, market.ts, demand.ts).
import { genesisClasses } from '../../genesis/catalogue.ts'
import type { ReadContext } from '../../state/context.ts'
import { getSupply } from '../../state/modules/accounts/ledger.ts'
import { getAsset } from '../../state/modules/assets/ledger.ts'
import { hoursLeft } from '../../state/modules/capacity/book.ts'
import { getGroup, groupIdsOf } from '../../state/modules/capacity/groups.ts'
import { coinsNow } from '../../state/modules/capacity/measures.ts'
import { currentWindow, getClock } from '../../state/modules/capacity/windows.ts'
import { getLiability } from '../../state/modules/issuance/ledger.ts'
import { getAnchor } from '../../state/modules/oracle/anchor.ts'
import { MODULES } from '../../state/registry.ts'
import { auditModule } from './audits.ts'
import { DAY_MS, DAYS, dateOf, START_MS, WEEK_DAYS, weekOf } from './calendar.ts'
import { type Call, ReplayChain, ReplayFault } from './chain.ts'
import { grants, requests, settlements } from './demand.ts'
import { Fleet } from './fleets.ts'
import type { History } from './history.ts'
import { issue } from './issuing.ts'
import { payOut, sell } from './market.ts'
import { Prices } from './prices.ts'
import { ASSET, genesisCoins, genesisUnits, replayGenesis } from './replayGenesis.ts'
import { commitReports, type Report, reportFault, revealReports } from './reports.ts'
import { type Row, type RowSource, rowOf } from './rows.ts'
import { indexPath, WorldStock } from './stock.ts'
import { operators } from './wallets.ts'

const HOUR_MS = 3_600_000
/** Times of day of the blocks; the last one ends the window at midnight. */
const MORNING_MS = HOUR_MS
const FORENOON_MS = 2 * HOUR_MS
const NOON_MS = 12 * HOUR_MS

export interface PlayOptions {
  readonly history: History
  /** First day; default 0. */
  readonly firstDay?: number
  /** Days to play; default: to the end. */
  readonly days?: number
}

export interface Played {
  readonly rows: readonly Row[]
  readonly blocks: number
  readonly transactions: number
}

/** What has been created so far, by the replay's own account. */
interface Books {
  mintedBase: bigint
  issuedUnits: bigint
  redeemedUnits: bigint
}

class Replay {
  readonly #source: RowSource
  readonly #fleets: readonly Fleet[]
  readonly #firstDay: number
  readonly #books: Books = { mintedBase: genesisCoins(), issuedUnits: genesisUnits(), redeemedUnits: 0n }
  readonly rows: Row[] = []
  #flows = { deliveredBase: 0n, perishedBase: 0n, mintedBase: 0n }

  constructor(history: History, firstDay: number) {
    this.#firstDay = firstDay
    const stock = new WorldStock(history)
    const prices = new Prices(history, stock)
    const index = indexPath(stock, weekOf(DAYS) + 1)
    const anchorPpm = index[weekOf(firstDay)]!
    const priceBase = prices.coinPrice(firstDay, anchorPpm)
    const document = replayGenesis({ day: firstDay, anchorPpm, priceBase, stock })
    const chain = new ReplayChain(document, [...MODULES, auditModule])
    const classes = { names: genesisClasses().map(({ slug }) => slug) }
    this.#source = { chain, stock, prices, classes, index }
    this.#fleets = operators.map((operator) => new Fleet({ operator, stock, classes, firstDay }))
  }

  get chain(): ReplayChain {
    return this.#source.chain
  }

  get #ctx(): ReadContext {
    return this.chain.context()
  }

  playDay(day: number): void {
    const midnightMs = START_MS + day * DAY_MS
    const report = this.#reportOf(day)
    this.#block([...this.#morning(day), ...commitReports(this.#ctx, report)], midnightMs + MORNING_MS)
    this.#block(this.#forenoon(day), midnightMs + FORENOON_MS)
    this.#block([...grants(this.#ctx), ...revealReports(this.#ctx, report)], midnightMs + NOON_MS)
    if (day % WEEK_DAYS === 0) this.#takeRow(day)
    this.#endWindow()
  }

  /** A block, and those that deal with what it leaves to be done. */
  #block(calls: readonly Call[], timestampMs: number): void {
    this.chain.next(calls, timestampMs)
    this.chain.rest()
  }

  /** Requests and hardware. A provider's days in the month and the year follow from its id. */
  #morning(day: number): readonly Call[] {
    const ctx = this.#ctx
    const [, month, inMonth] = dateOf(day).split('-').map(Number)
    const calls = this.#fleets.flatMap((fleet, i) => {
      const { id } = operators[i]!
      const hardware = [...(inMonth === id ? fleet.pledge(day) : [])]
      if (inMonth === 20) fleet.watch(ctx)
      if (inMonth === 21 && month === id) hardware.push(...fleet.giveNotice(ctx, day))
      if (inMonth === id + 2 || inMonth === 22 || day === this.#firstDay) hardware.push(...fleet.list(ctx))
      return hardware
    })
    return [...calls, ...requests(ctx, day)]
  }

  /** Audits, bonds, mints and sales, on different days of the week; proceeds leave the chain once a month. */
  #forenoon(day: number): readonly Call[] {
    const ctx = this.#ctx
    const calls: Call[] = this.#fleets.flatMap((fleet) => fleet.audit(ctx))
    for (const operator of operators) {
      if (day % WEEK_DAYS === operator.id % WEEK_DAYS) {
        const issued = issue(ctx, operator)
        calls.push(...issued.calls)
        this.#books.mintedBase += issued.mintedBase
        this.#books.issuedUnits += issued.issuedUnits
        this.#flows.mintedBase += issued.mintedBase
      }
      if ((day + 3) % WEEK_DAYS === operator.id % WEEK_DAYS) {
        const sale = sell(ctx, operator, weekOf(day) + operator.id)
        calls.push(...sale.calls)
        this.#books.issuedUnits += sale.issuedUnits
      }
      if (dateOf(day).endsWith('-28')) {
        const payout = payOut(ctx, operator)
        calls.push(...payout.calls)
        this.#books.redeemedUnits += payout.redeemedUnits
      }
    }
    return calls
  }

  #reportOf(day: number): Report {
    const { stock, prices } = this.#source
    const { ratingPpm } = stock.mainstreamAt(weekOf(day))
    const priceBase = prices.coinPrice(day, getAnchor(this.chain.state))
    return { ratingPpm, asset: ASSET, priceBase }
  }

  #endWindow(): void {
    const ctx = this.#ctx
    const { calls, deliveredBase } = settlements(ctx)
    this.#flows.deliveredBase += deliveredBase
    this.#flows.perishedBase += perishing(ctx)
    this.#block([...grants(ctx), ...calls], getClock(this.chain.state).endsAtMs)
    const fault = reportFault(this.#ctx)
    if (fault !== undefined) throw new ReplayFault(this.chain.header.height, fault)
  }

  #takeRow(day: number): void {
    this.check()
    this.rows.push(rowOf(this.#source, day, this.#flows))
    this.#flows = { deliveredBase: 0n, perishedBase: 0n, mintedBase: 0n }
  }

  /** Every invariant by full recount, and the chain's sums against the replay's own. */
  check(): void {
    this.chain.recount()
    const { state, header } = this.chain
    const { mintedBase, issuedUnits, redeemedUnits } = this.#books
    let issuedBase = 0n
    let burnedBase = 0n
    for (const { id } of operators) {
      const liability = getLiability(state, id)
      issuedBase += liability.issuedBase
      burnedBase += liability.burnedBase
    }
    const fault = (what: string): ReplayFault => new ReplayFault(header.height, `${what} do not add up`)
    if (issuedBase !== mintedBase) throw fault('coins minted')
    if (getSupply(state) !== mintedBase - burnedBase) throw fault('coins')
    if (getAsset(state, ASSET)?.supplyBase !== issuedUnits - redeemedUnits)
      throw fault('units of the settlement asset')
  }
}

/** Coins that the hours of the running window could still deliver, which perish with it. */
function perishing(ctx: ReadContext): bigint {
  const window = currentWindow(ctx.state)
  const anchor = getAnchor(ctx.state)
  let coinsBase = 0n
  for (const { id } of operators)
    for (const group of groupIdsOf(ctx.state, id))
      coinsBase += coinsNow(hoursLeft(ctx.state, getGroup(ctx.state, group)!, window), anchor)
  return coinsBase
}

/** Plays the days. Throws a `ReplayFault` when anything fails that should not. */
export function play(options: PlayOptions): Played {
  const { history, firstDay = 0 } = options
  const days = options.days ?? DAYS - firstDay
  const replay = new Replay(history, firstDay)
  for (let day = firstDay; day < firstDay + days; day++) replay.playDay(day)
  replay.check()
  const { header, transactions } = replay.chain
  replay.chain.close()
  return { rows: replay.rows, blocks: header.height, transactions }
}
