import assert from 'node:assert/strict'
import { recoverAddress, secretKeyAddress } from '../../base/address.ts'
import { bigintToFixed, bytesKey, utf8 } from '../../base/bytes.ts'
import { keccak256 } from '../../base/crypto/hash.ts'
import { signHash } from '../../base/crypto/secp256k1.ts'
import type { Address } from '../../base/ids.ts'
import { createSenderPool, type SenderPool } from '../../node/pool/senderPool.ts'
import type { SignedHash } from '../../node/pool/senderRows.ts'

const KEYS = Array.from({ length: 7 }, (_, i) => bigintToFixed(BigInt(i + 1), 32))
const ADDRESSES = KEYS.map((key) => secretKeyAddress(key))

/** Every eleventh signature matches no key. */
function signedBatch(count: number): { items: SignedHash[]; expected: (Address | undefined)[] } {
  const items: SignedHash[] = []
  const expected: (Address | undefined)[] = []
  for (let i = 0; i < count; i++) {
    const signingHash = keccak256(utf8(`transfer ${i}`))
    const signature = signHash(signingHash, KEYS[i % KEYS.length]!)
    const isBad = i % 11 === 10
    if (isBad) signature.set(bigintToFixed(5n, 32))
    items.push({ key: bytesKey(keccak256(signature)), signingHash, signature })
    expected.push(isBad ? undefined : ADDRESSES[i % KEYS.length])
  }
  return { items, expected }
}

describe('node.senderPool', () => {
  const open: SenderPool[] = []
  const create: typeof createSenderPool = (options) => {
    const pool = createSenderPool(options)
    open.push(pool)
    return pool
  }
  afterEach(async () => {
    await Promise.all(open.splice(0).map((pool) => pool.close()))
  })

  for (const workers of [0, 1, 2]) {
    it(`recovers in order with ${workers} workers`, async () => {
      const pool = create({ workers })
      for (const count of [0, 1, 15, 16, 200, 1100]) {
        const { items, expected } = signedBatch(count)
        assert.deepEqual(await pool.recover(items), expected)
      }
    })
  }

  it('leaves the batch untouched', async () => {
    const { items, expected } = signedBatch(70)
    const pool = create({ workers: 1 })
    await pool.recover(items)
    assert.deepEqual(await pool.recover(items), expected)
  })

  it('refuses batches when the queue is full, but never a block', async () => {
    const pool = create({ workers: 1, queuedMax: 100 })
    const { items, expected } = signedBatch(90)
    // The first goes to the thread, the second is queued.
    const first = Promise.all([pool.recover(items), pool.recover(items)])
    await assert.rejects(pool.recover(items), { name: 'SenderPoolError', code: 'QueueFull' })
    assert.deepEqual(await pool.recover(items, { urgent: true }), expected)
    assert.deepEqual(await first, [expected, expected])
    assert.deepEqual(await pool.recover(items), expected)
  })

  it('serves a block before queued batches', async () => {
    const pool = create({ workers: 1 })
    const { items } = signedBatch(640)
    const order: string[] = []
    const gossip = pool.recover(items).then(() => order.push('gossip'))
    const block = pool.recover(items.slice(0, 64), { urgent: true }).then(() => order.push('block'))
    await Promise.all([gossip, block])
    assert.deepEqual(order, ['block', 'gossip'])
  })

  it('rejects unfinished requests when it closes', async () => {
    const pool = create({ workers: 1 })
    const { items } = signedBatch(600)
    const pending = assert.rejects(pool.recover(items), { code: 'Closed' })
    await pool.close()
    await pending
    await assert.rejects(pool.recover(items), { code: 'Closed' })
    await pool.close()
  })

  it('finishes the work of a lost thread itself', async () => {
    const lost: Error[] = []
    const entry = new URL('data:text/javascript,throw new Error("gone")')
    const pool = create({ workers: 2, entry, onWorkerLost: (error) => lost.push(error) })
    const { items, expected } = signedBatch(600)
    assert.deepEqual(await pool.recover(items), expected)
    assert.deepEqual(
      lost.map((error) => error.message),
      ['gone', 'gone'],
    )
    assert.deepEqual(await pool.recover(items), expected)
  })

  describe('a cached sender', () => {
    /** A pool whose own thread counts what it recovers. */
    function counting(workers: number): { pool: SenderPool; counts: { recovered: number } } {
      const counts = { recovered: 0 }
      const pool = create({
        workers,
        recoverOne: ({ signingHash, signature }) => {
          counts.recovered++
          return recoverAddress(signingHash, signature)
        },
      })
      return { pool, counts }
    }

    it('is not recovered again, unlike an invalid signature', async () => {
      const { pool, counts } = counting(0)
      const { items, expected } = signedBatch(22)
      assert.deepEqual(await pool.recover(items), expected)
      assert.equal(counts.recovered, 22)
      // The same envelopes, decoded again.
      assert.deepEqual(await pool.recover(items.map((item) => ({ ...item }))), expected)
      assert.equal(counts.recovered, 24)
    })

    it('serves queued gossip that a block had recovered meanwhile', async () => {
      const { pool, counts } = counting(0)
      const { items, expected } = signedBatch(10)
      const gossip = pool.recover(items, { patient: true })
      assert.deepEqual(await pool.recover(items, { urgent: true }), expected)
      assert.deepEqual(await gossip, expected)
      assert.equal(counts.recovered, 10)
    })

    it('serves chunks waiting for a thread, in part or in whole', async () => {
      const { pool, counts } = counting(1)
      const { items, expected } = signedBatch(300)
      const first = items.slice(0, 100)
      assert.deepEqual(await pool.recover(first), expected.slice(0, 100))
      // Half of it is cached, then all of it.
      assert.deepEqual(await pool.recover(items.slice(50, 150)), expected.slice(50, 150))
      const all = [pool.recover(items), pool.recover(items), pool.recover(items, { urgent: true })]
      assert.deepEqual(await Promise.all(all), [expected, expected, expected])
      assert.equal(counts.recovered, 0, 'the thread did the work')
    })

    it('is looked up by the transaction key only', async () => {
      const { pool } = counting(0)
      const { items, expected } = signedBatch(2)
      await pool.recover(items)
      const swapped = [
        { ...items[0]!, key: items[1]!.key },
        { ...items[1]!, key: items[0]!.key },
      ]
      assert.deepEqual(await pool.recover(swapped), [expected[1], expected[0]])
    })
  })
})
