// A book of its own, for comparison: every lot is an item of a list, and every price is tried (ECONOMY §8).
// Shares no code with state/modules/market/ but the hash function. Not: balances, limits, blocks that go on in the next.
import { concatBytes, u64be, utf8 } from '../../../../base/bytes.ts'
import { sha256 } from '../../../../base/crypto/hash.ts'

export interface ModelOrder {
  readonly name: string
  readonly owner: Uint8Array
  readonly side: 'buy' | 'sell'
  readonly ticks: number
  readonly lots: number
  readonly isImmediate: boolean
  /** Hash of its transaction, and its amount as the chain has it. */
  readonly txId: Uint8Array
  readonly amountBase: bigint
}

export interface ModelTrade {
  readonly buy: string
  readonly sell: string
  readonly ticks: number
}

interface Pair {
  readonly base: number
  readonly quote: number
}

/** The lots of a side, those that are filled first in front. */
type Queue = readonly ModelOrder[]

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** Lots of orders that came together at one price: a circle in the order of their hashes, begun where the mix says. */
function circleOf(orders: readonly ModelOrder[], mix: Uint8Array, { base, quote }: Pair): Queue {
  const ranked = orders
    .map((order) => {
      const amount = utf8(String(order.amountBase))
      return { order, rank: hex(sha256(concatBytes(order.txId, order.owner, u64be(order.ticks), amount))) }
    })
    .sort((a, b) => (a.rank < b.rank ? -1 : 1))
  const lots = ranked.flatMap(({ order }) => Array.from({ length: order.lots }, () => order))
  const { side, ticks } = orders[0]!
  const drawn = sha256(concatBytes(mix, u64be(base), u64be(quote), utf8(side), u64be(ticks)))
  const start = Number((BigInt(`0x${hex(drawn)}`) * BigInt(lots.length)) >> 256n)
  return [...lots.slice(start), ...lots.slice(0, start)]
}

/** A price of which the volume is the largest, and nobody who would do better is left out: the middle of all such prices. */
export function priceOf(bids: Queue, asks: Queue): { readonly ticks: number; readonly lots: number } {
  const prices = [...bids, ...asks].map(({ ticks }) => ticks)
  const candidates: { readonly ticks: number; readonly lots: number }[] = []
  for (let ticks = Math.min(...prices); ticks <= Math.max(...prices); ticks++) {
    const demand = bids.filter((bid) => bid.ticks >= ticks).length
    const supply = asks.filter((ask) => ask.ticks <= ticks).length
    const lots = Math.min(demand, supply)
    const keenBids = bids.filter((bid) => bid.ticks > ticks).length
    const keenAsks = asks.filter((ask) => ask.ticks < ticks).length
    if (keenBids <= lots && keenAsks <= lots) candidates.push({ ticks, lots })
  }
  const most = Math.max(0, ...candidates.map(({ lots }) => lots))
  if (most === 0) return { ticks: 0, lots: 0 }
  const best = candidates.filter(({ lots }) => lots === most).map(({ ticks }) => ticks)
  return { ticks: Math.floor((best[0]! + best.at(-1)!) / 2), lots: most }
}

export class ModelBook {
  readonly #pair: Pair
  readonly #sideMax: number
  #bids: Queue = []
  #asks: Queue = []
  lastTicks = 0

  /** `resting`: what a book holds that is not new. */
  constructor(
    pair: Pair,
    sideMax: number,
    resting: { readonly bids: Queue; readonly asks: Queue } = { bids: [], asks: [] },
  ) {
    this.#pair = pair
    this.#sideMax = sideMax
    this.#bids = resting.bids
    this.#asks = resting.asks
  }

  get bids(): Queue {
    return this.#bids
  }

  get asks(): Queue {
    return this.#asks
  }

  leftOf(name: string): number {
    return [...this.#bids, ...this.#asks].filter((lot) => lot.name === name).length
  }

  cancel(name: string): void {
    this.#bids = this.#bids.filter((lot) => lot.name !== name)
    this.#asks = this.#asks.filter((lot) => lot.name !== name)
  }

  /** Takes the orders of a block in any order, and holds its auction. Returns what traded, lot by lot, and who was displaced. */
  auction(orders: readonly ModelOrder[], mix: Uint8Array) {
    for (const side of ['buy', 'sell'] as const) {
      const coming = orders.filter((order) => order.side === side)
      for (const ticks of new Set(coming.map((order) => order.ticks)))
        this.#append(
          side,
          circleOf(
            coming.filter((order) => order.ticks === ticks),
            mix,
            this.#pair,
          ),
        )
    }
    const { ticks, lots } = priceOf(this.#bids, this.#asks)
    if (lots > 0) this.lastTicks = ticks
    const trades: ModelTrade[] = Array.from({ length: lots }, (_, i) => ({
      buy: this.#bids[i]!.name,
      sell: this.#asks[i]!.name,
      ticks,
    }))
    this.#bids = this.#bids.slice(lots)
    this.#asks = this.#asks.slice(lots)
    for (const { name, isImmediate } of orders) if (isImmediate) this.cancel(name)
    return { trades, displaced: [...this.#displace('buy'), ...this.#displace('sell')] }
  }

  /** Behind all that have its price or a better one. */
  #append(side: 'buy' | 'sell', lots: Queue): void {
    const known = side === 'buy' ? this.#bids : this.#asks
    // Array.prototype.sort is stable.
    const sorted = [...known, ...lots].sort((a, b) =>
      side === 'buy' ? b.ticks - a.ticks : a.ticks - b.ticks,
    )
    if (side === 'buy') this.#bids = sorted
    else this.#asks = sorted
  }

  #displace(side: 'buy' | 'sell'): string[] {
    const out: string[] = []
    for (;;) {
      const lots = side === 'buy' ? this.#bids : this.#asks
      if (new Set(lots.map(({ name }) => name)).size <= this.#sideMax) return out
      const { name } = lots.at(-1)!
      out.push(name)
      this.cancel(name)
    }
  }
}
