// Remembers who served which of two contradicting blocks until the final one is known. Not: fetching again (blockSync.ts).
import { equalBytes } from '../../base/bytes.ts'
import type { Hash32 } from '../../base/ids.ts'
import type { SealedBlock } from '../../base/protocol/header.ts'
import type { PeerKey } from '../../p2p/protocol.ts'
import type { LinkedBlock } from './certifiedRun.ts'

/** Suspect blocks remembered. */
const SUSPECTS_MAX = 64

export class Suspects {
  #suspects: { readonly peer: PeerKey; readonly height: number; readonly hash: Hash32 }[] = []

  add(blocks: readonly Pick<LinkedBlock, 'block' | 'peer'>[]): void {
    for (const { block, peer } of blocks) {
      this.#suspects.push({ peer, height: block.header.height, hash: block.hash })
    }
    this.#suspects = this.#suspects.slice(-SUSPECTS_MAX)
  }

  /** These blocks are final: returns who served others at their heights. */
  settle(run: readonly { readonly block: SealedBlock }[]): ReadonlySet<PeerKey> {
    const liars = new Set<PeerKey>()
    if (this.#suspects.length === 0) return liars
    const hashes = new Map(run.map(({ block }) => [block.header.height, block.hash]))
    this.#suspects = this.#suspects.filter(({ peer, height, hash }) => {
      const truth = hashes.get(height)
      if (truth === undefined) return true
      if (!equalBytes(truth, hash)) liars.add(peer)
      return false
    })
    return liars
  }
}
