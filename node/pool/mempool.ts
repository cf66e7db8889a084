// Transactions waiting for a block. Owns: admission, replacement, limits, reasons for every drop.
// Not: one account's queue (accountQueue.ts), whom a full pool drops (eviction.ts), signature checks (senderPool.ts),
// gossip (p2p/), execution (state/).
import { assert } from '../../base/assert.ts'
import { bytesKey } from '../../base/bytes.ts'
import type { Address, TxId } from '../../base/ids.ts'
import { LANES, type Lane, type PerLane, perLane } from '../../base/lanes.ts'
import { coinsText } from '../../base/units.ts'
import type { SubmitRejection } from '../../rpc/backend.ts'
import type { Cost } from '../../state/fees.ts'
import type { Transaction } from '../../state/transaction.ts'
import { AccountQueue } from './accountQueue.ts'
import { chooseEvicted, type EvictionRequest, isGuaranteed, type Refusal } from './eviction.ts'
import { effectiveTip, type PoolEntry, transactionCost } from './poolEntry.ts'
import { SizeCounts } from './sizeCounts.ts'
import { better, type Head, popBest, siftUp } from './tipHeap.ts'

/** Limits of WALLETS §1; every queue and map below is bounded by one of them. */
export interface MempoolLimits {
  /** Transactions of one account, and how far ahead of its nonce they may be. */
  readonly perAccount: number
  /** Of these, how many may wait for a missing nonce once the pool is more than half full. */
  readonly gappedPerAccount: number
  /** Executable transactions of an account that no larger account displaces when the pool is full. */
  readonly guaranteedPerAccount: number
  readonly bytesMax: number
  readonly countMax: number
  readonly replacementPercent: number
  readonly parkedExpiryMs: number
  /** How many dropped transactions keep their reason. */
  readonly dropReasonsMax: number
}

/** The guaranteed floor; limits per account are never below it. */
export const GUARANTEED_PER_ACCOUNT = 64

export const MEMPOOL_LIMITS: MempoolLimits = {
  perAccount: 4_096,
  gappedPerAccount: 256,
  guaranteedPerAccount: GUARANTEED_PER_ACCOUNT,
  bytesMax: 64 * 1024 * 1024,
  // A pooled transfer takes about 1.3 KB of memory: 130 MB at most, besides the bytes of large transactions.
  countMax: 100_000,
  replacementPercent: 10,
  parkedExpiryMs: 10 * 60 * 1000,
  dropReasonsMax: 20_000,
}

/** The node is under load with so many transactions: proposers wait for more, and gossiped ones are not resent at once. */
export const LOAD_MIN = 64
/** A full pool frees one part in this many at a time, if that much may go, so that choosing whom to drop is rare. */
const FREED_AT_ONCE = 50

/** What the pool reads from the chain: finalized state. */
export interface MempoolChain {
  account(address: Address): PoolAccount
  /** Base fees of the next block. */
  baseFees(): PerLane<bigint>
  /** Gas the transaction will use, and its lane; depends only on its bytes. */
  costOf(transaction: Transaction): Cost
  /** Largest gas of one transaction: its lane in one block. */
  gasMax(lane: Lane): number
  /** Monotonic: the age of transactions. */
  nowMs(): number
}

interface PoolAccount {
  readonly nonce: number
  readonly balanceBase: bigint
}

export type DropReason =
  | 'replaced'
  /** The pool was full, and others tip more. */
  | 'evicted'
  /** The pool was full, and it was above the account's guaranteed floor. */
  | 'evictedAboveFloor'
  | 'expired'
  | 'nonceUsed'
  | 'insufficientFunds'
  /** By whoever runs the devnet. */
  | 'dropped'

/** What a candidate must meet: the account nonces on the parent and the base fees of the block to build. */
export interface Includable {
  readonly nonceAt: (address: Address) => number
  readonly baseFees: PerLane<bigint>
}

export class Mempool {
  readonly #chain: MempoolChain
  readonly #limits: MempoolLimits
  readonly #queues = new Map<string, AccountQueue>()
  readonly #byHash = new Map<string, PoolEntry>()
  readonly #dropped = new Map<string, DropReason>()
  #bytes = 0
  #sequence = 0
  #lastExpiryMs = 0
  readonly #sizes = new SizeCounts()
  /** What a full pool refused since its contents last changed: a flood must not cost a search each. */
  #refused: Refused = {}

