// A chain and its model side by side: applies a block to both and says what differs. READ FIRST in this folder.
import { toHex } from '../../../../base/bytes.ts'
import { runBlock, type Step } from '../block.ts'
import { groupOf, LIMIT_NAMES, type MintLimit } from '../coverage.ts'
import { laneOf } from '../fees.ts'
import type { GovernanceTerms } from '../governance.ts'
import { type MatchLimit, nextMatch } from '../matching.ts'
import { latestToUnbook } from '../unbooking.ts'
import type { World } from '../world.ts'
import { applyOperation, type BatchFailure, type Place, type Result } from './apply.ts'
import { build, VOTING_MS } from './document.ts'
import { differences, modelFacts, realFacts } from './facts.ts'
import { describe, moduleOf, nameOf, type Operation, type Sent } from './operations.ts'
import { type Executed, MAX_FEE, RealChain, TIP } from './realChain.ts'
import { SaleNotes } from './saleNotes.ts'
import type { Scenario } from './scenario.ts'
import { COUNTED_EVENTS, Seen } from './seen.ts'

/** What a block consists of: enough to replay it on both sides. */
export interface BlockPlan {
  readonly sent: readonly Sent[]
  readonly pauseMs: number
  /** Provider id; replaced by the first validator when it is none. */
  readonly proposer: number
  readonly reveal: number
  /** Views without a block before it. */
  readonly skippedViews: number
}

const governanceOf = ({ validatorsMin }: Scenario): GovernanceTerms => ({
  approvalPpm: 666_667n,
  votingMs: VOTING_MS,
  lockWindows: {
    admit: 1,
    remove: 1,
    jail: 0,
    unjail: 1,
    parameters: 1,
    reporters: 1,
    absentReporters: 0,
    spend: 1,
    class: 1,
  },
  openPerMemberMax: 4,
  validatorsMin,
  // The quorum of the smallest set: all but the third that may fail.
  votersMin: validatorsMin - Math.floor((validatorsMin - 1) / 3),
})

const LINES_MAX = 12
/** Every so many blocks all facts are compared. */
const LOOKED_AT_EVERY = 4

export class Pair {
  readonly real: RealChain
  readonly world: World
  /** Transactions executed so far. */
  executed = 0
  /** How often each outcome was seen: a comparison that only ever fails compares nothing. */
  readonly outcomes = new Map<string, number>()

  readonly #sales = new SaleNotes()
  readonly #ignored: RegExp
  readonly #seen = new Seen()
  readonly #looksAtAll: boolean
  readonly #governance: GovernanceTerms

