// Gas prices and what makes a transaction invalid against the state (WALLETS §1). Used by execution and mempool.
import { assert } from '../base/assert.ts'
import { LANE_PERCENT, type Lane, laneGasMax, type PerLane, perLane } from '../base/lanes.ts'
import type { Params } from '../base/moduleDefinition.ts'
import { baseFeesOf, gasByLane, type Header } from '../base/protocol/header.ts'
import { maxBigint, minBigint, mulDivFloor } from '../base/units.ts'
import type { Account, accountsSchema } from './modules/accounts/schema.ts'
import type { Transaction } from './transaction.ts'

export type BlockParams = Params<typeof accountsSchema>

/** Longest pause that raises the gas target. */
const TARGET_PERIOD_MS_MAX = 2000
const BASE_FEE_STEP = 8n
const WEI = 1n

/** What a block's base fees follow from: its parent's header. */
export type FeeParent = Pick<
  Header,
  'baseFeePerGas' | 'laneFees' | 'gasUsed' | 'laneGas' | 'gasLimit' | 'timestampMs'
>
type FeeParams = Pick<BlockParams, 'gasTargetPerSecond' | 'minBaseFeePerGas'>

/** Gas at which a lane's fee stays the same: its share of gas per second over min(dt, 2 s), at most half of the lane. */
export function laneTarget(
  lane: Lane,
  options: { readonly gasTargetPerSecond: number; readonly periodMs: number; readonly gasLimit: number },
): bigint {
  const { gasTargetPerSecond, periodMs, gasLimit } = options
  const share = BigInt(LANE_PERCENT[lane]) * BigInt(Math.min(periodMs, TARGET_PERIOD_MS_MAX))
  const target = mulDivFloor(BigInt(gasTargetPerSecond), share, 100_000n)
  return maxBigint(1n, minBigint(target, BigInt(laneGasMax(lane, gasLimit)) / 2n))
}

/** Base fee of each lane in a block, from its parent and its own time (ECONOMY §7). */
export function nextBaseFees(parent: FeeParent, timestampMs: number, params: FeeParams): PerLane<bigint> {
  assert(timestampMs >= parent.timestampMs, 'a block is not before its parent')
  const fees = baseFeesOf(parent)
  const gasUsed = gasByLane(parent)
  const periodMs = timestampMs - parent.timestampMs
  const { gasTargetPerSecond } = params
  return perLane((lane) => {
    const target = laneTarget(lane, { gasTargetPerSecond, periodMs, gasLimit: parent.gasLimit })
    const fee = movedFee(fees[lane], { used: BigInt(gasUsed[lane]), target })
    return maxBigint(maxBigint(WEI, params.minBaseFeePerGas), fee)
  })
}

/**
 * A lane at twice its target, or empty, moves its fee by 1/8 (EIP-1559). Rounding favours the sender, but whatever is
 * off the target moves the fee by at least 1 wei, so that no fee is too small to fall or rise.
 */
function movedFee(fee: bigint, gas: { readonly used: bigint; readonly target: bigint }): bigint {
  const { used, target } = gas
  if (used === target) return fee
  // However short the period, one block raises the fee by at most one step.
  const off = used > target ? minBigint(used, 2n * target) - target : target - used
  const step = maxBigint(WEI, mulDivFloor(fee, off, target * BASE_FEE_STEP))
  return used > target ? fee + step : maxBigint(0n, fee - step)
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

/** What a transaction costs by its bytes alone. */
export interface Cost {
  readonly gas: number
  /** Undefined when its calls are in different lanes: it is invalid, since no single base fee applies. */
  readonly lane: Lane | undefined
}

export const INVALID_CODES = [
  'MixedLanes',
  'IntrinsicGasTooLow',
  'FeeCapTooLow',
  'NonceTooLow',
  'NonceTooHigh',
  'InsufficientFunds',
] as const
export type InvalidCode = (typeof INVALID_CODES)[number]

/**
 * Why a transaction cannot be in a block with these base fees, or undefined. `cost` is what its bytes cost, and where
 * (dispatch.ts `costOf`).
 */
export function checkTransaction(
  transaction: Pick<Transaction, 'gasLimit' | 'maxFeePerGas' | 'nonce' | 'valueBase'>,
  facts: { readonly account: Account; readonly baseFees: PerLane<bigint>; readonly cost: Cost },
): InvalidCode | undefined {
  const { account, baseFees, cost } = facts
  if (cost.lane === undefined) return 'MixedLanes'
  if (transaction.gasLimit < cost.gas) return 'IntrinsicGasTooLow'
  if (transaction.maxFeePerGas < baseFees[cost.lane]) return 'FeeCapTooLow'
  if (transaction.nonce < account.nonce) return 'NonceTooLow'
  if (transaction.nonce > account.nonce) return 'NonceTooHigh'
  const neededBase = BigInt(transaction.gasLimit) * transaction.maxFeePerGas + transaction.valueBase
  return account.balanceBase < neededBase ? 'InsufficientFunds' : undefined
}
