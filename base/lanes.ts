// Block space by purpose: what shares one base fee (ECONOMY §7). Owns: the lanes and their shares. Not: fees (state/fees.ts).
import { BLOCK_BYTES_MAX, BLOCK_OVERHEAD_BYTES } from './protocol/limits.ts'

/**
 * `redemption`: requests and their cancellation; `service`: list, grant, settle, reject, resume; `proof`: evidence,
 * audits, oracle, default; `general`: everything else. The order is that of their codes in receipts.
 */
export const LANES = ['general', 'redemption', 'service', 'proof'] as const
export type Lane = (typeof LANES)[number]

/** One value for each lane. */
export type PerLane<T> = { readonly [L in Lane]: T }

/** Share of the block's gas and of its bytes, percent; together 100, so that no lane can fill another's space. */
export const LANE_PERCENT: PerLane<number> = { general: 50, redemption: 15, service: 10, proof: 25 }

/** Gas that one lane may use in a block, rounded down. */
export function laneGasMax(lane: Lane, blockGasLimit: number): number {
  return Math.floor((blockGasLimit * LANE_PERCENT[lane]) / 100)
}

/** Bytes of transactions that one lane may have in a block, tags and lengths included, rounded down. */
export function laneBytesMax(lane: Lane): number {
  return Math.floor(((BLOCK_BYTES_MAX - BLOCK_OVERHEAD_BYTES) * LANE_PERCENT[lane]) / 100)
}

/** Makes a value for each lane. */
export function perLane<T>(make: (lane: Lane) => T): PerLane<T> {
  return {
    general: make('general'),
    redemption: make('redemption'),
    service: make('service'),
    proof: make('proof'),
  }
}
