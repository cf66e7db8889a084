// One run against one network: processes, observers, load and checks, and the resulting figures.
// Owns: start order and verdict. Not: the scenarios (scenarios.ts).
import { RpcClient } from '../../bench/rpcClient.ts'
import { percentile, processFigures } from '../../bench/statistics.ts'
import { Ledger } from '../support/ledger.ts'
import { Observer } from '../support/observer.ts'
import { Network, type ValidatorProcess } from '../support/processNetwork.ts'
import { Random } from '../support/random.ts'
import { Traffic } from '../support/traffic.ts'
import { VoteAudit } from './audit.ts'
import { compareAll } from './checks.ts'

/** Limit for a validator to catch up, and for transfers to be confirmed at the end. */
export const CATCH_UP_LIMIT_MS = 60_000

export interface TrialOptions {
  readonly dataDir: string
  readonly seed: number
  readonly validators: number
  readonly blockTimeMs: number
  readonly accounts: number
  readonly perSecond: number
  readonly print: (line: string) => void
  /** Flags of Node for the validators. */
  readonly flags?: readonly string[]
  /** Changes the validators' directories before any process starts. */
  readonly setUp?: (network: Network) => Promise<void>
  /** This one is another's to start, and neither compared nor audited. */
  readonly hostile?: number
}

/** All measured samples, ms unless the name says otherwise. */
export interface Samples {
  kills: number
  /** Process start → JSON-RPC answers. */
  readonly startMs: number[]
  /** JSON-RPC answers → the others' head at that moment. */
  readonly catchUpMs: number[]
  /** Longest time without a new final block around one kill. */
  readonly oneDownMs: number[]
  /** All killed, start of all → next new final block. */
  readonly allDownMs: number[]
  /** Two down, start of one of them → next new final block. */
  readonly twoDownMs: number[]
  /** SIGTERM → exit. */
  readonly closeMs: number[]
  readonly rssPeakMiB: number[]
}

/** A run found violations, listed in `failures`. */
export class TrialFailure extends Error {
  readonly code = 'TrialFailure'
  readonly failures: readonly string[]
  constructor(failures: readonly string[]) {
    super(`${failures.length} failures:\n${failures.join('\n')}`)
    this.name = 'TrialFailure'
    this.failures = failures
  }
}

export class Trial {
  readonly network: Network
  /** All validators but a hostile one. */
  readonly honest: readonly ValidatorProcess[]
  readonly ledger: Ledger
  readonly audit: VoteAudit
  readonly traffic: Traffic
  readonly random: Random
  readonly print: (line: string) => void
  readonly samples: Samples = {
    kills: 0,
    startMs: [],
    catchUpMs: [],
    oneDownMs: [],
    allDownMs: [],
    twoDownMs: [],
    closeMs: [],
    rssPeakMiB: [],
  }
  readonly #hostile: number | undefined
  readonly #signed = new Set<string>()
  readonly #clients: readonly RpcClient[]
  readonly #observers: readonly Observer[]
  readonly #startedMs = performance.now()

