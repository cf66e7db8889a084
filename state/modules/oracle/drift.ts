// The largest drift of the anchor, and the growth factors charged for it. Pure. Not: who reports the anchor.
import { assert } from '../../../base/assert.ts'
import { mulDivCeil, mulDivFloor, PPM } from '../../../base/units.ts'
import { HORIZON_MAX } from './schema.ts'

/** Highest anchor after one more window: floor(A·(P+g)/P), ECONOMY §5. */
export function anchorBound(anchor: bigint, driftPpm: bigint): bigint {
  return mulDivFloor(anchor, PPM + driftPpm, PPM)
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
