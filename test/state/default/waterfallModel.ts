// The waterfall of ECONOMY §9 as its text says it: plain numbers, everything at once, no cursors, no state. Shares code with
// nothing. Amounts of liability are base units of coins, of the estate and the fund units of one settlement asset.
export interface ModelMember {
  readonly id: number
  readonly group: string
  /** Serves, and no member of its legal group is suspended. */
  readonly serves: boolean
  readonly capacity: bigint
  readonly lasting: bigint
  readonly liability: bigint
  /** Its bond, in coins. */
  readonly bond: bigint
}

export interface ModelBid {
  readonly bidder: number
  readonly amount: bigint
  readonly share: bigint
}

export interface ModelDefault {
  readonly group: string
  /** After its lock has burned. */
  readonly liability: bigint
  readonly estate: bigint
  readonly price: bigint
  readonly margin: bigint
  readonly bondShare: bigint
  readonly fundUnits: bigint
  readonly fundCoins: bigint
  readonly members: readonly ModelMember[]
  readonly bids: readonly ModelBid[]
}

export interface ModelOutcome {
  /** What each member takes, by bid and because it must. */
  readonly taken: ReadonlyMap<
    number,
    { readonly byBid: bigint; readonly forced: bigint; readonly paid: bigint }
  >
  readonly orphans: bigint
}

const P = 1_000_000n
const COIN = 10n ** 18n
const min = (a: bigint, b: bigint): bigint => (a < b ? a : b)
const max = (a: bigint, b: bigint): bigint => (a > b ? a : b)

/** Whoever bids least is served first, as far as its room reaches; all receive what the last of them asked for. */
function auction(known: ModelDefault): { readonly won: ReadonlyMap<number, bigint>; readonly share: bigint } {
  const won = new Map<number, bigint>()
  const worth = (known.estate * COIN) / known.price
  let left = known.liability
  let share = 0n
  const order = [...known.bids].sort((a, b) =>
    a.share === b.share ? a.bidder - b.bidder : a.share < b.share ? -1 : 1,
  )
  for (const bid of order) {
    const member = known.members.find(({ id }) => id === bid.bidder)!
    if (left === 0n || !member.serves || member.group === known.group) continue
    const room = max(0n, (member.lasting * P) / known.margin - member.liability)
    // Per coin, in millionths of one: what it is paid counts as a bond for just this.
    const paid = known.liability === 0n ? 0n : (worth * bid.share) / known.liability
    const spare = max(0n, (member.bond * P) / known.bondShare - member.liability)
    const byBond = paid >= known.bondShare ? room : (spare * known.bondShare) / (known.bondShare - paid)
    const takes = [bid.amount, room, byBond, left].reduce(min)
    if (takes === 0n) continue
    won.set(bid.bidder, takes)
    left -= takes
    share = bid.share
  }
  return { won, share }
}

/** Shares an amount in proportion to weights, as exactly as integers allow: each within a unit of its part. */
function proportional(amount: bigint, weights: readonly bigint[]): readonly bigint[] {
  const all = weights.reduce((sum, w) => sum + w, 0n)
  return weights.map((w) => (all === 0n ? 0n : (amount * w) / all))
}

export function waterfall(known: ModelDefault): ModelOutcome {
  const { won, share } = auction(known)
  const sold = [...won.values()].reduce((sum, x) => sum + x, 0n)
  const rest = known.liability - sold
  const paidByBid = (x: bigint): bigint => (known.estate * x * share) / (P * max(1n, known.liability))
  const estateLeft = known.estate - [...won.values()].reduce((sum, x) => sum + paidByBid(x), 0n)
  const owes = (m: ModelMember): bigint => m.liability + (won.get(m.id) ?? 0n)
  const first = known.members.map((m) => (m.serves ? max(0n, (m.lasting * P) / known.margin - owes(m)) : 0n))
  const second = known.members.map((m, i) => (m.serves ? max(0n, m.capacity - owes(m) - first[i]!) : 0n))
  const firstAll = first.reduce((sum, x) => sum + x, 0n)
  const secondAll = second.reduce((sum, x) => sum + x, 0n)
  const byFirst = min(rest, firstAll)
  const bySecond = min(rest - byFirst, secondAll)
  const partsFirst = proportional(byFirst, first)
  const partsSecond = proportional(bySecond, second)
  const forced = known.members.map((_, i) => partsFirst[i]! + partsSecond[i]!)
  const isPaid = known.members.map(({ group }) => group !== known.group)
  const paidFor = forced.reduce((sum, x, i) => (isPaid[i]! ? sum + x : sum), 0n)
  // max(estate/L, b·price) for each coin; the fund adds what the estate does not reach.
  const perCoin = (known.estate * paidFor) / max(1n, known.liability)
  const wanted = (((paidFor * known.bondShare) / P) * known.price) / COIN
  const estatePays = min(estateLeft, max(perCoin, wanted))
  const missing = max(0n, wanted - estatePays)
  const aid = min(missing, known.fundUnits)
  const coins = min(((missing - aid) * COIN) / known.price, known.fundCoins)
  const paysAll = estatePays + aid + (coins * known.price) / COIN
  const taken = new Map(
    known.members.map((m, i) => [
      m.id,
      {
        byBid: won.get(m.id) ?? 0n,
        forced: forced[i]!,
        paid:
          paidByBid(won.get(m.id) ?? 0n) +
          (isPaid[i]! && paidFor > 0n ? (paysAll * forced[i]!) / paidFor : 0n),
      },
    ]),
  )
  return { taken, orphans: rest - byFirst - bySecond }
}
