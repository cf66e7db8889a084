// All that redemption asks of capacity and issuance: free hours, bookings, liabilities, the order of assignment.
// Owns: the conversion between coins with a bonus and booked hours. Not: their books.
import { mustExist } from '../../../base/assert.ts'
import type { Address } from '../../../base/ids.ts'
import { maxBigint, mulDivCeil, mulDivFloor, PPM } from '../../../base/units.ts'
import type { WriteContext } from '../../context.ts'
import type { StateReader } from '../../view.ts'
import { freeHours, reserveHours, unreserveHours } from '../capacity/book.ts'
import { getLot, lotIdsOf } from '../capacity/lots.ts'
import { coinsOfHours, hoursOfCoins } from '../capacity/rating.ts'
import { type Lot, SERVICE_BITS } from '../capacity/schema.ts'
import { currentWindow } from '../capacity/windows.ts'
import { getRatings } from '../catalogue/classes.ts'
import type { Service } from '../catalogue/schema.ts'
import { liabilityBurn, reserveCoins, unreserveCoins, windowSnapshot } from '../issuance/ledger.ts'
import { getProvider, providerIds } from '../providers/members.ts'
import { validates } from '../providers/validatorSet.ts'
import { type Assignment, REDEMPTION_ESCROW, tables } from './store.ts'

/** The account that a provider is paid on and signs with. */
export function operatorOf(state: StateReader, provider: number): Address {
  return mustExist(getProvider(state, provider), 'an assigned provider exists').operator
}

/** Coins that free hours take at an anchor and a bonus, rounded down: the booking never exceeds what is free. */
export function coinsWithBonus(hours: bigint, anchor: bigint, bonusPpm: bigint): bigint {
  return mulDivFloor(coinsOfHours(hours, anchor), PPM, PPM + bonusPpm)
}

/** Rated hours booked for coins at an anchor and a bonus, rounded up: the client gains. */
export function hoursWithBonus(amountBase: bigint, anchor: bigint, bonusPpm: bigint): bigint {
  return hoursOfCoins(mulDivCeil(amountBase, PPM + bonusPpm, PPM), anchor)
}

/** Books the hours of an assignment in capacity, and its coins in issuance. */
export function bookBacking(ctx: WriteContext, assignment: Assignment): void {
  const { provider, window: windowIndex, amountBase, bookedHours: hours } = assignment
  reserveHours(ctx, { provider, windowIndex, hours })
  reserveCoins(ctx, { provider, windowIndex, amountBase })
}

/** Takes delivered or returned coins out of R; what belongs to an ended window has left it already (ECONOMY §3). */
export function releaseCoins(ctx: WriteContext, assignment: Assignment, amountBase: bigint): void {
  const { provider, window: windowIndex } = assignment
  if (windowIndex >= currentWindow(ctx.state)) unreserveCoins(ctx, { provider, windowIndex, amountBase })
}

/** Frees the hours of an assignment whose window has not begun; later they have perished. */
export function releaseHours(ctx: WriteContext, assignment: Assignment): void {
  const { provider, window: windowIndex, bookedHours: hours } = assignment
  if (windowIndex > currentWindow(ctx.state)) unreserveHours(ctx, { provider, windowIndex, hours })
}

/** Burns escrowed coins up to the deliverer's liability, which falls with them; returns how many. */
export function burnDelivered(ctx: WriteContext, provider: number, amountBase: bigint): bigint {
  return liabilityBurn(ctx, { provider, from: REDEMPTION_ESCROW, amountBase })
}

/** A provider that may be assigned now. */
export interface Server {
  readonly provider: number
  /** Its lots that have passed an audit. */
  readonly lots: readonly Lot[]
  /** Free rated hours of the windows not yet begun, nearest first; the matcher lowers them. */
  readonly free: bigint[]
}

/** Providers by share of liability to capacity when the window began, highest first, then by id (ECONOMY §6). */
export function serversInOrder(state: StateReader, windows: readonly number[]): Server[] {
  const ranked = providerIds(state)
    .filter((id) => {
      const { status } = mustExist(getProvider(state, id), 'a listed provider exists')
      return validates(status) && !tables.suspension.has(state, { provider: id })
    })
    .map((id) => ({ id, ...windowSnapshot(state, id) }))
  ranked.sort((a, b) => {
    // Cross products compare the shares exactly; no capacity counts as the smallest capacity.
    const left = a.liabilityBase * maxBigint(1n, b.capacityBase)
    const right = b.liabilityBase * maxBigint(1n, a.capacityBase)
    return left === right ? a.id - b.id : left > right ? -1 : 1
  })
  return ranked.map(({ id }) => ({
    provider: id,
    lots: attestedLots(state, id),
    free: windows.map((windowIndex) => freeHours(state, { provider: id, windowIndex })),
  }))
}

export function attestedLots(state: StateReader, provider: number): readonly Lot[] {
  return lotIdsOf(state, provider)
    .map((id) => mustExist(getLot(state, id), 'a listed lot exists'))
    .filter((lot) => lot.status === 'attested')
}

/** Whether a lot serves in a window. */
export function lotServes(lot: Lot, service: Service, window: number): boolean {
  return (
    (lot.services & SERVICE_BITS[service]) !== 0 &&
    lot.firstWindow <= window &&
    lot.countsFrom <= window &&
    (lot.lastWindow === undefined || lot.lastWindow >= window)
  )
}

/** Rating of a class for a service, ppm; 0 when the class is unknown. */
export function ratingOf(state: StateReader, classId: number, service: Service): bigint {
  return getRatings(state, classId)?.[service] ?? 0n
}
