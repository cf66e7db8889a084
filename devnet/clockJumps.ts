// Jumps of a devnet's clock, made when no proposal is under way: validators take one that was dated before a jump for a late one, and
// lose the seconds of a view. Owns: waiting for that, within a bound. Not: the clock (devClock.ts).
import type { RunningNode } from '../node/node.ts'
import type { DevClock } from './devClock.ts'

/** On a chain that always has something under way the jump costs a view. */
const WAIT_MS_MAX = 2_000
const LOOK_EVERY_MS = 5
/** Less than a proposal may be old. */
const SMALL_MS = 500

export class ClockJumps {
  readonly #clock: DevClock
  readonly #nodes: () => readonly RunningNode[]
  /** What the clock will show, and how. */
  #next: { readonly toMs: number; readonly make: () => void; readonly sinceMs: number } | undefined
  #made: Promise<void> = Promise.resolve()

  constructor(clock: DevClock, nodes: () => readonly RunningNode[]) {
    this.#clock = clock
    this.#nodes = nodes
  }

  /** With a jump that waits: to whoever asks it is made. */
  nowMs(): number {
    const next = this.#next
    return next === undefined ? this.#clock.nowMs() : next.toMs + this.#clock.monotonicMs() - next.sinceMs
  }

  /** Jumps at once, or as soon as it can; the last of several counts. */
  jump(toMs: number, make: () => void = () => this.#clock.setTo(toMs)): void {
    const isWaiting = this.#next !== undefined
    if (!isWaiting && (toMs - this.#clock.nowMs() <= SMALL_MS || this.#isQuiet())) {
      make()
      return
    }
    this.#next = { toMs, make, sinceMs: this.#clock.monotonicMs() }
    if (!isWaiting) this.#made = this.#whenQuiet()
  }

  /** Resolves once no jump waits. */
  made(): Promise<void> {
    return this.#made
  }

  async #whenQuiet(): Promise<void> {
    const endMs = this.#clock.monotonicMs() + WAIT_MS_MAX
    while (this.#next !== undefined && !this.#isQuiet() && this.#clock.monotonicMs() < endMs)
      await new Promise<void>((resolve) => this.#clock.after(LOOK_EVERY_MS, resolve))
    const next = this.#next
    this.#next = undefined
    next?.make()
  }

  /** A lone validator never takes its own proposal for late. */
  #isQuiet(): boolean {
    const nodes = this.#nodes()
    if (nodes.length <= 1) return true
    const [first] = nodes
    const height = first!.tip().height
    return nodes.every((node) => !node.status().needed && node.tip().height === height)
  }
}
