// Opens what a peer sent: blocks that are well formed, whole and linked. Not: certificates, execution (blockSync.ts).
import { equalBytes } from '../../base/bytes.ts'
import { SchemaError } from '../../base/field.ts'
import { openBlock } from '../../base/protocol/header.ts'
import { certificateSchema } from '../../base/protocol/vote.ts'
import type { DownloadedRange } from '../../p2p/rangePieces.ts'
import type { LinkedBlock } from './certifiedRun.ts'

/** Decodes a range and checks that its blocks are whole and form a chain; returns a string if not. */
export function openRange(range: DownloadedRange): readonly LinkedBlock[] | string {
  const opened: LinkedBlock[] = []
  try {
    for (const [i, item] of range.items.entries()) {
      const block = openBlock(item.block)
      const height = range.fromHeight + i
      if (block.header.height !== height) return `height ${block.header.height}, expected ${height}`
      const parent = opened.at(-1)?.block
      if (parent !== undefined && !equalBytes(block.header.parentHash, parent.hash)) {
        return `block ${height} does not follow its parent`
      }
      const certificate =
        item.certificate === undefined ? undefined : certificateSchema.decode(item.certificate)
      opened.push({ block, certificate, recovery: item.recovery, peer: range.peer })
    }
  } catch (error) {
    if (!(error instanceof SchemaError)) throw error
    return `malformed block: ${error.message}`
  }
  return opened
}
