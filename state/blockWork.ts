// Work that blocks do by themselves, at their beginning and end: one budget of measured steps a block, which all walks
// share. A step stands for about 0.2 µs, one window of one lot group in a recount. Owns: how it is divided.
// Not: what an act costs (the modules).

import { assert } from '../base/assert.ts'
import type { ModuleDef, WalkName } from '../base/moduleDefinition.ts'

/** What the walks of one block have used so far. */
export interface BlockWork {
  usedSteps: number
}

export function newBlockWork(): BlockWork {
  return { usedSteps: 0 }
}

export interface WalkOptions {
  /** Steps of the block, of all walks together. */
  readonly stepsMax: number
  /** Its number among the walks of the chain. */
  readonly number: number
  /** How many there are. */
  readonly count: number
}

/**
 * Numbers the walk of a module among those that all modules of a version name, in registry order. Asserts that the version
 * has the module.
 */
export function numberOfWalk<D extends ModuleDef>(
  modules: readonly { readonly definition: ModuleDef }[],
  definition: D,
  name: WalkName<D>,
): Pick<WalkOptions, 'number' | 'count'> {
  let number = -1
  let count = 0
  for (const { definition: other } of modules) {
    const walks = other.walks ?? []
    if (other.id === definition.id) number = count + walks.indexOf(name)
    count += walks.length
  }
  assert(number >= 0, `${definition.name}.${name}: a walk of a module that this version has`)
  return { number, count }
}

/** The steps that one walk may use in a block. An act begins while any are left, so the last one may use more. */
export class Walk {
  readonly #work: BlockWork
  readonly #untilSteps: number
  /** Whether it may act in this block whatever the others have used. */
  readonly isTurn: boolean

  constructor(work: BlockWork, untilSteps: number, isTurn = false) {
    this.#work = work
    this.#untilSteps = untilSteps
    this.isTurn = isTurn
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
 * Opens a walk: half of what the block has left, for the last one all of it, and in its turn at least one act. So all walks
 * together use at most the steps of the block and two acts, and none starves: each may act in one of as many blocks as
 * there are walks. Without a shared account it has its own.
 */
export function openWalk(
  ctx: { readonly block: { readonly height: number }; readonly work?: BlockWork | undefined },
  options: WalkOptions,
): Walk {
  const { block, work } = ctx
  const { stepsMax, number, count } = options
  const account = work ?? newBlockWork()
  const left = Math.max(0, stepsMax - account.usedSteps)
  const allowed = number === count - 1 ? left : Math.ceil(left / 2)
  const isTurn = block.height % count === number
  return new Walk(account, account.usedSteps + Math.max(allowed, isTurn ? 1 : 0), isTurn)
}

/** Counts steps of an act that turned out dearer than its price. No effect in an action, which gas pays for. */
export function spendWork(ctx: { readonly work?: BlockWork | undefined }, steps: number): void {
  if (ctx.work !== undefined) ctx.work.usedSteps += steps
}
