// One network under load with one hostile validator: three honest processes, clients, measurements.
// Owns: phases and what is measured in them. Not: the behaviours, the limits (judge.ts).

import { rmSync } from 'node:fs'
import { setTimeout as after } from 'node:timers/promises'
import { RpcClient } from '../../bench/rpcClient.ts'
import { type ProcessFigures, percentile, processFigures } from '../../bench/statistics.ts'
import { nodePaths } from '../../node/nodePaths.ts'
import { BEHAVIOURS } from '../support/byzantine/behaviours.ts'
import { HostileProcess } from '../support/hostileProcess.ts'
import { Ledger } from '../support/ledger.ts'
import { Observer } from '../support/observer.ts'
import { Network, type ValidatorProcess } from '../support/processNetwork.ts'
import { Random } from '../support/random.ts'
import { Traffic } from '../support/traffic.ts'
import type { Outcome, Phase } from './judge.ts'

const VALIDATORS = 4
/** Blocks may follow each other this fast. */
export const BLOCK_TIME_MS = 100
/** Long enough for the honest to notice what the fourth is like; latencies of both phases count from here, all else from before. */
const WARM_UP_MS = 5_000
/** For the transfers of a phase to become final, and for the honest to be level. */
const PATIENCE_MS = 30_000
/** An honest validator is down for this share of a phase with a laggard. */
const DOWN_SHARE = 0.4

export interface AttackOptions {
  readonly dataDir: string
  readonly behaviour: string
  /** Length of each of the two phases. */
  readonly phaseMs: number
  readonly seed: number
  readonly accounts: number
  readonly perSecond: number
}

/** Runs one behaviour on a network of its own. Throws when the network cannot start. */
export async function attack(options: AttackOptions): Promise<Outcome> {
  const network = await Network.prepare({
    validators: VALIDATORS,
    dataDir: options.dataDir,
    blockTimeMs: BLOCK_TIME_MS,
  })
  const bench = new AttackBench(network, options)
  try {
    return await bench.run()
  } finally {
    await bench.close()
  }
}

class AttackBench {
  readonly #network: Network
  readonly #options: AttackOptions
  readonly #honest: readonly ValidatorProcess[]
  readonly #hostile: HostileProcess
  readonly #ledger = new Ledger(VALIDATORS)
  readonly #clients: readonly RpcClient[]
  readonly #observers: readonly Observer[]
  readonly #traffic: Traffic
  readonly #signedAtMs = new Map<string, number>()
  readonly #finalAtMs = new Map<string, number>()

