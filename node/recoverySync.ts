// Where a synced chain goes on by a recovery file instead of a certificate. Owns: taking files from peers, which blocks
// an accepted one makes final. Not: the download (blockSync.ts), what is accepted (recoveries.ts).
import { equalBytes } from '../base/bytes.ts'
import type { Hash32 } from '../base/ids.ts'
import type { SealedBlock } from '../base/protocol/header.ts'
import type { Recovery } from '../base/protocol/recovery.ts'
import type { Certificate } from '../base/protocol/vote.ts'
import { recoveryMisfit } from '../state/modules/providers/recovery.ts'
import type { StateReader } from '../state/view.ts'
import type { RecoveryBook } from './recoveries.ts'

/** A block of a linked chain with the recovery file that its peer served beside it. */
export interface RecoverableBlock {
  readonly block: SealedBlock
  readonly recovery?: Uint8Array | undefined
}

/** What stands at the beginning of a linked chain above the head. */
export type RecoveryLink =
  /** The first `count` blocks are final, because the last of them is the floor of an accepted recovery. */
  | { readonly kind: 'final'; readonly count: number; readonly certificate: Certificate | undefined }
  /** The block at `index` came with a file that cannot be. */
  | { readonly kind: 'refused'; readonly index: number; readonly text: string }
  /** The block at `index` begins an epoch that only the operator can accept. */
  | { readonly kind: 'waits'; readonly index: number }

export interface RecoveryLinksOptions {
  readonly book: Pick<RecoveryBook, 'on' | 'offer'>
  /** The chain goes on by a recovery that the operator has not decided about. */
  readonly onUntrusted: (recovery: Recovery, hash: Hash32) => void
}

export class RecoveryLinks {
  readonly #options: RecoveryLinksOptions

  constructor(options: RecoveryLinksOptions) {
    this.#options = options
  }

  /** The recovery that decides the child of a block; undefined when the block's state does. */
  on(hash: Hash32): Recovery | undefined {
    return this.#options.book.on(hash)
  }

  /**
   * Looks through blocks that follow `head` for the first recovery: takes the file beside its first block, and says what
   * is final by it. Undefined when certificates decide. Never throws for a peer's fault.
   */
  async next(
    tail: readonly RecoverableBlock[],
    head: { readonly hash: Hash32; readonly state: StateReader },
  ): Promise<RecoveryLink | undefined> {
    const { book, onUntrusted } = this.#options
    for (const [index, { block, recovery: bytes }] of tail.entries()) {
      if (bytes !== undefined) {
        const { parentHash } = block.header
        const offered = await book.offer(bytes, (recovery) => {
          if (!equalBytes(recovery.floor.hash, parentHash)) return 'its floor is another block'
          // Above the head the state is not there yet: execution of the first block checks the set again.
          return index === 0 ? recoveryMisfit(head.state, recovery) : undefined
        })
        if (offered.kind === 'refused') return { kind: 'refused', index, text: offered.reason }
        if (offered.kind === 'untrusted') {
          onUntrusted(offered.recovery, offered.hash)
          return { kind: 'waits', index }
        }
        if (index > 0) return this.#finalTo(tail, index)
      }
      if (this.on(block.hash) !== undefined) return this.#finalTo(tail, index + 1)
    }
    return undefined
  }

  #finalTo(tail: readonly RecoverableBlock[], count: number): RecoveryLink {
    const certificate = this.on(tail[count - 1]!.block.hash)?.certificate
    const isFinal = certificate?.subject.kind === 'finalize'
    return { kind: 'final', count, certificate: isFinal ? certificate : undefined }
  }
}
