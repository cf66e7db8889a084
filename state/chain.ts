// What distinguishes one chain from another for execution. Owns: the shape. Not: where it is loaded from (genesis/, node/).
import type { Hash32 } from '../base/ids.ts'
import type { Module } from './module.ts'

export interface ChainConfig {
  readonly chainId: number
  readonly genesisHash: Hash32
  /** In registry order; hooks run in this order. */
  readonly modules: readonly Module[]
}
