// What a request must be to enter the table: large enough, served by something, and ended in time (ECONOMY §6).
// Owns: the limits. Not: escrow and the draw (requests.ts).
import type { ActionArgs } from '../../../base/moduleDefinition.ts'
import { maxBigint } from '../../../base/units.ts'
import type { StateReader } from '../../view.ts'
import { horizonOf, isMember, isOffered, runningWindow } from './external.ts'
import { getTotals, isConstrained, SMALL_PART } from './redemptions.ts'
import type { Redemption, redemptionSchema } from './schema.ts'
import { smallestSleeper } from './sizes.ts'
import { fail, redemptionParams } from './tables.ts'

type Request = ActionArgs<typeof redemptionSchema, 'request'>

/** Sixteenths of the table up to which the least amount stays as it is, and of a full table. */
const CALM_SIXTEENTHS = 8
const FULL_SIXTEENTHS = 16
/** Least amount of a request now: it doubles with each sixteenth of the table above half. Base units. */
export function minimumNow(state: StateReader): bigint {
  const { minimumBase, openRequestsMax } = redemptionParams.get(state)
  const sixteenths = Math.floor((FULL_SIXTEENTHS * getTotals(state).openCount) / openRequestsMax)
  // A table that governance has made smaller may hold more than it has room for.
  const beyond = Math.min(sixteenths, FULL_SIXTEENTHS) - CALM_SIXTEENTHS
  return minimumBase << BigInt(Math.max(0, beyond))
}

/** Why an amount is too small, or undefined. The whole balance may be less, so that no coin is stranded, but not crumbs. */
export function checkAmount(
  state: StateReader,
  { amountBase, balanceBase }: { readonly amountBase: bigint; readonly balanceBase: bigint },
) {
  const minimumBase = minimumNow(state)
  if (amountBase >= maxBigint(1n, minimumBase)) return undefined
  const isWhole = amountBase > 0n && amountBase === balanceBase
  if (isWhole && amountBase * SMALL_PART >= minimumBase) return undefined
  return fail.BelowMinimum({ amountBase, minimumBase })
}

/** Why the windows of a request cannot be met, or undefined. */
export function checkWindows(state: StateReader, args: Request) {
  const { startBy, finishBy } = args
  const current = runningWindow(state)
  const nextWindow = current + 1
  if (startBy !== 0 && startBy < nextWindow) return fail.WindowPassed({ window: startBy, nextWindow })
  if (finishBy !== 0 && finishBy < nextWindow) return fail.WindowPassed({ window: finishBy, nextWindow })
  if (finishBy !== 0 && finishBy < startBy) return fail.FinishBeforeStart({ startBy, finishBy })
  const latest = current + horizonOf(state)
  return isConstrained(args) && finishBy > latest ? fail.FinishTooFar({ finishBy, latest }) : undefined
}

/** The last window of delivery of a request: with constraints and none named, the latest that it may name; 0: no limit. */
export function lastAllowed(state: StateReader, args: Request): number {
  if (args.finishBy !== 0 || !isConstrained(args)) return args.finishBy
  return runningWindow(state) + horizonOf(state)
}

/** Why nothing can serve a request, or undefined. */
export function checkServable(state: StateReader, args: Request) {
  const { service, provider, ratingMin, region } = args
  if (provider !== 0 && !isMember(state, provider)) return fail.UnknownProvider({ provider })
  if (isConstrained(args) && !isOffered(state, { service, provider, ratingMin, region }))
    return fail.Unservable({ service, provider, ratingMin, region })
  return undefined
}

/** A request that makes room for another. */
export interface Displaced {
  readonly id: number
  readonly redemption: Redemption
}

/** Whether the table has room, or whose room a request takes. */
export function checkRoom(state: StateReader, args: Request) {
  const { openRequestsMax } = redemptionParams.get(state)
  const { openCount, constrainedCount } = getTotals(state)
  if (isConstrained(args) && constrainedCount * 2 >= openRequestsMax) {
    const smallest = smallestSleeper(state)
    if (smallest === undefined || smallest.redemption.queuedBase >= args.amountBase) {
      const maximum = Math.floor(openRequestsMax / 2)
      return { refusal: fail.ConstrainedFull({ openCount: constrainedCount, maximum }) }
    }
    return { displaced: smallest }
  }
  if (openCount >= openRequestsMax)
    return { refusal: fail.QueueFull({ openCount, maximum: openRequestsMax }) }
  return {}
}
