// `npm run bench:market`: what the market does at the end of a block, in processor time: auctions that clear, books at rest, and
// each act by itself, from which its price in steps is set. The state's root after it, of all that the block has changed, is a figure by itself.
// Owns: the books and the tables. Not: the clocks (bench/threadTime.ts).
import assert from 'node:assert/strict'
import { parseArgs } from 'node:util'
import { treeOf } from '../../../bench/manyAccounts.ts'
import { percentile } from '../../../bench/statistics.ts'
import { CLOCK, figuresOf, type Timing, timed } from '../../../bench/threadTime.ts'
import { MAIN_PARAMETERS } from '../../../genesis/parameters.ts'
import { registerAsset } from '../../../state/modules/assets/ledger.ts'
import type { Side } from '../../../state/modules/market/shapes.ts'
import type { TreeVersion } from '../../../state/tree/tree.ts'
import { FUNDS, MarketChain, traderAt, withMarket } from '../../support/marketFixture.ts'

const BOOKS = 20
/** Settlement assets of the books: each is what coins are paid with in one of them. */
const FIRST_ASSET = 10
const MIDDLE = 30_000
/** Orders that fit into a block of main: half of its gas. */
const ORDERS_A_BLOCK = 70
const STEP_US = 0.2

interface Order {
  readonly book: number
  readonly side: Side
  readonly ticks: number
  readonly lots: number
}

class Bench {
  readonly chain: MarketChain
  /** Of the whole state, as a node keeps it; undefined where only the market's own work is measured. */
  #tree: TreeVersion | undefined
  /** What the roots of the blocks have cost, as `timeEnds` has measured them. */
  roots: Timing[] = []
  readonly #traders = new Map<string, { trader: number; count: number }>()
  readonly #funded = new Set<string>()
  #nextTrader = 1

  constructor(market: Parameters<typeof withMarket>[0] = {}) {
    this.chain = new MarketChain(withMarket({ ...MAIN_PARAMETERS.market, waitingMax: 10_000, ...market }))
    this.chain.isChecked = false
    this.chain.run(() => {
      const issuer = traderAt(888_888)
      for (let id = FIRST_ASSET; id < FIRST_ASSET + BOOKS; id++)
        registerAsset(this.chain.ctx(), { id, issuer, name: `Asset ${id}`, symbol: `A${id}`, decimals: 6 })
    })
  }

  /** An account for one more order on a side of a book. */
  #traderFor({ book, side }: Order): number {
    const key = `${book} ${side}`
    const known = this.#traders.get(key)
    const at = known === undefined || known.count >= 60 ? { trader: this.#nextTrader++, count: 0 } : known
    this.#traders.set(key, at)
    at.count++
    if (!this.#funded.has(`${at.trader}`)) {
      this.#funded.add(`${at.trader}`)
      this.chain.fund(at.trader)
      this.chain.give(at.trader, FIRST_ASSET + book, FUNDS / 10n)
    }
    return at.trader
  }

  place(order: Order): { readonly trader: number; readonly id: number } {
    const { book, side, ticks, lots } = order
    const trader = this.#traderFor(order)
    return { trader, id: this.chain.place(trader, { side, ticks, lots, quote: FIRST_ASSET + book }) }
  }

  /** Books at rest: so many orders over all of them, half on each side, over a hundred prices a side. */
  rest(count: number): void {
    for (let placed = 0; placed < count; ) {
      this.chain.run(() => {
        for (let i = 0; i < 1_000 && placed < count; i++, placed++) {
          const level = 1 + (Math.floor(placed / (2 * BOOKS)) % 100)
          const isBuy = placed % 2 === 0
          const ticks = MIDDLE + (isBuy ? -level : level)
          this.place({ book: Math.floor(placed / 2) % BOOKS, side: isBuy ? 'buy' : 'sell', ticks, lots: 10 })
        }
      })
    }
    this.chain.settle()
  }

  /** From now on each block's root is computed too. */
  keepTree(): void {
    this.#tree = treeOf(this.chain.committed.entries(''))
  }

  #updateTree(): void {
    const before = this.#tree
    if (before === undefined) return
    const { result, timing } = timed(() => {
      const after = before.update(this.chain.state.changes())
      assert.equal(after.rootHash.length, 32)
      return after
    })
    before.release()
    this.#tree = result
    this.roots.push(timing)
  }

  /** Runs blocks until the market has nothing to do, and takes the time of each one's end. */
  timeEnds(transactions: () => void): Timing[] {
    const timings: Timing[] = []
    this.roots = []
    this.chain.measure = (end) => {
      timings.push(timed(end).timing)
      this.#updateTree()
    }
    this.chain.run(transactions)
    this.chain.settle()
    this.chain.measure = (end) => end()
    return timings
  }
}

const ms = (value: number): string => value.toFixed(2)
const own = ({ cpuMs, collectorMs }: Timing): number => Math.max(0, cpuMs - collectorMs)

