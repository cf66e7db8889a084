// A chain and its model side by side: applies a block to both and says what differs. READ FIRST in this folder.
import { toHex } from '../../../../base/bytes.ts'
import { runBlock, type Step } from '../block.ts'
import { groupOf, type MintLimit } from '../coverage.ts'
import { laneOf } from '../fees.ts'
import type { GovernanceTerms } from '../governance.ts'
import type { World } from '../world.ts'
import { applyOperation, type BatchFailure, type Place, type Result } from './apply.ts'
import { build } from './document.ts'
import { differences, modelFacts, realFacts } from './facts.ts'
import { describe, moduleOf, nameOf, type Operation, type Sent } from './operations.ts'
import { type Executed, MAX_FEE, RealChain, TIP } from './realChain.ts'
import type { Scenario } from './scenario.ts'

/** What a block consists of: enough to replay it on both sides. */
export interface BlockPlan {
  readonly sent: readonly Sent[]
  readonly pauseMs: number
  /** Provider id; replaced by the first validator when it is none. */
  readonly proposer: number
  readonly reveal: number
}

/** The failure that a broken mint limit has. */
const LIMIT_NAMES: Readonly<Record<MintLimit, string>> = {
  status: 'ProviderNotActive',
  suspended: 'ProviderSuspended',
  notice: 'UnderNotice',
  stopped: 'MintingStopped',
  shortfall: 'CoverageShortfall',
  quota: 'QuotaExceeded',
  joint: 'JointLimitExceeded',
  ownBacking: 'OwnBackingExceeded',
  frontLoad: 'FrontLoadExceeded',
  bond: 'BondTooSmall',
}

const GOVERNANCE: GovernanceTerms = {
  approvalPpm: 666_667n,
  votingMs: 20_000,
  locksMs: { admit: 1_000, remove: 1_000, jail: 0, unjail: 500, parameters: 0 },
  openPerMemberMax: 4,
  votersMin: 3,
}

const LINES_MAX = 12

export class Pair {
  readonly real: RealChain
  readonly world: World
  /** Transactions executed so far. */
  executed = 0
  /** How often each outcome was seen: a comparison that only ever fails compares nothing. */
  readonly outcomes = new Map<string, number>()

  readonly #ignored: RegExp

  constructor(scenario: Scenario, ignored: RegExp) {
    this.#ignored = ignored
    const { document, world } = build(scenario)
    this.real = new RealChain(document)
    this.world = world
  }

  /** Differences before the first block; empty when none. */
  compareGenesis(): readonly string[] {
    return this.#differences(true)
  }

  /** Applies a block to both; returns what differs, empty when nothing does. */
  apply(plan: BlockPlan): readonly string[] {
    const { real, world } = this
    const validators = real.validatorIds
    const proposer = validators.includes(plan.proposer) ? plan.proposer : validators[0]!
    const timestampMs = real.parent.header.timestampMs + plan.pauseMs
    const block = real.next({ sent: plan.sent, timestampMs, proposer, reveal: plan.reveal })
    const proposerGroup = groupOf(world.providers.get(proposer)!)
    const windowBefore = world.window
    const groups = new Set(validators.map((id) => groupOf(world.providers.get(id)!))).size
    const { results, reservations } = runBlock(
      world,
      {
        timestampMs,
        proposer: nameOf(proposer),
        proposerGroup,
        groups,
        validators: validators.map(nameOf),
        mix: toHex(block.header.mix),
        reservations: real.count(block.systemLogs, 'redemption', 'Assigned'),
        governance: GOVERNANCE,
      },
      block.transactions.map((transaction) => stepOf(transaction, proposerGroup)),
    )
    const lines = [...block.findings.map((finding) => `the chain breaks an invariant: ${finding}`)]
    block.transactions.forEach((transaction, i) => {
      const difference = compareResult(transaction, results[i] as Result)
      if (difference !== undefined) lines.push(difference)
      this.executed++
      const seen = `${transaction.sent.operation.kind}: ${transaction.failure ?? 'done'}`
      this.outcomes.set(seen, (this.outcomes.get(seen) ?? 0) + 1)
    })
    const made = real.count(block.systemLogs, 'redemption', 'Assigned')
    if (made !== reservations.length)
      lines.push(`the chain made ${made} reservations, the model ${reservations.length}`)
    const isThorough = world.window !== windowBefore || world.height % 8 === 0
    lines.push(...this.#differences(isThorough))
    return lines.filter((line) => !this.#ignored.test(line))
  }

  #differences(isThorough: boolean): readonly string[] {
    const { real, world } = this
    const all = differences(realFacts(real, world, isThorough), modelFacts(world, isThorough))
    return all.filter((line) => !this.#ignored.test(line)).slice(0, LINES_MAX)
  }
}

function stepOf(transaction: Executed, proposerGroup: string): Step {
  const { sent, txHash, gasUsed } = transaction
  const place: Place = { txHash, proposerGroup, governance: GOVERNANCE }
  return {
    paid: {
      sender: nameOf(sent.from),
      lane: laneOfOperation(sent.operation),
      gas: gasUsed,
      maxFeePerGas: MAX_FEE,
      maxPriorityFeePerGas: TIP,
    },
    run: (world) => applyOperation(world, sent.from, sent.operation, place),
  }
}

/** All calls of a batch share one lane. */
const laneOfOperation = (operation: Operation): ReturnType<typeof laneOf> =>
  operation.kind === 'batch' && operation.calls[0] !== undefined
    ? laneOfOperation(operation.calls[0])
    : laneOf(moduleOf(operation), operation.kind)

const isBatchFailure = (result: Result): result is BatchFailure =>
  typeof result === 'object' && 'index' in result

/** Whether a failure by name is what the model expects. */
function agrees(failure: string | undefined, result: Result): boolean {
  if (result === undefined || typeof result === 'string') return failure === result
  if (isBatchFailure(result)) return false
  return [...result].some((limit) => LIMIT_NAMES[limit] === failure)
}

const inWords = (result: Result): string => {
  if (result === undefined) return 'success'
  if (typeof result === 'string') return result
  if (isBatchFailure(result)) return `call ${result.index}: ${inWords(result.inner)}`
  return [...result].map((limit) => LIMIT_NAMES[limit]).join(' or ')
}

function compareResult(transaction: Executed, result: Result): string | undefined {
  const { sent, failure, inner } = transaction
  const isSame =
    inner === undefined
      ? agrees(failure, result)
      : isBatchFailure(result) && result.index === inner.index && agrees(inner.failure, result.inner)
  if (isSame) return undefined
  const chain = inner === undefined ? (failure ?? 'success') : `call ${inner.index}: ${inner.failure}`
  return `${describe(sent)}: chain ${chain}, model ${inWords(result)}`
}
