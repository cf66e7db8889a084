// ECONOMY §6: grants, vouchers, rejections, faults, suspension, and the end of a window.
import { COIN, ceilDiv, floorDiv, least, most, P, sum } from './arithmetic.ts'
import { changeBooked, counts } from './capacity.ts'
import { groupOf, isSuspended } from './coverage.ts'
import { burnLiability, providerOf } from './issuance.ts'
import { bondEscrow, FUND, move, moveCoins, redemptionEscrow } from './ledger.ts'
import { bondPriceOf, worthOf } from './prices.ts'
import { closeIfDone, enqueue, enqueueAtTail, noShowFee, payFund } from './queue.ts'
import type { Assignment, Provider, Request, World } from './world.ts'

export const assignmentOf = (world: World, request: number, number: number): Assignment | undefined =>
  world.assignments.find((a) => a.request === request && a.number === number)

const groupNameOf = (world: World, provider: number): string => groupOf(world.providers.get(provider)!)

/** Coins of an assignment that no voucher covers. */
const openCoins = (a: Assignment): bigint => a.amountBase - a.voucheredBase

/** The access grant is posted before the window begins. */
export function grant(
  world: World,
  sender: string,
  at: { readonly id: number; readonly assignment: number },
): string | undefined {
  const assignment = assignmentOf(world, at.id, at.assignment)
  if (assignment === undefined || !assignment.isOpen) return 'UnknownAssignment'
  if (world.providers.get(assignment.provider)!.operator !== sender) return 'NotAssignee'
  if (assignment.granted) return 'GrantPosted'
  if (assignment.window <= world.window) return 'WindowBegun'
  assignment.granted = true
  // A hundredth of what a window brings by the snapshot, C/K, as the first grant for that window finds it.
  const key = `${assignment.provider}/${assignment.window}`
  const capacity = world.shares.get(assignment.provider)?.capacityBase ?? 0n
  if (!world.toleratedCoins.has(key))
    world.toleratedCoins.set(key, floorDiv(capacity, 100n * BigInt(world.parameters.horizonWindows)))
  return undefined
}

/**
 * Whether clients signed for enough of what a provider, or a group's providers, granted for a window: at least half of it, or all
 * but coins so few that they tell nothing. Undefined when nothing was granted.
 */
export function wasServed(world: World, providers: readonly number[], window: number): boolean | undefined {
  const granted = world.assignments.filter(
    (a) => a.granted && a.window === window && providers.includes(a.provider),
  )
  if (granted.length === 0) return undefined
  const unsigned = sum(granted.map(openCoins))
  const tolerated = sum(providers.map((id) => world.toleratedCoins.get(`${id}/${window}`) ?? 0n))
  return unsigned * 2n <= sum(granted.map((a) => a.amountBase)) || unsigned < tolerated
}

/** Anyone hands in the client's latest voucher, through the block that ends the window. */
export function settle(
  world: World,
  voucher: {
    readonly id: number
    readonly assignment: number
    readonly deliveredBase: bigint
    /** Who signed it, and the operator that it names. */
    readonly signer: string
    readonly operator: string
  },
): string | undefined {
  const request = world.requests.get(voucher.id)
  const assignment = assignmentOf(world, voucher.id, voucher.assignment)
  if (request === undefined) return 'UnknownRedemption'
  if (assignment === undefined || !assignment.isOpen) return 'UnknownAssignment'
  if (assignment.window > world.window) return 'WindowNotBegun'
  if (!assignment.granted) return 'NotGranted'
  if (voucher.deliveredBase < assignment.voucheredBase) return 'VoucherDecreases'
  if (voucher.deliveredBase > assignment.amountBase) return 'VoucherTooLarge'
  // The voucher names the provider, and the owner or its voucher key signs it.
  const isSigned = voucher.signer === request.owner || voucher.signer === request.voucherKey
  if (!isSigned || world.providers.get(assignment.provider)!.operator !== voucher.operator)
    return 'WrongSigner'
  assignment.voucheredBase = voucher.deliveredBase
  if (!world.handedIn.includes(assignment)) world.handedIn.push(assignment)
  return undefined
}

/** At the end of a block escrow settles what was vouchered: `burn = min(x, L[j])`, the rest is paid to j. */
export function settleVouchered(world: World): void {
  for (const assignment of world.handedIn) settleOne(world, assignment)
  world.handedIn = []
}

