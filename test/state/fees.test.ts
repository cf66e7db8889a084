import { strict as assert } from 'node:assert'
import fc from 'fast-check'
import { systemAddress } from '../../base/moduleDefinition.ts'
import { dispatcherOf, laneOf } from '../../state/dispatch.ts'
import { checkTransaction, gasPrice, laneGasMax, nextBaseFee } from '../../state/fees.ts'
import { MODULES } from '../../state/registry.ts'
import { addressOf, TestChain } from '../support/chainHarness.ts'

const PARAMS = { gasTargetPerSecond: 1_000_000, minBaseFeePerGas: 7n }
const GWEI = 1_000_000_000n
const parent = (gasUsed: number, baseFeePerGas = GWEI) => ({ baseFeePerGas, gasUsed, timestampMs: 5_000 })

describe('fees.nextBaseFee', () => {
  it('stays the same at the target', () => {
    assert.equal(nextBaseFee(parent(1_000_000), 6_000, PARAMS), GWEI)
    assert.equal(nextBaseFee(parent(100_000), 5_100, PARAMS), GWEI)
  })

  it('rises by an eighth at twice the target and never faster', () => {
    assert.equal(nextBaseFee(parent(2_000_000), 6_000, PARAMS), (GWEI * 9n) / 8n)
    assert.equal(nextBaseFee(parent(60_000_000), 5_001, PARAMS), (GWEI * 9n) / 8n)
  })

  it('falls by an eighth after an empty block, down to the floor', () => {
    assert.equal(nextBaseFee(parent(0), 6_000, PARAMS), (GWEI * 7n) / 8n)
    assert.equal(nextBaseFee(parent(0, 7n), 6_000, PARAMS), 7n)
  })

  it('counts at most two seconds of pause', () => {
    assert.equal(nextBaseFee(parent(2_000_000), 7_000, PARAMS), GWEI)
    assert.equal(nextBaseFee(parent(2_000_000), 65_000, PARAMS), GWEI)
  })

  it('rises by at least one wei, so that it can leave the floor', () => {
    const params = { gasTargetPerSecond: 1_000_000, minBaseFeePerGas: 0n }
    assert.equal(nextBaseFee(parent(1_000_001, 1n), 6_000, params), 2n)
    assert.equal(nextBaseFee(parent(0, 1n), 6_000, params), 1n)
  })

  it('stays between seven and nine eighths for any load', () => {
    fc.assert(
      fc.property(
        fc.bigInt(8n, 10n ** 15n),
        fc.nat(120_000_000),
        fc.integer({ min: 1, max: 100_000 }),
        (fee, gasUsed, dt) => {
          const next = nextBaseFee(parent(gasUsed, fee), 5_000 + dt, PARAMS)
          assert.ok(next * 8n <= fee * 9n + 8n && next * 8n >= fee * 7n)
        },
      ),
    )
  })
})

describe('fees.gasPrice', () => {
  it('pays the tip up to the fee cap', () => {
    assert.deepEqual(gasPrice({ maxFeePerGas: 10n, maxPriorityFeePerGas: 2n }, 5n), { price: 7n, tip: 2n })
    assert.deepEqual(gasPrice({ maxFeePerGas: 6n, maxPriorityFeePerGas: 2n }, 5n), { price: 6n, tip: 1n })
  })
})

describe('fees lanes', () => {
  it('separate proofs and redemptions from payments', () => {
    const dispatcher = dispatcherOf(MODULES, 1)
    const lane = (to: Uint8Array, data = new Uint8Array(0)) => laneOf(dispatcher, { to, data })
    assert.equal(lane(systemAddress(0, 5)), 'proof')
    assert.equal(lane(systemAddress(0, 15), new Uint8Array([1, 2, 3, 4])), 'proof')
    assert.equal(lane(systemAddress(0, 9)), 'redemption')
    assert.equal(lane(systemAddress(0, 1)), 'general')
    assert.equal(lane(systemAddress(0, 200)), 'general')
    assert.equal(lane(systemAddress(1, 9)), 'general')
    assert.equal(lane(addressOf('anyone')), 'general')
    assert.equal(laneGasMax('general', 101), 50)
    assert.equal(laneGasMax('proof', 100), 25)
  })
})

describe('fees.checkTransaction', () => {
  const chain = new TestChain()
  const { transaction } = chain.draft({
    from: 'alice',
    nonce: 3,
    to: addressOf('bob'),
    valueBase: 5n,
    gasLimit: 30_000,
    maxFeePerGas: 10n,
    maxPriorityFeePerGas: 1n,
  })
  const facts = { account: { nonce: 3, balanceBase: 300_005n }, baseFeePerGas: 10n, gas: 23_400 }

  it('accepts exactly sufficient values', () => {
    assert.equal(checkTransaction(transaction, facts), undefined)
    assert.equal(checkTransaction(transaction, { ...facts, gas: 30_000 }), undefined)
  })

  it('names what is missing', () => {
    const check = (over: object) => checkTransaction(transaction, { ...facts, ...over })
    assert.equal(check({ account: { nonce: 3, balanceBase: 300_004n } }), 'InsufficientFunds')
    assert.equal(check({ account: { nonce: 4, balanceBase: 10n ** 18n } }), 'NonceTooLow')
    assert.equal(check({ account: { nonce: 2, balanceBase: 10n ** 18n } }), 'NonceTooHigh')
    assert.equal(check({ baseFeePerGas: 11n }), 'FeeCapTooLow')
    assert.equal(check({ gas: 30_001 }), 'IntrinsicGasTooLow')
  })
})
