// Links between simulated hosts: delay, loss, duplication, reordering, one-way and two-way cuts, clogs.
import type { Random, Scheduler } from '../support/random.ts'
import type { SimModel } from './simModel.ts'

export interface LinkFaults {
  readonly lossRate: number
  readonly duplicateRate: number
  readonly reorderRate: number
  readonly delayMs: readonly [number, number]
}

/** Bytes in flight and the callback on arrival. */
export interface Parcel {
  readonly bytes: Uint8Array
  readonly deliver: () => void
}

/** A clogged link holds this many messages; above it, the oldest are dropped. */
const CLOGGED_MAX = 2_000

export class SimNetwork {
  readonly #random: Random
  readonly #scheduler: Scheduler
  readonly #faults: LinkFaults
  readonly #extraMs: (host: number) => number
  readonly #model: SimModel | undefined
  readonly #cut = new Set<string>()
  readonly #clogged = new Map<string, Parcel[]>()
  #healed = false
  messages = 0
  /** By sender; lost messages count, their copies do too. */
  readonly sentBytes = new Map<number, number>()

  constructor(options: {
    random: Random
    scheduler: Scheduler
    faults: LinkFaults
    extraMs: (host: number) => number
    model: SimModel | undefined
  }) {
    this.#random = options.random
    this.#scheduler = options.scheduler
    this.#faults = options.faults
    this.#extraMs = options.extraMs
    this.#model = options.model
  }

  /** Cuts one direction only, `from` to `to`. */
  cut(from: number, to: number): void {
    this.#cut.add(`${from}>${to}`)
  }

  cutBoth(a: number, b: number): void {
    this.cut(a, b)
    this.cut(b, a)
  }

  mend(from: number, to: number): void {
    this.#cut.delete(`${from}>${to}`)
  }

  /** Cuts hosts of different groups off from each other; hosts in no group are unaffected. */
  split(groups: readonly (readonly number[])[]): void {
    this.mendAll()
    for (const [i, group] of groups.entries()) {
      for (const other of groups.slice(i + 1))
        for (const a of group) for (const b of other) this.cutBoth(a, b)
    }
  }

  mendAll(): void {
    this.#cut.clear()
  }

  isCut(from: number, to: number): boolean {
    return this.#cut.has(`${from}>${to}`)
  }

  /** Messages wait until the clog ends, then arrive all at once. */
  clog(from: number, to: number): void {
    const key = `${from}>${to}`
    if (!this.#clogged.has(key)) this.#clogged.set(key, [])
  }

  unclog(from: number, to: number): void {
    const key = `${from}>${to}`
    const waiting = this.#clogged.get(key)
    this.#clogged.delete(key)
    for (const parcel of waiting ?? []) this.#deliverLater(from, to, parcel)
  }

  unclogAll(): void {
    for (const key of [...this.#clogged.keys()].sort()) {
      const [from, to] = key.split('>').map(Number)
      this.unclog(from!, to!)
    }
  }

  /** Ends all loss, duplication, cuts and clogs. */
  heal(): void {
    this.#healed = true
    this.mendAll()
    this.unclogAll()
  }

  carry(from: number, to: number, parcel: Parcel): void {
    const copies = !this.#healed && this.#random.chance(this.#faults.duplicateRate) ? 2 : 1
    for (let i = 0; i < copies; i++) {
      this.messages++
      this.sentBytes.set(from, (this.sentBytes.get(from) ?? 0) + parcel.bytes.length)
      if (this.#cut.has(`${from}>${to}`)) continue
      if (!this.#healed && this.#random.chance(this.#faults.lossRate)) continue
      const clog = this.#clogged.get(`${from}>${to}`)
      if (clog === undefined) this.#deliverLater(from, to, parcel)
      else {
        clog.push(parcel)
        if (clog.length > CLOGGED_MAX) clog.shift()
      }
    }
  }

  #deliverLater(from: number, to: number, { bytes, deliver }: Parcel): void {
    if (this.#model !== undefined) {
      const { nowMs } = this.#scheduler
      this.#scheduler.after(this.#model.transferMs({ from, to, bytes, nowMs }), deliver)
      return
    }
    const { delayMs, reorderRate } = this.#faults
    const [low, high] = delayMs
    let delay = this.#random.between(low, high)
    if (!this.#healed && this.#random.chance(reorderRate)) delay += this.#random.between(0, 9 * high)
    this.#scheduler.after(delay + this.#extraMs(from) + this.#extraMs(to), deliver)
  }
}
