// The execute action: signed actions of other accounts, brought by any sender, who pays the gas (WALLETS §1). Each is
// on its own: one that fails is logged with its reason, and the others run.
import { mustExist } from '../../../base/assert.ts'
import { EMPTY_BYTES, equalBytes } from '../../../base/bytes.ts'
import type { ActionArgs } from '../../../base/moduleDefinition.ts'
import type { ActionContext, SignedCall } from '../../context.ts'
import { COIN_ASSET } from '../../ledger.ts'
import { encodeFailure } from '../../rules.ts'
import { type Authority, authorise, type Session } from './authority.ts'
import { keepDigest } from './digests.ts'
import { getAccount } from './ledger.ts'
import { accountsSchema, REASON_BYTES_MAX } from './schema.ts'
import { readSignature, type Signature, type SignedAction } from './signedActions.ts'
import { accountsTables, events, fail } from './tables.ts'

export function execute(ctx: ActionContext, args: ActionArgs<typeof accountsSchema, 'execute'>) {
  const { actions, signatures } = args
  if (actions.length === 0 || actions.length !== signatures.length) {
    return fail.SignatureCount({ actions: actions.length, signatures: signatures.length })
  }
  const prechecked = mustExist(ctx.precheck, 'accounts has a precheck')()
  actions.forEach((action, i) => {
    const signature = readSignature(prechecked, i)
    const reason = executeOne(ctx, action, signature)
    events.Executed(ctx, {
      from: action.from,
      digest: signature.digest,
      to: action.to,
      signer: signature.signer,
      succeeded: reason === undefined,
      reason: reason?.subarray(0, REASON_BYTES_MAX) ?? EMPTY_BYTES,
    })
  })
  return undefined
}

/**
 * Runs one action; returns the bytes of its failure. Once its signature is accepted its digest is used, also when the
 * action then fails: as with a transaction's nonce, what failed does not come back when it is no longer wanted.
 */
function executeOne(ctx: ActionContext, action: SignedAction, signature: Signature): Uint8Array | undefined {
  const authority = authorise(ctx, action, signature)
  if ('failure' in authority) return encodeFailure(accountsSchema, authority.failure)
  const { from, to, data, validBefore } = action
  const { live, nowS } = authority
  keepDigest(ctx.state, from, { live, added: { digest: signature.digest, validBefore }, nowS })
  const call = mustExist(ctx.call, 'execute runs under a dispatcher')
  return call({ to, data, valueBase: 0n, signed: signedCall(ctx, action, authority) })
}

function signedCall(ctx: ActionContext, { from }: SignedAction, { session }: Authority): SignedCall {
  return session === undefined ? { from } : { from, ...sessionLimits(ctx, { from, session }) }
}

/** What a session key may move: coins, up to its limit over all its actions. What comes back raises no limit. */
function sessionLimits(
  { state }: ActionContext,
  { from, session }: { readonly from: SignedAction['from']; readonly session: Session },
): Pick<SignedCall, 'checkDebit' | 'checkAfter'> {
  const { key, record } = session
  const beforeBase = getAccount(state, from).balanceBase
  return {
    checkDebit: ({ asset, account }) =>
      asset !== COIN_ASSET && equalBytes(account, from) ? 'a session key moves coins only' : undefined,
    checkAfter: () => {
      const leftBase = getAccount(state, from).balanceBase
      if (leftBase >= beforeBase) return undefined
      const neededBase = beforeBase - leftBase
      const spentBase = record.spentBase + neededBase
      if (spentBase > record.spendMaxBase) {
        const remainingBase = record.spendMaxBase - record.spentBase
        return encodeFailure(accountsSchema, fail.SpendLimit({ key, neededBase, remainingBase }))
      }
      accountsTables.sessionKey.set(state, { account: from, key }, { ...record, spentBase })
      return undefined
    },
  }
}