  /** `looksAtAll`: all facts are compared after every block, to find the first that differs. */
  constructor(scenario: Scenario, ignored: RegExp, looksAtAll = false) {
    this.#ignored = ignored
    this.#looksAtAll = looksAtAll
    this.#governance = governanceOf(scenario)
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
    const restedBefore = real.rests()
    const parent = real.parent.header
    const block = real.next({ ...plan, timestampMs, proposer })
    const { epoch, view } = block.header
    const parentView = parent.epoch === epoch ? parent.view : undefined
    const proposerGroup = groupOf(world.providers.get(proposer)!)
    const windowBefore = world.window
    const groups = new Set(validators.map((id) => groupOf(world.providers.get(id)!))).size
    const chain: MatchLimit = {
      reservations: real.count(block.systemLogs, 'redemption', 'Assigned'),
      unbooked: real.countUnbooked(block.systemLogs),
      atPar: restedBefore && real.rests() ? new Set() : real.reservedWithoutBonus(block.systemLogs),
    }
    const { results, matched } = runBlock(
      world,
      {
        timestampMs,
        proposer: nameOf(proposer),
        proposerGroup,
        groups,
        validators: validators.map(nameOf),
        mix: toHex(block.header.mix),
        matching: chain,
        governance: this.#governance,
        recounting: real.recountedGroups(),
        turn: { epoch, view, parentView, proposer: nameOf(proposer) },
        defaults: real.defaults([...world.providers.keys()]),
      },
      block.transactions.map((transaction) => this.#stepOf(transaction, proposerGroup)),
    )
    const lines = [...block.findings.map((finding) => `the chain breaks an invariant: ${finding}`)]
    block.transactions.forEach((transaction, i) => {
      const difference = compareResult(transaction, results[i] as Result)
      if (difference !== undefined) lines.push(difference)
      this.executed++
      const seen = `${transaction.sent.operation.kind}: ${transaction.failure ?? 'done'}`
      this.outcomes.set(seen, (this.outcomes.get(seen) ?? 0) + 1)
    })
    const made = { reservations: matched.made.length, unbooked: matched.unbooked }
    if (made.reservations !== chain.reservations || made.unbooked !== chain.unbooked)
      lines.push(`matching: chain ${inCounts(chain)}, model ${inCounts(made)}`)
    if (real.rests() && nextMatch(world) !== undefined) lines.push(restLine(world))
    const latest = real.rests() && made.unbooked === chain.unbooked ? latestToUnbook(world) : undefined
    if (latest !== undefined)
      lines.push(`the queue rests on the chain alone: ${latest.request}/${latest.number} is to be un-booked`)
    this.#note(real.rests() ? [] : ['blocks with matching left for the next'])
    this.#note(chain.unbooked === 0 ? [] : ['blocks in which reservations were un-booked'])
    this.#note(world.recounting === undefined ? [] : ['blocks with a recount under way'])
    this.#note(this.#seen.since(world))
    for (const [module, event] of COUNTED_EVENTS) {
      const count = real.count(block.logs, module, event)
      if (count > 0) this.#note([`event ${module}.${event}`], count)
    }
    this.#note(this.#sales.next(real, world))
    // Everything at a window's end and in some blocks; between them the results of transactions and the queue's rest.
    const isEnd = world.window !== windowBefore
    if (isEnd || this.#looksAtAll || world.height % LOOKED_AT_EVERY === 0)
      lines.push(...this.#differences(isEnd || world.height % (2 * LOOKED_AT_EVERY) === 0))
    return lines.filter((line) => !this.#ignored.test(line))
  }

  /** Counts what the chain went through besides the outcomes of transactions. */
  #note(names: readonly string[], count = 1): void {
    for (const name of names) this.outcomes.set(name, (this.outcomes.get(name) ?? 0) + count)
  }

  #stepOf(transaction: Executed, proposerGroup: string): Step {
    return stepOf(transaction, { proposerGroup, governance: this.#governance })
  }

  #differences(isThorough: boolean): readonly string[] {
    const { real, world } = this
    const all = differences(realFacts(real, world, isThorough), modelFacts(world, isThorough))
    return all.filter((line) => !this.#ignored.test(line)).slice(0, LINES_MAX)
  }
}

const inCounts = ({ reservations, unbooked }: Omit<MatchLimit, 'atPar'>): string =>
  `${reservations} reservations and ${unbooked} un-booked`

function restLine(world: World): string {
  const { place, group, window, amountBase } = nextMatch(world)!
  return `the queue rests on the chain alone: place ${place.sequence} of request ${place.request}, ${amountBase} coins of lot group ${group.key} in window ${window}`
}

function stepOf(transaction: Executed, at: Omit<Place, 'txHash'>): Step {
  const { sent, txHash, gasUsed } = transaction
  const place: Place = { txHash, ...at }
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

/** The failure that a mint limit has when it is broken; other rules have the name of theirs. */
const nameOfRule = (rule: string): string => LIMIT_NAMES[rule as MintLimit] ?? rule

const isBatchFailure = (result: Result): result is BatchFailure =>
  typeof result === 'object' && 'index' in result

/** Whether a failure by name is what the model expects. */
function agrees(failure: string | undefined, result: Result): boolean {
  if (result === undefined || typeof result === 'string') return failure === result
  if (isBatchFailure(result)) return false
  return [...result].some((rule) => nameOfRule(rule) === failure)
}

const inWords = (result: Result): string => {
  if (result === undefined) return 'success'
  if (typeof result === 'string') return result
  if (isBatchFailure(result)) return `call ${result.index}: ${inWords(result.inner)}`
  return [...result].map(nameOfRule).join(' or ')
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
