// The batch action: several calls as one, all or nothing. Not: how a call runs (dispatch.ts).
import { mustExist } from '../../../base/assert.ts'
import { equalBytes } from '../../../base/bytes.ts'
import type { ActionArgs } from '../../../base/moduleDefinition.ts'
import { actionEntryOf, selectorNumber } from '../../abiTable.ts'
import type { ActionContext, InnerCall } from '../../context.ts'
import { accountsSchema, REASON_BYTES_MAX } from './schema.ts'
import { ACCOUNTS_ADDRESS, fail } from './tables.ts'

const COMPOSITE = new Set(
  (['batch', 'execute'] as const).map((name) => actionEntryOf(accountsSchema, name).selector),
)

/** Whether a call would run further calls: such calls do not nest. */
export function isComposite({ to, data }: Pick<InnerCall, 'to' | 'data'>): boolean {
  const selector = selectorNumber(data)
  return selector !== undefined && COMPOSITE.has(selector) && equalBytes(to, ACCOUNTS_ADDRESS)
}

export function batch(ctx: ActionContext, args: ActionArgs<typeof accountsSchema, 'batch'>) {
  const call = mustExist(ctx.call, 'batch runs under a dispatcher')
  for (let index = 0; index < args.calls.length; index++) {
    if (isComposite(args.calls[index]!)) return fail.NestedBatch({ index })
  }
  for (let index = 0; index < args.calls.length; index++) {
    const { to, value, data } = args.calls[index]!
    const reason = call({ to, valueBase: value, data })
    if (reason !== undefined) return fail.BatchFailed({ index, reason: reason.subarray(0, REASON_BYTES_MAX) })
  }
  return undefined
}
