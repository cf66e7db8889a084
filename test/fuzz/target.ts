// What can be fuzzed. Owns: the interface and what one run reports. Not: any target (targets/).
import type { Random } from '../support/random.ts'

/** One door through which bytes of strangers come in. */
export interface FuzzTarget {
  readonly name: string
  /** Share of a mixed run's frames. */
  readonly weight: number
  /** A fresh instance: its seeds and, where the target has any, its live state. */
  readonly open: (random: Random) => FuzzSession | Promise<FuzzSession>
}

export interface FuzzSession {
  /** Makes one frame and hands it in. Anything thrown is a crash: expected refusals are caught inside. */
  readonly step: (random: Random) => void | Promise<void>
  /** Why the live state is larger than its bounds allow, or undefined. */
  readonly check?: () => string | undefined
  readonly close?: () => void
}

export interface FuzzReport {
  readonly target: string
  readonly frames: number
  /** Of processor time, so that other work on the machine does not count. */
  readonly seconds: number
  /** Heap and buffers after a collection, bytes: after the first tenth of the frames and at the end. */
  readonly heapBefore: number
  readonly heapAfter: number
  readonly failures: readonly string[]
}
