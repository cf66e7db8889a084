// Writes a block's records other than its state changes, for a commit and for a state-sync install.
import { assert } from '../base/assert.ts'
import { u32be, u64be } from '../base/bytes.ts'
import { keccak256 } from '../base/crypto/hash.ts'
import { certificateSchema } from '../base/protocol/vote.ts'
import { encodeReceipts } from '../state/receipt.ts'
import { runSteps, type Steps } from '../state/steps.ts'
import type { StoreBatch } from './commitPlan.ts'
import { encodedReceiptsSchema, hashKey, numberKey } from './layout.ts'
import type { CommitBlock } from './types.ts'

/** Locations of transactions written in one step. */
const LOCATIONS_PER_STEP = 512

/** Adds the body, receipts, certificate and indexes of one final block to a batch. */
export function fillBlock(batch: Pick<StoreBatch, 'put'>, item: Omit<CommitBlock, 'changes'>): void {
  runSteps(fillBlockSteps(batch, item))
}

/** `fillBlock` in steps. */
export function* fillBlockSteps(
  batch: Pick<StoreBatch, 'put'>,
  item: Omit<CommitBlock, 'changes'>,
): Steps<void> {
  const { block, receipts, senders, systemLogs, certificate } = item
  const { height, epoch, endsEpoch } = block.header
  batch.put(numberKey('block', height), block.bytes)
  batch.put(hashKey('hash', block.hash), u64be(height))
  const encoded = item.receiptBytes ?? encodeReceipts(receipts)
  batch.put(
    numberKey('receipts', height),
    encodedReceiptsSchema.encode({ receipts: encoded, senders, systemLogs }),
  )
  if (certificate !== undefined) {
    batch.put(numberKey('certificate', height), certificateSchema.encode(certificate))
  }
  if (endsEpoch) batch.put(numberKey('boundary', epoch), u64be(height))
  const ids = item.ids ?? block.transactions.map((raw) => keccak256(raw))
  assert(ids.length === block.transactions.length, 'one id per transaction')
  const start = u64be(height)
  for (const [index, id] of ids.entries()) {
    if (index % LOCATIONS_PER_STEP === LOCATIONS_PER_STEP - 1) yield
    const location = new Uint8Array(12)
    location.set(start)
    location.set(u32be(index), 8)
    batch.put(hashKey('transaction', id), location)
  }
}
