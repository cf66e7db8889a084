// Recovers senders with a cache: a transaction arrives several times within seconds (gossip, a block, a resend).
// Owns: the cache. Not: threads and queues (senderPool.ts).
import type { Address } from '../../base/ids.ts'
import { RecentMap } from '../../base/recentMap.ts'
import { recoverSender } from '../../state/transaction.ts'
import type { SignedHash } from './senderRows.ts'

/** Cached senders: a few seconds of full load. */
const REMEMBERED_MAX = 16_384

export type RecoverOne = (item: SignedHash) => Address | undefined

export class Recoverer {
  readonly #recoverOne: RecoverOne
  readonly #recent = new RecentMap<Address>(REMEMBERED_MAX)

  constructor(recoverOne: RecoverOne = recoverSender) {
    this.#recoverOne = recoverOne
  }

  /** The sender, if cached. */
  recall(item: SignedHash): Address | undefined {
    return this.#recent.get(item.key)
  }

  /** Caches a recovered sender; invalid signatures are not cached. */
  remember(item: SignedHash, sender: Address | undefined): void {
    if (sender !== undefined) this.#recent.set(item.key, sender)
  }

  /** Recovers now, on this thread; `undefined` when the signature matches no key. */
  recover(item: SignedHash): Address | undefined {
    const sender = this.#recoverOne(item)
    this.remember(item, sender)
    return sender
  }
}
