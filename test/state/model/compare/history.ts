// Runs a random chain on both sides until they differ, and shortens what led there. Owns: seeds, replay, shrinking.
import { Random } from '../../../support/random.ts'
import type { World } from '../world.ts'
import { Generator } from './generator.ts'
import type { Manners } from './institutionDraws.ts'
import { describe, type Sent } from './operations.ts'
import { type BlockPlan, Pair } from './pair.ts'
import { randomScenario, type Scenario } from './scenario.ts'
import { endOf } from './seen.ts'

export interface Divergence {
  readonly seed: number
  /** Block at which they differ, counted from 1. */
  readonly height: number
  readonly lines: readonly string[]
  readonly history: readonly BlockPlan[]
}

export interface Run {
  readonly executed: number
  readonly outcomes: ReadonlyMap<string, number>
  readonly windows: number
  readonly divergence?: Divergence
}

const SHRINK_RUNS_MAX = 300
/** Matches no fact. */
const NOTHING = /(?!)/

/** To look past a known difference: facts that are not compared, operations that are not drawn. */
export interface Look {
  readonly ignored: RegExp
  readonly without: ReadonlySet<string>
  /** Changes the model before the first block, so that a test can see that it is noticed. */
  readonly spoil?: (world: World) => void
}
const ALL: Look = { ignored: NOTHING, without: new Set() }

/** A random block for the world as it is. */
function planBlock(random: Random, generator: Generator, world: World, manners: Manners): BlockPlan {
  const { windowMs } = world.parameters
  // Short blocks, and now and then a pause up to beyond the window's end.
  const left = world.windowEndsMs - world.timestampMs
  const toHalf = left - Math.floor(windowMs / 2)
  const pauseMs = random.chance(0.25)
    ? Math.max(60, (toHalf > 0 && random.chance(0.8) ? toHalf : left) + random.between(-5, 5))
    : random.chance(0.05)
      ? windowMs + random.between(0, windowMs)
      : random.between(60, Math.max(60, Math.floor(windowMs / 8)))
  const sent: Sent[] = [
    ...generator.dueGrants(world, manners.diligence),
    ...generator.dueActs(world, { ...manners, timestampMs: world.timestampMs + pauseMs }),
  ]
  const count = random.chance(0.3) ? random.between(0, 2) : random.between(2, manners.bustle)
  for (let i = 0; i < count; i++) sent.push(generator.next(world))
  const proposer = random.between(1, world.providers.size)
  // Now and then the views of some leaders pass without a block.
  const skippedViews = random.chance(0.02) ? random.between(1, 8) : 0
  return { sent, pauseMs, proposer, reveal: random.between(0, 255), skippedViews }
}

/** What kind of chain a scenario is, for the counts of a run. */
function shapeOf({ parameters, recountStepsMax }: Scenario): string {
  const { horizonWindows, coverN, assignAhead, windowMs } = parameters
  const recounts = recountStepsMax === undefined ? 'one block' : 'several blocks'
  return `chains with K ${horizonWindows}, coverN ${coverN}, assignAhead ${assignAhead}, window ${windowMs} ms, recount in ${recounts}`
}

/** Blocks of one chain; a thousand operations take a few hundred. */
const BLOCKS_MAX = 4_000

