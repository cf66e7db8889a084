// What a provider does with coins: it posts bonds, mints within its limits and sells what is free.
// Not: the limits themselves (state/modules/issuance), who buys (market.ts).
import { COIN, maxBigint, minBigint, mulDivCeil, mulDivFloor, PPM } from '../../base/units.ts'
import type { ReadContext } from '../../state/context.ts'
import { assetsSchema } from '../../state/modules/assets/schema.ts'
import { getLiability } from '../../state/modules/issuance/ledger.ts'
import { issuanceQueries } from '../../state/modules/issuance/queries.ts'
import { issuanceSchema } from '../../state/modules/issuance/schema.ts'
import { issuanceParams } from '../../state/modules/issuance/tables.ts'
import { getPrice } from '../../state/modules/oracle/prices.ts'
import { providersSchema } from '../../state/modules/providers/schema.ts'
import { providersTables } from '../../state/modules/providers/tables.ts'
import { act, type Call } from './chain.ts'
import { ASSET } from './replayGenesis.ts'
import { issuer, type Operator } from './wallets.ts'

/** What of its limit a provider uses: the rest is for anchors that rise and hardware that fails. */
const USED_PPM = 800_000n
/** A mint of less than this part of the limit waits. */
const LEAST_MINT_PPM = 10_000n
/** Bond to be posted, of the least bond that the coins need: the price moves. */
const BOND_SPARE_PPM = 1_150_000n

export interface Limits {
  /** Most that the provider may owe by its quota, own backing and front-load. */
  readonly ownBase: bigint
  /** Room that all share. */
  readonly jointBase: bigint
  /** Why it may not mint at all; empty when it may. */
  readonly blocked: string
}

/** The mint limits of a provider apart from its bond, which it can raise at any time. */
export function limitsOf(ctx: ReadContext, provider: number): Limits {
  const quota = issuanceQueries.quota(ctx, { provider })!
  const { liabilityBase } = getLiability(ctx.state, provider)
  const least = [quota.ownBackingBase, quota.frontLoadBase].reduce(minBigint, quota.quotaBase)
  return { ownBase: liabilityBase + least, jointBase: quota.jointBase, blocked: quota.blocked }
}

export interface Issue {
  readonly calls: readonly Call[]
  readonly mintedBase: bigint
  /** Units of the asset issued for the bond, base units. */
  readonly issuedUnits: bigint
}

const NOTHING: Issue = { calls: [], mintedBase: 0n, issuedUnits: 0n }

/** Units of the bond that `owedBase` coins need, with some to spare. */
function bondFor(ctx: ReadContext, owedBase: bigint): bigint {
  const { bondPpm } = issuanceParams.get(ctx.state)
  const { lockPriceBase } = getPrice(ctx.state, ASSET)!
  const least = mulDivCeil(mulDivCeil(owedBase, lockPriceBase, COIN), bondPpm, PPM)
  return mulDivCeil(least, BOND_SPARE_PPM, PPM)
}

/** The calls that bring a bond up to what `owedBase` coins need; the units are new ones. */
function topUp(ctx: ReadContext, operator: Operator, owedBase: bigint): Issue {
  const held = providersTables.bond.get(ctx.state, { provider: operator.id, asset: ASSET })?.amountBase ?? 0n
  const missing = bondFor(ctx, owedBase) - held
  if (missing <= 0n) return NOTHING
  return {
    calls: [
      act(issuer, assetsSchema, 'issue', { asset: ASSET, to: operator.address, amountBase: missing }),
      act(operator, providersSchema, 'postBond', { asset: ASSET, amountBase: missing }),
    ],
    mintedBase: 0n,
    issuedUnits: missing,
  }
}

/** Bond and mint of one provider: as many coins as bring it to the part of its limit that it uses. */
export function issue(ctx: ReadContext, operator: Operator): Issue {
  const { id } = operator
  const { ownBase, jointBase, blocked } = limitsOf(ctx, id)
  const { liabilityBase } = getLiability(ctx.state, id)
  const wantedBase = mulDivFloor(ownBase, USED_PPM, PPM) - liabilityBase
  const mintedBase = minBigint(wantedBase, jointBase)
  const isWorthIt = blocked === '' && mintedBase > maxBigint(0n, mulDivFloor(ownBase, LEAST_MINT_PPM, PPM))
  const bond = topUp(ctx, operator, liabilityBase + (isWorthIt ? mintedBase : 0n))
  if (!isWorthIt) return bond
  const mint = act(operator, issuanceSchema, 'mint', { to: operator.address, amountBase: mintedBase })
  return { ...bond, calls: [...bond.calls, mint], mintedBase }
}
