// Compensation for assumed liability: held for whoever assumed it, and released only as that burns (ECONOMY §9).
// Not: how much it is (module default), what burning does to the assumed part (ledger.ts).
import { assert } from '../../../base/assert.ts'
import type { Address } from '../../../base/ids.ts'
import { mulDivCeil, mulDivFloor, PPM } from '../../../base/units.ts'
import { spendWork } from '../../blockWork.ts'
import type { WriteContext } from '../../context.ts'
import type { StateReader } from '../../view.ts'
import { coinValuePpm } from './coverage.ts'
import { compensationAddress, ownerOf, payCompensation, priceIn } from './external.ts'
import { getLiability, setLiability } from './ledger.ts'
import type { Compensation } from './schema.ts'
import { COMPENSATION_ASSETS_MAX } from './shapes.ts'
import { events, issuanceTables } from './tables.ts'

type Assets = Compensation['assets']

/** Measured steps of paying one asset. */
const RELEASE_STEPS = 150

const NONE: Compensation = { assumedBase: 0n, assets: [] }

export function compensationOf(state: StateReader, provider: number): Compensation {
  return issuanceTables.compensation.get(state, { provider }) ?? NONE
}

/** What a provider's compensation is worth in coins at the price that values bonds, millionths of a base unit; coins count as coins. */
export function compensationValuePpm(state: StateReader, provider: number): bigint {
  let valuePpm = 0n
  for (const { asset, amountBase } of compensationOf(state, provider).assets) {
    if (asset === 0) valuePpm += amountBase * PPM
    else {
      const price = priceIn(state, asset)
      if (price !== undefined) valuePpm += coinValuePpm(amountBase, price.bondPriceBase)
    }
  }
  return valuePpm
}

/** Whether a compensation may hold units of an asset beside those that it holds, and others on their way to it. */
export function mayHold(
  state: StateReader,
  at: { readonly provider: number; readonly asset: number; readonly coming: Assets },
): boolean {
  const { assets } = compensationOf(state, at.provider)
  const held = new Set([...assets, ...at.coming].map(({ asset }) => asset))
  return held.has(at.asset) || held.size < COMPENSATION_ASSETS_MAX
}

function put(ctx: WriteContext, provider: number, { assumedBase, assets }: Compensation): void {
  const held = assets.filter(({ amountBase }) => amountBase > 0n)
  if (assumedBase === 0n && held.length === 0) {
    if (issuanceTables.compensation.has(ctx.state, { provider }))
      issuanceTables.compensation.delete(ctx.state, { provider })
  } else issuanceTables.compensation.set(ctx.state, { provider }, { assumedBase, assets: held })
}

/** Releases to its owner what burned liability has freed since it was last called; what stays is rounded up. */
export function releaseCompensation(ctx: WriteContext, provider: number, to: Address): void {
  const known = issuanceTables.compensation.get(ctx.state, { provider })
  const { assumedBase } = getLiability(ctx.state, provider)
  const isSame = known?.assumedBase === assumedBase
  // What another could not hold may be left behind when nothing assumed is.
  if (known === undefined || (isSame && assumedBase > 0n)) return
  assert(assumedBase <= known.assumedBase, 'assumed liability grows with its compensation')
  spendWork(ctx, known.assets.length * RELEASE_STEPS)
  const assets = known.assets.map(({ asset, amountBase }) => {
    const keptBase = assumedBase === 0n ? 0n : mulDivCeil(amountBase, assumedBase, known.assumedBase)
    const freedBase = amountBase - keptBase
    if (freedBase > 0n) {
      payCompensation(ctx, { provider, asset, to, amountBase: freedBase })
      events.CompensationReleased(ctx, { provider, asset, amountBase: freedBase })
    }
    return { asset, amountBase: keptBase }
  })
  put(ctx, provider, { assumedBase, assets })
}

/** Adds to what a provider has assumed, and to its compensation, whose units are already in its escrow. */
export function addCompensation(
  ctx: WriteContext,
  added: {
    readonly provider: number
    readonly assumedBase: bigint
    readonly exemptBase: bigint
    readonly assets: Assets
  },
): void {
  const { provider, exemptBase } = added
  settle(ctx, provider)
  const known = compensationOf(ctx.state, provider)
  const sums = new Map(known.assets.map(({ asset, amountBase }) => [asset, amountBase]))
  for (const { asset, amountBase } of added.assets) sums.set(asset, (sums.get(asset) ?? 0n) + amountBase)
  const assets = [...sums].sort(([a], [b]) => a - b).map(([asset, amountBase]) => ({ asset, amountBase }))
  const liability = getLiability(ctx.state, provider)
  const assumedBase = liability.assumedBase + added.assumedBase
  setLiability(ctx.state, provider, {
    ...liability,
    assumedBase,
    exemptBase: liability.exemptBase + exemptBase,
  })
  put(ctx, provider, { assumedBase, assets })
}

/** Takes the part that belongs to `assumedBase` of what a provider has assumed, and moves its units to another's escrow. */
export function takeCompensation(
  ctx: WriteContext,
  taken: { readonly from: number; readonly to: number; readonly assumedBase: bigint },
): Assets {
  const { from, to, assumedBase } = taken
  if (assumedBase === 0n) return []
  settle(ctx, from)
  const known = compensationOf(ctx.state, from)
  const moved: Assets[number][] = []
  const kept = known.assets.map(({ asset, amountBase }) => {
    const partBase = mulDivFloor(amountBase, assumedBase, known.assumedBase)
    const isHeld = mayHold(ctx.state, { provider: to, asset, coming: moved })
    if (partBase === 0n || !isHeld) return { asset, amountBase }
    payCompensation(ctx, { provider: from, asset, to: compensationAddress(to), amountBase: partBase })
    moved.push({ asset, amountBase: partBase })
    return { asset, amountBase: amountBase - partBase }
  })
  // What stays is for the part that stays: `handOver` lowers that by the same proportion.
  put(ctx, from, { assumedBase: known.assumedBase - assumedBase, assets: kept })
  return moved
}

/** Takes all of it for an estate. Returns what it held, per asset. */
export function surrenderCompensation(ctx: WriteContext, provider: number, to: Address): Assets {
  const { assets } = compensationOf(ctx.state, provider)
  for (const { asset, amountBase } of assets) payCompensation(ctx, { provider, asset, to, amountBase })
  const liability = getLiability(ctx.state, provider)
  if (liability.assumedBase > 0n)
    setLiability(ctx.state, provider, { ...liability, assumedBase: 0n, exemptBase: 0n })
  put(ctx, provider, NONE)
  return assets
}

/** Brings the record up to what has burned, paying its owner what that frees. */
function settle(ctx: WriteContext, provider: number): void {
  releaseCompensation(ctx, provider, ownerOf(ctx.state, provider))
}
