// Transactions waiting for a block. Owns: per-account nonce queues, replacement, eviction, reasons for every drop.
// Not: signature checks (senderPool.ts), gossip (p2p/), execution (state/).
import { bytesKey } from '../../base/bytes.ts'
import type { Address, TxId } from '../../base/ids.ts'
import { LANES, type Lane, type PerLane, perLane } from '../../base/lanes.ts'
import { minBigint } from '../../base/units.ts'
import type { SubmitRejection } from '../../rpc/backend.ts'
import type { Cost } from '../../state/fees.ts'
import type { Transaction } from '../../state/transaction.ts'

/** Limits of WALLETS §1; every queue and map below is bounded by one of them. */
export interface MempoolLimits {
  readonly executablePerAccount: number
  readonly gappedPerAccount: number
  readonly bytesMax: number
  readonly countMax: number
  readonly replacementPercent: number
  readonly parkedExpiryMs: number
  /** How many dropped transactions keep their reason. */
  readonly dropReasonsMax: number
}

export const MEMPOOL_LIMITS: MempoolLimits = {
  executablePerAccount: 64,
  gappedPerAccount: 16,
  bytesMax: 64 * 1024 * 1024,
  countMax: 200_000,
  replacementPercent: 10,
  parkedExpiryMs: 10 * 60 * 1000,
  dropReasonsMax: 20_000,
}

/** The node is under load at this pool size: proposers wait for more transactions, and gossiped ones are not resent at once. */
export const LOAD_MIN = 64

/** What the pool reads from the chain: finalized state. */
export interface MempoolChain {
  account(address: Address): { readonly nonce: number; readonly balanceBase: bigint }
  /** Base fees of the next block. */
  baseFees(): PerLane<bigint>
  /** Gas the transaction will use, and its lane; depends only on its bytes. */
  costOf(transaction: Transaction): Cost
  /** Largest gas of one transaction: its lane in one block. */
  gasMax(lane: Lane): number
  /** Monotonic: the age of transactions. */
  nowMs(): number
}

export interface PoolEntry {
  readonly transaction: Transaction
  readonly sender: Address
  /** `bytesKey` of the sender. */
  readonly senderKey: string
  /** Whose base fee it pays. */
  readonly lane: Lane
  /** Arrival order, for ties. */
  readonly sequence: number
  readonly arrivedAtMs: number
}

export type PoolRejection = SubmitRejection

export type DropReason = 'replaced' | 'evicted' | 'expired' | 'nonceUsed' | 'insufficientFunds'

interface AccountQueue {
  readonly sender: Address
  readonly entries: Map<number, PoolEntry>
  /** Next nonce by finalized state. */
  nonce: number
  /** Σ (gasLimit · maxFee + value) of all entries. */
  costBase: bigint
}

/** The most the sender can lose by this transaction. */
export function transactionCost(transaction: Transaction): bigint {
  return BigInt(transaction.gasLimit) * transaction.maxFeePerGas + transaction.valueBase
}

function effectiveTip(
  { transaction, lane }: Pick<PoolEntry, 'transaction' | 'lane'>,
  baseFees: PerLane<bigint>,
) {
  return minBigint(transaction.maxFeePerGas - baseFees[lane], transaction.maxPriorityFeePerGas)
}

export class Mempool {
  readonly #chain: MempoolChain
  readonly #limits: MempoolLimits
  readonly #queues = new Map<string, AccountQueue>()
  readonly #byHash = new Map<string, PoolEntry>()
  readonly #dropped = new Map<string, DropReason>()
  #bytes = 0
  #sequence = 0

  constructor(chain: MempoolChain, limits: MempoolLimits = MEMPOOL_LIMITS) {
    this.#chain = chain
    this.#limits = limits
  }

  get size(): number {
    return this.#byHash.size
  }

  get bytes(): number {
    return this.#bytes
  }

  has(hash: TxId): boolean {
    return this.#byHash.has(bytesKey(hash))
  }

  get(hash: TxId): PoolEntry | undefined {
    return this.#byHash.get(bytesKey(hash))
  }

  /** Why a transaction was dropped; kept for the latest `dropReasonsMax` drops. */
  dropReason(hash: TxId): DropReason | undefined {
    return this.#dropped.get(bytesKey(hash))
  }

