import { strict as assert } from 'node:assert'
import { secretKeyAddress } from '../../base/address.ts'
import { bytesKey, utf8 } from '../../base/bytes.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import type { Address } from '../../base/ids.ts'
import { type Lane, perLane } from '../../base/lanes.ts'
import { MEMPOOL_LIMITS, Mempool, type MempoolLimits } from '../../node/pool/mempool.ts'
import { transactionCost } from '../../node/pool/poolEntry.ts'
import { bytesGas, decodeTransaction, signTransaction, type Transaction } from '../../state/transaction.ts'

const CHAIN_ID = 7
const GWEI = 1_000_000_000n
const keys = Array.from({ length: 8 }, (_, i) => sha256(utf8(`mempool ${i}`)))
const addresses = keys.map((key) => secretKeyAddress(key))

interface Fields {
  from: number
  nonce: number
  tip?: bigint
  cap?: bigint
  value?: bigint
  gasLimit?: number
  data?: Uint8Array
}

function make(fields: Fields): Transaction {
  const raw = signTransaction(
    {
      type: 2,
      chainId: CHAIN_ID,
      nonce: fields.nonce,
      maxPriorityFeePerGas: fields.tip ?? GWEI,
      maxFeePerGas: fields.cap ?? 10n * GWEI,
      gasLimit: fields.gasLimit ?? 21_000,
      to: addresses[0]!,
      valueBase: fields.value ?? 1n,
      data: fields.data ?? new Uint8Array(0),
      accessList: [],
    },
    keys[fields.from]!,
  )
  const decoded = decodeTransaction(raw, CHAIN_ID)
  assert.ok('transaction' in decoded)
  return decoded.transaction
}

/** One byte of data: a request; two: calls in different lanes. */
function laneByData({ data }: Transaction): Lane | undefined {
  return data.length === 1 ? 'redemption' : data.length === 2 ? undefined : 'general'
}

class FakeChain {
  readonly accounts = new Map<string, { nonce: number; balanceBase: bigint }>()
  baseFee = GWEI
  now = 1_000
  account(address: Address) {
    return this.accounts.get(bytesKey(address)) ?? { nonce: 0, balanceBase: 10n ** 18n }
  }
  set(index: number, nonce: number, balanceBase = 10n ** 18n): void {
    this.accounts.set(bytesKey(addresses[index]!), { nonce, balanceBase })
  }
  redemptionFee = GWEI
  baseFees = () => perLane((lane) => (lane === 'redemption' ? this.redemptionFee : this.baseFee))
  costOf = (transaction: Transaction) => ({ gas: bytesGas(transaction), lane: laneByData(transaction) })
  gasMax = () => 1_000_000
  nowMs = () => this.now
}

function setup(limits: Partial<MempoolLimits> = {}) {
  const chain = new FakeChain()
  const pool = new Mempool(chain, limits)
  const add = (fields: Fields): string | undefined => pool.add(make(fields), addresses[fields.from]!)?.code
  const order = (): string[] =>
    [
      ...pool.candidates({
        nonceAt: (address) => chain.account(address).nonce,
        baseFees: chain.baseFees(),
      }),
    ].map(
      (entry) =>
        `${addresses.findIndex((a) => bytesKey(a) === bytesKey(entry.sender))}:${entry.transaction.nonce}`,
    )
  return { chain, pool, add, order }
}

