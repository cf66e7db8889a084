// Integers of the model. Not: anything of base/units.ts but its constants, so that both sides round on their own.
import { COIN, PPM } from '../../../base/units.ts'

export const P = PPM
export { COIN }

/** floor(numerator / denominator) of non-negative integers. */
export const floorDiv = (numerator: bigint, denominator: bigint): bigint => numerator / denominator

/** ceil(numerator / denominator) of non-negative integers. */
export const ceilDiv = (numerator: bigint, denominator: bigint): bigint =>
  (numerator + denominator - 1n) / denominator

export const least = (a: bigint, b: bigint): bigint => (a < b ? a : b)
export const most = (a: bigint, b: bigint): bigint => (a > b ? a : b)
export const atLeastZero = (a: bigint): bigint => (a > 0n ? a : 0n)

export const sum = (values: Iterable<bigint>): bigint => {
  let total = 0n
  for (const value of values) total += value
  return total
}

/** The n largest values, largest first. */
export const largest = (values: readonly bigint[], n: number): readonly bigint[] =>
  [...values].sort((a, b) => (a === b ? 0 : a > b ? -1 : 1)).slice(0, Math.max(0, n))

const known = new Map<string, bigint>()

/** §3: `G_0 = P; G_k = ceil(G_{k−1}·(P+g)/P)`. Remembered, since it depends on nothing else. */
export function growth(gPpm: bigint, windows: number): bigint {
  if (windows === 0) return P
  const key = `${gPpm}/${windows}`
  const factor = known.get(key) ?? ceilDiv(growth(gPpm, windows - 1) * (P + gPpm), P)
  known.set(key, factor)
  return factor
}
