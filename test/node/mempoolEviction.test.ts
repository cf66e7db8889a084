// Whom a full pool drops, against the rules of WALLETS §1 stated naively.
import { strict as assert } from 'node:assert'
import { bytesKey, u64be } from '../../base/bytes.ts'
import type { Address } from '../../base/ids.ts'
import { perLane } from '../../base/lanes.ts'
import { type DropReason, Mempool, type MempoolLimits } from '../../node/pool/mempool.ts'
import type { Transaction } from '../../state/transaction.ts'
import { Random } from '../support/random.ts'

const BASE_FEE = 10n

function address(index: number): Address {
  const bytes = new Uint8Array(20)
  bytes.set(u64be(index + 1), 12)
  return bytes
}

let made = 0
/** A transaction with what the pool reads of it. */
function make({ nonce, tip = 1n, sizeBytes = 100 }: { nonce: number; tip?: bigint; sizeBytes?: number }) {
  const hash = new Uint8Array(32)
  hash.set(u64be(++made))
  return {
    nonce,
    hash,
    key: bytesKey(hash),
    raw: new Uint8Array(sizeBytes),
    gasLimit: 21_000,
    maxFeePerGas: BASE_FEE + tip,
    maxPriorityFeePerGas: tip,
    valueBase: 0n,
  } as unknown as Transaction
}

class Pool {
  readonly pool: Mempool
  readonly nonces = new Map<string, number>()

  constructor(limits: Partial<MempoolLimits>) {
    this.pool = new Mempool(
      {
        account: (of) => ({ nonce: this.nonces.get(bytesKey(of)) ?? 0, balanceBase: 10n ** 30n }),
        baseFees: () => perLane(() => BASE_FEE),
        costOf: () => ({ gas: 21_000, lane: 'general' }),
        gasMax: () => 1_000_000,
        nowMs: () => 0,
      },
      limits,
    )
  }

  add(from: number, fields: { nonce: number; tip?: bigint; sizeBytes?: number }) {
    return this.pool.add(make(fields), address(from))
  }

  /** Nonces by account, ascending. */
  contents(): Map<string, number[]> {
    const found = new Map<string, number[]>()
    for (const { senderKey, transaction } of this.pool.entries()) {
      const nonces = found.get(senderKey) ?? []
      found.set(senderKey, nonces)
      nonces.push(transaction.nonce)
    }
    for (const nonces of found.values()) nonces.sort((a, b) => a - b)
    return found
  }

  /** Guaranteed transactions of an account: the lowest executable ones. */
  floorOf(key: string, nonces: readonly number[], floor: number): number {
    const first = this.nonces.get(key) ?? 0
    let count = 0
    while (count < floor && nonces[count] === first + count) count++
    return count
  }
}

const fill = (pool: Pool, from: number, count: number, tip = 1n): void => {
  for (let nonce = 0; nonce < count; nonce++) assert.equal(pool.add(from, { nonce, tip }), undefined)
}