function report(name: string, ends: readonly Timing[], roots: readonly Timing[]): void {
  const figures = (all: readonly number[]): string =>
    `median ${ms(percentile(all, 50))} ms, dearest ${ms(Math.max(...all))} ms`
  const both = ends.map((end, i) => own(end) + own(roots[i]!))
  console.log(
    `${name}: ${ends.length} blocks, ${figures(ends.map(own))}; the root ${figures(roots.map(own))}; together ${figures(both)}`,
  )
}

/** Orders of a block that cross the middle of every book. */
function crossing(count: number, lots = 10): Order[] {
  return Array.from({ length: count }, (_, i) => ({
    book: i % BOOKS,
    side: i % (2 * BOOKS) < BOOKS ? ('buy' as const) : ('sell' as const),
    ticks: MIDDLE + (i % (2 * BOOKS) < BOOKS ? 5 : -5),
    lots,
  }))
}

/** 10,000 open orders over 20 pairs: usual full blocks on top of them, and all of them at once. */
function clearing(rounds: number): void {
  const bench = new Bench()
  bench.rest(10_000)
  bench.keepTree()
  const [ends, roots]: [Timing[], Timing[]] = [[], []]
  for (let i = 0; i < rounds; i++) {
    ends.push(
      ...bench.timeEnds(() => {
        for (const order of crossing(ORDERS_A_BLOCK)) bench.place(order)
      }),
    )
    roots.push(...bench.roots)
  }
  report(`10,000 orders rest in ${BOOKS} books, ${ORDERS_A_BLOCK} more a block that trade`, ends, roots)
  const rush = new Bench()
  rush.keepTree()
  const all = rush.timeEnds(() => {
    for (const order of crossing(10_000)) rush.place(order)
  })
  // The root of the first block counts 10,000 orders that no single block has room for: their own transactions pay for it.
  report(`10,000 orders at once in ${BOOKS} books, all of which trade`, all.slice(1), rush.roots.slice(1))
}

/** A block in which nothing comes, and one with the same trades, beside ever more orders at rest. */
function resting(counts: readonly number[], rounds: number): void {
  for (const count of counts) {
    const bench = new Bench({ ordersPerSideMax: 100_000 })
    bench.rest(count)
    bench.keepTree()
    const idle = Array.from({ length: rounds }, () => bench.timeEnds(() => {})[0]!)
    const [busy, roots]: [Timing[], Timing[]] = [[], []]
    for (let i = 0; i < rounds; i++) {
      busy.push(
        ...bench.timeEnds(() => {
          for (const order of crossing(2 * BOOKS)) bench.place(order)
        }),
      )
      roots.push(...bench.roots)
    }
    const [rest, trades, root] = [idle, busy, roots].map(figuresOf)
    console.log(
      `${count} at rest: a block without orders ${ms(rest!.ms)} ms, with ${BOOKS} trades ${ms(trades!.ms)} ms and its root ${ms(root!.ms)} ms`,
    )
  }
}

function printAct(name: string, totalMs: number, count: number): void {
  const us = (1_000 * totalMs) / count
  console.log(`${name}: ${us.toFixed(0)} µs, ${Math.ceil(us / STEP_US)} steps`)
}

const sumOf = (timings: readonly Timing[]): number => timings.reduce((sum, { cpuMs }) => sum + cpuMs, 0)

/** What each act costs, one kind at a time, the collector included: in sums of short times its pauses cannot be told apart. */
function acts(rounds: number): void {
  const bench = new Bench()
  const { chain } = bench
  const count = 400
  let [placing, entering, filling, cancelling] = [0, 0, 0, 0]
  for (let round = 0; round < rounds; round++) {
    const ids: { readonly trader: number; readonly id: number }[] = []
    const entered = bench.timeEnds(() => {
      const bids = Array.from({ length: count }, (_, i) => ({
        book: i % BOOKS,
        side: 'buy' as const,
        ticks: MIDDLE - 500 - i,
        lots: 10,
      }))
      placing += timed(() => ids.push(...bids.map((bid) => bench.place(bid)))).timing.cpuMs
    })
    entering += sumOf(entered)
    chain.run(() => {
      cancelling += timed(() => {
        for (const { trader, id } of ids) chain.cancel(trader, id)
      }).timing.cpuMs
    })
    // Every order is filled by one of its size: as many fills as pairs.
    filling += sumOf(bench.timeEnds(() => crossing(count).forEach((order) => void bench.place(order))))
  }
  printAct('place', placing, count * rounds)
  printAct('enter and return', entering, count * rounds)
  printAct('cancel', cancelling, count * rounds)
  printAct('fill, without entering', filling - entering, (count / 2) * rounds)
}

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '20' },
    only: { type: 'string', default: 'acts,clearing,resting' },
  },
})
const rounds = Number(values.rounds)
console.log(`processor time of the ${CLOCK.of}, without the collector`)
const only = new Set(values.only.split(','))
if (only.has('acts')) acts(rounds)
if (only.has('clearing')) clearing(rounds)
if (only.has('resting')) resting([100, 1_000, 10_000, 100_000], rounds)