describe('mempool.add', () => {
  it('admits the next nonces and reports the pending nonce', () => {
    const { pool, add } = setup()
    for (let nonce = 0; nonce < 3; nonce++) assert.equal(add({ from: 1, nonce }), undefined)
    assert.equal(pool.pendingNonce(addresses[1]!), 3)
    assert.equal(pool.size, 3)
  })

  it('refuses a known transaction and changes nothing', () => {
    const { pool, add } = setup()
    add({ from: 1, nonce: 0 })
    assert.equal(add({ from: 1, nonce: 0 }), 'alreadyKnown')
    assert.equal(pool.size, 1)
  })

  it('refuses a used nonce with both figures', () => {
    const { chain, pool } = setup()
    chain.set(1, 5)
    const rejection = pool.add(make({ from: 1, nonce: 3 }), addresses[1]!)
    assert.equal(rejection?.message, 'nonce too low: next nonce 5, tx nonce 3')
    assert.equal(pool.size, 0)
  })

  it('refuses less gas than the bytes cost, and more than a block holds', () => {
    const { add } = setup()
    assert.equal(add({ from: 1, nonce: 0, gasLimit: 20_999 }), 'intrinsicGasTooLow')
    assert.equal(
      add({ from: 1, nonce: 0, gasLimit: 2_000_000, data: new Uint8Array(62_000) }),
      'exceedsBlockGasLimit',
    )
  })

  it('refuses calls in different lanes, naming the rule', () => {
    const { pool } = setup()
    const rejection = pool.add(
      make({ from: 1, nonce: 0, gasLimit: 30_000, data: new Uint8Array(2) }),
      addresses[1]!,
    )
    assert.deepEqual(rejection, {
      code: 'mixedLanes',
      message: 'mixed lanes: all calls of one batch must be in the same lane',
    })
    assert.equal(pool.size, 0)
  })

  it('refuses what the account cannot pay on top of its queue', () => {
    const { chain, pool, add } = setup()
    const one = transactionCost(make({ from: 1, nonce: 0 }))
    chain.set(1, 0, 2n * one)
    assert.equal(add({ from: 1, nonce: 0 }), undefined)
    assert.equal(add({ from: 1, nonce: 1 }), undefined)
    assert.equal(add({ from: 1, nonce: 2 }), 'insufficientFunds')
    assert.equal(pool.size, 2)
  })

  it('holds gapped transactions back until the gap closes', () => {
    const { add, order } = setup()
    assert.equal(add({ from: 1, nonce: 2 }), undefined)
    assert.equal(add({ from: 1, nonce: 1 }), undefined)
    assert.deepEqual(order(), [])
    assert.equal(add({ from: 1, nonce: 0 }), undefined)
    assert.deepEqual(order(), ['1:0', '1:1', '1:2'])
  })

  it('bounds what an account has pending, and how far ahead of its nonce', () => {
    const { add } = setup({ perAccount: 3 })
    for (let nonce = 0; nonce < 3; nonce++) assert.equal(add({ from: 1, nonce }), undefined)
    assert.equal(add({ from: 1, nonce: 3 }), 'accountLimit')
    assert.equal(add({ from: 2, nonce: 2 }), undefined)
    assert.equal(add({ from: 2, nonce: 3 }), 'nonceTooHigh')
  })

  it('replaces only for ten per cent more on both fees, and records the drop reason', () => {
    const { pool, add } = setup()
    const old = make({ from: 1, nonce: 0, tip: 100n, cap: 10n * GWEI })
    assert.equal(pool.add(old, addresses[1]!), undefined)
    assert.equal(add({ from: 1, nonce: 0, tip: 110n, cap: 10n * GWEI }), 'replacementUnderpriced')
    assert.equal(add({ from: 1, nonce: 0, tip: 109n, cap: 11n * GWEI }), 'replacementUnderpriced')
    assert.equal(add({ from: 1, nonce: 0, tip: 110n, cap: 11n * GWEI }), undefined)
    assert.equal(pool.size, 1)
    assert.equal(pool.dropReason(old.hash), 'replaced')
  })

  it('evicts the lowest tip when full and refuses what does not exceed it', () => {
    const { pool, add } = setup({ countMax: 3 })
    const cheap = make({ from: 1, nonce: 0, tip: 1n })
    pool.add(cheap, addresses[1]!)
    add({ from: 2, nonce: 0, tip: 5n })
    add({ from: 3, nonce: 0, tip: 6n })
    assert.equal(add({ from: 4, nonce: 0, tip: 1n }), 'poolFull')
    assert.equal(add({ from: 4, nonce: 0, tip: 7n }), undefined)
    assert.equal(pool.dropReason(cheap.hash), 'evicted')
    assert.ok(pool.size <= 3)
  })

  it('stays within its bytes', () => {
    const { pool, add } = setup({ bytesMax: 2_000 })
    for (let i = 1; i < 8; i++) {
      for (let nonce = 0; nonce < 5; nonce++) add({ from: i, nonce, tip: BigInt(i * 10 + nonce) })
    }
    assert.ok(pool.bytes <= 2_000)
    assert.equal(
      pool.bytes,
      [...pool.entries()].reduce((n, e) => n + e.transaction.raw.length, 0),
    )
  })
})

