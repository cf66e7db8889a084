// The largest figures of up to 256 legal groups, kept in two levels of 16, so that a change costs the same however many
// groups there are. Owns: the pages. Not: what the figures mean (coverage.ts), when they change (cover.ts).
import { assert } from '../../../base/assert.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { largest } from './coverage.ts'
import { PAGE_SEATS, RANK_PAGES } from './shapes.ts'
import { issuanceTables } from './tables.ts'

/** The rankings, by number of their records. */
export const RANKED = { exposure: 0, lasting: 1, burden: 2 } as const

/** One ranking on top of a state: reads what it needs, holds changes in memory until they are stored. */
export class Ranking {
  readonly #state: StateReader
  readonly #ranking: number
  readonly #count: number
  readonly #pass: number
  readonly #slot: number
  readonly #pages = new Map<number, bigint[]>()

  /** `count`: how many of the largest values are kept. What another recount has left in the slot counts nothing. */
  constructor(
    state: StateReader,
    options: {
      readonly ranking: number
      readonly count: number
      readonly pass: number
      readonly slot: number
    },
  ) {
    this.#state = state
    this.#ranking = options.ranking
    this.#count = options.count
    this.#pass = options.pass
    this.#slot = options.slot
  }

  /** Sets the value of a legal group, 1 to `RANK_PAGES` · `PAGE_SEATS`. */
  set(group: number, value: bigint): void {
    const page = Math.floor((group - 1) / PAGE_SEATS)
    assert(page >= 0 && page < RANK_PAGES, 'a legal group within the bound')
    let values = this.#pages.get(page)
    if (values === undefined) {
      const stored = this.#stored(page)
      values = stored === undefined ? new Array<bigint>(PAGE_SEATS).fill(0n) : [...stored]
      this.#pages.set(page, values)
    }
    values[(group - 1) % PAGE_SEATS] = value
  }

  /** The largest values, the largest first; missing ones are 0. */
  top(): readonly bigint[] {
    return largest(this.#allTops(), this.#count)
  }

  /** Writes what has changed. */
  store(state: StateWriter): void {
    if (this.#pages.size === 0) return
    const at = { ranking: this.#ranking, slot: this.#slot }
    const pass = this.#pass
    for (const [page, values] of this.#pages)
      issuanceTables.rankPage.set(state, { ...at, page }, { pass, values })
    issuanceTables.rankTops.set(state, at, { pass, values: this.#allTops() })
  }

  #stored(page: number): readonly bigint[] | undefined {
    const at = { ranking: this.#ranking, slot: this.#slot, page }
    const stored = issuanceTables.rankPage.get(this.#state, at)
    return stored?.pass === this.#pass ? stored.values : undefined
  }

  #allTops(): bigint[] {
    const at = { ranking: this.#ranking, slot: this.#slot }
    const known = issuanceTables.rankTops.get(this.#state, at)
    const tops =
      known?.pass === this.#pass ? [...known.values] : new Array<bigint>(RANK_PAGES * this.#count).fill(0n)
    assert(tops.length === RANK_PAGES * this.#count, 'every page has its largest values')
    for (const [page, values] of this.#pages)
      tops.splice(page * this.#count, this.#count, ...largest(values, this.#count))
    return tops
  }
}
