// Applies an accepted recovery to a starting or running node: its floor becomes final, and the new epoch begins above it.
// Owns: reaching the floor, notifying consensus. Not: which files are accepted (recoveries.ts).
import { bytesKey, equalBytes, toHex } from '../../base/bytes.ts'
import type { Hash32 } from '../../base/ids.ts'
import { openBlock, type SealedBlock } from '../../base/protocol/header.ts'
import type { Recovery } from '../../base/protocol/recovery.ts'
import { recoverySet } from '../../base/protocol/recoveryRules.ts'
import type { ValidatorSet } from '../../base/protocol/validators.ts'
import type { JournalRecord } from '../../consensus/records.ts'
import type { ChainConfig } from '../../state/chain.ts'
import { decidingSet } from '../../state/recovery.ts'
import type { ChainStore } from '../../storage/types.ts'
import type { Importer } from '../chain/importerTypes.ts'
import type { NodeLogger } from '../logging.ts'
import { type RecoveryBook, RecoveryError } from './recoveries.ts'

/** Log an untrusted recovery at most this often. */
const REMIND_MS = 60_000

/** Whether this node's head is below the floor of the highest accepted recovery. */
export function isBelowRecovery(importer: Pick<Importer, 'head'>, book: RecoveryBook): boolean {
  const { latest } = book
  return latest !== undefined && importer.head().header.height < latest.recovery.floor.height
}

/** Throws RecoveryError when this chain has a different block at the floor of an accepted recovery. */
export function checkFloors(store: Pick<ChainStore, 'blockAt'>, book: RecoveryBook): void {
  for (const { recovery } of book.all()) {
    const { height, hash } = recovery.floor
    const block = store.blockAt(height)
    if (block === undefined || equalBytes(block.hash, hash)) continue
    throw new RecoveryError(
      'floor',
      `the recovery to epoch ${recovery.epoch} begins above block ${toHex(hash)}, this node holds ${toHex(block.hash)} at height ${height}`,
    )
  }
}

/** The set that decides the next block as far as this node knows: the peers it needs. */
export function decidingNow(
  chain: ChainConfig,
  importer: Pick<Importer, 'head'>,
  book: RecoveryBook,
): ValidatorSet {
  const { latest } = book
  if (latest !== undefined && isBelowRecovery(importer, book)) return recoverySet(latest.recovery)
  return decidingSet(chain, importer.head())
}

/** The path from above `head` to the floor, oldest first, from the bodies in `blocks`; undefined with a gap. */
export function pathToFloor(options: {
  readonly floor: Recovery['floor']
  readonly head: { readonly height: number; readonly hash: Hash32 }
  readonly blocks: ReadonlyMap<string, SealedBlock>
}): readonly SealedBlock[] | undefined {
  const { floor, head, blocks } = options
  const path: SealedBlock[] = []
  let hash = floor.hash
  for (let height = floor.height; height > head.height; height--) {
    const block = blocks.get(bytesKey(hash))
    if (block === undefined || block.header.height !== height) return undefined
    path.unshift(block)
    hash = block.header.parentHash
  }
  return equalBytes(hash, head.hash) ? path : undefined
}

/** A journal's block bodies by hash. */
export function journaledBlocks(journal: readonly JournalRecord[]): ReadonlyMap<string, SealedBlock> {
  const blocks = new Map<string, SealedBlock>()
  for (const record of journal) {
    if (record.kind !== 'block') continue
    const block = openBlock(record.body.block)
    blocks.set(bytesKey(block.hash), block)
  }
  return blocks
}

/** Finalizes the floor from the journal's blocks; if they are missing, peers serve them later. False if not reached. */
export async function reachFloor(
  importer: Importer,
  book: RecoveryBook,
  journal: readonly JournalRecord[],
): Promise<boolean> {
  const { latest } = book
  if (latest === undefined || !isBelowRecovery(importer, book)) return true
  const { floor, certificate } = latest.recovery
  const head = importer.head()
  const at = { height: head.header.height, hash: head.hash }
  const path = pathToFloor({ floor, head: at, blocks: journaledBlocks(journal) })
  if (path === undefined) return false
  for (const block of path) {
    const verdict = await importer.execute(block)
    if (verdict.kind !== 'valid') {
      const detail = 'detail' in verdict ? `: ${verdict.detail}` : ''
      throw new RecoveryError(
        'floor',
        `block ${block.header.height} of the recovery is ${verdict.kind} here${detail}`,
      )
    }
  }
  await importer.finalize(
    path.map((block) => block.hash),
    certificate?.subject.kind === 'finalize' ? certificate : undefined,
  )
  return true
}

/** Starts the new epoch when a running node reaches a floor, or accepts a recovery whose floor is its head. */
export function followRecoveries(options: {
  readonly importer: Importer
  readonly book: RecoveryBook
  readonly store: Pick<ChainStore, 'blockAt'>
  readonly enterEpoch: (floor: SealedBlock) => void
  readonly logger: NodeLogger
}): () => void {
  const { importer, book, store, enterEpoch, logger } = options
  const enter = (hash: Hash32, height: number): void => {
    const recovery = book.on(hash)
    const block = recovery === undefined ? undefined : store.blockAt(height)
    if (recovery === undefined || block === undefined) return
    logger.warn({ epoch: recovery.epoch, height }, 'the chain goes on in a new epoch by a recovery')
    enterEpoch(block)
  }
  const stops = [
    importer.onFinalized(({ hash, height }) => enter(hash, height)),
    book.onAccepted(({ floor }) => {
      const head = importer.head()
      if (equalBytes(head.hash, floor.hash)) enter(head.hash, head.header.height)
    }),
  ]
  return () => {
    for (const stop of stops) stop()
  }
}

/** Reminds the operator, at a limited rate, of the decision this node waits for. */
export function remindOfUntrusted(
  logger: NodeLogger,
  nowMs: () => number,
): (recovery: Recovery, hash: Hash32) => void {
  let nextAtMs = 0
  return (recovery, hash) => {
    if (nowMs() < nextAtMs) return
    nextAtMs = nowMs() + REMIND_MS
    const { floor, epoch, reason } = recovery
    logger.error(
      { recovery: toHex(hash), epoch, floorHeight: floor.height, floor: toHex(floor.hash), reason },
      'the chain goes on by a recovery that this node was not told to trust: compare its hash with other members, then run `suanli recovery trust`',
    )
  }
}