function settleOne(world: World, assignment: Assignment): void {
  if (assignment.voucheredBase === assignment.settledBase) return
  const delivered = assignment.voucheredBase - assignment.settledBase
  const provider = world.providers.get(assignment.provider)!
  const request = world.requests.get(assignment.request)!
  const burned = least(delivered, provider.liabilityBase)
  burnLiability(world, provider, redemptionEscrow(request.id), burned)
  moveCoins(world, redemptionEscrow(request.id), provider.operator, delivered - burned)
  request.burnedBase += burned
  request.transferredBase += delivered - burned
  assignment.settledBase = assignment.voucheredBase
  // noShow on what was rejected is waived once as much is vouchered elsewhere.
  if (request.rejectedBase <= voucheredElsewhere(world, request)) request.rejectedBase = 0n
  if (assignment.settledBase === assignment.amountBase) assignment.isOpen = false
  closeIfDone(world, request, 'settled')
}

/** What was served on assignments that the request has not rejected. */
const voucheredElsewhere = (world: World, request: Request): bigint =>
  sum(world.assignments.filter((a) => a.request === request.id && !a.isRejected).map((a) => a.settledBase))

/** Takes an assignment's open coins out of it. */
export function takeBack(assignment: Assignment): bigint {
  const open = openCoins(assignment)
  assignment.isOpen = false
  return open
}

const addFailed = (world: World, group: string, amountBase: bigint): void => {
  world.failedCoins.set(group, (world.failedCoins.get(group) ?? 0n) + amountBase)
}

/** Whether a group is one of the coverN with the most coins at fault or rejected in this window; ties to the lowest id. */
function isAmongWorst(world: World, group: string): boolean {
  const lowest = (name: string): number =>
    Math.min(
      ...[...world.providers.values()].filter((provider) => groupOf(provider) === name).map(({ id }) => id),
    )
  const ranked = [...world.failedCoins].sort(([a, x], [b, y]) =>
    x === y ? lowest(a) - lowest(b) : x > y ? -1 : 1,
  )
  return ranked.slice(0, world.parameters.coverN).some(([name]) => name === group)
}

/** The client returns a running assignment: once per request and provider group, in the window (§6, Reject). */
export function reject(
  world: World,
  sender: string,
  at: { readonly id: number; readonly assignment: number },
): string | undefined {
  const request = world.requests.get(at.id)
  const assignment = assignmentOf(world, at.id, at.assignment)
  if (request === undefined) return 'UnknownRedemption'
  if (request.owner !== sender) return 'NotOwner'
  if (assignment === undefined || !assignment.isOpen) return 'UnknownAssignment'
  if (assignment.window > world.window) return 'WindowNotBegun'
  if (!assignment.granted) return 'NotGranted'
  const group = groupNameOf(world, assignment.provider)
  if (request.excluded.has(group)) return 'AlreadyRejected'
  // What is vouchered settles first; only the rest can be rejected.
  assignment.isRejected = openCoins(assignment) > 0n
  settleOne(world, assignment)
  if (!assignment.isRejected) return undefined
  const returned = takeBack(assignment)
  request.excluded.add(group)
  request.rejectedBase += returned
  addFailed(world, group, returned)
  if (isAmongWorst(world, group)) enqueue(world, request.id, assignment.sequence, returned)
  else enqueueAtTail(world, request.id, returned)
  return undefined
}

/** At the window's end what is neither settled nor vouchered goes to the tail, less `noShow` of it. */
export function returnUnused(world: World, endedWindow: number): void {
  const unused = world.assignments
    .filter((a) => a.isOpen && a.window === endedWindow && a.granted)
    .sort((a, b) => a.sequence - b.sequence || a.request - b.request || a.number - b.number)
  const signed = new Set(
    world.assignments.filter((a) => a.window === endedWindow && a.settledBase > 0n).map((a) => a.request),
  )
  for (const assignment of unused) {
    const request = world.requests.get(assignment.request)!
    const open = takeBack(assignment)
    const fee = noShowFee(world, open, open)
    // `noShow` on what was rejected is taken at the next window without a signature, before the rest gets its place.
    const isDue = request.rejectedBase > 0n && !signed.has(request.id)
    const due = isDue ? noShowFee(world, request.rejectedBase, open - fee) : 0n
    if (isDue) request.rejectedBase = 0n
    payFund(world, request, fee + due)
    enqueueAtTail(world, request.id, open - fee - due)
  }
  for (const request of world.requests.values()) closeIfDone(world, request, 'settled')
}

/**
 * A missing grant is a fault in the window's first block: `faultPenalty` of the undelivered, within floor and cap of
 * the bond, half to the client, half to the fund; the first fault in K windows returns reservations, further ones suspend.
 */
