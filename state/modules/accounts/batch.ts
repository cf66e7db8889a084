// The batch action: several calls as one, all or nothing. Not: how a call runs (dispatch.ts).
import { mustExist } from '../../../base/assert.ts'
import { equalBytes } from '../../../base/bytes.ts'
import { type ActionArgs, moduleAddress } from '../../../base/moduleDefinition.ts'
import type { ActionContext } from '../../context.ts'
import { accountsSchema, REASON_BYTES_MAX } from './schema.ts'
import { fail } from './tables.ts'

/** Address of the `batch` action. */
export const ACCOUNTS_ADDRESS = moduleAddress(accountsSchema)

export function batch(ctx: ActionContext, args: ActionArgs<typeof accountsSchema, 'batch'>) {
  const call = mustExist(ctx.call, 'batch runs under a dispatcher')
  for (let index = 0; index < args.calls.length; index++) {
    if (equalBytes(args.calls[index]!.to, ACCOUNTS_ADDRESS)) return fail.NestedBatch({ index })
  }
  for (let index = 0; index < args.calls.length; index++) {
    const { to, value, data } = args.calls[index]!
    const reason = call({ to, valueBase: value, data })
    if (reason !== undefined) return fail.BatchFailed({ index, reason: reason.subarray(0, REASON_BYTES_MAX) })
  }
  return undefined
}