  /** Every pooled transaction, in order of arrival. */
  entries(): Iterable<PoolEntry> {
    return this.#byHash.values()
  }

  /** One account's pooled transactions, in any order. */
  entriesOf(sender: Address): Iterable<PoolEntry> {
    return this.#queues.get(bytesKey(sender))?.entries.values() ?? []
  }

  /** The nonce a wallet should use next: finalized nonce plus the contiguous queue. */
  pendingNonce(address: Address): number {
    const queue = this.#queues.get(bytesKey(address))
    let nonce = this.#chain.account(address).nonce
    if (queue !== undefined) while (queue.entries.has(nonce)) nonce++
    return nonce
  }

  /** Admits a transaction with a verified signature or returns the rejection, which changes nothing. */
  add(transaction: Transaction, sender: Address): PoolRejection | undefined {
    if (this.#byHash.has(transaction.key)) return { code: 'alreadyKnown', message: 'already known' }
    const account = this.#chain.account(sender)
    const senderKey = bytesKey(sender)
    const queue = this.#queues.get(senderKey)
    const replaced = queue?.entries.get(transaction.nonce)
    const { gas, lane } = this.#chain.costOf(transaction)
    if (lane === undefined) {
      return { code: 'mixedLanes', message: 'mixed lanes: all calls of one batch must be in the same lane' }
    }
    const rejection =
      this.#checkGas(transaction, gas, lane) ??
      this.#checkNonce(transaction, account.nonce, queue) ??
      this.#checkReplacement(transaction, replaced) ??
      this.#checkFunds(transaction, account.balanceBase, queue, replaced)
    if (rejection !== undefined) return rejection
    if (!this.#makeRoom({ transaction, lane })) {
      return { code: 'poolFull', message: 'txpool is full: the tip does not exceed the lowest pooled' }
    }
    // Eviction may have removed the queue or the replaced entry: look it up again.
    const stale = this.#queues.get(senderKey)?.entries.get(transaction.nonce)
    if (stale !== undefined) this.#remove(stale, 'replaced')
    this.#insert(transaction, { sender, senderKey, lane, nonce: account.nonce })
    return undefined
  }

  #checkGas(transaction: Transaction, needed: number, lane: Lane): PoolRejection | undefined {
    if (transaction.gasLimit < needed) {
      const message = `intrinsic gas too low: have ${transaction.gasLimit}, want ${needed}`
      return { code: 'intrinsicGasTooLow', message }
    }
    const gasMax = this.#chain.gasMax(lane)
    if (needed <= gasMax) return undefined
    return {
      code: 'exceedsBlockGasLimit',
      message: `exceeds block gas limit: needs ${needed}, limit of the ${lane} lane ${gasMax}`,
    }
  }

