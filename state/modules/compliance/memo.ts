// Transfers that carry a memo and the hash of travel-rule data. What the bytes mean is between sender and recipient (client/memo).
import { equalBytes } from '../../../base/bytes.ts'
import { ZERO_ADDRESS, ZERO_HASH } from '../../../base/ids.ts'
import { type ActionArgs, isSystemAddress } from '../../../base/moduleDefinition.ts'
import type { ActionContext } from '../../context.ts'
import { ledger } from '../../ledger.ts'
import type { complianceSchema } from './schema.ts'
import { events, fail } from './tables.ts'

export function transferWithMemo(
  ctx: ActionContext,
  args: ActionArgs<typeof complianceSchema, 'transferWithMemo'>,
) {
  const { to, asset, amountBase, memoHash, ciphertext, travelRuleHash } = args
  const isEmpty = (hash: Uint8Array): boolean => equalBytes(hash, ZERO_HASH)
  if (isEmpty(memoHash) && isEmpty(travelRuleHash) && ciphertext.length === 0) return fail.NoMemo({})
  if (isSystemAddress(to) || equalBytes(to, ZERO_ADDRESS)) return fail.RecipientRefused({ recipient: to })
  const refusal = ledger.move(ctx, { asset, from: ctx.sender, to, amountBase })
  if (refusal?.code === 'UnknownAsset') return fail.UnknownAsset({ asset })
  if (refusal?.code === 'InsufficientFunds') {
    const { balanceBase, neededBase } = refusal
    return fail.InsufficientUnits({ asset, balanceBase, neededBase })
  }
  if (refusal !== undefined) return refusal
  // After this point the action must succeed.
  events.MemoTransfer(ctx, {
    ...{ from: ctx.sender, to, asset, amountBase },
    ...{ memoHash, ciphertext, travelRuleHash },
  })
  return undefined
}