describe('mempool.eviction', () => {
  it('takes the highest nonces of the largest accounts first, whatever they tip', () => {
    const pool = new Pool({ countMax: 100, guaranteedPerAccount: 4 })
    fill(pool, 0, 60, 1_000n)
    fill(pool, 1, 40, 1n)
    assert.equal(pool.add(2, { nonce: 0, tip: 1n }), undefined)
    // One lacked and two more, a fiftieth of the pool, at once.
    assert.deepEqual([...pool.contents().values()].map((nonces) => nonces.length).sort(), [1, 40, 57])
    assert.equal(pool.pool.pendingNonce(address(0)), 57)
    assert.equal(pool.pool.pendingNonce(address(1)), 40)
  })

  it('keeps the guaranteed ones of everybody against an account of any size and tip', () => {
    const pool = new Pool({ countMax: 100, guaranteedPerAccount: 10 })
    for (let from = 1; from <= 9; from++) fill(pool, from, 10, 1n)
    fill(pool, 0, 10, 1n)
    const rejection = pool.add(0, { nonce: 10, tip: 1_000_000n })
    assert.equal(rejection?.code, 'poolFull')
    assert.match(rejection!.message, /10 transactions of this account are pending, and only the first 10/)
    assert.equal(pool.pool.size, 100)
  })

  it('guarantees nothing to transactions behind a gap', () => {
    const pool = new Pool({ countMax: 40, guaranteedPerAccount: 10 })
    for (let nonce = 1; nonce <= 20; nonce++) assert.equal(pool.add(0, { nonce, tip: 9n }), undefined)
    fill(pool, 1, 10, 1n)
    fill(pool, 2, 10, 1n)
    for (let nonce = 0; nonce < 10; nonce++)
      assert.equal(pool.add(3, { nonce, tip: 1n }), undefined, String(nonce))
    assert.deepEqual(
      [...pool.contents().values()].map((nonces) => nonces.length),
      [10, 10, 10, 10],
    )
  })

  it('lets the transaction that closes a gap keep those behind it', () => {
    const pool = new Pool({ countMax: 12, guaranteedPerAccount: 4 })
    for (const nonce of [1, 2, 3]) pool.add(0, { nonce })
    fill(pool, 1, 9)
    assert.equal(pool.add(0, { nonce: 0 }), undefined)
    assert.equal(pool.pool.pendingNonce(address(0)), 4)
    assert.equal(pool.pool.pendingNonce(address(1)), 8)
  })

  it('names the limit and the missing nonce', () => {
    const pool = new Pool({ perAccount: 100, gappedPerAccount: 4, countMax: 200 })
    fill(pool, 1, 71)
    assert.equal(pool.add(1, { nonce: 87 }), undefined)
    assert.equal(
      pool.add(1, { nonce: 100 })?.message,
      'nonce 100 is 29 ahead of 71: send 71 first (limit 100 from 0)',
    )
    fill(pool, 2, 60)
    for (const nonce of [88, 89, 90]) assert.equal(pool.add(1, { nonce }), undefined)
    assert.deepEqual(pool.add(1, { nonce: 91 }), {
      code: 'nonceTooHigh',
      message: 'nonce 91 is 20 ahead of 71: send 71 first (limit 4 ahead while the pool fills)',
    })
    assert.equal(pool.add(1, { nonce: 71 }), undefined)
    for (let nonce = 72; nonce < 87; nonce++) assert.equal(pool.add(1, { nonce }), undefined)
    for (let nonce = 91; nonce < 100; nonce++) assert.equal(pool.add(1, { nonce }), undefined)
    assert.deepEqual(pool.add(1, { nonce: 100 }), {
      code: 'accountLimit',
      message: 'account limit exceeded: 100 transactions from 0 on are pending, limit 100',
    })
  })

  it('takes 2,000 transactions of one account in any order while it has room', () => {
    const pool = new Pool({})
    const nonces = Array.from({ length: 2_000 }, (_, nonce) => nonce)
    for (const nonce of new Random(1).shuffled(nonces)) assert.equal(pool.add(0, { nonce }), undefined)
    assert.equal(pool.pool.pendingNonce(address(0)), 2_000)
  })

  it('looks through all accounts once, whatever many transactions of rising tips ask for', () => {
    const accounts = 1_000
    let looks = 0
    const fees = perLane(() => BASE_FEE)
    const look = (): bigint => {
      looks++
      return BASE_FEE
    }
    const counted = Object.defineProperty({ ...fees }, 'general', { get: look })
    const pool = new Mempool(
      {
        account: () => ({ nonce: 0, balanceBase: 10n ** 30n }),
        baseFees: () => counted,
        costOf: () => ({ gas: 21_000, lane: 'general' }),
        gasMax: () => 1_000_000,
        nowMs: () => 0,
      },
      { countMax: accounts },
    )
    for (let from = 0; from < accounts; from++)
      assert.equal(pool.add(make({ nonce: 0, tip: 1_000n }), address(from)), undefined)
    looks = 0
    const codes = Array.from({ length: 300 }, (_, i) =>
      pool.add(make({ nonce: 0, tip: BigInt(i + 1) }), address(accounts + (i % 2))),
    ).map((rejection) => rejection?.code)
    assert.deepEqual(new Set(codes), new Set(['poolFull']))
    // One cheap place, which two accounts take from each other.
    assert.equal(pool.add(make({ nonce: 0, tip: 2_000n }), address(accounts)), undefined)
    while (pool.size < accounts)
      assert.equal(
        pool.add(make({ nonce: 0, tip: pool.size === accounts - 1 ? 1n : 3_000n }), address(++made)),
        undefined,
      )
    for (let i = 0; i < 300; i++)
      assert.equal(pool.add(make({ nonce: 0, tip: BigInt(2 + i) }), address(5_000_000 + (i % 2))), undefined)
    assert.ok(looks < 5 * accounts, `${looks} looks at tips`)
  })

  it('holds what the rules say after every step of random traffic', () => {
    const seen = { evicted: 0, evictedAboveFloor: 0, refused: 0 }
    for (let seed = 0; seed < 8; seed++) randomTraffic(seed, seen)
    for (const [kind, count] of Object.entries(seen))
      assert.ok(count > 100, `${kind} happened ${count} times`)
  })
})

