// txpool_* and eth_pendingTransactions: what waits in this node's mempool. `pending` can be in a block now, `queued`
// waits for an earlier nonce. Not: the mempool (node/pool/).

import { checksumAddress } from '../../base/address.ts'
import { bytesKey } from '../../base/bytes.ts'
import type { Json } from '../../base/field.ts'
import type { Backend, PooledTransaction } from '../backend.ts'
import { limitExceeded } from '../errors.ts'
import { defineMethod, type Method } from '../method.ts'
import { p } from '../params.ts'
import { TimeSlice } from '../timeSlice.ts'
import { quantity, transactionJson } from './format.ts'

/** Transactions in one answer. */
const ANSWER_MAX = 10_000

type Kind = 'pending' | 'queued'
type Show = (pooled: PooledTransaction) => Json

/** Tells pending from queued; asks for each account's next nonce once. */
function kindsOf(backend: Backend): (pooled: PooledTransaction) => Kind {
  const nextNonces = new Map<string, number>()
  return ({ transaction, sender }) => {
    const key = bytesKey(sender)
    let next = nextNonces.get(key)
    if (next === undefined) {
      next = backend.pendingNonce(sender)
      nextNonces.set(key, next)
    }
    return transaction.nonce < next ? 'pending' : 'queued'
  }
}

/** Visits the whole mempool in slices of time. */
async function eachPooled(
  backend: Backend,
  visit: (pooled: PooledTransaction, kind: Kind) => void,
): Promise<void> {
  const kindOf = kindsOf(backend)
  // No limit in total: the mempool is bounded.
  const slice = new TimeSlice(Number.POSITIVE_INFINITY)
  for (const pooled of backend.pooledTransactions()) {
    await slice.next()
    visit(pooled, kindOf(pooled))
  }
}

function inNonceOrder(pooled: readonly PooledTransaction[], show: Show): Json {
  const sorted = pooled.toSorted((a, b) => a.transaction.nonce - b.transaction.nonce)
  return Object.fromEntries(sorted.map((one) => [String(one.transaction.nonce), show(one)]))
}

/** Both kinds by account and nonce, as geth shows them. */
async function contentOf(backend: Backend, show: Show): Promise<Json> {
  const found: Record<Kind, Map<string, PooledTransaction[]>> = { pending: new Map(), queued: new Map() }
  let count = 0
  await eachPooled(backend, (pooled, kind) => {
    if (++count > ANSWER_MAX) {
      throw limitExceeded(`more than ${ANSWER_MAX} transactions wait: ask txpool_contentFrom for one account`)
    }
    const sender = checksumAddress(pooled.sender)
    const own = found[kind].get(sender)
    if (own === undefined) found[kind].set(sender, [pooled])
    else own.push(pooled)
  })
  const json = (kind: Kind): Json =>
    Object.fromEntries([...found[kind]].map(([sender, pooled]) => [sender, inNonceOrder(pooled, show)]))
  return { pending: json('pending'), queued: json('queued') }
}

const whole: Show = ({ transaction, sender }) => transactionJson(transaction, sender, undefined)
const inShort: Show = ({ transaction: { to, valueBase, gasLimit, maxFeePerGas } }) =>
  `${checksumAddress(to)}: ${valueBase} wei + ${gasLimit} gas × ${maxFeePerGas} wei`

export function txpoolMethods(backend: Backend): readonly Method[] {
  return [
    defineMethod({
      name: 'txpool_status',
      doc: "Number of transactions in this node's mempool: those that can be in a block now, and those that wait for a nonce.",
      cost: 50,
      params: {},
      returns: { type: 'object' },
      run: async () => {
        const counts: Record<Kind, number> = { pending: 0, queued: 0 }
        await eachPooled(backend, (_, kind) => void counts[kind]++)
        return { pending: quantity(counts.pending), queued: quantity(counts.queued) }
      },
    }),
    defineMethod({
      name: 'txpool_content',
      doc: `Returns the mempool by account and nonce; at most ${ANSWER_MAX} transactions.`,
      cost: 500,
      params: {},
      returns: { type: 'object' },
      run: () => contentOf(backend, whole),
    }),
    defineMethod({
      name: 'txpool_inspect',
      doc: `Like txpool_content, each transaction in one line; at most ${ANSWER_MAX}.`,
      cost: 500,
      params: {},
      returns: { type: 'object' },
      run: () => contentOf(backend, inShort),
    }),
    defineMethod({
      name: 'txpool_contentFrom',
      doc: "Returns one account's transactions in the mempool, by nonce.",
      cost: 50,
      params: { address: p.address },
      returns: { type: 'object' },
      run: ({ address }) => {
        const own = [...backend.pooledTransactions(address)]
        const next = backend.pendingNonce(address)
        return {
          pending: inNonceOrder(
            own.filter(({ transaction }) => transaction.nonce < next),
            whole,
          ),
          queued: inNonceOrder(
            own.filter(({ transaction }) => transaction.nonce >= next),
            whole,
          ),
        }
      },
    }),
    defineMethod({
      name: 'eth_pendingTransactions',
      doc: `Returns the transactions in the mempool that can be in a block now; at most ${ANSWER_MAX}.`,
      cost: 500,
      params: {},
      returns: { type: 'array' },
      run: async () => {
        const found: Json[] = []
        await eachPooled(backend, (pooled, kind) => {
          if (kind === 'queued') return
          if (found.length >= ANSWER_MAX) {
            throw limitExceeded(
              `more than ${ANSWER_MAX} transactions wait: ask txpool_contentFrom for one account`,
            )
          }
          found.push(whole(pooled))
        })
        return found
      },
    }),
  ]
}
