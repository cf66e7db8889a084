// ECONOMY §9, Waterfall, steps 2 to 4: sealed bids, forced assumption, orphans; docs/decisions/bids-as-shares-of-the-estate.md
// and docs/decisions/forced-assumption.md. Not: who defaults (defaults.ts). One act at a time: how many a block does the chain's steps decide.
import { atLeastZero, ceilDiv, floorDiv, least, most, P, sum } from './arithmetic.ts'
import { addCompensation } from './assumed.ts'
import { capacityC, capacityCStar, counts } from './capacity.ts'
import { bondedLiability, bondValuePpm, groupOf } from './coverage.ts'
import { spendable } from './fund.ts'
import type { Bid, Case, Held } from './institutions.ts'
import { type Outcome, providerOf } from './issuance.ts'
import { hasLeft } from './leaving.ts'
import { coinsOf, compensationEscrow, depositEscrow, estateEscrow, FUND, move, moveCoins } from './ledger.ts'
import { securingWorth, unitsWorth, worthOf } from './prices.ts'
import { groupIsSuspended } from './queue.ts'
import type { Provider, World } from './world.ts'

/** The first half of a window for commitments, the second for bids. */
const isSecondHalf = (world: World): boolean =>
  2 * (world.timestampMs - world.windowStartedMs) >= world.windowEndsMs - world.windowStartedMs

function openAuction(
  world: World,
  sender: string,
  at: { readonly provider: number; readonly isSecondHalf: boolean },
): string | { readonly bidder: Provider; readonly known: Case } {
  const bidder = providerOf(world, sender)
  if (bidder === undefined) return 'NotProvider'
  const known = world.failures.cases.get(at.provider)
  if (known === undefined || known.stage === 'closed') return 'NoSuchDefault'
  const isNow = known.stage === 'auction' && known.auctionWindow === world.window
  return isNow && isSecondHalf(world) === at.isSecondHalf ? { bidder, known } : 'NotInAuction'
}

/** A sealed bid, with a deposit of a thousandth of the liability. What it hides is text here. */
export function commitBid(
  world: World,
  sender: string,
  args: { readonly provider: number; readonly commitment: string },
): Outcome {
  const open = openAuction(world, sender, { provider: args.provider, isSecondHalf: false })
  if (typeof open === 'string') return open
  const { bidder, known } = open
  if (!counts(bidder)) return 'ProviderNotServing'
  if (groupOf(bidder) === groupOf(world.providers.get(known.provider)!)) return 'OwnGroup'
  if (known.bids.some((bid) => bid.bidder === bidder.id)) return 'AlreadyBid'
  const depositBase = ceilDiv(known.liabilityBase * world.parameters.bidDepositPpm, P)
  if (coinsOf(world, sender) < depositBase) return 'InsufficientCoins'
  moveCoins(world, sender, depositEscrow(known.provider), depositBase)
  const { commitment } = args
  const sealed = { isRevealed: false, amountBase: 0n, sharePpm: 0n, chosenBase: 0n }
  known.bids.push({ bidder: bidder.id, commitment, depositBase, ...sealed })
  return undefined
}

export function revealBid(
  world: World,
  sender: string,
  args: {
    readonly provider: number
    readonly opened: string
    readonly amountBase: bigint
    readonly sharePpm: bigint
  },
): Outcome {
  const open = openAuction(world, sender, { provider: args.provider, isSecondHalf: true })
  if (typeof open === 'string') return open
  const { bidder, known } = open
  const bid = known.bids.find((each) => each.bidder === bidder.id)
  if (bid === undefined || bid.isRevealed) return 'NoBid'
  if (bid.commitment !== args.opened) return 'BidMismatch'
  if (args.amountBase === 0n) return 'ZeroAmount'
  if (args.sharePpm > P) return 'ShareTooLarge'
  bid.isRevealed = true
  bid.amountBase = args.amountBase
  bid.sharePpm = args.sharePpm
  moveCoins(world, depositEscrow(known.provider), sender, bid.depositBase)
  return undefined
}

