// The bench for faults of `npm run test:faults`: a network under load with controllable links, and measurements.
// Owns: measuring and the common properties. Not: the faults (linkFaults.ts, processFaults.ts).

import type { ValidatorProcess } from '../support/processNetwork.ts'
import { Random } from '../support/random.ts'
import { Mesh } from './mesh.ts'
import { Trial, TrialFailure, type TrialOptions } from './trial.ts'

/** Limit for progress after healing. */
export const RECOVERY_LIMIT_MS = 60_000
/** Longest allowed standstill with at most f faulty validators. */
const STANDSTILL_LIMIT_MS = 30_000
/** Blocks that prove progress. */
const PROOF_BLOCKS = 3
/** Messages in flight when a fault starts may still finalize blocks for this long. */
const GRACE_MS = 2_000

export const after = (delayMs: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, delayMs))

/** The outcome of one fault. */
export interface Outcome {
  /** Longest time without a new final block during the fault; undefined when the chain had to stop. */
  readonly standstillMs: number | undefined
  /** From healing (or the start of the last process) until every validator has a block not final at healing. */
  readonly recoveryMs: number
}

export interface Fault {
  readonly name: string
  /** For `--help` and the table. */
  readonly what: string
  /** Throws with the reason when this machine cannot run the fault, or a property fails. */
  run(bench: FaultBench): Promise<Outcome>
}

/** A validator's log message while nothing becomes final. */
export const STUCK = /nothing becomes final/

/** A position in every validator's log. */
export type LogMark = readonly number[]

export class FaultBench {
  readonly trial: Trial
  readonly mesh: Mesh
  readonly random: Random
  /** Undoes changes outside the run's directories; run at the end, last first. */
  readonly cleanups: (() => Promise<void> | void)[] = []
  /** Log alarms explained by the faults so far. */
  readonly expectedAlarms: RegExp[] = []

  private constructor(trial: Trial, mesh: Mesh, random: Random) {
    this.trial = trial
    this.mesh = mesh
    this.random = random
  }

  /** Starts a new network of four under load, with every link through a proxy. */
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

  /** Chooses the validators that the fault hits; returns the others in random order. */
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

  /** Waits until a validator's log matches after the mark; throws with the missing pattern. */
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

  /** Requires continuous progress for `durationMs` with at most f faulty. Resolves with the longest standstill. */
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

  /** Requires that nothing becomes final for `durationMs` with more than f faulty, after messages in flight. */
  async stands(durationMs: number, what: string): Promise<void> {
    await after(GRACE_MS)
    const { ledger } = this.trial
    const before = ledger.height
    await after(durationMs)
    if (ledger.height !== before) {
      throw new TrialFailure([`${what}: height ${ledger.height} became final after ${before}`])
    }
  }

  /** Waits until every validator has a new block after healing. Resolves with the milliseconds since `healedMs`. */
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

  /** Runs all cleanups, even when one fails. */
  async cleanUp(): Promise<void> {
    for (const undo of this.cleanups.splice(0).reverse()) {
      await Promise.resolve()
        .then(undo)
        .catch((error: unknown) => this.trial.print(`cleaning up: ${String(error)}`))
    }
    await this.mesh.close()
  }
}
