// Who may act for an account: its own key or a session key, in time, once (WALLETS §1). Reads only.
// Not: signatures (signedActions.ts), running the action (execute.ts).
import { equalBytes } from '../../../base/bytes.ts'
import type { InferFields } from '../../../base/field.ts'
import { type Address, ZERO_ADDRESS } from '../../../base/ids.ts'
import type { Failure } from '../../../base/moduleDefinition.ts'
import { SIGNED_VALIDITY_MAX_S } from '../../../base/signedAction.ts'
import type { ReadContext } from '../../context.ts'
import { checkDigest, type LiveDigest, liveDigests } from './digests.ts'
import { type accountsSchema, LIVE_DIGESTS_MAX } from './schema.ts'
import { findLiveSignable, type Signature, type SignedAction } from './signedActions.ts'
import { accountsTables, fail } from './tables.ts'
import { secondsOf } from './time.ts'

/** A session key and what it may still do. */
export interface Session {
  readonly key: Address
  readonly record: InferFields<(typeof accountsSchema)['records']['sessionKey']['value']>
}

export interface Authority {
  /** Absent when the account's own key signed. */
  readonly session: Session | undefined
  readonly live: readonly LiveDigest[]
  readonly nowS: number
}

/** Checks everything about a signed action but the action itself. */
export function authorise(
  ctx: ReadContext,
  action: SignedAction,
  signature: Signature,
): Authority | { readonly failure: Failure } {
  const nowS = secondsOf(ctx.block)
  const found = findSigner(ctx, action, signature)
  if ('failure' in found) return found
  const { from, validBefore } = action
  if (validBefore <= nowS) return { failure: fail.SignatureExpired({ validBefore, now: nowS }) }
  if (validBefore > nowS + SIGNED_VALIDITY_MAX_S) {
    return { failure: fail.ValidTooLong({ validBefore, latest: nowS + SIGNED_VALIDITY_MAX_S }) }
  }
  const { digest } = signature
  const live = liveDigests(ctx.state, from, nowS)
  const refusal = checkDigest(live, digest)
  if (refusal === 'used') return { failure: fail.DigestUsed({ digest }) }
  if (refusal !== undefined)
    return { failure: fail.TooManyDigests({ max: LIVE_DIGESTS_MAX, until: refusal.fullUntil }) }
  return { session: found.session, live, nowS }
}

/** The key that signed, if it may sign this action for the account. */
function findSigner(
  { state, block }: ReadContext,
  { to, data, from }: SignedAction,
  { digest, signer }: Signature,
): { readonly session: Session | undefined } | { readonly failure: Failure } {
  const selector = new Uint8Array(4)
  selector.set(data.subarray(0, 4))
  const definitions = block.modules.map(({ definition }) => definition)
  const at = { to, selector, protocolVersion: block.protocolVersion }
  // A digest of zero bytes: the arguments are not canonical.
  const isSignable = findLiveSignable(definitions, at) !== undefined && digest.some((byte) => byte !== 0)
  if (!isSignable) return { failure: fail.NotSignable({ to, selector }) }
  // A signer of zero bytes: the signature fits no key, so not that of the zero address either.
  const isSigned = !equalBytes(signer, ZERO_ADDRESS)
  if (isSigned && equalBytes(signer, from)) return { session: undefined }
  const record = isSigned ? accountsTables.sessionKey.get(state, { account: from, key: signer }) : undefined
  if (record === undefined) {
    return { failure: fail.SignerMismatch({ expected: from, recovered: signer, digest }) }
  }
  const { validBefore, actions } = record
  if (validBefore <= secondsOf(block)) return { failure: fail.SessionExpired({ key: signer, validBefore }) }
  const isListed = actions.some((one) => equalBytes(one.to, to) && equalBytes(one.selector, selector))
  if (!isListed) return { failure: fail.SessionNotAllowed({ key: signer, to, selector }) }
  return { session: { key: signer, record } }
}
