// Gas prices, shares of lanes and what makes a transaction invalid against the state (WALLETS §1). Used by execution and mempool.
import { assert } from '../base/assert.ts'
import type { Lane, Params } from '../base/moduleDefinition.ts'
import { maxBigint, minBigint, mulDivFloor } from '../base/units.ts'
import type { Account, accountsSchema } from './modules/accounts/schema.ts'
import type { Transaction } from './transaction.ts'

export type BlockParams = Params<typeof accountsSchema>

/** Longest pause that raises the gas target. */
const TARGET_PERIOD_MS_MAX = 2000
/** A block at twice the target, or empty, moves the base fee by 1/8 (EIP-1559). */
const BASE_FEE_STEP = 8n
const WEI = 1n

/**
 * Base fee of a block, from its parent and its own time: the target is gas per second over min(dt, 2 s).
 * Rounding favours the sender, but a rise is at least 1 wei.
 */
export function nextBaseFee(
  parent: {
    readonly baseFeePerGas: bigint
    readonly gasUsed: number
    readonly timestampMs: number
  },
  timestampMs: number,
  params: Pick<BlockParams, 'gasTargetPerSecond' | 'minBaseFeePerGas'>,
): bigint {
  assert(timestampMs >= parent.timestampMs, 'a block is not before its parent')
  const periodMs = Math.min(timestampMs - parent.timestampMs, TARGET_PERIOD_MS_MAX)
  const target = maxBigint(1n, mulDivFloor(BigInt(params.gasTargetPerSecond), BigInt(periodMs), 1000n))
  const floor = maxBigint(WEI, params.minBaseFeePerGas)
  const fee = parent.baseFeePerGas
  // However short the period, one block raises the fee by at most one step.
  const used = minBigint(BigInt(parent.gasUsed), 2n * target)
  if (used > target) {
    return maxBigint(floor, fee + maxBigint(WEI, mulDivFloor(fee, used - target, target * BASE_FEE_STEP)))
  }
  return maxBigint(floor, fee - mulDivFloor(fee, target - used, target * BASE_FEE_STEP))
}

/** What a transaction pays per gas at a base fee; `tip` is the proposer's part. Its fee cap must reach the base fee. */
export function gasPrice(
  transaction: Pick<Transaction, 'maxFeePerGas' | 'maxPriorityFeePerGas'>,
  baseFeePerGas: bigint,
): { readonly price: bigint; readonly tip: bigint } {
  assert(transaction.maxFeePerGas >= baseFeePerGas, 'the fee cap reaches the base fee')
  const tip = minBigint(transaction.maxPriorityFeePerGas, transaction.maxFeePerGas - baseFeePerGas)
  return { price: baseFeePerGas + tip, tip }
}

/** Separate block space: what each lane may use. */
const LANE_PERCENT: { readonly [L in Lane]: number } = { general: 50, redemption: 25, proof: 25 }

/** Gas that one lane may use in a block, rounded down. */
export function laneGasMax(lane: Lane, blockGasLimit: number): number {
  return Math.floor((blockGasLimit * LANE_PERCENT[lane]) / 100)
}

export const INVALID_CODES = [
  'IntrinsicGasTooLow',
  'FeeCapTooLow',
  'NonceTooLow',
  'NonceTooHigh',
  'InsufficientFunds',
] as const
export type InvalidCode = (typeof INVALID_CODES)[number]

/**
 * Why a transaction cannot be in a block with this base fee, or undefined. `gas` is what its bytes cost
 * (dispatch.ts `gasOf`).
 */
export function checkTransaction(
  transaction: Transaction,
  facts: { readonly account: Account; readonly baseFeePerGas: bigint; readonly gas: number },
): InvalidCode | undefined {
  const { account, baseFeePerGas, gas } = facts
  if (transaction.gasLimit < gas) return 'IntrinsicGasTooLow'
  if (transaction.maxFeePerGas < baseFeePerGas) return 'FeeCapTooLow'
  if (transaction.nonce < account.nonce) return 'NonceTooLow'
  if (transaction.nonce > account.nonce) return 'NonceTooHigh'
  const neededBase = BigInt(transaction.gasLimit) * transaction.maxFeePerGas + transaction.valueBase
  return account.balanceBase < neededBase ? 'InsufficientFunds' : undefined
}
