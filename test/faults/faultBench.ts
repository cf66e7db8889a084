// The bench for faults of `npm run test:faults`: a network under load with controllable links, and measurements.
// Owns: measuring and the common properties. Not: the faults (linkFaults.ts, processFaults.ts).

import { LinkMesh, NOWHERE } from '../../devnet/linkMesh.ts'
import { HostileProcess } from '../support/hostileProcess.ts'
import type { ValidatorProcess } from '../support/processNetwork.ts'
import { Random } from '../support/random.ts'
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

/** A member that signs twice is convicted and loses its vote, and with it the means to go on. */
const CONVICTED: ReadonlySet<string> = new Set([
  'equivocation',
  'doubleVotes',
  'nullifier',
  'junkHeight',
  'junkView',
  'everything',
])

/** What honest validators log once they have caught this provider; evidence against another one stays an alarm. */
function evidenceAgainst(provider: number): readonly RegExp[] {
  return [
    /"room":"consensus","kind":"votes","msg":"evidence of misbehaviour"/,
    new RegExp(`"room":"evidence".*"providers":\\[${provider}\\]`),
  ]
}

export interface BenchOptions extends Omit<TrialOptions, 'setUp' | 'validators' | 'hostile'> {
  readonly isByzantine: boolean
}

/** The outcome of one fault. */
export interface Outcome {
  /** Longest time without a new final block during the fault; undefined when the chain had to stop. */
  readonly standstillMs: number | undefined
  /** From healing (or the start of the last process) until every validator has a block not final at healing. */
  readonly recoveryMs: number
}

export interface Fault {
  readonly name: string
  /** More than f of four fail: the chain stops. Not of seven, and not beside a hostile one. */
  readonly stopsFour?: true
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
  readonly mesh: LinkMesh
  readonly random: Random
  /** Another member, hostile in a new way with each fault. */
  readonly hostile: HostileProcess | undefined
  /** Undoes changes outside the run's directories; run at the end, last first. */
  readonly cleanups: (() => Promise<void> | void)[] = []
  /** Log alarms explained by the faults so far. */
  readonly expectedAlarms: RegExp[] = []

  private constructor(parts: {
    trial: Trial
    mesh: LinkMesh
    random: Random
    hostile: HostileProcess | undefined
  }) {
    this.trial = parts.trial
    this.mesh = parts.mesh
    this.random = parts.random
    this.hostile = parts.hostile
  }

  /**
   * Starts a new network under load, with every link through a proxy: four validators, or six beside a hostile seventh, so
   * that one of the six may fail with it.
   */
  static async begin(options: BenchOptions): Promise<FaultBench> {
    const random = new Random(options.seed + 2)
    const hostileIndex = options.isByzantine ? 6 : undefined
    let mesh: LinkMesh | undefined
    let hostile: HostileProcess | undefined
    const closeAll = async (error: unknown): Promise<never> => {
      await hostile?.kill()
      await mesh?.close()
      throw error
    }
    const trial = await Trial.begin({
      ...options,
      validators: options.isByzantine ? 7 : 4,
      ...(hostileIndex === undefined ? {} : { hostile: hostileIndex }),
      async setUp(network) {
        const opened = await LinkMesh.open(
          network.nodes.map(({ member }) => member),
          random,
        )
        mesh = opened
        for (const node of network.nodes) {
          node.configure({ peers: opened.addressesOf(node.index), p2pAnnounce: [NOWHERE] })
        }
        if (hostileIndex === undefined) return
        hostile = new HostileProcess(network.nodes[hostileIndex]!.member, options.seed)
        await hostile.start()
      },
    }).catch(closeAll)
    const bench = new FaultBench({ trial, mesh: mesh!, random, hostile })
    if (hostileIndex !== undefined) bench.expectedAlarms.push(...evidenceAgainst(hostileIndex + 1))
    return bench
  }

  /** The hostile member, if there is one, behaves in another way; resolves with its name. */
  async changeBehaviour(): Promise<string | undefined> {
    if (this.hostile === undefined) return undefined
    const name = this.random.pick(this.hostile.behaviours.filter((other) => !CONVICTED.has(other)))
    await this.hostile.behave(name)
    return name
  }

  get nodes(): readonly ValidatorProcess[] {
    return this.trial.honest
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
    return this.trial.network.nodes.map((node) => node.readLog().length)
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
    await this.hostile?.kill()
    await this.mesh.close()
  }
}
