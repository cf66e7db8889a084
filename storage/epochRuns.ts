// Runs of consecutive epochs whose boundary is on disk: a recovery leaves a gap, and a synced state starts late.
// Owns: finding the epoch of a boundary by its height. Not: the heights (chainStore.ts).
import { mustExist } from '../base/assert.ts'

interface Run {
  readonly from: number
  to: number
}

export class EpochRuns {
  /** Ascending, with gaps between them. */
  readonly #runs: Run[] = []

  /** Adds an epoch; call in ascending order. */
  note(epoch: number): void {
    const last = this.#runs.at(-1)
    if (last !== undefined && epoch <= last.to) return
    if (last !== undefined && epoch === last.to + 1) last.to = epoch
    else this.#runs.push({ from: epoch, to: epoch })
  }

  /** Forgets this epoch and all later ones, whose boundaries were taken back. */
  forgetFrom(epoch: number): void {
    while ((this.#runs.at(-1)?.from ?? -1) >= epoch) this.#runs.pop()
    const last = this.#runs.at(-1)
    if (last !== undefined) last.to = Math.min(last.to, epoch - 1)
  }

  /** The epoch that ends at this height, or undefined. `heightOf` reads the height of a stored boundary. */
  find(height: number, heightOf: (epoch: number) => number | undefined): number | undefined {
    const at = (epoch: number): number => mustExist(heightOf(epoch), 'a noted boundary is stored')
    const run = this.#runs.findLast(({ from }) => at(from) <= height)
    if (run === undefined) return undefined
    let { from: low, to: high } = run
    while (low < high) {
      const middle = Math.ceil((low + high) / 2)
      if (at(middle) <= height) low = middle
      else high = middle - 1
    }
    return at(low) === height ? low : undefined
  }
}
