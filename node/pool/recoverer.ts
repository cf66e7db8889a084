// Recovery of senders with memory. A transaction comes by several ways within seconds (gossip, a block, a resend):
// whichever is first pays. Owns: what was recovered lately. Not: threads and queues (senderPool.ts).
import type { Address } from '../../base/ids.ts'
import { RecentMap } from '../../base/recentMap.ts'
import { recoverSender } from '../../state/transaction.ts'
import type { SignedHash } from './senderRows.ts'

/** Senders remembered: some seconds of a full load. */
const REMEMBERED_MAX = 16_384

export type RecoverOne = (item: SignedHash) => Address | undefined

export class Recoverer {
  readonly #recoverOne: RecoverOne
  readonly #recent = new RecentMap<Address>(REMEMBERED_MAX)

  constructor(recoverOne: RecoverOne = recoverSender) {
    this.#recoverOne = recoverOne
  }

  /** The sender, when it was recovered lately. */
  recall(item: SignedHash): Address | undefined {
    return this.#recent.get(item.key)
  }

  /** Keeps what was recovered; a signature without a key is not worth the room. */
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
