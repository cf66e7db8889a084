// What a proposer could gain that chooses the orders of a block, against the best single limit order in the same block.
// On the model alone: the chain agrees with it (compare.ts).
import { u64be, utf8 } from '../../../../base/bytes.ts'
import { sha256 } from '../../../../base/crypto/hash.ts'
import { Random } from '../../../support/random.ts'
import { ModelBook, type ModelOrder } from './book.ts'

const AROUND = 100
const SPREAD = 6
/** A side is never full here: room is a limit of the table, not of an auction. */
const SIDE_MAX = 1_000
const PAIR = { base: 0, quote: 1 }

interface Net {
  /** Lots bought, less those sold. */
  readonly lots: number
  /** Ticks times lots paid, less those received. */
  readonly paid: number
}

function draw(random: Random, name: string): ModelOrder {
  const lots = random.between(1, 8)
  return {
    name,
    owner: sha256(utf8(name)).slice(0, 20),
    side: random.chance(0.5) ? 'buy' : 'sell',
    ticks: AROUND + random.between(-SPREAD, SPREAD),
    lots,
    isImmediate: random.chance(0.3),
    txId: sha256(utf8(name)),
    amountBase: BigInt(lots),
  }
}

const drawMany = (random: Random, prefix: string, most: number): ModelOrder[] =>
  Array.from({ length: random.between(0, most) }, (_, i) => draw(random, `${prefix} ${i}`))

/** What the orders whose names begin with `own` trade in a block on top of what rests. */
function netOf(resting: readonly ModelOrder[], block: readonly ModelOrder[], mix: Uint8Array): Net {
  const book = new ModelBook(PAIR, SIDE_MAX)
  book.auction(resting, sha256(utf8('before')))
  const { trades } = book.auction(block, mix)
  let lots = 0
  let paid = 0
  for (const { buy, sell, ticks } of trades) {
    const change = Number(buy.startsWith('own')) - Number(sell.startsWith('own'))
    lots += change
    paid += change * ticks
  }
  return { lots, paid }
}

/** The best that one immediate order for exactly so many lots gets; undefined when none gets them all. */
function bestOrder(
  resting: readonly ModelOrder[],
  others: readonly ModelOrder[],
  want: { readonly lots: number; readonly mix: Uint8Array },
): number | undefined {
  const lots = Math.abs(want.lots)
  const side = want.lots > 0 ? ('buy' as const) : ('sell' as const)
  let best: number | undefined
  for (let ticks = AROUND - SPREAD - 1; ticks <= AROUND + SPREAD + 1; ticks++) {
    const name = `own order at ${ticks}`
    const own = { name, owner: sha256(utf8(name)).slice(0, 20), side, ticks, lots, isImmediate: true }
    const order = { ...own, txId: sha256(u64be(ticks)), amountBase: BigInt(lots) }
    const net = netOf(resting, [...others, order], want.mix)
    if (net.lots === want.lots && (best === undefined || net.paid < best)) best = net.paid
  }
  return best
}

/**
 * One random block in which a proposer with several accounts inserts orders and leaves others out. Returns what it would have gained
 * over the best limit order beside the same others, in ticks times lots, and how many lots it traded.
 */
export function gainOf(seed: number): { readonly gain: number; readonly lots: number } {
  const random = new Random(seed)
  const mix = sha256(u64be(seed))
  const resting = drawMany(random, 'resting', 8)
  const others = drawMany(random, 'other', 8).filter(() => !random.chance(0.2))
  const inserted = drawMany(random, 'own', 4)
  const net = netOf(resting, random.shuffled([...others, ...inserted]), mix)
  if (net.lots === 0) return { gain: -net.paid, lots: 0 }
  const best = bestOrder(resting, others, { lots: net.lots, mix })
  if (best === undefined) return { gain: Number.POSITIVE_INFINITY, lots: Math.abs(net.lots) }
  return { gain: best - net.paid, lots: Math.abs(net.lots) }
}
