// The largest drift of the anchor, and the growth factors charged for it. Pure. Not: who reports the anchor.
import { assert } from '../../../base/assert.ts'
import { maxBigint, minBigint, mulDivCeil, mulDivFloor, PPM } from '../../../base/units.ts'
import { HORIZON_MAX } from './schema.ts'

/** Bounds of the anchor, ppm of the reference device: products of it stay within the ledger's cells. */
export const ANCHOR_MIN = 100_000n
/** The anchor stops here: a billion reference devices to one SCU. Then a coin keeps its meaning instead of a node halting. */
export const ANCHOR_MAX = 10n ** 15n

/** Highest anchor after one more window: floor(A·(P+g)/P), ECONOMY §5; saturates at `ANCHOR_MAX`. */
export function anchorBound(anchor: bigint, driftPpm: bigint): bigint {
  return maxBigint(anchor, minBigint(mulDivFloor(anchor, PPM + driftPpm, PPM), ANCHOR_MAX))
}

/** `[G_0 … G_K]` in ppm: G_0 = P, G_k = ceil(G_{k−1}·(P+g)/P), ECONOMY §3. Rounded up: capacity loses. */
export function growthFactors(driftPpm: bigint, horizon: number): readonly bigint[] {
  assert(Number.isInteger(horizon) && horizon >= 0 && horizon <= HORIZON_MAX, 'horizon within its bound')
  if (cached.driftPpm === driftPpm && cached.horizon === horizon) return cached.factors
  const factors = [PPM]
  for (let k = 1; k <= horizon; k++) factors.push(mulDivCeil(factors[k - 1]!, PPM + driftPpm, PPM))
  cached = { driftPpm, horizon, factors }
  return factors
}

/** The last result, cached: a pure function of parameters that rarely change. */
let cached: { readonly driftPpm: bigint; readonly horizon: number; readonly factors: readonly bigint[] } = {
  driftPpm: 0n,
  horizon: 0,
  factors: [PPM],
}
