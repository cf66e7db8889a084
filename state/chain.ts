// What execution needs to know about a chain. Owns: the shape. Not: where it is loaded from (genesis/, node/).
import type { Hash32 } from '../base/ids.ts'
import type { Recovery } from '../base/protocol/recovery.ts'
import type { KnownPrecheck } from './precheck.ts'
import type { Module } from './rules.ts'

export interface ChainConfig {
  readonly chainId: number
  readonly genesisHash: Hash32
  /** In registry order; hooks run in this order. */
  readonly modules: readonly Module[]
  /** Newest version of the rules that this build executes; default `PROTOCOL_VERSION`. A node stops before a later one. */
  readonly versionMax?: number
  /** A memory of prechecks; it changes how long a block takes, never its result. */
  readonly knownPrecheck?: KnownPrecheck
  /**
   * The recovery that this node accepted on this block, of the highest epoch when there are several: the block's only
   * valid children are of that epoch. Absent or undefined: none, and epochs follow from the state.
   */
  readonly recoveryOn?: (floor: Hash32) => Recovery | undefined
}
