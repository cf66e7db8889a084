// Bookings: hours of a lot group that are reserved in a window, and the coins they are to deliver. Owns: D and R.
// Not: what a group has (groups.ts), what the sums add up to (measures.ts, recount.ts).
import { assert } from '../../../base/assert.ts'
import { maxBigint } from '../../../base/units.ts'
import type { WriteContext } from '../../context.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { isCounted } from './counted.ts'
import { isServing } from './external.ts'
import { getGroup, ratedHours } from './groups.ts'
import { addWindow, measuresAt, standingOf, windowCoins } from './measures.ts'
import { overbookedWindow } from './overbooked.ts'
import type { Booking, Count, LotGroup } from './schema.ts'
import { getCount, setSums, sumsIn, touchCapacity } from './sums.ts'
import { capacityParams, capacityTables } from './tables.ts'
import { currentWindow } from './windows.ts'

/** A window of a lot group. */
export interface GroupWindow {
  readonly group: number
  readonly windowIndex: number
}

const isAt =
  (windowIndex: number) =>
  (booking: Booking): boolean =>
    booking.windowIndex === windowIndex

/** D and R of a group in a window. */
export function bookingAt(group: LotGroup, windowIndex: number): Booking {
  return group.booked.find(isAt(windowIndex)) ?? { windowIndex, hours: 0n, amountBase: 0n }
}

/** Rated hours of a group that can still be booked in a window, whatever its provider's status. */
export function hoursLeft(state: StateReader, group: LotGroup, windowIndex: number): bigint {
  return maxBigint(0n, ratedHours(state, group, windowIndex) - bookingAt(group, windowIndex).hours)
}

/**
 * Rated hours of a group that can still be booked in a window, 10^-18 of a reference device-hour; 0 when the group has
 * ended or its provider's status does not let it serve. What one group has free no other group can take.
 */
export function freeHours(state: StateReader, at: GroupWindow): bigint {
  const group = getGroup(state, at.group)
  if (group === undefined || !isServing(state, group.provider)) return 0n
  return hoursLeft(state, group, at.windowIndex)
}

/**
 * Books hours of a lot group (groups.ts `hoursOfGroup`, at the anchor of the reservation) in a window not yet begun, and
 * with them the coins they are to deliver: D and R. Asserts that they are free: check `freeHours` first.
 */
export function bookHours(
  ctx: WriteContext,
  booking: GroupWindow & { readonly hours: bigint; readonly amountBase: bigint },
): void {
  const { windowIndex, hours, amountBase } = booking
  const current = currentWindow(ctx.state)
  const { horizonWindows } = capacityParams.get(ctx.state)
  assert(windowIndex > current && windowIndex <= current + horizonWindows, 'the window has not begun')
  assert(hours > 0n && hours <= freeHours(ctx.state, booking), 'the hours are free')
  assert(amountBase > 0n, 'booked hours deliver coins')
  moveBooking(ctx.state, booking, { hours, amountBase })
}

/**
 * Returns booked hours and the coins they were to deliver; of a running window return the coins alone, since its hours
 * perish. No effect for a window that has ended.
 */
export function returnHours(
  ctx: WriteContext,
  booking: GroupWindow & { readonly hours: bigint; readonly amountBase: bigint },
): void {
  const { windowIndex, hours, amountBase } = booking
  assert(hours >= 0n && amountBase >= 0n, 'what is returned is not negative')
  if (windowIndex < currentWindow(ctx.state)) return
  moveBooking(ctx.state, booking, { hours: -hours, amountBase: -amountBase })
}

/** Takes delivered coins out of R; their hours stay booked. No effect for a window that has ended. */
export function releaseCoins(
  ctx: WriteContext,
  settled: GroupWindow & { readonly amountBase: bigint },
): void {
  returnHours(ctx, { ...settled, hours: 0n })
}

function moveBooking(
  state: StateWriter,
  at: GroupWindow,
  change: { readonly hours: bigint; readonly amountBase: bigint },
): void {
  if (change.hours === 0n && change.amountBase === 0n) return
  const before = capacityTables.group.mustGet(state, { id: at.group })
  const known = bookingAt(before, at.windowIndex)
  const after: Booking = {
    windowIndex: at.windowIndex,
    hours: known.hours + change.hours,
    amountBase: known.amountBase + change.amountBase,
  }
  assert(after.hours >= 0n && after.amountBase >= 0n, 'no more is returned than was booked')
  const others = before.booked.filter((booking) => !isAt(at.windowIndex)(booking))
  const isEmpty = after.hours === 0n && after.amountBase === 0n
  const booked = (isEmpty ? others : [...others, after]).sort((a, b) => a.windowIndex - b.windowIndex)
  const moved = { ...before, booked }
  const overbooked =
    before.overbooked && overbookedWindow(state, moved, currentWindow(state) + 1) !== undefined
  const group = { ...moved, overbooked }
  capacityTables.group.set(state, { id: at.group }, group)
  const count = getCount(state)
  applyTo(state, count, { before, group, windowIndex: at.windowIndex })
  const { next } = count
  // The recount under way has this booking if it has counted the group, and will see it otherwise.
  if (
    next !== undefined &&
    isCounted(state, next, { key: capacityTables.group.key({ id: at.group }), group })
  )
    applyTo(state, next, { before, group, windowIndex: at.windowIndex })
  touchCapacity(state)
}

/** Moves the sums of a provider by what one window of one of its groups has changed. */
function applyTo(
  state: StateWriter,
  recount: Pick<Count, 'pass' | 'windowIndex' | 'anchor'>,
  change: { readonly before: LotGroup; readonly group: LotGroup; readonly windowIndex: number },
): void {
  const { before, group } = change
  const { provider } = group
  const measures = measuresAt(state, recount)
  const k = change.windowIndex - recount.windowIndex
  const { countsTo, lasts } = standingOf(group, measures)
  if (k < 0 || k > countsTo) return
  const coinsOf = (version: LotGroup): bigint =>
    windowCoins(hoursLeft(state, version, change.windowIndex), k, measures)
  const at = { provider, pass: recount.pass }
  const sums = addWindow(sumsIn(state, at), { k, coins: coinsOf(group) - coinsOf(before), lasts }, measures)
  const reserved = (version: LotGroup): bigint => bookingAt(version, change.windowIndex).amountBase
  setSums(state, at, {
    ...sums,
    reservedBase: sums.reservedBase + reserved(group) - reserved(before),
  })
}