  #checkNonce(
    transaction: Transaction,
    nonce: number,
    queue: AccountQueue | undefined,
  ): PoolRejection | undefined {
    const given = transaction.nonce
    if (given < nonce) {
      return { code: 'nonceTooLow', message: `nonce too low: next nonce ${nonce}, tx nonce ${given}` }
    }
    if (queue?.entries.has(given) === true) return undefined
    let next = nonce
    if (queue !== undefined) while (queue.entries.has(next)) next++
    const { executablePerAccount, gappedPerAccount } = this.#limits
    if (given >= nonce + executablePerAccount + gappedPerAccount) {
      return { code: 'nonceTooHigh', message: `nonce too high: next nonce ${next}, tx nonce ${given}` }
    }
    const isNext = given === next
    const held = isNext ? next - nonce : (queue?.entries.size ?? 0) - (next - nonce)
    const countMax = isNext ? executablePerAccount : gappedPerAccount
    if (held < countMax) return undefined
    const kind = isNext ? 'executable' : 'gapped'
    return {
      code: 'accountLimit',
      message: `account limit reached: ${held} ${kind} transactions are pending`,
    }
  }

  #checkReplacement(transaction: Transaction, replaced: PoolEntry | undefined): PoolRejection | undefined {
    if (replaced === undefined) return undefined
    const percent = BigInt(100 + this.#limits.replacementPercent)
    const old = replaced.transaction
    const enough =
      transaction.maxFeePerGas * 100n >= old.maxFeePerGas * percent &&
      transaction.maxPriorityFeePerGas * 100n >= old.maxPriorityFeePerGas * percent
    if (enough) return undefined
    return { code: 'replacementUnderpriced', message: 'replacement transaction underpriced' }
  }

  /** Checks that the balance covers the account's whole queue. */
  #checkFunds(
    transaction: Transaction,
    balanceBase: bigint,
    queue: AccountQueue | undefined,
    replaced: PoolEntry | undefined,
  ): PoolRejection | undefined {
    const others =
      (queue?.costBase ?? 0n) - (replaced === undefined ? 0n : transactionCost(replaced.transaction))
    const cost = transactionCost(transaction)
    if (others + cost <= balanceBase) return undefined
    const queued = others > 0n ? `, queued cost ${others}` : ''
    const message = `insufficient funds for gas * price + value: balance ${balanceBase}, tx cost ${cost}${queued}`
    return { code: 'insufficientFunds', message }
  }

  /** Evicts the cheapest queue tails when the pool is full, a twentieth at a time so that scans are rare. */
  #makeRoom(wanted: Pick<PoolEntry, 'transaction' | 'lane'>): boolean {
    const { transaction } = wanted
    const { bytesMax, countMax } = this.#limits
    if (this.#bytes + transaction.raw.length <= bytesMax && this.#byHash.size < countMax) return true
    const baseFees = this.#chain.baseFees()
    const tails = [...this.#queues.values()].map(
      (queue) => queue.entries.get(Math.max(...queue.entries.keys()))!,
    )
    tails.sort((a, b) => {
      const d = effectiveTip(a, baseFees) - effectiveTip(b, baseFees)
      return d === 0n ? b.sequence - a.sequence : d < 0n ? -1 : 1
    })
    const tip = effectiveTip(wanted, baseFees)
    const bytesGoal = bytesMax - Math.max(transaction.raw.length, Math.floor(bytesMax / 20))
    const countGoal = Math.min(countMax - 1, Math.floor((countMax * 19) / 20))
    for (const tail of tails) {
      if (this.#bytes <= bytesGoal && this.#byHash.size <= countGoal) break
      if (effectiveTip(tail, baseFees) >= tip) break
      this.#remove(tail, 'evicted')
    }
    return this.#bytes + transaction.raw.length <= bytesMax && this.#byHash.size < countMax
  }

  #insert(
    transaction: Transaction,
    account: Pick<PoolEntry, 'sender' | 'senderKey' | 'lane'> & { readonly nonce: number },
  ): void {
    const { sender, senderKey, lane, nonce } = account
    let queue = this.#queues.get(senderKey)
    if (queue === undefined) {
      queue = { sender, entries: new Map(), nonce, costBase: 0n }
      this.#queues.set(senderKey, queue)
    }
    const entry: PoolEntry = {
      transaction,
      sender,
      senderKey,
      lane,
      sequence: this.#sequence++,
      arrivedAtMs: this.#chain.nowMs(),
    }
    queue.nonce = nonce
    queue.entries.set(transaction.nonce, entry)
    queue.costBase += transactionCost(transaction)
    this.#byHash.set(transaction.key, entry)
    this.#dropped.delete(transaction.key)
    this.#bytes += transaction.raw.length
  }

  #remove(entry: PoolEntry, reason: DropReason | undefined): void {
    const { senderKey: key } = entry
    const queue = this.#queues.get(key)
    const { key: hashKey } = entry.transaction
    if (!this.#byHash.delete(hashKey)) return
    this.#bytes -= entry.transaction.raw.length
    if (queue !== undefined) {
      queue.entries.delete(entry.transaction.nonce)
      queue.costBase -= transactionCost(entry.transaction)
      if (queue.entries.size === 0) this.#queues.delete(key)
    }
    if (reason === undefined) return
    this.#dropped.set(hashKey, reason)
    if (this.#dropped.size > this.#limits.dropReasonsMax) {
      const oldest = this.#dropped.keys().next().value
      if (oldest !== undefined) this.#dropped.delete(oldest)
    }
  }

  /**
   * Includable transactions on a parent state, best effective tip first, nonces in order per account.
   * `nonceAt` is the account nonce on that parent; the base fees are those of the block to build. Once a lane has no
   * room, none of it are offered, so that its queue takes no time from the others.
   */
  *candidates(
    options: { nonceAt: (address: Address) => number; baseFees: PerLane<bigint> },
    hasRoom: (lane: Lane) => boolean = () => true,
  ): Iterable<PoolEntry> {
    const { baseFees } = options
    const heads: PerLane<Head[]> = perLane(() => [])
    const push = (entry: PoolEntry | undefined): void => {
      if (entry === undefined || entry.transaction.maxFeePerGas < baseFees[entry.lane]) return
      heads[entry.lane].push({ entry, tip: effectiveTip(entry, baseFees) })
      siftUp(heads[entry.lane])
    }
    for (const queue of this.#queues.values()) push(queue.entries.get(options.nonceAt(queue.sender)))
    for (;;) {
      let from: Head[] | undefined
      for (const lane of LANES) {
        const [head] = heads[lane]
        if (head !== undefined && hasRoom(lane) && (from === undefined || better(head, from[0]!)))
          from = heads[lane]
      }
      if (from === undefined) return
      const best = popBest(from)
      yield best
      push(this.#queues.get(best.senderKey)?.entries.get(best.transaction.nonce + 1))
    }
  }

  /** Whether any transaction could be included in a block on that parent. */
  hasIncludable(options: { nonceAt: (address: Address) => number; baseFees: PerLane<bigint> }): boolean {
    for (const queue of this.#queues.values()) {
      const head = queue.entries.get(options.nonceAt(queue.sender))
      if (head !== undefined && head.transaction.maxFeePerGas >= options.baseFees[head.lane]) return true
    }
    return false
  }

  /** Drops transactions that were or can never be included, for the accounts that a final block touched. */
  onFinalized(touched: Iterable<Address>): void {
    for (const address of touched) {
      const queue = this.#queues.get(bytesKey(address))
      if (queue === undefined) continue
      const account = this.#chain.account(address)
      queue.nonce = account.nonce
      for (const entry of [...queue.entries.values()]) {
        if (entry.transaction.nonce < account.nonce) this.#remove(entry, 'nonceUsed')
      }
      while (queue.costBase > account.balanceBase && queue.entries.size > 0) {
        this.#remove(queue.entries.get(Math.max(...queue.entries.keys()))!, 'insufficientFunds')
      }
    }
    this.#expire()
  }

  /** Removes transactions that a finalized block included, without a drop reason. */
  onIncluded(hashes: Iterable<TxId>): void {
    for (const hash of hashes) {
      const entry = this.#byHash.get(bytesKey(hash))
      if (entry !== undefined) this.#remove(entry, undefined)
    }
  }

  #lastExpiryMs = 0

  #expire(): void {
    const now = this.#chain.nowMs()
    // The scan covers the whole pool, so run it at most every few seconds.
    if (now - this.#lastExpiryMs < 5_000) return
    this.#lastExpiryMs = now
    const baseFees = this.#chain.baseFees()
    for (const entry of this.#byHash.values()) {
      // In order of arrival: the first recent entry ends the scan.
      if (now - entry.arrivedAtMs < this.#limits.parkedExpiryMs) break
      const queue = this.#queues.get(entry.senderKey)
      const isGapped = queue !== undefined && entry.transaction.nonce !== queue.nonce
      if (isGapped || entry.transaction.maxFeePerGas < baseFees[entry.lane]) this.#remove(entry, 'expired')
    }
  }
}

/** The next transaction of one account, with its tip. */
interface Head {
  readonly entry: PoolEntry
  readonly tip: bigint
}

function better(a: Head, b: Head): boolean {
  return a.tip === b.tip ? a.entry.sequence < b.entry.sequence : a.tip > b.tip
}

function siftUp(heap: Head[]): void {
  let at = heap.length - 1
  while (at > 0) {
    const above = (at - 1) >> 1
    if (!better(heap[at]!, heap[above]!)) return
    const kept = heap[at]!
    heap[at] = heap[above]!
    heap[above] = kept
    at = above
  }
}

function popBest(heap: Head[]): PoolEntry {
  const best = heap[0]!
  const last = heap.pop()!
  if (heap.length === 0) return best.entry
  heap[0] = last
  let at = 0
  for (;;) {
    let next = at
    for (const child of [2 * at + 1, 2 * at + 2]) {
      if (child < heap.length && better(heap[child]!, heap[next]!)) next = child
    }
    if (next === at) return best.entry
    const kept = heap[at]!
    heap[at] = heap[next]!
    heap[next] = kept
    at = next
  }
}
