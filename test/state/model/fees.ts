// ECONOMY §7: a base fee for each lane, and who gets what is paid. Not: gas, which the runner reads from receipts.
import { atLeastZero, ceilDiv, floorDiv, least, most, P } from './arithmetic.ts'
import { totalLiabilities } from './coverage.ts'
import { voters } from './governance.ts'
import { coinsOf, FUND, moveCoins } from './ledger.ts'
import { LANES, type Lane, type World } from './world.ts'

/** Share of a block's gas, percent. */
export const LANE_PERCENT: Readonly<Record<Lane, number>> = {
  general: 50,
  redemption: 15,
  service: 10,
  proof: 25,
}

/** Modules whose calls are not in the general lane; actions of redemption are split. */
export function laneOf(module: string, action: string): Lane {
  if (module === 'default') return ['commitBid', 'revealBid'].includes(action) ? 'proof' : 'general'
  if (['oracle', 'audit', 'evidence'].includes(module)) return 'proof'
  if (module !== 'redemption') return 'general'
  return ['list', 'unlist', 'grant', 'settle', 'reject', 'resume'].includes(action) ? 'service' : 'redemption'
}

export const laneGasMax = (world: World, lane: Lane): number =>
  Math.floor((world.parameters.blockGasLimit * LANE_PERCENT[lane]) / 100)

/** `share·gasTargetPerSecond·min(dt, 2 s)`, at most half of the lane. */
export function laneTarget(world: World, lane: Lane, dtMs: number): bigint {
  const perSecond = BigInt(LANE_PERCENT[lane]) * BigInt(world.parameters.gasTargetPerSecond)
  const target = floorDiv(perSecond * BigInt(Math.min(dtMs, 2_000)), 100n * 1_000n)
  return most(1n, least(target, floorDiv(BigInt(laneGasMax(world, lane)), 2n)))
}

/** EIP-1559 with the parent's gas of each lane: at most an eighth up or down, at least 1 wei either way. */
export function moveBaseFees(world: World, dtMs: number): void {
  const floor = most(1n, world.parameters.minBaseFeePerGas)
  for (const lane of LANES) {
    const target = laneTarget(world, lane, dtMs)
    const used = least(BigInt(world.laneGas[lane]), 2n * target)
    const fee = world.baseFees[lane]
    const step = (distance: bigint): bigint => most(1n, floorDiv(fee * distance, target * 8n))
    if (used > target) world.baseFees[lane] = most(floor, fee + step(used - target))
    else if (used < target) world.baseFees[lane] = most(floor, fee - step(target - used))
    world.laneGas[lane] = 0
  }
}

export interface Paid {
  readonly sender: string
  readonly lane: Lane
  readonly gas: number
  readonly maxFeePerGas: bigint
  readonly maxPriorityFeePerGas: bigint
}

/** Charges a transaction; its base fee waits for the window's end, its tip for the block's. */
export function charge(world: World, paid: Paid): void {
  const base = world.baseFees[paid.lane]
  const tip = least(paid.maxPriorityFeePerGas, paid.maxFeePerGas - base)
  const gas = BigInt(paid.gas)
  world.laneGas[paid.lane] += paid.gas
  world.nonces.set(paid.sender, (world.nonces.get(paid.sender) ?? 0) + 1)
  moveCoins(world, paid.sender, COLLECTED, gas * base)
  moveCoins(world, paid.sender, TIPS, gas * tip)
}

/** Where fees are until they are paid out. */
const COLLECTED = 'collected base fees'
const TIPS = 'collected tips'

/** The fund's target is a share of ΣL; rounded up: the fund gains. */
export const fundTarget = (world: World): bigint =>
  ceilDiv(totalLiabilities(world) * world.parameters.fundTargetPpm, P)

/** Tips go to the proposer of the block. */
export function payTips(world: World, proposer: string): void {
  moveCoins(world, TIPS, proposer, coinsOf(world, TIPS))
}

/** At a window's end base fees fill the fund to its target; above it they go equally to all validators that have not lost the vote. */
export function sharePayments(world: World): void {
  const missing = atLeastZero(fundTarget(world) - coinsOf(world, FUND))
  moveCoins(world, COLLECTED, FUND, least(missing, coinsOf(world, COLLECTED)))
  const electorate = voters(world)
  if (electorate.length === 0) return
  const each = floorDiv(coinsOf(world, COLLECTED), BigInt(electorate.length))
  for (const { operator } of electorate) moveCoins(world, COLLECTED, operator, each)
}
