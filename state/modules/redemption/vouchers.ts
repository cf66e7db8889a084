// Delivery: the access grant, the client's cumulative vouchers, and their settlement at the end of the block.
// Owns: the rules on a voucher's signer and amount. Not: how coins move (coins.ts).
import { recoverAddress } from '../../../base/address.ts'
import { equalBytes } from '../../../base/bytes.ts'
import { voucherDigest, withParity } from '../../../base/eip712.ts'
import { type Address, type Hash32, ZERO_ADDRESS } from '../../../base/ids.ts'
import { type ActionArgs, moduleAddress } from '../../../base/moduleDefinition.ts'
import type { ActionContext, BlockContext, WriteContext } from '../../context.ts'
import { settleAssignment } from './assignments.ts'
import { type Budget, getCursors, takeStep, updateCursors } from './cursors.ts'
import {
  deliveredBy,
  isServed,
  noteDelivery,
  operatorOf,
  releaseLateLock,
  runningWindow,
} from './external.ts'
import { type Redemption, redemptionSchema } from './schema.ts'
import { events, fail, redemptionTables } from './tables.ts'
import { noteGranted, takesVouchers } from './windowEnds.ts'

type Args<A extends keyof (typeof redemptionSchema)['actions']> = ActionArgs<typeof redemptionSchema, A>

const VERIFYING_CONTRACT = moduleAddress(redemptionSchema)

/** What the client signs for an amount delivered: WALLETS §1, `Voucher`. */
export function digestOf(
  block: Pick<BlockContext, 'chainId' | 'genesisHash'>,
  voucher: {
    readonly id: number
    readonly assignment: number
    readonly provider: Address
    readonly deliveredBase: bigint
  },
): Hash32 {
  return voucherDigest({
    chainId: block.chainId,
    verifyingContract: VERIFYING_CONTRACT,
    redemptionId: voucher.id,
    assignment: voucher.assignment,
    provider: voucher.provider,
    deliveredBase: voucher.deliveredBase,
    genesis: block.genesisHash,
  })
}

function checkSigner(redemption: Redemption, digest: Hash32, signature: Uint8Array) {
  const recovered = recoverAddress(digest, withParity(signature))
  if (recovered === undefined) return fail.BadSignature({ digest })
  const { owner, voucherKey } = redemption
  const named = !equalBytes(voucherKey, ZERO_ADDRESS)
  if (equalBytes(recovered, owner) || (named && equalBytes(recovered, voucherKey))) return undefined
  return fail.WrongSigner({ expected: named ? voucherKey : owner, recovered, digest })
}

export function grant(ctx: ActionContext, { id, assignment, ciphertext }: Args<'grant'>) {
  const { state, block } = ctx
  const at = { id, assignment }
  const known = redemptionTables.assignment.get(state, at)
  if (known === undefined) return fail.UnknownAssignment(at)
  const { provider, window, grantedAtMs } = known
  if (!equalBytes(operatorOf(state, provider), ctx.sender)) return fail.NotAssignee({ provider })
  if (ciphertext.length === 0) return fail.GrantEmpty({})
  if (grantedAtMs > 0) return fail.GrantPosted({ grantedAtMs })
  const currentWindow = runningWindow(state)
  if (currentWindow >= window) return fail.WindowBegun({ window, currentWindow })
  // After this point the action must succeed.
  redemptionTables.grant.set(state, at, { ciphertext })
  redemptionTables.assignment.set(state, at, { ...known, grantedAtMs: block.timestampMs })
  noteGranted(state, { provider, window }, known.amountBase)
  events.Granted(ctx, { ...at, provider })
  return undefined
}

export function settle(ctx: ActionContext, args: Args<'settle'>) {
  const { state } = ctx
  const { id, assignment, deliveredBase, signature } = args
  const at = { id, assignment }
  const redemption = redemptionTables.redemption.get(state, { id })
  if (redemption === undefined) return fail.UnknownRedemption({ id })
  const known = redemptionTables.assignment.get(state, at)
  if (known === undefined) return fail.UnknownAssignment(at)
  const { window, amountBase, voucheredBase: acceptedBase } = known
  const currentWindow = runningWindow(state)
  if (currentWindow < window) return fail.WindowNotBegun({ window, currentWindow })
  if (!takesVouchers(state, window, ctx.block.timestampMs)) return fail.WindowEnded({ window, currentWindow })
  if (known.grantedAtMs === 0) return fail.NotGranted(at)
  if (deliveredBase < acceptedBase) return fail.VoucherDecreases({ deliveredBase, acceptedBase })
  if (deliveredBase > amountBase) return fail.VoucherTooLarge({ deliveredBase, amountBase })
  const provider = operatorOf(state, known.provider)
  const digest = digestOf(ctx.block, { id, assignment, provider, deliveredBase })
  const refusal = checkSigner(redemption, digest, signature)
  if (refusal !== undefined) return refusal
  if (deliveredBase === acceptedBase) return undefined
  // After this point the action must succeed.
  redemptionTables.assignment.set(state, at, { ...known, voucheredBase: deliveredBase, settlePending: true })
  const voucheredBase = deliveredBase - acceptedBase
  const delivered = { provider: known.provider, window }
  const wasServed = isServed(deliveredBy(state, delivered))
  noteDelivery(state, delivered, { voucheredBase })
  if (window < currentWindow && !wasServed && isServed(deliveredBy(state, delivered)))
    releaseLateLock(ctx, delivered)
  if (!known.settlePending) {
    const { settleTail } = getCursors(state)
    redemptionTables.settlement.set(state, { index: settleTail }, at)
    updateCursors(state, { settleTail: settleTail + 1 })
  }
  events.Vouchered(ctx, { ...at, deliveredBase })
  return undefined
}

/** Settles assignments with pending vouchers, oldest first; what has no steps left waits for the next block. */
export function settleVouchered(ctx: WriteContext, budget: Budget): void {
  const { state } = ctx
  for (;;) {
    const { settleHead, settleTail } = getCursors(state)
    if (settleHead === settleTail || !takeStep(budget, 'settle')) return
    const key = redemptionTables.settlement.mustGet(state, { index: settleHead })
    redemptionTables.settlement.delete(state, { index: settleHead })
    updateCursors(state, { settleHead: settleHead + 1 })
    // A closed assignment was settled when it closed.
    if (redemptionTables.assignment.has(state, key)) settleAssignment(ctx, key)
  }
}