export function findMissingGrants(world: World): void {
  const missing = world.assignments.filter((a) => a.isOpen && a.window === world.window && !a.granted)
  for (const provider of world.providers.values()) {
    const own = missing
      .filter((a) => a.provider === provider.id)
      .sort((a, b) => a.sequence - b.sequence || a.number - b.number)
    if (own.length === 0) continue
    // Of a provider that has defaulted, or left, what is not granted returns without a further fault.
    if (!counts(provider) && provider.status !== 'jailed') {
      for (const assignment of own) returnToPlace(world, assignment)
      continue
    }
    const undelivered = sum(own.map(openCoins))
    penalize(world, provider, own)
    addFailed(world, groupOf(provider), undelivered)
    for (const assignment of own) returnToPlace(world, assignment)
    const K = world.parameters.horizonWindows
    const isRepeated = provider.faultWindows.some((window) => window > world.window - K)
    provider.faultWindows.push(world.window)
    if (isRepeated && !isSuspended(provider)) suspend(world, provider)
  }
}

/**
 * What members held that have defaulted returns to its places, granted or not, from the running window on; of those who have left
 * what they have not granted of windows to come.
 */
export function returnRecalled(world: World): void {
  const { recalled } = world.failures
  world.failures.recalled = []
  for (const id of recalled) {
    const hasDefaulted = world.providers.get(id)!.status === 'defaulted'
    const held = world.assignments.filter(
      (a) =>
        a.isOpen &&
        a.provider === id &&
        (hasDefaulted ? a.window >= world.window : a.window > world.window && !a.granted),
    )
    for (const assignment of held) {
      // A grant for a window not begun is none that could have been signed for.
      if (assignment.window > world.window) assignment.granted = false
      returnToPlace(world, assignment)
    }
  }
}

/** A fault returns coins to their original number: later ones may have to give up theirs (unbooking.ts). */
function returnToPlace(world: World, assignment: Assignment): void {
  giveBack(world, assignment)
  enqueue(world, assignment.request, assignment.sequence, takeBack(assignment))
  world.returnedPlaces.add(assignment.sequence)
}

/** Its hours may be booked again. */
export const giveBack = (world: World, assignment: Assignment): void =>
  changeBooked(world, assignment, () => {
    assignment.isReturned = true
  })

/** Takes the penalty of a window's faults from the bonds: each for its share of the undelivered, by what it is worth. */
function penalize(world: World, provider: Provider, own: readonly Assignment[]): void {
  const undelivered = sum(own.map(openCoins))
  const bonds = [...provider.bonds].map(
    ([asset, bond]) => [asset, bond, worthOf(world, asset, bond)] as const,
  )
  const all = sum(bonds.map(([, , worth]) => worth))
  for (const [asset, bond, worth] of bonds) {
    const share = worth === 0n ? 0n : ceilDiv(undelivered * worth, all)
    const penalty = penaltyOf(world, { asset, bond, share })
    provider.bonds.set(asset, bond - penalty)
    const half = floorDiv(penalty, 2n)
    let left = half
    own.forEach((assignment, i) => {
      const part = i === own.length - 1 ? left : floorDiv(half * openCoins(assignment), undelivered)
      left -= part
      move(world, asset, bondEscrow(provider.id), world.requests.get(assignment.request)!.owner, part)
    })
    move(world, asset, bondEscrow(provider.id), FUND, penalty - half)
  }
}

/** `faultPenalty` of what a bond in one asset answers for, within floor and cap of it. */
function penaltyOf(
  world: World,
  { asset, bond, share }: { readonly asset: number; readonly bond: bigint; readonly share: bigint },
): bigint {
  const { faultPenaltyPpm, faultFloorPpm, penaltyCapPpm } = world.parameters
  const cost = ceilDiv(share * (bondPriceOf(world, asset) ?? 0n) * faultPenaltyPpm, COIN * P)
  const floor = ceilDiv(bond * faultFloorPpm, P)
  return least(most(cost, floor), floorDiv(bond * penaltyCapPpm, P))
}

/** Reservations without a grant return at their original numbers. */
function suspend(world: World, provider: Provider): void {
  provider.suspendedSince = world.window
  const group = groupOf(provider)
  const returned = world.assignments.filter(
    (a) => a.isOpen && !a.granted && a.window > world.window && groupNameOf(world, a.provider) === group,
  )
  for (const assignment of returned) returnToPlace(world, assignment)
}

/** A suspended provider resumes by its own transaction after `suspensionWindows`. */
export function resume(world: World, sender: string): string | undefined {
  const provider = providerOf(world, sender)
  if (provider === undefined) return 'NotProvider'
  if (provider.suspendedSince === undefined) return 'NotSuspended'
  if (world.window < provider.suspendedSince + world.parameters.suspensionWindows) return 'StillSuspended'
  if (provider.unpaidBase > 0n) return 'PenaltyUnpaid'
  delete provider.suspendedSince
  return undefined
}
