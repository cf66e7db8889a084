// Proofs for light clients: the chain of validator sets, records by key, receipts (CONSENSUS §7, docs/light-client.md).
// Not: verification (base/protocol), building state proofs (proven.ts).
import { bytesKey, equalBytes, toHex } from '../../base/bytes.ts'
import type { Json, JsonSchema } from '../../base/field.ts'
import { epochProofSchema } from '../../base/protocol/epochProof.ts'
import { epochAbove } from '../../base/protocol/header.ts'
import { merkleProof } from '../../base/protocol/merkle.ts'
import { receiptSchema, systemLogsSchema } from '../../base/protocol/receipt.ts'
import { type ReceiptProof, receiptProofSchema } from '../../base/protocol/receiptProof.ts'
import { PROOF_KEY_BYTES_MAX } from '../../base/protocol/stateProof.ts'
import { t } from '../../base/schema.ts'
import type { Backend, FinalizedBlock } from '../backend.ts'
import { limitExceeded, RPC_CODE, RpcError } from '../errors.ts'
import { defineMethod, type Method } from '../method.ts'
import { invalidWhen, p, withDefault } from '../params.ts'
import { TimeSlice } from '../timeSlice.ts'
import { mustFindFinalState, PROVEN_SCHEMA, proveKeys } from './proven.ts'

/** Epoch proofs in one answer: 64 sets of 256 validators are below 5 MiB of text. */
const EPOCH_PROOFS_MAX = 64
/** Completed epochs scanned for one answer. */
const EPOCHS_SCANNED_MAX = 1_024
/** Records proven in one answer. */
const RECORDS_MAX = 64

const BYTES: JsonSchema = { type: 'string', pattern: '^0x([0-9a-f]{2})*$' }

async function epochProofs(
  backend: Backend,
  ask: { readonly fromEpoch: number; readonly max: number; readonly changesOnly: boolean },
): Promise<Json> {
  const { fromEpoch, max, changesOnly } = ask
  const epoch = epochAbove(backend.head().header)
  const end = Math.min(epoch, fromEpoch + EPOCHS_SCANNED_MAX)
  const proofs: string[] = []
  const slice = new TimeSlice()
  let at = fromEpoch
  for (; at < end && proofs.length < max; at++) {
    if (!(await slice.next())) break
    const proof = await backend.epochProof(at)
    // Epochs skipped by a recovery have no proof.
    if (proof === undefined) continue
    const { setHash, nextSetHash } = proof.header
    const changes = nextSetHash !== undefined && !equalBytes(setHash, nextSetHash)
    if (changes || !changesOnly) proofs.push(toHex(epochProofSchema.encode(proof)))
  }
  // Whoever asks beyond it, as a client does that follows a node ahead of this one, is told where this one ends.
  return { proofs, nextEpoch: Math.min(at, epoch), epoch }
}

/** The proof of the transaction at `index`; undefined without a certificate of the block or close above it. */
export async function receiptProofOf(
  backend: Pick<Backend, 'finalityOf'>,
  block: FinalizedBlock,
  index: number,
): Promise<ReceiptProof | undefined> {
  const { header, transactions, receipts, systemLogs } = block
  const finality = await backend.finalityOf(header.height)
  if (finality === undefined) return undefined
  const leaves = receipts.map((receipt) => receiptSchema.encode(receipt))
  leaves.push(systemLogsSchema.encode({ logs: systemLogs }))
  const ids = transactions.map(({ id }) => id)
  return {
    finality: { header, path: finality.headers, certificate: finality.certificate },
    index,
    count: transactions.length,
    transactionPath: merkleProof(ids, index),
    receipt: receipts[index]!,
    receiptPath: merkleProof(leaves, index),
  }
}

async function receiptProofJson(backend: Backend, block: FinalizedBlock, index: number): Promise<Json> {
  const { height } = block.header
  const proof = await receiptProofOf(backend, block, index)
  if (proof === undefined)
    throw new RpcError(RPC_CODE.refused, `the certificate of block ${height} is not held`)
  return { height, index, bytes: toHex(receiptProofSchema.encode(proof)) }
}

export function proofMethods(backend: Backend): readonly Method[] {
  const count = invalidWhen(p.uintOrInteger, (n) => {
    return n >= 1 && n <= EPOCH_PROOFS_MAX ? undefined : `expected 1 to ${EPOCH_PROOFS_MAX}`
  })
  return [
    defineMethod({
      name: 'chain_epochProofs',
      doc:
        'Returns canonical EpochProof bytes, one for each step from a validator set to the next, ascending. ' +
        'changesOnly omits epochs that keep their set. Repeat from nextEpoch until it equals epoch.',
      cost: 500,
      params: {
        fromEpoch: p.uintOrInteger,
        max: withDefault(count, EPOCH_PROOFS_MAX),
        changesOnly: withDefault(p.bool, false),
      },
      returns: {
        type: 'object',
        properties: {
          proofs: { type: 'array', items: BYTES },
          nextEpoch: { type: 'integer' },
          epoch: { type: 'integer' },
        },
        required: ['proofs', 'nextEpoch', 'epoch'],
      },
      run: (args) => epochProofs(backend, args),
    }),
    defineMethod({
      name: 'chain_stateProof',
      doc: 'Returns records by raw key, each with a proof of presence or absence, at one finalized block.',
      cost: 60,
      params: { keys: p.field(t.list(t.bytes(PROOF_KEY_BYTES_MAX), RECORDS_MAX)), atBlock: p.atBlock },
      returns: PROVEN_SCHEMA,
      run: async ({ keys, atBlock }) => {
        const { header } = await mustFindFinalState(backend, atBlock)
        if (keys.length === 0) throw limitExceeded('expected at least one key')
        return proveKeys(backend, header, keys.map(bytesKey))
      },
    }),
    defineMethod({
      name: 'tx_receiptProof',
      doc: 'Returns canonical ReceiptProof bytes of a transaction. Null when not final on this node.',
      cost: 100,
      params: { hash: p.txId },
      returns: {
        oneOf: [
          {
            type: 'object',
            properties: { height: { type: 'integer' }, index: { type: 'integer' }, bytes: BYTES },
            required: ['height', 'index', 'bytes'],
          },
          { type: 'null' },
        ],
      },
      run: async ({ hash }) => {
        const place = await backend.locateTransaction(hash)
        if (place === undefined) return null
        const block = await backend.blockByHeight(place.height)
        if (block === undefined)
          throw new RpcError(RPC_CODE.refused, `block ${place.height} is no longer held`)
        return receiptProofJson(backend, block, place.index)
      },
    }),
  ]
}
