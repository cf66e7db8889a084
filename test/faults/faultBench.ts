// What every fault of `npm run test:faults` works with: a network under load on links that can be made bad, and the measures
// of what the fault did. Owns: measuring and the common properties. Not: the faults (linkFaults.ts, processFaults.ts).

import type { ValidatorProcess } from '../support/processNetwork.ts'
import { Random } from '../support/random.ts'
import { Mesh } from './mesh.ts'
import { Trial, TrialFailure, type TrialOptions } from './trial.ts'

/** A healed network makes progress again within this long. */
export const RECOVERY_LIMIT_MS = 60_000
/** With at most f faulty the chain never stands longer than this. */
const STANDSTILL_LIMIT_MS = 30_000
/** Blocks that show that the chain goes on. */
const PROOF_BLOCKS = 3
/** What may still become final from messages that were under way when a fault began. */
const GRACE_MS = 2_000

export const after = (delayMs: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, delayMs))

/** One fault, done once. */
export interface Outcome {
  /** Longest time without a new final block while the fault lasted; undefined where the chain had to stop. */
  readonly standstillMs: number | undefined
  /** Healing (or the start of the last process) → every validator shows a block that was not final at healing. */
  readonly recoveryMs: number
}

export interface Fault {
  readonly name: string
  /** For `--help` and the table. */
  readonly what: string
  /** Throws with the reason when this machine cannot offer the fault, or a property does not hold. */
  run(bench: FaultBench): Promise<Outcome>
}

/** What a validator says while nothing becomes final. */
export const STUCK = /nothing becomes final/

/** A place in every validator's log. */
export type LogMark = readonly number[]

export class FaultBench {
  readonly trial: Trial
  readonly mesh: Mesh
  readonly random: Random
  /** What this run leaves behind outside its directories; undone at its end, last first. */
  readonly cleanups: (() => Promise<void> | void)[] = []
  /** Alarms in the logs that the faults so far account for. */
  readonly expectedAlarms: RegExp[] = []

  private constructor(trial: Trial, mesh: Mesh, random: Random) {
    this.trial = trial
    this.mesh = mesh
    this.random = random
  }

  /** A new network of four under load, every link through a proxy. */
  static async begin(options: Omit<TrialOptions, 'setUp' | 'validators'>): Promise<FaultBench> {
    const random = new Random(options.seed + 2)
    let mesh: Mesh | undefined
    const trial = await Trial.begin({
      ...options,
      validators: 4,
      async setUp(network) {
        const opened = await Mesh.open(
          network.nodes.map(({ member }) => member),
          random,
        )
        for (const node of network.nodes) node.configure({ peers: opened.addressesOf(node.index) })
        mesh = opened
      },
    }).catch(async (error: unknown) => {
      await mesh?.close()
      throw error
    })
    return new FaultBench(trial, mesh!, random)
  }

  get nodes(): readonly ValidatorProcess[] {
    return this.trial.network.nodes
  }

  /** A validator that the fault hits, and the others in random order. */
  victims(count: number): {
    readonly hit: readonly ValidatorProcess[]
    readonly spared: readonly ValidatorProcess[]
  } {
    const order = this.random.shuffled(this.nodes)
    return { hit: order.slice(0, count), spared: order.slice(count) }
  }

  markLogs(): LogMark {
    return this.nodes.map((node) => node.readLog().length)
  }

  /** Waits until a validator's log says something after the mark; throws naming what it did not say. */
  async says(node: ValidatorProcess, pattern: RegExp, mark: LogMark, limitMs = 20_000): Promise<void> {
    for (const startedMs = performance.now(); ; await after(100)) {
      const said = node.readLog().slice(mark[node.index])
      if (said.split('\n').some((line) => pattern.test(line))) return
      if (performance.now() - startedMs > limitMs) {
        throw new TrialFailure([
          `the log of validator ${node.index} does not say ${pattern} within ${limitMs} ms`,
        ])
      }
    }
  }

  /** Lasts at least `durationMs` with at most f faulty: the chain goes on all the time. Resolves with the standstill. */
  async goesOn(durationMs: number, what: string): Promise<number> {
    const fromMs = performance.now()
    await this.trial.advance(PROOF_BLOCKS, RECOVERY_LIMIT_MS, what)
    await after(Math.max(0, durationMs - (performance.now() - fromMs)))
    const standstillMs = this.trial.ledger.longestStandstill(fromMs, performance.now())
    if (standstillMs > STANDSTILL_LIMIT_MS) {
      throw new TrialFailure([`${what}: the chain stood for ${Math.round(standstillMs)} ms`])
    }
    return standstillMs
  }

  /** Lasts `durationMs` with more than f faulty: after what was under way, nothing becomes final. */
  async stands(durationMs: number, what: string): Promise<void> {
    await after(GRACE_MS)
    const { ledger } = this.trial
    const before = ledger.height
    await after(durationMs)
    if (ledger.height !== before) {
      throw new TrialFailure([`${what}: height ${ledger.height} became final after ${before}`])
    }
  }

  /** After healing: every validator shows a block that is new. Resolves with the milliseconds since `healedMs`. */
  async recovers(healedMs: number, what: string): Promise<number> {
    const { ledger } = this.trial
    const goal = ledger.height + 1
    await ledger.until(
      () => this.nodes.every(({ index }) => ledger.heightOf(index) >= goal),
      RECOVERY_LIMIT_MS,
      `${what}: every validator shows height ${goal}`,
    )
    this.trial.check()
    return performance.now() - healedMs
  }

  /** Undoes what lies outside the run's directories; each even when another fails. */
  async cleanUp(): Promise<void> {
    for (const undo of this.cleanups.splice(0).reverse()) {
      await Promise.resolve()
        .then(undo)
        .catch((error: unknown) => this.trial.print(`cleaning up: ${String(error)}`))
    }
    await this.mesh.close()
  }
}
