// ECONOMY §6, Request: what is refused, whose room it takes, and the escrow. Not: the queue's order (queue.ts).
import { lotGroups } from './capacity.ts'
import { coinsOf, moveCoins, redemptionEscrow } from './ledger.ts'
import { matchOf } from './matching.ts'
import { close, isConstrained, meets, openRequests, queuedOf, type RequestTerms } from './queue.ts'
import type { Request, World } from './world.ts'

/** Above half full the minimum doubles with each further sixteenth of the whole table, up to a full one. */
export function minimumNow(world: World): bigint {
  const { minimumBase, openRequestsMax } = world.parameters
  const aboveHalf = openRequests(world).length - openRequestsMax / 2
  const doublings = aboveHalf <= 0 ? 0 : Math.min(8, Math.floor((aboveHalf * 16) / openRequestsMax))
  return minimumBase * 2n ** BigInt(doublings)
}

/** Whether an attested lot meets the constraints. */
const isReachable = (world: World, terms: RequestTerms): boolean =>
  lotGroups(world).some(
    (group) => meets(world, group, terms) && group.lots.some((lot) => lot.countsFrom !== undefined),
  )

/** Why a request is refused now; the escrow is not yet touched. */
export function refuseRequest(world: World, owner: string, terms: RequestTerms): string | undefined {
  const { openRequestsMax, openRequestsPerAccountMax } = world.parameters
  const balance = coinsOf(world, owner)
  const minimum = minimumNow(world)
  const isWhole = terms.amountBase === balance && terms.amountBase > 0n && terms.amountBase * 10n >= minimum
  if (terms.amountBase < minimum && !isWhole) return 'BelowMinimum'
  if (balance < terms.amountBase) return 'InsufficientBalance'
  const open = openRequests(world)
  if (open.filter((request) => request.owner === owner).length >= openRequestsPerAccountMax)
    return 'AccountQueueFull'
  const misfit = refuseConstraints(world, terms) ?? refuseRoom(world, terms)
  if (misfit !== undefined) return misfit
  return open.length >= openRequestsMax && smallestToLeave(world, terms) === undefined
    ? 'QueueFull'
    : undefined
}

/** §6: constraints that no attested lot meets are refused; a deadline is at most K windows ahead. */
function refuseConstraints(world: World, terms: RequestTerms): string | undefined {
  if (!isConstrained(terms)) return undefined
  const { horizonWindows } = world.parameters
  const { startBy, finishBy, provider } = terms
  if (provider !== 0 && !world.providers.has(provider)) return 'UnknownProvider'
  if (!isReachable(world, terms)) return 'Unservable'
  if ((startBy !== 0 && startBy <= world.window) || (finishBy !== 0 && finishBy <= world.window))
    return 'WindowPassed'
  if (startBy !== 0 && finishBy !== 0 && finishBy < startBy) return 'FinishBeforeStart'
  if (finishBy > world.window + horizonWindows) return 'FinishTooFar'
  return undefined
}

/** Requests with constraints that are full up to their half of the table. */
const isHalfFull = (world: World): boolean =>
  openRequests(world).filter(isConstrained).length * 2 >= world.parameters.openRequestsMax

/** A full half refunds its smallest sleeper for a larger one. */
function refuseRoom(world: World, terms: RequestTerms): string | undefined {
  if (!isConstrained(terms) || !isHalfFull(world)) return undefined
  return smallestToLeave(world, terms) === undefined ? 'ConstrainedFull' : undefined
}

/** The sleeper that a larger request displaces: it has the fewest queued coins, and no lot group can serve it now. */
function smallestToLeave(world: World, terms: RequestTerms): Request | undefined {
  if (!isConstrained(terms) || !isHalfFull(world)) return undefined
  const size = (request: Request): bigint => queuedOf(world, request.id)
  const sleepers = openRequests(world)
    .filter((request) => isConstrained(request) && size(request) > 0n && sleeps(world, request))
    .sort((a, b) => (size(a) === size(b) ? a.id - b.id : size(a) < size(b) ? -1 : 1))
  const [smallest] = sleepers
  return smallest !== undefined && size(smallest) < terms.amountBase ? smallest : undefined
}

const sleeps = (world: World, request: Request): boolean =>
  world.places
    .filter((place) => place.request === request.id)
    .every((place) => matchOf(world, place, true) === undefined)

/** Escrows a request; a full half of constrained ones gives up its smallest sleeper. */
export function openRequest(world: World, owner: string, terms: RequestTerms): Request {
  const leaving = smallestToLeave(world, terms)
  if (leaving !== undefined) close(world, leaving, 'displaced')
  const id = world.nextRequest++
  const { amountBase, ...rest } = terms
  // A constrained request without a deadline gets the latest one allowed.
  const finishBy =
    isConstrained(terms) && terms.finishBy === 0
      ? world.window + world.parameters.horizonWindows
      : terms.finishBy
  const request: Request = {
    ...rest,
    id,
    owner,
    finishBy,
    lockedBase: amountBase,
    isDrawn: false,
    burnedBase: 0n,
    transferredBase: 0n,
    refundedBase: 0n,
    feesBase: 0n,
    excluded: new Set(),
    rejectedBase: 0n,
    nextAssignment: 1,
  }
  world.requests.set(id, request)
  moveCoins(world, owner, redemptionEscrow(id), amountBase)
  return request
}