/** max(0, C*·P/m − L), and what max(0, C − L) has beyond that; nothing of one that does not serve, or is suspended. */
function roomOf(
  world: World,
  provider: Provider,
): { readonly firstBase: bigint; readonly secondBase: bigint } {
  if (!counts(provider) || groupIsSuspended(world, groupOf(provider)))
    return { firstBase: 0n, secondBase: 0n }
  const { liabilityBase } = provider
  const withMargin = floorDiv(capacityCStar(world, provider.id) * P, world.parameters.marginPpm)
  const firstBase = atLeastZero(withMargin - liabilityBase)
  return { firstBase, secondBase: atLeastZero(capacityC(world, provider.id) - liabilityBase - firstBase) }
}

/** The next act of a default. */
export function actOn(world: World, known: Case): void {
  switch (known.stage) {
    case 'auction':
      endAuction(world, known)
      return
    case 'choosing':
      choose(world, known)
      return
    case 'settling':
      settleBid(world, known)
      return
    case 'measuring':
      measure(world, known)
      return
    case 'assuming':
      assume(world, known)
      return
    case 'closing':
      close(world, known)
      return
    case 'closed':
      return
  }
}

function go(known: Case, stage: Case['stage']): void {
  known.stage = stage
  known.cursor = 0
}

/** An unrevealed bid loses its deposit; the others go by what they ask for, ties to the lowest id. */
function endAuction(world: World, known: Case): void {
  const lost = known.bids.filter((bid) => !bid.isRevealed)
  moveCoins(world, depositEscrow(known.provider), FUND, sum(lost.map((bid) => bid.depositBase)))
  known.bids = known.bids
    .filter((bid) => bid.isRevealed)
    .sort((a, b) => (a.sharePpm === b.sharePpm ? a.bidder - b.bidder : a.sharePpm < b.sharePpm ? -1 : 1))
  known.liabilityBase = world.providers.get(known.provider)!.liabilityBase
  go(known, 'choosing')
}

/** The cheapest is chosen as far as capacity leaves room, and as far as bond and compensation together cover the liability. */
function choose(world: World, known: Case): void {
  const bid = known.bids[known.cursor]
  const leftBase = known.liabilityBase - known.chosenBase
  if (bid === undefined || leftBase === 0n) {
    go(known, 'settling')
    return
  }
  known.cursor++
  bid.chosenBase = [bid.amountBase, takesAtMost(world, known, bid), leftBase].reduce(least)
  known.chosenBase += bid.chosenBase
  if (bid.chosenBase > 0n) known.sharePpm = bid.sharePpm
}

function takesAtMost(world: World, known: Case, { bidder: id, sharePpm }: Bid): bigint {
  const { bondPpm } = world.parameters
  const bidder = world.providers.get(id)!
  const { firstBase } = roomOf(world, bidder)
  const estateBase = sum(known.estate.map(({ asset, totalBase }) => securingWorth(world, asset, totalBase)))
  // What it would be paid per coin, in millionths of one: a bond for this alone.
  const paidPpm = floorDiv(estateBase * sharePpm, known.liabilityBase)
  if (paidPpm >= bondPpm) return firstBase
  const byBond = atLeastZero(
    floorDiv(bondValuePpm(world, bidder, { use: 'minted' }), bondPpm) - bondedLiability(bidder),
  )
  return least(firstBase, floorDiv(byBond * bondPpm, bondPpm - paidPpm))
}

/** All chosen bids are paid the share of the last one; one whose bidder has less room by now takes less. */
function settleBid(world: World, known: Case): void {
  const bid = known.bids[known.cursor]
  if (bid === undefined) {
    go(known, 'measuring')
    return
  }
  known.cursor++
  const from = world.providers.get(known.provider)!
  const to = world.providers.get(bid.bidder)!
  const amountBase = [bid.chosenBase, from.liabilityBase, roomOf(world, to).firstBase].reduce(least)
  if (amountBase === 0n) return
  const part = (total: bigint): bigint =>
    floorDiv(total * amountBase * known.sharePpm, P * known.liabilityBase)
  const paid = pay(world, known, { to, from: known.estate, part })
  take(world, known, { to, amountBase, paid, isForced: false })
  known.novatedBase += amountBase
}