/** Applies up to `operations` random operations of a seed. */
export function runSeed(seed: number, operations: number, look: Look = ALL): Run {
  const { ignored, without } = look
  const random = new Random(seed)
  const scenario = randomScenario(seed, random)
  let pair: Pair
  try {
    pair = new Pair(scenario, ignored)
  } catch (error) {
    const lines = [`the chain refuses its genesis: ${error instanceof Error ? error.message : String(error)}`]
    const divergence = { seed, height: 0, lines, history: [] }
    return { executed: 0, outcomes: new Map(), windows: 0, divergence }
  }
  const generator = new Generator(random, without, scenario.isGreedy)
  // Some chains have members who never post a grant, most have diligent ones.
  const manners = {
    diligence: random.pick([0.9, 0.9, 0.6, 0.2]),
    candour: random.pick([0.9, 0.6, 0.2]),
    bustle: random.pick([40, 25, 10]),
    resolve: random.pick([0.6, 0.3, 0.1]),
  }
  const history: BlockPlan[] = []
  look.spoil?.(pair.world)
  let lines = pair.compareGenesis()
  // On a chain that gave nobody coins at genesis nothing is ever executed.
  while (lines.length === 0 && pair.executed < operations && history.length < BLOCKS_MAX) {
    const plan = planBlock(random, generator, pair.world, manners)
    history.push(plan)
    lines = guarded(() => pair.apply(plan))
  }
  pair.outcomes.set(shapeOf(scenario), 1)
  pair.outcomes.set(endOf(pair.world), 1)
  const run = { executed: pair.executed, outcomes: pair.outcomes, windows: pair.world.window }
  if (lines.length === 0) return run
  return { ...run, divergence: { seed, height: history.length, lines, history } }
}

/** A thrown error is a difference too. */
function guarded(run: () => readonly string[]): readonly string[] {
  try {
    return run()
  } catch (error) {
    return [error instanceof Error ? (error.stack ?? error.message) : String(error)]
  }
}

/** The lines of a replay's first difference; empty when there is none. */
export function replay(
  scenario: Scenario,
  history: readonly BlockPlan[],
  look: Look = ALL,
): readonly string[] {
  const pair = new Pair(scenario, look.ignored, true)
  look.spoil?.(pair.world)
  for (const plan of history) {
    const lines = guarded(() => pair.apply(plan))
    if (lines.length > 0) return lines
  }
  return []
}

/** A difference without its numbers: shrinking must not turn one fault into another. */
const kindOf = (line: string): string => line.replace(/[0-9]+/g, '#').slice(0, 48)

/** Leaves out transactions, then blocks, as long as the sides still differ. */
export function shrink({ seed, history, lines }: Divergence, look: Look = ALL): Divergence {
  const scenario = randomScenario(seed, new Random(seed))
  let best = { history: [...history], lines }
  const kind = kindOf(lines[0]!)
  let runs = 0
  const attempt = (candidate: readonly BlockPlan[]): boolean => {
    if (runs++ >= SHRINK_RUNS_MAX) return false
    const found = replay(scenario, candidate, look)
    if (!found.some((line) => kindOf(line) === kind)) return false
    best = { history: [...candidate], lines: found }
    return true
  }
  // First whole blocks' transactions, in falling portions; then single ones.
  for (let size = Math.ceil(history.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < best.history.length; at += size) {
      const emptied = best.history.map((plan, i) => (i >= at && i < at + size ? { ...plan, sent: [] } : plan))
      if (emptied.some((plan, i) => plan.sent.length < best.history[i]!.sent.length)) attempt(emptied)
    }
  }
  for (let block = 0; block < best.history.length; block++) {
    for (let i = best.history[block]!.sent.length - 1; i >= 0; i--) {
      const without = best.history.map((plan, b) =>
        b === block ? { ...plan, sent: plan.sent.filter((_, s) => s !== i) } : plan,
      )
      attempt(without)
    }
  }
  // Blocks without transactions: their time joins the next one's.
  for (let block = best.history.length - 2; block >= 0; block--) {
    const { sent, pauseMs } = best.history[block]!
    if (sent.length > 0) continue
    const joined = best.history.map((plan, b) =>
      b === block + 1 ? { ...plan, pauseMs: plan.pauseMs + pauseMs } : plan,
    )
    attempt(joined.filter((_, b) => b !== block))
  }
  return { seed, height: best.history.length, lines: best.lines, history: best.history }
}

/** What led to a divergence, as lines. */
export function report(divergence: Divergence): string {
  const { seed, height, lines, history } = divergence
  const steps = history.flatMap((plan, i) => [
    `block ${i + 1}: +${plan.pauseMs} ms, proposer ${plan.proposer}`,
    ...plan.sent.map((sent) => `  ${describe(sent)}`),
  ])
  return [`seed ${seed} differs at block ${height}:`, ...lines.map((line) => `  ${line}`), ...steps].join(
    '\n',
  )
}
