// Which of many blocks are measured by several executions. Owns: the choice, and what comes of it. Not: the blocks.
import type { Figures } from './threadTime.ts'

/** Blocks drawn evenly that are kept. */
const DRAWN_MAX = 48

export interface OfferedBlock {
  /** The last block of a window's end. */
  readonly isLast: boolean
  /** Executes it several times, but no more once it took at most `enoughMs`. */
  measure(enoughMs: number): Figures
}

/**
 * Measures the first block and the last, one in so many, which doubles as they grow in number, and each that took longer to
 * build than the dearest so far. Building executes a block, so none that is left out can be the dearest.
 */
export class BlockSample {
  #drawn: Figures[] = []
  #stride = 1
  #blocks = 0
  #measured = 0
  #dearest: Figures | undefined

  /** Blocks offered. */
  get blocks(): number {
    return this.#blocks
  }

  /** Blocks executed again. */
  get measured(): number {
    return this.#measured
  }

  /** The dearest by its median; undefined before the first block. */
  get dearest(): Figures | undefined {
    return this.#dearest
  }

  /** The blocks drawn evenly, in their order. */
  get drawn(): readonly Figures[] {
    return this.#drawn
  }

  add(builtMs: number, block: OfferedBlock): void {
    const dearestMs = this.#dearest?.ms ?? 0
    const isDrawn = this.#blocks++ % this.#stride === 0
    if (!isDrawn && !block.isLast && builtMs <= dearestMs) return
    const figures = block.measure(isDrawn || block.isLast ? 0 : dearestMs)
    this.#measured++
    if (figures.ms > dearestMs) this.#dearest = figures
    if (!isDrawn) return
    this.#drawn.push(figures)
    if (this.#drawn.length < DRAWN_MAX) return
    this.#drawn = this.#drawn.filter((_, i) => i % 2 === 0)
    this.#stride *= 2
  }
}
