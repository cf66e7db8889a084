// eth_sendRawTransaction and its synchronous form. Owns: waiting for inclusion. Not: admission (the node's mempool).
import { bytesKey, toHex } from '../../base/bytes.ts'
import { keccak256 } from '../../base/crypto/hash.ts'
import type { Json } from '../../base/field.ts'
import type { TxId } from '../../base/ids.ts'
import { TX_BYTES_MAX } from '../../base/protocol/limits.ts'
import type { Backend, FinalizedBlock, SubmitRejection } from '../backend.ts'
import { limitExceeded, RPC_CODE, RpcError, submitError } from '../errors.ts'
import type { RpcEvents } from '../events.ts'
import { defineMethod, type Method } from '../method.ts'
import { HASH_SCHEMA, invalidWhen, optional, p } from '../params.ts'
import type { BlockIndexes } from './blockIndex.ts'
import { receiptJson } from './format.ts'

const SYNC_TIMEOUT_MS_DEFAULT = 5_000
const SYNC_TIMEOUT_MS_MAX = 60_000
/** Requests waiting for inclusion. */
const WAITERS_MAX = 4_096
/** Longer input is not parsed; up to this size, `oversized data` names the limit. */
const RAW_BYTES_MAX = 2 * TX_BYTES_MAX

type Waiter = (at: { readonly block: FinalizedBlock; readonly index: number }) => void

/** Notifies waiters when their transaction is final. */
class Inclusion {
  readonly #waiters = new Map<string, Set<Waiter>>()
  #count = 0

  constructor(events: RpcEvents) {
    events.onFinalized((block) => {
      if (this.#count === 0) return
      block.transactions.forEach((transaction, index) => {
        const waiters = this.#waiters.get(bytesKey(transaction.id))
        if (waiters !== undefined) for (const waiter of [...waiters]) waiter({ block, index })
      })
    })
  }

  get full(): boolean {
    return this.#count >= WAITERS_MAX
  }

  add(id: TxId, waiter: Waiter): () => void {
    const key = bytesKey(id)
    const waiters = this.#waiters.get(key) ?? new Set()
    waiters.add(waiter)
    this.#waiters.set(key, waiters)
    this.#count++
    return () => {
      if (!waiters.delete(waiter)) return
      this.#count--
      if (waiters.size === 0) this.#waiters.delete(key)
    }
  }
}

const ALREADY_KNOWN: SubmitRejection = { code: 'alreadyKnown', message: 'already known' }

/** Submits; the bytes of an included transaction are known, too, though their nonce is used (WALLETS §1). */
async function admit(backend: Backend, raw: Uint8Array, id: TxId): Promise<SubmitRejection | undefined> {
  const result = await backend.submit(raw)
  if (result.ok) return undefined
  const isIncluded =
    result.rejection.code === 'nonceTooLow' && (await backend.locateTransaction(id)) !== undefined
  return isIncluded ? ALREADY_KNOWN : result.rejection
}

/** The receipt of a transaction that is in a block already. */
async function includedReceipt(backend: Backend, indexes: BlockIndexes, id: TxId): Promise<Json | undefined> {
  const place = await backend.locateTransaction(id)
  const block = place === undefined ? undefined : await backend.blockByHeight(place.height)
  return block === undefined ? undefined : receiptJson(block, indexes.of(block), place!.index)
}

function waitForReceipt(options: {
  readonly inclusion: Inclusion
  readonly indexes: BlockIndexes
  readonly id: TxId
  readonly timeoutMs: number
}): { readonly receipt: Promise<Json>; cancel(): void } {
  const { inclusion, indexes, id, timeoutMs } = options
  let cancel = (): void => undefined
  const receipt = new Promise<Json>((resolve, reject) => {
    const timer = setTimeout(() => {
      remove()
      const message = `the transaction was added to the mempool but was not in a block within ${timeoutMs} ms`
      reject(new RpcError(RPC_CODE.syncTimeout, message, toHex(id)))
    }, timeoutMs)
    const remove = inclusion.add(id, ({ block, index }) => {
      cancel()
      resolve(receiptJson(block, indexes.of(block), index))
    })
    cancel = () => {
      clearTimeout(timer)
      remove()
    }
  })
  // The time-out may pass while the submission is still pending and nobody listens: an unhandled rejection ends the process.
  receipt.catch(() => {})
  return { receipt, cancel: () => cancel() }
}

export function submitMethods(options: {
  readonly backend: Backend
  readonly indexes: BlockIndexes
  readonly events: RpcEvents
}): readonly Method[] {
  const { backend, indexes } = options
  const inclusion = new Inclusion(options.events)
  return [
    defineMethod({
      name: 'eth_sendRawTransaction',
      doc: 'Submits a signed transaction (types 2, 1, protected 0) and returns its hash.',
      cost: 2,
      params: { raw: p.data(RAW_BYTES_MAX) },
      returns: HASH_SCHEMA,
      run: async ({ raw }) => {
        const id: TxId = keccak256(raw) as Uint8Array
        const rejection = await admit(backend, raw, id)
        if (rejection !== undefined) throw submitError(rejection)
        return toHex(id)
      },
    }),
    defineMethod({
      name: 'eth_sendRawTransactionSync',
      doc:
        'Submits and returns the receipt once final (EIP-7966); error 4 with the hash on time-out. Of a known ' +
        'transaction it waits for the receipt, or returns it at once, so that a retry is safe.',
      cost: 10,
      params: {
        raw: p.data(RAW_BYTES_MAX),
        timeoutMs: optional(
          invalidWhen(p.uintOrInteger, (value) =>
            value >= 1 && value <= SYNC_TIMEOUT_MS_MAX ? undefined : `expected 1 to ${SYNC_TIMEOUT_MS_MAX}`,
          ),
        ),
      },
      returns: { type: 'object' },
      run: async ({ raw, timeoutMs }) => {
        if (inclusion.full) throw limitExceeded(`at most ${WAITERS_MAX} requests may wait at once`)
        const id: TxId = keccak256(raw) as Uint8Array
        // Wait before submitting: on a fast chain the block may be final before submit resolves.
        const waiting = waitForReceipt({
          inclusion,
          indexes,
          id,
          timeoutMs: timeoutMs ?? SYNC_TIMEOUT_MS_DEFAULT,
        })
        try {
          const rejection = await admit(backend, raw, id)
          if (rejection !== undefined && rejection.code !== 'alreadyKnown') throw submitError(rejection)
          const included = rejection === undefined ? undefined : await includedReceipt(backend, indexes, id)
          if (included === undefined) return await waiting.receipt
          waiting.cancel()
          return included
        } catch (error) {
          waiting.cancel()
          throw error
        }
      },
    }),
  ]
}