/** Pays a part of each asset as compensation. */
function pay(
  world: World,
  known: Case,
  payment: {
    readonly to: Provider
    readonly from: readonly Held[]
    readonly part: (totalBase: bigint) => bigint
  },
): ReadonlyMap<number, bigint> {
  const paid = new Map<number, bigint>()
  for (const held of payment.from) {
    const amountBase = least(held.leftBase, payment.part(held.totalBase))
    if (amountBase === 0n) continue
    held.leftBase -= amountBase
    move(world, held.asset, estateEscrow(known.provider), compensationEscrow(payment.to.id), amountBase)
    paid.set(held.asset, amountBase)
  }
  return paid
}

/** Liability goes to whoever takes it. Its compensation is the bond for it alone; what had to be taken needs no further bond. */
function take(
  world: World,
  known: Case,
  taken: {
    readonly to: Provider
    readonly amountBase: bigint
    readonly paid: ReadonlyMap<number, bigint>
    readonly isForced: boolean
  },
): void {
  const { to, amountBase, paid, isForced } = taken
  const from = world.providers.get(known.provider)!
  const { bondPpm } = world.parameters
  const worthBase = sum([...paid].map(([asset, amount]) => securingWorth(world, asset, amount)))
  const covered = bondPpm === 0n ? amountBase : floorDiv(worthBase * P, bondPpm)
  from.liabilityBase -= amountBase
  to.liabilityBase += amountBase
  // Whoever owes again waits for its bond anew.
  delete to.tail
  const exemptBase = isForced ? amountBase : least(amountBase, covered)
  addCompensation(world, to, { assumedBase: amountBase, exemptBase, paid })
}

const membersOf = (world: World): readonly Provider[] =>
  [...world.providers.values()].sort((a, b) => a.id - b.id)

const isPaid = (world: World, known: Case, member: Provider): boolean =>
  groupOf(member) !== groupOf(world.providers.get(known.provider)!)

function measure(world: World, known: Case): void {
  const member = membersOf(world)[known.cursor]
  if (member === undefined) {
    share(world, known)
    go(known, 'assuming')
    return
  }
  known.cursor++
  const room = hasLeft(world, member) ? { firstBase: 0n, secondBase: 0n } : roomOf(world, member)
  known.rooms.push({ member: member.id, ...room })
}

/** What goes by the first kind of room, and what by the second. */
function split(known: Case) {
  const firstBase = sum(known.rooms.map((room) => room.firstBase))
  const secondBase = sum(known.rooms.map((room) => room.secondBase))
  const byFirstBase = least(known.sharedBase, firstBase)
  return { firstBase, secondBase, byFirstBase, bySecondBase: known.sharedBase - byFirstBase }
}

/** Who must take how much, and what is set aside to pay for it: of the estate, then of the fund. */
function share(world: World, known: Case): void {
  const { firstBase: all, secondBase: more } = split(known)
  known.sharedBase = least(world.providers.get(known.provider)!.liabilityBase, all + more)
  const { firstBase, secondBase, byFirstBase, bySecondBase } = split(known)
  const paidRooms = known.rooms.filter(({ member }) => isPaid(world, known, world.providers.get(member)!))
  const paidPart = (base: bigint, paid: bigint, whole: bigint): bigint =>
    whole === 0n ? 0n : ceilDiv(base * paid, whole)
  known.paidBase =
    paidPart(byFirstBase, sum(paidRooms.map((room) => room.firstBase)), firstBase) +
    paidPart(bySecondBase, sum(paidRooms.map((room) => room.secondBase)), secondBase)
  if (known.paidBase === 0n) return
  const wantedBase = floorDiv(known.paidBase * world.parameters.bondPpm, P)
  const worth = (asset: number, amount: bigint): bigint => worthOf(world, asset, amount)
  const leftWorth = sum(known.estate.map((held) => worth(held.asset, held.leftBase)))
  known.pool = known.estate.map((held) => {
    const perCoin = floorDiv(held.totalBase * known.paidBase, known.liabilityBase)
    const needed = leftWorth === 0n ? 0n : ceilDiv(held.leftBase * wantedBase, leftWorth)
    const amountBase = least(held.leftBase, most(perCoin, needed))
    held.leftBase -= amountBase
    return { asset: held.asset, totalBase: amountBase, leftBase: amountBase }
  })
  const pooled = sum(known.pool.map((held) => worth(held.asset, held.totalBase)))
  takeAid(world, known, wantedBase - pooled)
}

