// Which devices exist in each week of the replay, and which of them is the mainstream one. Pure. Owns: the index rule.
// Not: who pledges them (fleets.ts), what they rent for (prices.ts).
import { assert, mustExist } from '../../base/assert.ts'
import { DAYS, WEEKS_PER_QUARTER, weekOf } from './calendar.ts'
import type { History } from './history.ts'

/** A class with what exists of it. */
export interface Held {
  readonly classId: string
  readonly units: number
  /** Composite rating, ppm of the reference device. */
  readonly ratingPpm: bigint
}

export interface Mainstream {
  readonly classId: string
  readonly ratingPpm: bigint
}

/** The weeks of the replay: each day belongs to one. */
const WEEKS = weekOf(DAYS) + 1

/**
 * Units of a class shipped through the end of a week, the quarters' units spread over their weeks. Devices last five years,
 * so that none of the shipments ends before the replay does.
 */
function shippedThrough(history: History, classId: string, week: number): number {
  let units = 0
  for (const shipment of history.shipments) {
    if (shipment.classId !== classId) continue
    const weeks = Math.min(WEEKS_PER_QUARTER, Math.max(0, week + 1 - shipment.quarter * WEEKS_PER_QUARTER))
    units += Math.floor((shipment.units * weeks) / WEEKS_PER_QUARTER)
  }
  return units
}

/** Shipments since 2022, week by week. */
export class WorldStock {
  /** Classes that were shipped, in byte order. */
  readonly classes: readonly string[]
  readonly #weeks: readonly (readonly Held[])[]

  constructor(history: History) {
    this.classes = [...new Set(history.shipments.map(({ classId }) => classId))].sort()
    this.#weeks = Array.from({ length: WEEKS }, (_, week) =>
      this.classes.map((classId) => ({
        classId,
        units: shippedThrough(history, classId, week),
        ratingPpm: mustExist(history.ratings.get(classId), `${classId} is rated`),
      })),
    )
  }

  /** What has been shipped through a week, by class. */
  at(week: number): readonly Held[] {
    return mustExist(this.#weeks[week], `week ${week} is part of the replay`)
  }

  unitsOf(classId: string, week: number): number {
    return mustExist(
      this.at(week).find((held) => held.classId === classId),
      `${classId} is shipped`,
    ).units
  }

  /** The median class by performance: units times composite rating, sorted by rating, then by name. */
  mainstreamAt(week: number): Mainstream {
    const sorted = [...this.at(week)].sort((a, b) =>
      a.ratingPpm === b.ratingPpm ? (a.classId < b.classId ? -1 : 1) : a.ratingPpm < b.ratingPpm ? -1 : 1,
    )
    const weightOf = ({ units, ratingPpm }: Held): bigint => BigInt(units) * ratingPpm
    const total = sorted.reduce((sum, held) => sum + weightOf(held), 0n)
    assert(total > 0n, `something is shipped through week ${week}`)
    let sum = 0n
    for (const held of sorted) {
      sum += weightOf(held)
      if (2n * sum >= total) return held
    }
    throw new Error('the weights add up to their total')
  }
}

const PER_MYRIAD = 10_000n
/** Most that the index rises and falls in a week, in hundredths of a per cent. */
const INDEX_UP = 100n
const INDEX_DOWN = 25n

/** The index of each week: it follows the mainstream device's rating, so fast at most. Starts at the rating of week 0. */
export function indexPath(stock: WorldStock, weeks: number): readonly bigint[] {
  let index = stock.mainstreamAt(0).ratingPpm
  return Array.from({ length: weeks }, (_, week) => {
    const step = stock.mainstreamAt(week).ratingPpm - index
    const up = (index * INDEX_UP) / PER_MYRIAD
    const down = -((index * INDEX_DOWN) / PER_MYRIAD)
    index += step > up ? up : step < down ? down : step
    return index
  })
}