  constructor(network: Network, options: AttackOptions) {
    const { seed, accounts, perSecond } = options
    this.#network = network
    this.#options = options
    const random = new Random(seed)
    const hostile = random.pick(network.nodes)
    this.#honest = network.nodes.filter((node) => node !== hostile)
    this.#hostile = new HostileProcess(hostile.member, seed)
    this.#clients = network.nodes.map((node) => new RpcClient(node.url))
    const claimed = new Set<number>()
    this.#observers = network.nodes.map(
      ({ index }) => new Observer({ index, client: this.#clients[index]!, ledger: this.#ledger, claimed }),
    )
    this.#ledger.onReceipt((hash) => this.#finalAtMs.set(hash, performance.now()))
    this.#traffic = new Traffic({
      clients: () => this.#honest.filter((node) => node.isUp).map(({ index }) => this.#clients[index]!),
      ledger: this.#ledger,
      random,
      accounts,
      perSecond,
      onSigned: (hash) => this.#signedAtMs.set(hash, performance.now()),
    })
  }

  async run(): Promise<Outcome> {
    const { behaviour, phaseMs } = this.#options
    const base = BEHAVIOURS[behaviour]?.hasLaggard === true ? 'idle' : 'silent'
    await Promise.all([this.#hostile.start(), ...this.#honest.map((node) => this.#start(node))])
    await this.#traffic.start()
    await this.#hostile.behave(base)
    const basePhase = await this.#phase(phaseMs, async () => {})
    await this.#hostile.behave(behaviour)
    let levelMs = Number.POSITIVE_INFINITY
    const attacked = await this.#phase(phaseMs, async () => {
      await this.#hostile.behave(base)
      levelMs = await this.#level()
    })
    const refusals = this.#honest.reduce((sum, node) => sum + this.#refusalsBy(node), 0)
    const failures = [
      ...this.#network.failures,
      ...this.#ledger.failures.filter((text) => this.#isOurs(text)),
    ]
    return { behaviour, base: basePhase, attack: attacked, refusals, levelMs, failures }
  }

  async close(): Promise<void> {
    this.#traffic.stop()
    for (const observer of this.#observers) observer.close()
    await Promise.all([this.#hostile.kill(), this.#network.killAll()])
    for (const client of this.#clients) client.close()
  }

  async #start(node: ValidatorProcess): Promise<void> {
    await node.start()
    await this.#observers[node.index]!.open()
  }

  /** Warms up, measures for `phaseMs`, calls `atEnd`, and waits for the phase's transfers. */
  async #phase(phaseMs: number, atEnd: () => Promise<void>): Promise<Phase> {
    const fromMs = performance.now()
    await after(WARM_UP_MS)
    const warmAtMs = performance.now()
    const before = this.#figures()
    await (BEHAVIOURS[this.#options.behaviour]?.hasLaggard === true ? this.#lag(phaseMs) : after(phaseMs))
    const untilMs = performance.now()
    const cost = this.#costSince(before, untilMs - warmAtMs)
    const standstillMs = this.#ledger.longestStandstill(fromMs, untilMs)
    await atEnd()
    const signed = [...this.#signedAtMs].filter(([, atMs]) => atMs >= fromMs && atMs < untilMs)
    const isFinal = () => signed.every(([hash]) => this.#finalAtMs.has(hash))
    for (let leftMs = PATIENCE_MS; !isFinal() && leftMs > 0; leftMs -= 100) await after(100)
    const nowMs = performance.now()
    const latencies = signed
      .filter(([, atMs]) => atMs >= warmAtMs)
      .map(([hash, atMs]) => (this.#finalAtMs.get(hash) ?? nowMs) - atMs)
    return {
      transfers: latencies.length,
      p50Ms: percentile(latencies, 50),
      p99Ms: percentile(latencies, 99),
      lost: signed.filter(([hash]) => !this.#finalAtMs.has(hash)).length,
      standstillMs,
      ...cost,
    }
  }

  /** Of the honest that run, by process. */
  #figures(): ReadonlyMap<number, ProcessFigures> {
    const figures = new Map<number, ProcessFigures>()
    for (const { pid } of this.#honest) {
      const found = pid === undefined ? undefined : processFigures(pid)
      if (pid !== undefined && found !== undefined) figures.set(pid, found)
    }
    return figures
  }

  /** CPU of one honest validator on average, memory of the largest. */
  #costSince(
    before: ReadonlyMap<number, ProcessFigures>,
    ms: number,
  ): Pick<Phase, 'cpuMsPerSecond' | 'memoryMiB'> {
    const now = this.#figures()
    const used = [...now].map(([pid, { cpuSeconds }]) => cpuSeconds - (before.get(pid)?.cpuSeconds ?? 0))
    const cpuSeconds = used.reduce((sum, one) => sum + one, 0) / Math.max(1, used.length)
    return {
      cpuMsPerSecond: (cpuSeconds * 1_000) / (ms / 1_000),
      memoryMiB: Math.max(...[...now.values()].map(({ rssMiB }) => rssMiB)),
    }
  }

  /** One honest validator is down for a part of the phase, loses its chain, and fetches it from the others. */
  async #lag(phaseMs: number): Promise<void> {
    const node = this.#honest[0]!
    this.#observers[node.index]!.close()
    await node.kill()
    rmSync(nodePaths(node.member.dir).chain, { recursive: true })
    await after(DOWN_SHARE * phaseMs)
    await this.#start(node)
    await after((1 - DOWN_SHARE) * phaseMs)
  }

  /** Milliseconds until every honest validator shows a block that nobody has shown yet; infinite if they do not in time. */
  async #level(): Promise<number> {
    const fromMs = performance.now()
    const goal = this.#ledger.height + 1
    const isLevel = () => this.#honest.every(({ index }) => this.#ledger.heightOf(index) >= goal)
    try {
      await this.#ledger.until(isLevel, PATIENCE_MS, 'level')
      return performance.now() - fromMs
    } catch {
      return Number.POSITIVE_INFINITY
    }
  }

  /** Several validators may report the same misbehaviour to the chain: only the first such transaction succeeds. */
  #isOurs(failure: string): boolean {
    const hash = /^transfer (0x[0-9a-f]{64}) has status/.exec(failure)?.[1]
    return hash === undefined || this.#signedAtMs.has(hash)
  }

  /** Times this validator refused another honest one, by its log. */
  #refusalsBy(node: ValidatorProcess): number {
    const honest = new Set(this.#honest.map(({ member }) => member.peerId))
    return node
      .readLog()
      .split('\n')
      .filter((line) => line.includes('refused for a while') && honest.has(JSON.parse(line).peer)).length
  }
}
