// The scheme `suanli-redemption` for the public x402 client: a 402 of a gateway is answered by a voucher. What others import as
// `suanli/x402`. Owns: what is signed without asking. Not: the bodies (redemption/x402Bodies.ts). It imports nothing of x402.
import { equalBytes, toHex } from '../base/bytes.ts'
import type { Hash32 } from '../base/ids.ts'
import type { RedeemKeys } from './redemption/keys.ts'
import { RedeemError } from './redemption/redeemError.ts'
import {
  demandOf,
  networkOf,
  type PaymentRequirements,
  paymentPayload,
  X402_ASSET,
  X402_SCHEME,
} from './redemption/x402Bodies.ts'

export interface RedemptionSchemeOptions {
  readonly chainId: number
  readonly genesis: Hash32
  readonly keys: Pick<RedeemKeys, 'sign'>
  /** The redemptions that may be paid from, and how much of each assignment at most. */
  readonly redemptions: readonly number[]
  /** Most to sign for under one assignment, base units. */
  readonly budgetBase: bigint
  /** Accounts that may be paid; default: any. The chain pays an assignment's provider alone, whatever a voucher says. */
  readonly providers?: readonly Uint8Array[]
}

/** What `x402Client.register` takes. */
export interface RedemptionScheme {
  readonly scheme: typeof X402_SCHEME
  createPaymentPayload(
    x402Version: number,
    requirements: PaymentRequirements,
  ): Promise<{ x402Version: number; payload: Record<string, unknown> }>
}

/** Spend controls that let the public client pay in the native coin: it refuses assets that it does not know. */
export function redemptionSpendControls(chainId: number): {
  allowedAssets: { network: `${string}:${string}`; asset: string }[]
} {
  return { allowedAssets: [{ network: networkOf(chainId) as `${string}:${string}`, asset: X402_ASSET }] }
}

/**
 * A scheme that signs what a gateway has metered, up to a budget. It believes the meter: programs that go through `Redeemer` check
 * each cost besides.
 *
 * Register it with `new x402Client().register('eip155:83838', redemptionScheme({ … }))`, and `setSpendControls` with
 * `redemptionSpendControls`.
 */
export function redemptionScheme(options: RedemptionSchemeOptions): RedemptionScheme {
  const { chainId, genesis, keys, redemptions, budgetBase, providers } = options
  const refuse = (reason: string): RedeemError => new RedeemError('budget', `not paid: ${reason}`)
  return {
    scheme: X402_SCHEME,
    createPaymentPayload: async (x402Version, requirements) => {
      const demand = demandOf(requirements)
      const { redemptionId, assignment, meteredBase, payTo } = demand
      if (demand.chainId !== chainId || !equalBytes(demand.genesis, genesis))
        throw refuse('it is asked for on another chain')
      if (!redemptions.includes(redemptionId))
        throw refuse(`redemption ${redemptionId} is not yours to spend here`)
      if (providers !== undefined && !providers.some((one) => equalBytes(one, payTo)))
        throw refuse(`${toHex(payTo)} may not be paid`)
      if (meteredBase > budgetBase)
        throw refuse(`${meteredBase} base units are more than the budget of ${budgetBase}`)
      const voucher = { redemptionId, assignment, provider: payTo, deliveredBase: meteredBase, genesis }
      const { signature } = keys.sign(voucher, chainId)
      return {
        x402Version,
        payload: paymentPayload({ redemptionId, assignment, deliveredBase: meteredBase, signature }),
      }
    },
  }
}
