// Sales: providers sell free coins for dollars at the oracle's price, to clients and to savers. Two plain payments each, since
// nothing of the chain exchanges them at once yet.
import { COIN, mulDivFloor, PPM } from '../../base/units.ts'
import type { ReadContext } from '../../state/context.ts'
import { getAccount } from '../../state/modules/accounts/ledger.ts'
import { getAssetBalance } from '../../state/modules/assets/ledger.ts'
import { assetsSchema } from '../../state/modules/assets/schema.ts'
import { getPrice } from '../../state/modules/oracle/prices.ts'
import { act, type Call, pay, payAsset } from './chain.ts'
import { ASSET } from './replayGenesis.ts'
import { clients, issuer, type Operator, savers, type Wallet } from './wallets.ts'

/** Coins that an operator keeps for fees. */
const FLOAT_BASE = 50n * COIN
/** Less is not sold. */
const LEAST_SALE_BASE = 10n * COIN
/** Savers buy while they hold less than this part of what clients and savers hold. */
const SAVED_PPM = 400_000n

export function balanceOf(ctx: ReadContext, wallet: Wallet): bigint {
  return getAccount(ctx.state, wallet.address).balanceBase
}

export function holdings(ctx: ReadContext, wallets: readonly Wallet[]): bigint {
  return wallets.reduce((sum, wallet) => sum + balanceOf(ctx, wallet), 0n)
}

function buyerOf(ctx: ReadContext, turn: number): Wallet {
  const saved = holdings(ctx, savers)
  const used = holdings(ctx, clients)
  const buyers = saved * PPM < SAVED_PPM * (saved + used) ? savers : clients
  return buyers[turn % buyers.length]!
}

export interface Sale {
  readonly calls: readonly Call[]
  readonly issuedUnits: bigint
}

/** An operator sells what is free above its float; the buyer pays with units issued to it for dollars. */
export function sell(ctx: ReadContext, operator: Operator, turn: number): Sale {
  const amountBase = balanceOf(ctx, operator) - FLOAT_BASE
  if (amountBase < LEAST_SALE_BASE) return { calls: [], issuedUnits: 0n }
  const buyer = buyerOf(ctx, turn)
  const { priceBase } = getPrice(ctx.state, ASSET)!
  const units = mulDivFloor(amountBase, priceBase, COIN)
  return {
    calls: [
      act(issuer, assetsSchema, 'issue', { asset: ASSET, to: buyer.address, amountBase: units }),
      payAsset(buyer, { asset: ASSET, to: operator, amountBase: units }),
      pay(operator, buyer, amountBase),
    ],
    issuedUnits: units,
  }
}

export interface Payout {
  readonly calls: readonly Call[]
  readonly redeemedUnits: bigint
}

/** An operator takes its proceeds off the chain: the issuer pays them out in dollars. */
export function payOut(ctx: ReadContext, operator: Operator): Payout {
  const redeemedUnits = getAssetBalance(ctx.state, { asset: ASSET, owner: operator.address })
  if (redeemedUnits === 0n) return { calls: [], redeemedUnits }
  return {
    calls: [act(operator, assetsSchema, 'redeem', { asset: ASSET, amountBase: redeemedUnits })],
    redeemedUnits,
  }
}
