// Serves range sync: the tip, and block ranges with their certificates. Not: the wire.
import { certificateSchema } from '../../base/protocol/vote.ts'
import type { SyncSource } from '../../p2p/rangeProtocol.ts'
import type { RangeItem } from '../../p2p/syncMessages.ts'
import type { ChainStore, ChainTip } from '../../storage/types.ts'
import type { RecoveryBook } from '../recovery/recoveries.ts'

/** Answers from the store. */
export function syncSourceOf(
  store: Pick<ChainStore, 'blockBytesAt' | 'blockHeightMin' | 'certificateAt'> & {
    tip(): Pick<ChainTip, 'height' | 'hash'> | undefined
  },
  recoveries?: Pick<RecoveryBook, 'above'>,
): SyncSource {
  return {
    status() {
      const tip = store.tip()
      if (tip === undefined) throw new Error('the store is empty')
      return { height: tip.height, hash: tip.hash, heightMin: store.blockHeightMin() }
    },
    range({ fromHeight, countMax, bytesMax }) {
      const items: RangeItem[] = []
      let bytes = 0
      for (let height = fromHeight; items.length < countMax; height++) {
        const block = store.blockBytesAt(height)
        if (block === undefined) break
        bytes += block.length
        if (bytes > bytesMax && items.length > 0) break
        const certificate = store.certificateAt(height)
        const recovery = recoveries?.above(height)?.bytes
        items.push({
          block,
          ...(certificate === undefined ? {} : { certificate: certificateSchema.encode(certificate) }),
          ...(recovery === undefined ? {} : { recovery }),
        })
        // A recovery file may be as large as many blocks, so end the range here.
        if (recovery !== undefined) break
      }
      return toLastCertificate(items)
    },
  }
}

/**
 * Ends a range at a certified block, so that it can be imported without what follows. Without one it stays whole: then the
 * blocks before the next certificate fill it, by count or by bytes. A range that ends with a recovery is whole too.
 */
function toLastCertificate(items: readonly RangeItem[]): readonly RangeItem[] {
  if (items.at(-1)?.recovery !== undefined) return items
  const last = items.findLastIndex(({ certificate }) => certificate !== undefined)
  return last < 0 ? items : items.slice(0, last + 1)
}
