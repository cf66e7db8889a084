// Work that blocks do by themselves, at their beginning and end: one budget of measured steps a block, which all walks
// share. A step stands for about 0.2 µs, one window of one lot group in a recount. Owns: how it is divided.
// Not: what an act costs (the modules).

/** What the walks of one block have used so far. */
export interface BlockWork {
  usedSteps: number
}

export function newBlockWork(): BlockWork {
  return { usedSteps: 0 }
}

/** Every so many blocks a walk may act whatever the others have used: none starves. More than there are walks. */
export const WALK_TURNS = 16

export interface WalkOptions {
  /** Steps of the block, of all walks together. */
  readonly stepsMax: number
  /** Its number, below `WALK_TURNS`; no two walks of a chain share one. */
  readonly number: number
  /** The last walk of a block takes what is left, others half of that. */
  readonly isLast?: boolean
}

/** The steps that one walk may use in a block. An act begins while any are left, so the last one may use more. */
export class Walk {
  readonly #work: BlockWork
  readonly #untilSteps: number

  constructor(work: BlockWork, untilSteps: number) {
    this.#work = work
    this.#untilSteps = untilSteps
  }

  /** Steps left; 0 when no further act may begin. */
  get left(): number {
    return Math.max(0, this.#untilSteps - this.#work.usedSteps)
  }

  /** Begins an act of so many steps; false, without one, when none is left. */
  take(steps: number): boolean {
    if (this.left === 0) return false
    this.#work.usedSteps += steps
    return true
  }

  /** A walk on the same account that may use half of what this one has left. */
  half(): Walk {
    return new Walk(this.#work, this.#work.usedSteps + Math.ceil(this.left / 2))
  }

  /** Counts steps of an act that has begun. */
  spend(steps: number): void {
    this.#work.usedSteps += steps
  }
}

/**
 * Opens a walk: half of what the block has left, and in its turn at least one act. So all walks together use at most the
 * steps of the block and two acts, and each makes one in `WALK_TURNS` blocks. Without a shared account it has its own.
 */
export function openWalk(
  ctx: { readonly block: { readonly height: number }; readonly work?: BlockWork | undefined },
  options: WalkOptions,
): Walk {
  const { block, work } = ctx
  const { stepsMax, number, isLast = false } = options
  const account = work ?? newBlockWork()
  const left = Math.max(0, stepsMax - account.usedSteps)
  const allowed = isLast ? left : Math.ceil(left / 2)
  const isTurn = block.height % WALK_TURNS === number
  return new Walk(account, account.usedSteps + Math.max(allowed, isTurn ? 1 : 0))
}
