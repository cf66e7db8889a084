// Issuing and redeeming an asset: the actions that change its supply. Not: the ledger (ledger.ts).
import { assert } from '../../../base/assert.ts'
import { equalBytes } from '../../../base/bytes.ts'
import { type ActionArgs, isSystemAddress } from '../../../base/moduleDefinition.ts'
import { AMOUNT_MAX } from '../../../base/units.ts'
import type { ActionContext } from '../../context.ts'
import { ledger } from '../../ledger.ts'
import { acceptsAsset, getAsset } from './ledger.ts'
import type { assetsSchema } from './schema.ts'
import { fail } from './tables.ts'

type Args<A extends keyof (typeof assetsSchema)['actions']> = ActionArgs<typeof assetsSchema, A>

export function issue(ctx: ActionContext, { asset, to, amountBase }: Args<'issue'>) {
  const record = getAsset(ctx.state, asset)
  if (record === undefined) return fail.UnknownAsset({ asset })
  if (!equalBytes(record.issuer, ctx.sender)) return fail.NotIssuer({ asset, issuer: record.issuer })
  if (!acceptsAsset(to)) return fail.AssetRecipientRefused({ recipient: to })
  if (record.supplyBase + amountBase > AMOUNT_MAX) {
    return fail.AssetSupplyTooLarge({ asset, maximumBase: AMOUNT_MAX })
  }
  // After this point the action must succeed.
  ledger.mint(ctx, { asset, to, amountBase })
  return undefined
}

export function redeem(ctx: ActionContext, { asset, amountBase }: Args<'redeem'>) {
  // The ledger knows the coin as asset 0, but only its liabilities burn it.
  const record = getAsset(ctx.state, asset)
  if (record === undefined) return fail.UnknownAsset({ asset })
  // Whoever destroyed a receipt would leave behind what stands behind it.
  if (isSystemAddress(record.issuer)) return fail.IssuedByChain({ asset })
  const refusal = ledger.burn(ctx, { asset, from: ctx.sender, amountBase })
  if (refusal?.code === 'InsufficientFunds') {
    const { balanceBase, neededBase } = refusal
    return fail.InsufficientAsset({ asset, balanceBase, neededBase })
  }
  assert(refusal?.code !== 'UnknownAsset', 'a registered asset is known')
  return refusal
}
