import assert from 'node:assert/strict'
import { EMPTY_BYTES } from '../../base/bytes.ts'
import { keccak256 } from '../../base/crypto/hash.ts'
import { RateLimiter } from '../../rpc/access.ts'
import { SUBMIT_REJECTION_CODES } from '../../rpc/backend.ts'
import { submitError } from '../../rpc/errors.ts'
import { bloomMayHold, bloomOfLogs } from '../../rpc/eth/bloom.ts'
import { failureWords } from '../../rpc/failures.ts'
import { defineMethod, methodTable } from '../../rpc/method.ts'
import { parseData, parseQuantity } from '../../rpc/params.ts'
import { accountsSchema } from '../../state/modules/accounts/schema.ts'
import { logsBloom } from '../../state/receipt.ts'
import { encodeFailure } from '../../state/rules.ts'
import { CHAIN } from '../support/chainHarness.ts'

describe('rpc.RateLimiter', () => {
  it('refills over time, overdraws by at most one burst, separates clients', () => {
    const limiter = new RateLimiter({ perSecond: 2, burst: 4 })
    assert.equal(limiter.retryAfterSeconds('a', 0), 0)
    limiter.charge('a', 100, 0)
    assert.equal(limiter.retryAfterSeconds('a', 0), 3)
    assert.equal(limiter.retryAfterSeconds('b', 0), 0)
    assert.equal(limiter.retryAfterSeconds('a', 2_400), 1)
    assert.equal(limiter.retryAfterSeconds('a', 2_500), 0)
  })
})

describe('rpc.submitError', () => {
  it('contains the phrase that clients match, with any message', () => {
    for (const code of SUBMIT_REJECTION_CODES) {
      const bare = submitError({ code, message: 'detail' })
      assert.match(bare.message, /: detail$/)
      const phrase = bare.message.slice(0, -': detail'.length)
      assert.equal(submitError({ code, message: `${phrase}: 5` }).message, `${phrase}: 5`)
      assert.deepEqual(bare.data, { code })
    }
    assert.match(submitError({ code: 'nonceTooLow', message: 'x' }).message, /^nonce too low/)
  })
})

describe('rpc.params', () => {
  it('parses data strictly', () => {
    assert.deepEqual(parseData('0x', 5), EMPTY_BYTES)
    assert.deepEqual(parseData('0x0aFF', 5), new Uint8Array([10, 255]))
    for (const bad of ['0x1', '0xgg', '0x0g', 'aa', '0x010203040506', 5, null]) {
      assert.throws(() => parseData(bad, 5))
    }
  })

  it('parses quantities strictly', () => {
    assert.equal(parseQuantity('0x0'), 0n)
    assert.equal(parseQuantity(`0x${'f'.repeat(64)}`), 2n ** 256n - 1n)
    for (const bad of ['', '0x', '0x00', '0x01', '10', `0x1${'0'.repeat(64)}`, '0x-1', 7, null]) {
      assert.throws(() => parseQuantity(bad))
    }
  })
})

describe('rpc.bloom', () => {
  it("equals the state's bloom, and contains the added entries", () => {
    const logs = [1, 2, 3].map((n) => ({
      address: keccak256(new Uint8Array([n])).slice(12),
      topics: [keccak256(new Uint8Array([n, n]))],
      data: EMPTY_BYTES,
    }))
    const bloom = bloomOfLogs(logs)
    assert.deepEqual(bloom, logsBloom(logs))
    for (const log of logs) assert.ok(bloomMayHold(bloom, log.address) && bloomMayHold(bloom, log.topics[0]!))
    assert.ok(!bloomMayHold(bloom, keccak256(new Uint8Array([9]))))
  })
})

describe('rpc.failureWords', () => {
  it('describes nested failures and unknown errors', () => {
    const inner = encodeFailure(accountsSchema, { code: 'NestedBatch', fields: { index: 2 } })
    const outer = encodeFailure(accountsSchema, { code: 'BatchFailed', fields: { index: 1, reason: inner } })
    const words = failureWords(CHAIN.modules, outer)
    assert.equal(words.name, 'BatchFailed')
    assert.equal(words.arguments?.index, 1)
    assert.equal(words.sentence, 'batch failed: BatchFailed(index=1, reason=NestedBatch(index=2))')
    assert.equal(failureWords(CHAIN.modules, outer.slice(0, 40)).arguments, null)
    assert.equal(failureWords(CHAIN.modules, new Uint8Array([1, 2, 3, 4])).name, null)
  })
})

describe('rpc.methodTable', () => {
  it('rejects a duplicate name', () => {
    const method = defineMethod({ name: 'a_b', doc: '', cost: 1, params: {}, returns: {}, run: () => null })
    assert.throws(() => methodTable([method, method]), /defined twice/)
  })
})
