// One block of the model: what is drawn, the transactions, the end of a window, matching. Owns: their order.

import { sum } from './arithmetic.ts'
import { holdCapacity } from './capacity.ts'
import { shortfall, totalCapacity, totalLiabilities } from './coverage.ts'
import { noteWithdrawn } from './cures.ts'
import { attend, beginFailures, deliverFaults, type Progress, type Turn } from './defaults.ts'
import { forgetSales, lookAtSeries } from './deliveries.ts'
import { findMissingGrants, returnRecalled, settleVouchered } from './delivery.ts'
import { charge, moveBaseFees, type Paid, payTips } from './fees.ts'
import { conclude, type GovernanceTerms } from './governance.ts'
import { coinsOf, redemptionEscrow } from './ledger.ts'
import { type Matched, type MatchLimit, matchUpTo } from './matching.ts'
import { holdAuction } from './orders.ts'
import { endLots } from './pledges.ts'
import { settlePurchases } from './purchases.ts'
import { draw, endHopeless, enqueue, expire, tailNumber } from './queue.ts'
import { completeRecount, endsWindow, endWindow } from './windows.ts'
import type { World } from './world.ts'

export interface BlockFacts {
  readonly timestampMs: number
  readonly proposer: string
  /** Legal group of the proposer, and how many groups the validator set has. */
  readonly proposerGroup: string
  readonly groups: number
  readonly mix: string
  /** Operators of the validator set. */
  readonly validators: readonly string[]
  /** How far the chain's step limit let its matching come in this block. */
  readonly matching: MatchLimit
  readonly governance: GovernanceTerms
  /** Lot groups that the chain's recount has passed while it is under way after this block; undefined when it is not. */
  readonly recounting: ReadonlySet<number> | undefined
  /** Where the block stands in the rounds of the validators. */
  readonly turn: Turn
  /** How far the chain's step limits have let defaults come. */
  readonly defaults: readonly Progress[]
}

/** Runs an action; undefined when it succeeds. The model charges its fee before. */
export interface Step {
  readonly paid: Paid
  run(world: World): unknown
}

/** Applies one block; returns the results of its steps and what was matched. */
export function runBlock(
  world: World,
  facts: BlockFacts,
  steps: readonly Step[],
): { readonly results: readonly unknown[]; readonly matched: Matched } {
  moveBaseFees(world, facts.timestampMs - world.timestampMs)
  world.height++
  world.drawnInBlock = 0
  world.sales.boughtInBlock = 0
  world.timestampMs = facts.timestampMs
  world.validators = facts.validators
  settlePurchases(world, { ...facts, height: world.height, isCounting: world.recounting !== undefined })
  findMissingGrants(world)
  returnRecalled(world)
  endHopeless(world)
  drawWaiting(world, facts)
  endHopeless(world)
  attend(world, facts.turn)
  beginFailures(world, facts.defaults)
  conclude(world, facts.governance)
  const results = steps.map((step) => {
    charge(world, step.paid)
    const result = step.run(world)
    endHopeless(world)
    return result
  })
  payTips(world, facts.proposer)
  const isEnd = endsWindow(world)
  if (isEnd) {
    settleVouchered(world)
    if (facts.recounting !== undefined) holdCapacity(world)
    endWindow(world, facts.governance, facts.turn)
  }
  world.recounting = facts.recounting
  if (world.recounting !== undefined) {
    endLots(world)
    noteWithdrawn(world, ({ key }) => facts.recounting!.has(world.groupNumbers.get(key) ?? 0))
  }
  if (world.counted.window < world.window && world.recounting === undefined) completeRecount(world)
  // What lots have ended with the window serve nobody any more.
  if (isEnd) endHopeless(world)
  lookAtSeries(world)
  forgetSales(world)
  // Vouchers of the window that runs: a recount that took longer is complete before them.
  if (!isEnd) settleVouchered(world)
  expire(world)
  const matched = matchUpTo(world, facts.matching)
  holdAuction(world, facts.mix)
  deliverFaults(world)
  return { results, matched }
}

/** §8: requests of earlier blocks, once a proposer of another group has drawn. */
function drawWaiting(world: World, facts: BlockFacts): void {
  const at = { ...facts, height: world.height }
  const requests = draw(world.pending, at)
  world.pending = requests.left
  for (const id of requests.drawn) {
    const request = world.requests.get(id)!
    request.isDrawn = true
    enqueue(world, id, tailNumber(world), request.lockedBase)
  }
}

/** §11: what the header shows. */
export function reserveOf(world: World) {
  return {
    supplyBase: world.supplyBase,
    liabilitiesBase: totalLiabilities(world),
    capacityBase: totalCapacity(world),
    lockedInRedemptionBase: sum([...world.requests.keys()].map((id) => coinsOf(world, redemptionEscrow(id)))),
    anchor: world.counted.anchorPpm,
    shortfallBase: shortfall(world),
  }
}
