// The interface of a fuzz target, and the report of one run. Not: the targets (targets/).
import type { Random } from '../support/random.ts'

/** One entry point for untrusted bytes. */
export interface FuzzTarget {
  readonly name: string
  /** Relative share of a mixed run's frames. */
  readonly weight: number
  /** A new instance: its seed inputs and, if any, its live state. */
  readonly open: (random: Random) => FuzzSession | Promise<FuzzSession>
}

export interface FuzzSession {
  /** Makes one frame and feeds it. Any throw is a crash: expected refusals are caught inside. */
  readonly step: (random: Random) => void | Promise<void>
  /** Which bound the live state exceeds, or undefined. */
  readonly check?: () => string | undefined
  readonly close?: () => void
}

export interface FuzzReport {
  readonly target: string
  readonly frames: number
  /** CPU time, so that other work on the machine does not count. */
  readonly seconds: number
  /** Heap and buffers after garbage collection, bytes: after the first tenth of the frames, and at the end. */
  readonly heapBefore: number
  readonly heapAfter: number
  readonly failures: readonly string[]
}