const FLOOR = 3
const COUNT_MAX = 60
const BYTES_MAX = 5_600

interface Seen {
  evicted: number
  evictedAboveFloor: number
  refused: number
}

/** Adds, replaces and finalizes at random; checks each change against the rules. */
function randomTraffic(seed: number, seen: Seen): void {
  const random = new Random(seed)
  const pool = new Pool({
    perAccount: 30,
    gappedPerAccount: 5,
    guaranteedPerAccount: FLOOR,
    countMax: COUNT_MAX,
    bytesMax: BYTES_MAX,
  })
  const hashes = new Map<string, { senderKey: string; transaction: Transaction }>()
  for (let step = 0; step < 250; step++) {
    const from = random.between(0, 29)
    const key = bytesKey(address(from))
    const first = pool.nonces.get(key) ?? 0
    if (random.between(0, 11) === 0) {
      pool.nonces.set(key, first + random.between(0, 2))
      pool.pool.onFinalized([address(from)])
      continue
    }
    const nonce =
      random.between(0, 2) === 0 ? first + random.between(0, 32) : pool.pool.pendingNonce(address(from))
    const transaction = make({
      nonce,
      tip: BigInt(random.between(0, 49)),
      sizeBytes: 80 + random.between(0, 59),
    })
    const before = pool.contents()
    const rejection = pool.pool.add(transaction, address(from))
    const context = `seed ${seed}, step ${step}`
    assert.ok(pool.pool.size <= COUNT_MAX && pool.pool.bytes <= BYTES_MAX, context)
    if (rejection !== undefined) {
      assert.deepEqual(pool.contents(), before, context)
      if (rejection.code === 'poolFull') seen.refused++
      continue
    }
    hashes.set(transaction.key, { senderKey: key, transaction })
    const dropped = [...hashes.values()].filter(({ transaction: { hash } }) => !pool.pool.has(hash))
    const reasons = new Map<string, DropReason | undefined>()
    for (const item of dropped) {
      hashes.delete(item.transaction.key)
      reasons.set(item.transaction.key, pool.pool.dropReason(item.transaction.hash))
    }
    checkDropped(pool, { dropped, reasons, transaction, context })
    for (const reason of reasons.values())
      if (reason === 'evicted' || reason === 'evictedAboveFloor') seen[reason]++
  }
}

function checkDropped(
  pool: Pool,
  step: {
    readonly dropped: readonly { senderKey: string; transaction: Transaction }[]
    readonly reasons: ReadonlyMap<string, DropReason | undefined>
    readonly transaction: Transaction
    readonly context: string
  },
): void {
  const { dropped, reasons, transaction, context } = step
  const after = pool.contents()
  const surplus = [...after].filter(([key, nonces]) => nonces.length > pool.floorOf(key, nonces, FLOOR))
  for (const item of dropped) {
    const reason = reasons.get(item.transaction.key)
    assert.ok(reason !== undefined, `${context}: dropped without a reason`)
    const left = after.get(item.senderKey) ?? []
    if (reason !== 'evicted' && reason !== 'evictedAboveFloor') continue
    assert.ok(
      left.every((nonce) => nonce < item.transaction.nonce),
      `${context}: ${reason}, though a higher nonce stayed`,
    )
    if (reason === 'evictedAboveFloor') {
      const first = pool.nonces.get(item.senderKey) ?? 0
      const isSure = item.transaction.nonce - first < FLOOR && left.length === item.transaction.nonce - first
      assert.ok(!isSure, `${context}: a guaranteed transaction went as surplus`)
      for (const [, nonces] of surplus) {
        assert.ok(nonces.length <= left.length + 1, `${context}: a larger account kept more`)
      }
    } else {
      assert.equal(surplus.length, 0, `${context}: a guaranteed transaction went before surplus`)
      assert.ok(
        item.transaction.maxPriorityFeePerGas < transaction.maxPriorityFeePerGas,
        `${context}: evicted for a lower tip`,
      )
    }
  }
}