  constructor(chain: MempoolChain, limits: Partial<MempoolLimits> = {}) {
    this.#chain = chain
    this.#limits = { ...MEMPOOL_LIMITS, ...limits }
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

  /** Whether a block on the finalized state could include an entry, once those before it are included: asked of many at once. */
  includableNow(): (entry: PoolEntry) => boolean {
    const baseFees = this.#chain.baseFees()
    return ({ transaction, lane, senderKey }) => {
      const missing = this.#queues.get(senderKey)?.missing ?? 0
      return transaction.nonce < missing && transaction.maxFeePerGas >= baseFees[lane]
    }
  }

  /** One account's pooled transactions, in any order. */
  entriesOf(sender: Address): Iterable<PoolEntry> {
    return this.#queues.get(bytesKey(sender))?.entries() ?? []
  }

  /** The nonce a wallet should use next: finalized nonce plus the contiguous queue. */
  pendingNonce(address: Address): number {
    const { nonce } = this.#chain.account(address)
    return Math.max(nonce, this.#queues.get(bytesKey(address))?.missing ?? 0)
  }

  /** Admits a transaction with a verified signature or returns the rejection, which changes nothing. */
  add(transaction: Transaction, sender: Address): SubmitRejection | undefined {
    if (this.#byHash.has(transaction.key)) return { code: 'alreadyKnown', message: 'already known' }
    const account = this.#chain.account(sender)
    const senderKey = bytesKey(sender)
    const known = this.#queues.get(senderKey)
    if (known !== undefined && known.nonce < account.nonce) this.#settle(known, account)
    const { gas, lane } = this.#chain.costOf(transaction)
    if (lane === undefined) {
      return { code: 'mixedLanes', message: 'mixed lanes: all calls of one batch must be in the same lane' }
    }
    const queue = this.#queues.get(senderKey) ?? new AccountQueue(sender, account.nonce)
    const replaced = queue.get(transaction.nonce)
    const rejection =
      this.#checkGas(transaction, gas, lane) ??
      this.#checkNonce(transaction, queue) ??
      this.#checkReplacement(transaction, replaced) ??
      checkFunds(transaction, { balanceBase: account.balanceBase, queue, replaced }) ??
      this.#makeRoom({ transaction, lane }, queue)
    if (rejection !== undefined) return rejection
    if (replaced !== undefined) this.#remove(replaced, 'replaced')
    this.#insert(transaction, { sender, senderKey, lane, queue })
    return undefined
  }

  #checkGas(transaction: Transaction, needed: number, lane: Lane): SubmitRejection | undefined {
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

  #checkNonce({ nonce: given }: Transaction, queue: AccountQueue): SubmitRejection | undefined {
    const { nonce, missing } = queue
    const { perAccount, gappedPerAccount } = this.#limits
    if (given < nonce) {
      return { code: 'nonceTooLow', message: `nonce too low: next nonce ${nonce}, tx nonce ${given}` }
    }
    if (queue.get(given) !== undefined) return undefined
    const first = `nonce ${given} is ${given - missing} ahead of ${missing}: send ${missing} first`
    if (given >= nonce + perAccount) {
      if (missing < nonce + perAccount)
        return { code: 'nonceTooHigh', message: `${first} (limit ${perAccount} from ${nonce})` }
      const message = `account limit exceeded: ${missing - nonce} transactions from ${nonce} on are pending, limit ${perAccount}`
      return { code: 'accountLimit', message }
    }
    if (given === missing || this.#hasRoom() || queue.gappedCount < gappedPerAccount) return undefined
    return {
      code: 'nonceTooHigh',
      message: `${first} (limit ${gappedPerAccount} ahead while the pool fills)`,
    }
  }

  /** Whether the pool is so empty that transactions in any order are welcome. */
  #hasRoom(): boolean {
    const { bytesMax, countMax } = this.#limits
    return this.#bytes * 2 <= bytesMax && this.#byHash.size * 2 <= countMax
  }

  #checkReplacement(transaction: Transaction, replaced: PoolEntry | undefined): SubmitRejection | undefined {
    if (replaced === undefined) return undefined
    const percent = BigInt(100 + this.#limits.replacementPercent)
    const old = replaced.transaction
    const enough =
      transaction.maxFeePerGas * 100n >= old.maxFeePerGas * percent &&
      transaction.maxPriorityFeePerGas * 100n >= old.maxPriorityFeePerGas * percent
    if (enough) return undefined
    return { code: 'replacementUnderpriced', message: 'replacement transaction underpriced' }
  }

  /** Drops what must go for one more transaction when the pool is full, or refuses it. */
  #makeRoom(wanted: Pick<PoolEntry, 'transaction' | 'lane'>, own: AccountQueue): SubmitRejection | undefined {
    const { bytesMax, countMax, guaranteedPerAccount: floor } = this.#limits
    const replaced = own.get(wanted.transaction.nonce)?.transaction
    const needed = {
      bytes: this.#bytes + wanted.transaction.raw.length - (replaced?.raw.length ?? 0) - bytesMax,
      count: this.#byHash.size + (replaced === undefined ? 1 : 0) - countMax,
    }
    if (needed.bytes <= 0 && needed.count <= 0) return undefined
    const goal = {
      bytes: needed.bytes + Math.floor(bytesMax / FREED_AT_ONCE),
      count: needed.count + Math.floor(countMax / FREED_AT_ONCE),
    }
    const baseFees = this.#chain.baseFees()
    const request = { queues: this.#queues.values(), floor, needed, goal, wanted, own, baseFees }
    const refused = this.#refusalAtOnce(request)
    if (refused !== undefined) return fullRejection(refused, request)
    const eviction = chooseEvicted({ ...request, queues: [...this.#queues.values()] })
    if ('refused' in eviction) {
      this.#refused =
        eviction.refused === 'aboveFloor'
          ? { ...this.#refused, accountSize: own.size + 1 }
          : {
              ...this.#refused,
              tip: effectiveTip(wanted, baseFees),
              sizeBytes: wanted.transaction.raw.length,
            }
      return fullRejection(eviction.refused, request)
    }
    for (const entry of eviction.aboveFloor) this.#remove(entry, 'evictedAboveFloor')
    for (const entry of eviction.outbid) this.#remove(entry, 'evicted')
    return undefined
  }

  /** What a search would find, where it is plain: the last of the largest account, or no better than one just refused. */
  #refusalAtOnce(request: Omit<EvictionRequest, 'queues'>): Refusal | undefined {
    const { own, wanted, baseFees } = request
    const { accountSize = Number.POSITIVE_INFINITY, tip, sizeBytes = 0 } = this.#refused
    const { nonce, raw } = wanted.transaction
    if (!isGuaranteed(request)) {
      const isLast = own.size === 0 || nonce > own.last.transaction.nonce
      return isLast && own.size + 1 >= Math.min(this.#sizes.max, accountSize) ? 'aboveFloor' : undefined
    }
    const isWorse = tip !== undefined && raw.length >= sizeBytes && effectiveTip(wanted, baseFees) <= tip
    return isWorse ? 'outbid' : undefined
  }

  #insert(
    transaction: Transaction,
    account: Pick<PoolEntry, 'sender' | 'senderKey' | 'lane'> & { readonly queue: AccountQueue },
  ): void {
    const { sender, senderKey, lane, queue } = account
    const entry: PoolEntry = {
      transaction,
      sender,
      senderKey,
      lane,
      sequence: this.#sequence++,
      arrivedAtMs: this.#chain.nowMs(),
    }
    this.#refused = {}
    this.#sizes.change(queue.size, queue.size + 1)
    queue.add(entry)
    // A queue that eviction or replacement emptied is no longer listed.
    this.#queues.set(senderKey, queue)
    this.#byHash.set(transaction.key, entry)
    this.#dropped.delete(transaction.key)
    this.#bytes += transaction.raw.length
  }

  #remove(entry: PoolEntry, reason: DropReason | undefined): void {
    const { key } = entry.transaction
    if (!this.#byHash.delete(key)) return
    this.#bytes -= entry.transaction.raw.length
    const queue = this.#queues.get(entry.senderKey)
    assert(queue !== undefined, 'a pooled transaction is in a queue')
    this.#refused = {}
    this.#sizes.change(queue.size, queue.size - 1)
    queue.delete(entry)
    if (queue.size === 0) this.#queues.delete(entry.senderKey)
    if (reason === undefined) return
    this.#dropped.set(key, reason)
    if (this.#dropped.size > this.#limits.dropReasonsMax) {
      const oldest = this.#dropped.keys().next().value
      if (oldest !== undefined) this.#dropped.delete(oldest)
    }
  }

  /**
   * Includable transactions on a parent state, best effective tip first, nonces in order per account. Once a lane has
   * no room, none of it are offered, so that its queue takes no time from the others.
   */
  *candidates(
    { nonceAt, baseFees }: Includable,
    hasRoom: (lane: Lane) => boolean = () => true,
  ): Iterable<PoolEntry> {
    const heads: PerLane<Head[]> = perLane(() => [])
    const push = (entry: PoolEntry | undefined): void => {
      if (entry === undefined || entry.transaction.maxFeePerGas < baseFees[entry.lane]) return
      heads[entry.lane].push({ entry, tip: effectiveTip(entry, baseFees) })
      siftUp(heads[entry.lane])
    }
    for (const queue of this.#queues.values()) push(queue.get(nonceAt(queue.sender)))
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
      push(this.#queues.get(best.senderKey)?.get(best.transaction.nonce + 1))
    }
  }

  /** Whether any transaction could be included in a block on that parent. */
  hasIncludable(includable: Includable): boolean {
    return this.countIncludable(includable, 1) > 0
  }

  /** How many could be included in a block on that parent; counts no further than `countMax`. */
  countIncludable({ nonceAt, baseFees }: Includable, countMax: number): number {
    let count = 0
    for (const queue of this.#queues.values()) {
      for (let nonce = nonceAt(queue.sender); count < countMax; nonce++) {
        const entry = queue.get(nonce)
        if (entry === undefined || entry.transaction.maxFeePerGas < baseFees[entry.lane]) break
        count++
      }
      if (count >= countMax) break
    }
    return count
  }

  /** Drops transactions that were or can never be included, for the accounts that a final block touched. */
  onFinalized(touched: Iterable<Address>): void {
    // Base fees change what tips are worth.
    this.#refused = {}
    for (const address of touched) {
      const queue = this.#queues.get(bytesKey(address))
      if (queue !== undefined) this.#settle(queue, this.#chain.account(address))
    }
    this.#expire()
  }

  /** Brings a queue to its account's finalized state. */
  #settle(queue: AccountQueue, { nonce, balanceBase }: PoolAccount): void {
    for (const used of queue.moveTo(nonce)) this.#remove(used, 'nonceUsed')
    if (queue.costBase <= balanceBase) return
    for (const entry of queue.descending()) {
      if (queue.costBase <= balanceBase) return
      this.#remove(entry, 'insufficientFunds')
    }
  }

  /** Drops a transaction, or all, at the wish of whoever runs a devnet; returns how many there were. */
  drop(hash?: TxId): number {
    const known = hash === undefined ? [...this.entries()] : [this.get(hash)]
    const entries = known.filter((entry) => entry !== undefined)
    for (const entry of entries) this.#remove(entry, 'dropped')
    return entries.length
  }

  /** Removes transactions that a finalized block included, without a drop reason. */
  onIncluded(hashes: Iterable<TxId>): void {
    for (const hash of hashes) {
      const entry = this.#byHash.get(bytesKey(hash))
      if (entry !== undefined) this.#remove(entry, undefined)
    }
  }

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
      const isGapped = queue !== undefined && entry.transaction.nonce > queue.missing
      if (isGapped || entry.transaction.maxFeePerGas < baseFees[entry.lane]) this.#remove(entry, 'expired')
    }
  }
}

interface Refused {
  /** Transactions that an account would have had, whose last one was refused. */
  readonly accountSize?: number
  /** Tip and bytes of the last one that was not worth a guaranteed place. */
  readonly tip?: bigint
  readonly sizeBytes?: number
}

function fullRejection(
  refused: Refusal,
  { own, floor }: Pick<EvictionRequest, 'own' | 'floor'>,
): SubmitRejection {
  const why =
    refused === 'outbid'
      ? 'the tip does not exceed the lowest pooled'
      : `${own.size} transactions of this account are pending, and only the first ${floor} in nonce order are sure of a place`
  return { code: 'poolFull', message: `txpool is full: ${why}` }
}

/** Checks that the balance covers the account's whole queue. */
function checkFunds(
  transaction: Transaction,
  at: {
    readonly balanceBase: bigint
    readonly queue: AccountQueue
    readonly replaced: PoolEntry | undefined
  },
): SubmitRejection | undefined {
  const { balanceBase, queue, replaced } = at
  const others = queue.costBase - (replaced === undefined ? 0n : transactionCost(replaced.transaction))
  const cost = transactionCost(transaction)
  if (others + cost <= balanceBase) return undefined
  const queued = others > 0n ? `, queued cost ${coinsText(others)}` : ''
  // Wallets and libraries look for the words before the colon; people read what follows.
  const amounts = `balance ${coinsText(balanceBase)}, tx cost ${coinsText(cost)}${queued}`
  const message = `insufficient funds for gas * price + value: ${amounts}`
  return { code: 'insufficientFunds', message }
}