  private constructor(network: Network, options: TrialOptions) {
    this.network = network
    this.#hostile = options.hostile
    this.honest = network.nodes.filter(({ index }) => index !== options.hostile)
    this.print = options.print
    this.random = new Random(options.seed)
    this.ledger = new Ledger(network.nodes.length)
    this.audit = new VoteAudit(network, this.honest)
    this.#clients = network.nodes.map((node) => new RpcClient(node.url))
    const claimed = new Set<number>()
    this.#observers = network.nodes.map(
      ({ index }) => new Observer({ index, client: this.#clients[index]!, ledger: this.ledger, claimed }),
    )
    this.traffic = new Traffic({
      clients: () => this.network.up().map(({ index }) => this.#clients[index]!),
      ledger: this.ledger,
      random: new Random(options.seed + 1),
      accounts: options.accounts,
      perSecond: options.perSecond,
      onSigned: (hash) => this.#signed.add(hash),
    })
  }

  /** Starts a new network under load. */
  static async begin(options: TrialOptions): Promise<Trial> {
    const network = await Network.prepare(options)
    await options.setUp?.(network)
    const trial = new Trial(network, options)
    try {
      await Promise.all(trial.honest.map((node) => trial.start(node)))
      await trial.traffic.start()
    } catch (error) {
      await trial.abandon()
      throw error
    }
    return trial
  }

  /** Starts one validator and watches it. */
  async start(node: ValidatorProcess): Promise<void> {
    const startMs = await node.start()
    this.samples.startMs.push(startMs)
    await this.#observers[node.index]!.open()
  }

  /** Starts one validator; resolves with the milliseconds from up to caught up. */
  async comeBack(node: ValidatorProcess): Promise<number> {
    await this.start(node)
    const ms = await this.caughtUp(node)
    this.samples.catchUpMs.push(ms)
    return ms
  }

  /** `kill -9`, then an audit of its votes. */
  async kill(node: ValidatorProcess): Promise<void> {
    this.#sampleMemory(node)
    this.#observers[node.index]!.close()
    await node.kill()
    this.samples.kills++
    await this.audit.read(node.index)
  }

  async killAll(): Promise<void> {
    const running = this.honest.filter((node) => node.isRunning)
    for (const node of running) {
      this.#sampleMemory(node)
      this.#observers[node.index]!.close()
    }
    await this.network.killAll()
    this.samples.kills += running.length
    await this.audit.readAll()
  }

  async terminate(node: ValidatorProcess): Promise<number | null> {
    this.#observers[node.index]!.close()
    const { code, ms } = await node.terminate()
    this.samples.closeMs.push(ms)
    await this.audit.read(node.index)
    return code
  }

  /** Resolves once `node` has the network's current head, with the milliseconds taken. */
  async caughtUp(node: ValidatorProcess): Promise<number> {
    const fromMs = performance.now()
    const goal = this.ledger.height
    await this.ledger.until(
      () => this.ledger.heightOf(node.index) >= goal,
      CATCH_UP_LIMIT_MS,
      `validator ${node.index} shows height ${goal}`,
    )
    return performance.now() - fromMs
  }

  /** Resolves with the milliseconds until `blocks` more are final. */
  async advance(blocks: number, limitMs: number, what: string): Promise<number> {
    const fromMs = performance.now()
    const goal = this.ledger.height + blocks
    await this.ledger.until(() => this.ledger.height >= goal, limitMs, `${what}: height ${goal}`)
    return performance.now() - fromMs
  }

  /** Throws TrialFailure if any violation was found. */
  check(): void {
    const seen = this.ledger.failures.filter((failure) => this.#isOurs(failure))
    const found = [...this.network.failures, ...seen, ...this.audit.failures]
    if (found.length > 0) throw new TrialFailure(found)
  }

  /**
   * Ends the load, compares all validators, stops them and audits every vote. Throws TrialFailure. `expected`: log alarms
   * explained by the faults of this run.
   */
  async finish(expected: readonly RegExp[] = []): Promise<void> {
    await this.traffic.drain(CATCH_UP_LIMIT_MS)
    this.traffic.stop()
    for (const node of this.honest) {
      this.#sampleMemory(node)
      await this.caughtUp(node)
    }
    const comparedMs = performance.now()
    const { failures, height } = await compareAll({
      clients: this.honest.map(({ index }) => this.#clients[index]!),
      ledger: this.ledger,
      traffic: this.traffic,
    })
    const seconds = ((performance.now() - comparedMs) / 1000).toFixed(1)
    this.print(
      `compared ${height + 1} heights and ${this.ledger.receipts.size} receipts on all validators in ${seconds} s`,
    )
    for (const node of this.honest) await this.terminate(node)
    this.check()
    const all = [...failures, ...this.network.alarms(expected, this.honest)]
    if (all.length > 0) throw new TrialFailure(all)
    this.#closeClients()
  }

  /** Kills all running processes, after a failed run. */
  async abandon(): Promise<void> {
    this.traffic.stop()
    for (const observer of this.#observers) observer.close()
    await this.network.killAll()
    this.#closeClients()
  }

  summary(): Readonly<Record<string, number>> {
    const { samples, ledger, traffic, audit } = this
    const figures: Record<string, number> = {
      seconds: (performance.now() - this.#startedMs) / 1000,
      kills: samples.kills,
      blocks: ledger.height,
      transfersSigned: traffic.signed,
      transactionsWithReceipt: ledger.receipts.size,
      votesAudited: audit.voteCount,
    }
    const { kills: _, ...lists } = samples
    for (const [name, values] of Object.entries(lists)) {
      if (values.length === 0) continue
      figures[`${name}P50`] = percentile(values, 50)
      figures[`${name}Max`] = Math.max(...values)
    }
    return Object.fromEntries(Object.entries(figures).map(([name, value]) => [name, Math.round(value)]))
  }

  /** Beside a hostile validator several honest ones report the same misbehaviour: only the first such transaction succeeds. */
  #isOurs(failure: string): boolean {
    const hash = /^transfer (0x[0-9a-f]{64}) has status/.exec(failure)?.[1]
    return this.#hostile === undefined || hash === undefined || this.#signed.has(hash)
  }

  #sampleMemory(node: ValidatorProcess): void {
    const figures = node.pid === undefined ? undefined : processFigures(node.pid)
    if (figures !== undefined) this.samples.rssPeakMiB.push(figures.rssPeakMiB)
  }

  #closeClients(): void {
    for (const client of this.#clients) client.close()
  }
}
