// Digests of signed actions, kept until they expire so that none runs twice (WALLETS §1). Each new one pays for the
// removal of two old ones, so that nothing outlives its expiry by more than the chain's next signed actions.
import { equalBytes } from '../../../base/bytes.ts'
import type { Address, Hash32 } from '../../../base/ids.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { LIVE_DIGESTS_MAX } from './schema.ts'
import { accountsTables } from './tables.ts'

/** Expired digests removed for each new one. */
const REMOVED_PER_DIGEST = 2

export interface LiveDigest {
  readonly digest: Hash32
  readonly validBefore: number
}

/** The digests of an account that have not expired. */
export function liveDigests(state: StateReader, account: Address, nowS: number): readonly LiveDigest[] {
  const kept = accountsTables.signedDigests.get(state, { account })?.digests ?? []
  return kept.filter(({ validBefore }) => nowS < validBefore)
}

/** Why an account's new digest cannot be kept. */
export function checkDigest(
  live: readonly LiveDigest[],
  digest: Hash32,
): 'used' | { readonly fullUntil: number } | undefined {
  if (live.some((known) => equalBytes(known.digest, digest))) return 'used'
  if (live.length < LIVE_DIGESTS_MAX) return undefined
  return { fullUntil: live.reduce((min, { validBefore }) => Math.min(min, validBefore), Infinity) }
}

/** Keeps a digest that passed `checkDigest`. */
export function keepDigest(
  state: StateWriter,
  account: Address,
  kept: { readonly live: readonly LiveDigest[]; readonly added: LiveDigest; readonly nowS: number },
): void {
  const { live, added, nowS } = kept
  accountsTables.signedDigests.set(state, { account }, { digests: [...live, added] })
  const { head, tail } = accountsTables.digestQueue.get(state, {}) ?? { head: 0, tail: 0 }
  const { validBefore } = added
  accountsTables.digestExpiry.set(state, { number: tail }, { account, validBefore })
  accountsTables.digestQueue.set(state, {}, { head: removeExpired(state, { head, nowS }), tail: tail + 1 })
}

/** Removes what expired at the front of the queue; returns the new front. The entry just added is never expired. */
function removeExpired(state: StateWriter, at: { readonly head: number; readonly nowS: number }): number {
  let { head } = at
  for (let i = 0; i < REMOVED_PER_DIGEST; i++) {
    const oldest = accountsTables.digestExpiry.mustGet(state, { number: head })
    if (at.nowS < oldest.validBefore) return head
    accountsTables.digestExpiry.delete(state, { number: head })
    head++
    const { account } = oldest
    const digests = liveDigests(state, account, at.nowS)
    if (digests.length === 0) accountsTables.signedDigests.delete(state, { account })
    else accountsTables.signedDigests.set(state, { account }, { digests })
  }
  return head
}
