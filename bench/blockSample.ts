// Which of many blocks are measured by several executions. Owns: the choice, and what comes of it. Not: the blocks.

/** Blocks drawn evenly that are kept. */
const DRAWN_MAX = 48

export interface OfferedBlock {
  /** The last block of a window's end. */
  readonly isLast: boolean
  /** Executes it several times, but no more once it took at most `enoughMs`; milliseconds of the fastest. */
  measure(enoughMs: number): number
}

/**
 * Measures the first block and the last, one in so many, which doubles as they grow in number, and each that took longer to
 * build than the dearest so far. Building executes a block, so none that is left out can be the dearest.
 */
export class BlockSample {
  #drawn: number[] = []
  #stride = 1
  #blocks = 0
  #measured = 0
  #dearestMs = 0

  /** Blocks offered. */
  get blocks(): number {
    return this.#blocks
  }

  /** Blocks executed again. */
  get measured(): number {
    return this.#measured
  }

  /** Milliseconds of the dearest. */
  get dearestMs(): number {
    return this.#dearestMs
  }

  /** Milliseconds of the blocks drawn evenly, in their order. */
  get drawn(): readonly number[] {
    return this.#drawn
  }

  add(builtMs: number, block: OfferedBlock): void {
    const isDrawn = this.#blocks++ % this.#stride === 0
    if (!isDrawn && !block.isLast && builtMs <= this.#dearestMs) return
    const ms = block.measure(isDrawn || block.isLast ? 0 : this.#dearestMs)
    this.#measured++
    this.#dearestMs = Math.max(this.#dearestMs, ms)
    if (!isDrawn) return
    this.#drawn.push(ms)
    if (this.#drawn.length < DRAWN_MAX) return
    this.#drawn = this.#drawn.filter((_, i) => i % 2 === 0)
    this.#stride *= 2
  }
}
