// How soon after its parent a block is built. Owns: this one rule. Not: whether a block is needed (application.ts), the shortest
// interval that the chain allows (consensus).
//
// A block costs every validator the same whether it holds one transaction or sixty. The first ones after a rest are built at once;
// when they keep coming, blocks come at an even pace that slows down with what waits.

/** Blocks over which the pace is measured: as many as follow each other at once. */
const SPAN = 8
/** Between blocks of a chain that is not at rest. Four validators then use half a core at most for blocks. */
const BUSY_MS = 125

export interface BlockPaceOptions {
  /** From so many waiting transactions on a chain is under load. */
  readonly loadMin: number
  /** Between blocks under load. */
  readonly loadMs: number
}

interface Timed {
  readonly height: number
  readonly timestampMs: number
}

export class BlockPace {
  readonly #options: BlockPaceOptions
  /** The latest final blocks, oldest first. */
  #latest: Timed[] = []

  constructor(options: BlockPaceOptions) {
    this.#options = options
  }

  /** A block became final. */
  note({ height, timestampMs }: Timed): void {
    if (height !== (this.#latest.at(-1)?.height ?? height) + 1) this.#latest = []
    this.#latest.push({ height, timestampMs })
    if (this.#latest.length > SPAN) this.#latest.shift()
  }

  /** ms that should lie between the parent and a block for `pending` transactions; 0: none beyond the chain's own interval. */
  intervalMs(parent: Timed, pending: number): number {
    const { loadMin, loadMs } = this.#options
    if (pending >= loadMin) return loadMs
    const [oldest] = this.#latest
    if (oldest === undefined || this.#latest.length < SPAN || parent.height <= oldest.height) return 0
    const meanMs = (parent.timestampMs - oldest.timestampMs) / (parent.height - oldest.height)
    if (meanMs >= BUSY_MS) return 0
    return BUSY_MS + Math.floor(((loadMs - BUSY_MS) * pending) / loadMin)
  }
}