describe('mempool.candidates', () => {
  it('orders by effective tip, then arrival, with nonces in order', () => {
    const { add, order } = setup()
    add({ from: 1, nonce: 0, tip: 1n })
    add({ from: 1, nonce: 1, tip: 9n })
    add({ from: 2, nonce: 0, tip: 5n })
    add({ from: 3, nonce: 0, tip: 5n })
    assert.deepEqual(order(), ['2:0', '3:0', '1:0', '1:1'])
  })

  it('omits transactions below the base fee, and those after them', () => {
    const { chain, pool, add, order } = setup()
    add({ from: 1, nonce: 0, cap: GWEI })
    add({ from: 1, nonce: 1 })
    add({ from: 2, nonce: 0 })
    chain.baseFee = 2n * GWEI
    assert.deepEqual(order(), ['2:0'])
    assert.ok(pool.hasIncludable({ nonceAt: () => 0, baseFees: chain.baseFees() }))
    assert.ok(!pool.hasIncludable({ nonceAt: () => 0, baseFees: perLane(() => 20n * GWEI) }))
  })

  it('counts what a block could include: nothing behind a gap or below the base fee', () => {
    const { chain, pool, add } = setup()
    const count = (countMax = 100) =>
      pool.countIncludable({ nonceAt: () => 0, baseFees: chain.baseFees() }, countMax)
    for (let nonce = 1; nonce < 70; nonce++) add({ from: 1, nonce })
    for (let nonce = 0; nonce < 3; nonce++) add({ from: 2, nonce, cap: GWEI })
    for (let nonce = 0; nonce < 5; nonce++) add({ from: 3, nonce })
    assert.deepEqual([count(), count(7), count(1)], [8, 7, 1])
    chain.baseFee = 2n * GWEI
    assert.equal(count(), 5)
    const isIncludable = pool.includableNow()
    assert.equal([...pool.entries()].filter(isIncludable).length, 5)
  })

  it('orders by what is left above the fee of each lane, and parks what is below its own', () => {
    const { chain, add, order } = setup()
    add({ from: 1, nonce: 0, cap: 4n * GWEI, tip: 4n * GWEI })
    add({ from: 2, nonce: 0, cap: 5n * GWEI, tip: 5n * GWEI, data: new Uint8Array(1), gasLimit: 30_000 })
    assert.deepEqual(order(), ['2:0', '1:0'])
    chain.redemptionFee = 3n * GWEI
    assert.deepEqual(order(), ['1:0', '2:0'])
    chain.redemptionFee = 6n * GWEI
    assert.deepEqual(order(), ['1:0'])
  })

  it('offers nothing of a lane without room, and the other lanes as before', () => {
    const { chain, pool, add } = setup()
    for (let nonce = 0; nonce < 3; nonce++) {
      add({ from: 1, nonce, tip: 5n * GWEI, data: new Uint8Array(1), gasLimit: 30_000 })
      add({ from: 2, nonce })
    }
    const options = { nonceAt: () => 0, baseFees: chain.baseFees() }
    const taken: string[] = []
    for (const { lane } of pool.candidates(options, (lane) => lane !== 'redemption' || taken.length === 0)) {
      taken.push(lane)
    }
    assert.deepEqual(taken, ['redemption', 'general', 'general', 'general'])
  })

  it('starts at the nonce of the given parent', () => {
    const { chain, pool, add } = setup()
    for (let nonce = 0; nonce < 3; nonce++) add({ from: 1, nonce })
    const nonces = [...pool.candidates({ nonceAt: () => 2, baseFees: chain.baseFees() })]
    assert.deepEqual(
      nonces.map((entry) => entry.transaction.nonce),
      [2],
    )
    assert.ok(!pool.hasIncludable({ nonceAt: () => 3, baseFees: chain.baseFees() }))
  })
})

describe('mempool.onFinalized', () => {
  it('removes included transactions without a drop reason and used nonces with one', () => {
    const { chain, pool } = setup()
    const included = make({ from: 1, nonce: 0 })
    const rival = make({ from: 1, nonce: 1 })
    pool.add(included, addresses[1]!)
    pool.add(rival, addresses[1]!)
    chain.set(1, 2)
    pool.onIncluded([included.hash])
    pool.onFinalized([addresses[1]!])
    assert.equal(pool.size, 0)
    assert.equal(pool.dropReason(included.hash), undefined)
    assert.equal(pool.dropReason(rival.hash), 'nonceUsed')
  })

  it('drops the tail that the balance no longer covers', () => {
    const { chain, pool, add } = setup()
    for (let nonce = 0; nonce < 3; nonce++) add({ from: 1, nonce })
    chain.set(1, 0, 2n * transactionCost(make({ from: 1, nonce: 0 })))
    pool.onFinalized([addresses[1]!])
    assert.equal(pool.pendingNonce(addresses[1]!), 2)
  })

  it('expires transactions after ten minutes behind a gap or below the base fee', () => {
    const { chain, pool, add } = setup()
    const gapped = make({ from: 1, nonce: 1 })
    pool.add(gapped, addresses[1]!)
    add({ from: 2, nonce: 0 })
    chain.now += MEMPOOL_LIMITS.parkedExpiryMs
    pool.onFinalized([])
    assert.equal(pool.dropReason(gapped.hash), 'expired')
    assert.equal(pool.size, 1)
  })
})
