// What compute rented for on each day: devices of a class, and an hour of the reference performance. Pure; integers.
// Not: what a coin is worth (comparison.ts), what reporters report (reports.ts).
import { assert, mustExist } from '../../base/assert.ts'
import { mulDivFloor, PPM } from '../../base/units.ts'
import { weekOf } from './calendar.ts'
import type { History, Rental } from './history.ts'
import type { WorldStock } from './stock.ts'

const MICRO_PER_MILLI = 1_000n
/** A class that is another under an export rule, and rents for the same. */
const SAME_AS: Readonly<Record<string, string>> = { 'a800-80': 'a100-sxm-80', 'h800-sxm': 'h100-sxm' }

export class Prices {
  readonly #rentals = new Map<string, Rental[]>()
  readonly #stock: WorldStock
  /** The mainstream class of each week that has a price. */
  readonly #benchmarks: string[] = []

  constructor(history: History, stock: WorldStock) {
    this.#stock = stock
    for (const rental of history.rentals) {
      const known = this.#rentals.get(rental.classId)
      if (known === undefined) this.#rentals.set(rental.classId, [rental])
      else known.push(rental)
    }
  }

  /**
   * Rent of a device of a class, millionths of a dollar an hour; undefined for a class that has no quotes. Between the middles
   * of two months on the straight line; before the first and after the last quote it stands still.
   */
  rentOf(classId: string, day: number): bigint | undefined {
    const rentals = this.#rentals.get(SAME_AS[classId] ?? classId)
    if (rentals === undefined) return undefined
    const after = rentals.findIndex((rental) => rental.day > day)
    if (after === 0) return rentals[0]!.milliUsd * MICRO_PER_MILLI
    if (after < 0) return rentals.at(-1)!.milliUsd * MICRO_PER_MILLI
    const [from, to] = [rentals[after - 1]!, rentals[after]!]
    const [past, span] = [BigInt(day - from.day), BigInt(to.day - from.day)]
    return ((from.milliUsd * (span - past) + to.milliUsd * past) * MICRO_PER_MILLI) / span
  }

  /**
   * Rent of one reference device-hour of performance, millionths of a dollar: what all devices that have a price rent for
   * together, over what they deliver together.
   */
  referenceRent(day: number): bigint {
    let rent = 0n
    let performance = 0n
    for (const { classId, units, ratingPpm } of this.#stock.at(weekOf(day))) {
      const each = this.rentOf(classId, day)
      if (each === undefined) continue
      rent += BigInt(units) * each
      performance += BigInt(units) * ratingPpm
    }
    assert(performance > 0n, `a class with a price is shipped by day ${day}`)
    return mulDivFloor(rent, PPM, performance)
  }

  /** Price of a coin's SCU-hour at an anchor, millionths of a dollar. */
  coinPrice(day: number, anchorPpm: bigint): bigint {
    return mulDivFloor(this.referenceRent(day), anchorPpm, PPM)
  }

  /** The mainstream class of a day, or the last one before it that has a price: what an index of rents would follow. */
  benchmarkAt(day: number): string {
    const week = weekOf(day)
    while (this.#benchmarks.length <= week) {
      const { classId } = this.#stock.mainstreamAt(this.#benchmarks.length)
      const isPriced = this.rentOf(classId, 0) !== undefined
      const chosen = isPriced ? (SAME_AS[classId] ?? classId) : this.#benchmarks.at(-1)
      this.#benchmarks.push(mustExist(chosen, 'the first mainstream class has a price'))
    }
    return this.#benchmarks[week]!
  }
}