/** Settlement assets first, coins last; not what is set aside for orphans. */
function takeAid(world: World, known: Case, valueBase: bigint): void {
  let missing = valueBase
  for (const asset of [...[...world.assets.keys()].sort((a, b) => a - b), 0]) {
    const needed = missing > 0n ? unitsWorth(world, asset, missing) : undefined
    if (needed === undefined) continue
    const amountBase = least(needed, spendable(world, asset))
    if (amountBase === 0n) continue
    move(world, asset, FUND, estateEscrow(known.provider), amountBase)
    missing -= worthOf(world, asset, amountBase)
    known.aid.push({ asset, totalBase: amountBase, leftBase: amountBase })
  }
}

/** The part of an amount between two points of a whole: the parts of all add up to the last unit. */
const between = (amount: bigint, [from, until]: readonly [bigint, bigint], whole: bigint): bigint =>
  whole === 0n ? 0n : floorDiv(amount * until, whole) - floorDiv(amount * from, whole)

function assume(world: World, known: Case): void {
  const member = membersOf(world)[known.cursor]
  if (member === undefined) {
    go(known, 'closing')
    return
  }
  const at = known.cursor++
  const room = known.rooms[at]
  if (room === undefined) return
  const passed = known.rooms.slice(0, at)
  const firstBefore = sum(passed.map((each) => each.firstBase))
  const secondBefore = sum(passed.map((each) => each.secondBase))
  const { firstBase, secondBase, byFirstBase, bySecondBase } = split(known)
  const shareBase =
    between(byFirstBase, [firstBefore, firstBefore + room.firstBase], firstBase) +
    between(bySecondBase, [secondBefore, secondBefore + room.secondBase], secondBase)
  const amountBase = least(shareBase, world.providers.get(known.provider)!.liabilityBase)
  // A member that stops serving in between takes nothing.
  if (amountBase === 0n || !counts(member) || hasLeft(world, member)) return
  const paid = new Map<number, bigint>()
  if (isPaid(world, known, member)) {
    const part = (total: bigint): bigint => floorDiv(total * amountBase, known.paidBase)
    for (const from of [known.pool, known.aid])
      for (const [asset, units] of pay(world, known, { to: member, from, part }))
        paid.set(asset, (paid.get(asset) ?? 0n) + units)
  }
  take(world, known, { to: member, amountBase, paid, isForced: true })
  known.assumedBase += amountBase
}

/** What nobody took is orphaned; what is left of the estate goes to the fund, set aside while it is for orphans. */
function close(world: World, known: Case): void {
  const { earmarked } = world.failures
  const provider = world.providers.get(known.provider)!
  known.orphanedBase = provider.liabilityBase
  world.orphanBase += known.orphanedBase
  provider.liabilityBase = 0n
  provider.assumedBase = 0n
  provider.exemptBase = 0n
  for (const held of [...known.estate, ...known.pool, ...known.aid]) {
    move(world, held.asset, estateEscrow(known.provider), FUND, held.leftBase)
    const isSetAside = known.orphanedBase > 0n && known.estate.includes(held) && held.leftBase > 0n
    if (isSetAside) earmarked.set(held.asset, (earmarked.get(held.asset) ?? 0n) + held.leftBase)
    held.leftBase = 0n
  }
  go(known, 'closed')
}
