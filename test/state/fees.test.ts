import { strict as assert } from 'node:assert'
import fc from 'fast-check'
import { LANES, type Lane, laneGasMax, type PerLane, perLane } from '../../base/lanes.ts'
import { headerFees } from '../../base/protocol/header.ts'
import { checkTransaction, gasPrice, laneTarget, nextBaseFees } from '../../state/fees.ts'
import { addressOf, TestChain } from '../support/chainHarness.ts'

const GWEI = 1_000_000_000n
const GAS_LIMIT = 60_000_000
/** Per second 1,000,000 gas: 500,000 general, 150,000 redemption, 100,000 service, 250,000 proof. */
const PARAMS = { gasTargetPerSecond: 1_000_000, minBaseFeePerGas: 7n }
const TARGETS: PerLane<number> = { general: 500_000, redemption: 150_000, service: 100_000, proof: 250_000 }

const parent = (
  gas: Partial<PerLane<number>>,
  fee: bigint | PerLane<bigint> = GWEI,
  gasLimit = GAS_LIMIT,
) => {
  const { general, ...laneGas } = { ...perLane(() => 0), ...gas }
  const { redemption, service, proof } = laneGas
  const gasUsed = general + redemption + service + proof
  const fees = headerFees(typeof fee === 'bigint' ? perLane(() => fee) : fee)
  return { ...fees, gasUsed, laneGas, gasLimit, timestampMs: 5_000 }
}
const twice = (lane: Lane) => 2 * TARGETS[lane]

describe('fees.nextBaseFees', () => {
  it('stays the same at the target of each lane', () => {
    assert.deepEqual(
      nextBaseFees(parent(TARGETS), 6_000, PARAMS),
      perLane(() => GWEI),
    )
  })

  it('moves each lane by its own load alone', () => {
    for (const lane of LANES) {
      const next = nextBaseFees(parent({ ...TARGETS, [lane]: twice(lane) }), 6_000, PARAMS)
      assert.deepEqual(
        next,
        perLane((other) => (other === lane ? (GWEI * 9n) / 8n : GWEI)),
      )
    }
  })

  it('rises by an eighth at twice the target and never faster', () => {
    const next = nextBaseFees(parent({ redemption: 9_000_000 }), 5_001, PARAMS)
    assert.deepEqual(next, { ...perLane(() => (GWEI * 7n) / 8n), redemption: (GWEI * 9n) / 8n })
  })

  it('counts at most two seconds of pause', () => {
    const doubled = perLane(twice)
    for (const atMs of [7_000, 65_000]) {
      assert.deepEqual(
        nextBaseFees(parent(doubled), atMs, PARAMS),
        perLane(() => GWEI),
      )
    }
  })

  it('raises the fee of a full lane, however much gas a second is meant to use', () => {
    const params = { gasTargetPerSecond: 10 ** 12, minBaseFeePerGas: 1n }
    const full = parent(perLane((lane) => laneGasMax(lane, GAS_LIMIT)))
    assert.deepEqual(
      nextBaseFees(full, 7_000, params),
      perLane(() => (GWEI * 9n) / 8n),
    )
    assert.equal(laneTarget('service', { ...params, periodMs: 2_000, gasLimit: GAS_LIMIT }), 3_000_000n)
  })

  it('falls to its floor from any height and rises from it again', () => {
    const params = { ...PARAMS, minBaseFeePerGas: 1n }
    for (const from of [2n, 7n, 8n, 61n, GWEI]) {
      let fees = perLane(() => from)
      for (let i = 0; i < 200; i++) fees = nextBaseFees(parent({}, fees), 6_000, params)
      assert.deepEqual(
        fees,
        perLane(() => 1n),
      )
      for (let i = 0; i < 10; i++) fees = nextBaseFees(parent(perLane(twice), fees), 6_000, params)
      assert.deepEqual(
        fees,
        perLane(() => 11n),
      )
    }
    assert.equal(nextBaseFees(parent({}, 7n), 6_000, PARAMS).general, 7n)
  })

  it('stays between seven and nine eighths, a wei at least, for any load', () => {
    fc.assert(
      fc.property(
        fc.bigInt(8n, 10n ** 15n),
        fc.nat(6_000_000),
        fc.integer({ min: 1, max: 100_000 }),
        (fee, gas, dt) => {
          const next = nextBaseFees(
            parent(
              perLane(() => gas),
              fee,
            ),
            5_000 + dt,
            PARAMS,
          )
          for (const lane of LANES) assert.ok(next[lane] * 8n <= fee * 9n + 8n && next[lane] * 8n >= fee * 7n)
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

describe('fees.laneGasMax', () => {
  it('shares the block without a rest', () => {
    assert.deepEqual(
      perLane((lane) => laneGasMax(lane, 100)),
      { general: 50, redemption: 15, service: 10, proof: 25 },
    )
    assert.equal(laneGasMax('general', 101), 50)
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
  const facts = {
    account: { nonce: 3, balanceBase: 300_005n },
    baseFees: { ...perLane(() => 11n), service: 10n },
    cost: { gas: 23_400, lane: 'service' as Lane | undefined },
  }

  it('accepts exactly sufficient values', () => {
    assert.equal(checkTransaction(transaction, facts), undefined)
    assert.equal(
      checkTransaction(transaction, { ...facts, cost: { gas: 30_000, lane: 'service' } }),
      undefined,
    )
  })

  it('names what is missing', () => {
    const check = (over: Partial<typeof facts>) => checkTransaction(transaction, { ...facts, ...over })
    assert.equal(check({ account: { nonce: 3, balanceBase: 300_004n } }), 'InsufficientFunds')
    assert.equal(check({ account: { nonce: 4, balanceBase: 10n ** 18n } }), 'NonceTooLow')
    assert.equal(check({ account: { nonce: 2, balanceBase: 10n ** 18n } }), 'NonceTooHigh')
    assert.equal(check({ cost: { gas: 23_400, lane: 'general' } }), 'FeeCapTooLow')
    assert.equal(check({ cost: { gas: 23_400, lane: undefined } }), 'MixedLanes')
    assert.equal(check({ cost: { gas: 30_001, lane: 'service' } }), 'IntrinsicGasTooLow')
  })
})
