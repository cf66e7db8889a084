// Whole validators on a virtual clock under one seed: loss, partitions, crashes inside journal, signer and commit,
// real transactions from real accounts. Owns: time, links, crashes. Not: traffic (fullNodeTraffic.ts), checks (fullNodeChecks.ts).
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { indexOfKey, type ValidatorSet } from '../../../base/protocol/validators.ts'
import type { Target } from '../../../consensus/types.ts'
import { developmentValidator } from '../../../genesis/devKeys.ts'
import { DEVNET_TIMESTAMP_MS } from '../../../genesis/devnet.ts'
import { syncSourceOf } from '../../../node/sync/syncSource.ts'
import type { RangeDownload } from '../../../p2p/rangeDownload.ts'
import { decodeTransaction } from '../../../state/transaction.ts'
import { Random, Scheduler } from '../../support/random.ts'
import { sharedBls as bls } from '../../support/sharedBls.ts'
import { type DevelopmentChain, developmentChain } from './developmentChain.ts'
import { type FullNode, type FullNodePorts, startFullNode } from './fullNode.ts'
import { FullNodeChecks } from './fullNodeChecks.ts'
import { FullNodeTraffic } from './fullNodeTraffic.ts'
import { type Life, SimStorage } from './simStorage.ts'

export interface FullNodeConfig {
  readonly seed: number
  readonly validators: number
  readonly lossRate: number
  readonly duplicateRate: number
  readonly delayMs: readonly [number, number]
  /** Mean time between crashes of single nodes or of all; 0 = none. */
  readonly crashEveryMs: number
  /** Probability of a crash before and after each journal sync, signature and commit. */
  readonly crashPointRate: number
  readonly partitions: boolean
  readonly skewMs: number
  /** Mean time between transactions; 0 = none. */
  readonly txEveryMs: number
  /** Size of occasional bursts of transactions; 0 = none. */
  readonly burst: number
  /** Faults stop here; every stopped node restarts. */
  readonly faultsUntilMs: number
  /** L: time after healing until all transactions are final on every node. */
  readonly limitMs: number
}

export interface FullNodeResult {
  readonly traceHash: string
  readonly height: number
  readonly transactions: number
  readonly crashes: number
  readonly recoveryMs: number
}

const RANGE_MAX = 64
const RANGE_BYTES_MAX = 4 * 1024 * 1024

/** One machine; its storage survives crashes. */
interface Machine {
  readonly index: number
  readonly storage: SimStorage
  readonly skewMs: number
  life: { isAlive: boolean } | undefined
  node: FullNode | undefined
}

export class FullNodeWorld {
  readonly config: FullNodeConfig
  readonly random: Random
  readonly scheduler: Scheduler
  readonly checks: FullNodeChecks
  readonly traffic: FullNodeTraffic<FullNode>
  readonly #machines: Machine[]
  readonly #genesis: DevelopmentChain
  readonly #hash = createHash('sha256')
  readonly #dir = mkdtempSync(join(tmpdir(), 'suanli-sim-'))
  readonly #cut = new Set<string>()
  #healed = false
  #crashes = 0
  #failure: unknown
  /** Set during a start, which reads files in real time: the virtual clock waits for it. */
  #starting: Promise<void> | undefined

  constructor(config: FullNodeConfig) {
    this.config = config
    this.random = new Random(config.seed)
    this.scheduler = new Scheduler(DEVNET_TIMESTAMP_MS + 60_000)
    this.#genesis = developmentChain(config.validators)
    this.checks = new FullNodeChecks(config.validators)
    this.traffic = new FullNodeTraffic(this)
    this.#machines = Array.from({ length: config.validators }, (_, index) => ({
      index,
      storage: new SimStorage(),
      skewMs: config.skewMs === 0 ? 0 : this.random.between(-config.skewMs, config.skewMs),
      life: undefined,
      node: undefined,
    }))
  }

  get chain() {
    return this.#genesis.block.chain
  }

  get healed(): boolean {
    return this.#healed
  }

  trace(what: string): void {
    this.#hash.update(`${this.scheduler.nowMs} ${what}\n`)
  }

  /** Running nodes, by index. */
  up(): readonly FullNode[] {
    return this.#machines.flatMap(({ node }) => (node === undefined ? [] : [node]))
  }

  /** Plays the seed. Throws the first failure. */
  async run(): Promise<FullNodeResult> {
    try {
      for (const machine of this.#machines) await this.#start(machine)
      const startMs = this.scheduler.nowMs
      if (this.config.crashEveryMs > 0) this.#nextCrash()
      if (this.config.partitions) this.#nextPartition()
      this.traffic.begin()
      await this.#advance(startMs + this.config.faultsUntilMs, () => false)
      await this.#heal()
      const healedAtMs = this.scheduler.nowMs
      const done = (): boolean => this.traffic.isSettled() && this.#isLevel()
      const reached = await this.#advance(healedAtMs + this.config.limitMs, done)
      if (!reached) this.checks.fail('L', `${this.#describe()}; ${this.traffic.describe()}`)
      const recoveryMs = this.scheduler.nowMs - healedAtMs
      await this.#checkRestart()
      return {
        traceHash: this.#hash.digest('hex'),
        height: this.checks.height,
        transactions: this.traffic.finalCount,
        crashes: this.#crashes,
        recoveryMs,
      }
    } finally {
      for (const machine of this.#machines) this.#kill(machine)
      rmSync(this.#dir, { recursive: true, force: true })
    }
  }

  #describe(): string {
    return this.#machines
      .map(({ index, node }) => `${index}@${node?.importer.head().header.height ?? 'down'}`)
      .join(' ')
  }

  #isLevel(): boolean {
    const heights = this.#machines.map(({ node }) => node?.importer.head().header.height)
    return heights.every((height) => height !== undefined && height === this.checks.height)
  }

  /** Runs events in order; the promises started by one event settle before the next. */
  async #advance(untilMs: number, done: () => boolean): Promise<boolean> {
    while (!done()) {
      if (!this.scheduler.step(untilMs)) return done()
      await this.#starting
      this.#starting = undefined
      // Three turns: submissions batch over one, work notices over another.
      for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
      if (this.#failure !== undefined) throw this.#failure
    }
    return true
  }

  /** Tracks asynchronous work of an event; its failure ends the run. */
  spawn(work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      this.#failure ??= error
    })
  }

  async #start(machine: Machine): Promise<void> {
    const { index, storage } = machine
    const state = { isAlive: true }
    const life: Life = {
      get isAlive() {
        return state.isAlive
      },
      delay: (lowMs, highMs) =>
        new Promise((resolve) => {
          this.scheduler.after(this.random.between(lowMs, highMs), () => {
            if (state.isAlive) resolve()
          })
        }),
      crashPoint: () => {
        const crashes = state.isAlive && !this.#healed && this.random.chance(this.config.crashPointRate)
        if (crashes) this.#crash(machine)
        return state.isAlive ? Promise.resolve() : new Promise(() => {})
      },
    }
    machine.life = state
    const node = await startFullNode({
      index,
      genesis: this.#genesis.genesis,
      genesisBlock: this.#genesis.block,
      secretKey: developmentValidator(index).consensusSecret,
      bls,
      storage,
      life,
      ports: this.#portsOf(machine, state),
      dir: join(this.#dir, String(index)),
    })
    this.trace(`${index} up at ${node.importer.head().header.height}`)
    this.checks.onStart(index, node.store)
    if (state.isAlive) machine.node = node
  }

  #portsOf(machine: Machine, state: { readonly isAlive: boolean }): FullNodePorts {
    const { index } = machine
    const { scheduler } = this
    const ifAlive = (work: () => void): void => {
      if (state.isAlive) work()
    }
    return {
      nowMs: () => scheduler.nowMs + machine.skewMs,
      monotonicMs: () => scheduler.nowMs - DEVNET_TIMESTAMP_MS,
      after: (delayMs, callback) => {
        let cancelled = false
        scheduler.after(Math.max(0, delayMs), () => {
          if (!cancelled && state.isAlive) callback()
        })
        return () => {
          cancelled = true
        }
      },
      send: (to, set, bytes) => ifAlive(() => this.#send(index, to, set, bytes)),
      download: (fromHeight, toHeight) => this.#download(index, fromHeight, toHeight),
      share: (validator, set, raws) =>
        ifAlive(() => {
          const to = this.#indexOf(set, validator)
          if (to !== undefined && to !== index) this.#carryTransactions(index, to, raws)
        }),
      onSigned: (subject) => this.checks.onSigned(index, subject),
      onFinalized: (event) =>
        ifAlive(() => {
          this.trace(`${index} final ${event.height} ${Buffer.from(event.hash).toString('hex')}`)
          this.checks.onFinalized(index, event)
          this.traffic.onFinalized(event)
        }),
      onPenalised: (peer, reason) =>
        ifAlive(() =>
          this.checks.fail('penalise', `node ${index} penalised the honest node ${peer}: ${reason}`),
        ),
      onEvidence: (kind) =>
        ifAlive(() => this.checks.fail('evidence', `node ${index} accuses an honest node of ${kind}`)),
      onHalt: (reason) => ifAlive(() => this.checks.fail('halt', `node ${index}: ${reason}`)),
    }
  }

  #indexOf(set: ValidatorSet, validator: number): number | undefined {
    return indexOfKey(this.#genesis.genesis.providers, set.validators[validator]?.consensusKey)
  }

  #send(from: number, to: Target, set: ValidatorSet, bytes: Uint8Array): void {
    const one =
      to.kind === 'peer'
        ? Number(to.peer)
        : to.kind === 'validator'
          ? this.#indexOf(set, to.index)
          : undefined
    for (const { index } of this.#machines) {
      if (index === from || (to.kind !== 'all' && index !== one)) continue
      const copies = !this.#healed && this.random.chance(this.config.duplicateRate) ? 2 : 1
      for (let i = 0; i < copies; i++) this.#carry(from, index, (node) => node.receive(from, bytes))
    }
  }

  #isLost(from: number, to: number): boolean {
    if (this.#cut.has(`${from}>${to}`)) return true
    return !this.#healed && this.random.chance(this.config.lossRate)
  }

  #carry(from: number, to: number, deliver: (node: FullNode) => void): void {
    if (this.#isLost(from, to)) return
    const [low, high] = this.config.delayMs
    this.scheduler.after(this.random.between(low, high), () => {
      const { node } = this.#machines[to]!
      if (node !== undefined) deliver(node)
    })
  }

  #carryTransactions(from: number, to: number, raws: readonly Uint8Array[]): void {
    const items = raws.flatMap((raw) => {
      const decoded = decodeTransaction(raw, this.chain.chainId)
      return 'transaction' in decoded ? [{ raw, id: decoded.transaction.hash }] : []
    })
    this.#carry(from, to, (node) => this.spawn(node.gossip(items)))
  }

  /** Submits a client's transaction to one node; if the pool admits it, gossips it to every other node once. */
  async submit(to: FullNode, raw: Uint8Array): Promise<boolean> {
    const from = this.#machines.find(({ node }) => node === to)!.index
    const result = await to.submit(raw)
    this.trace(`${from} submit ${result.ok}`)
    if (!result.ok) return false
    for (const { index } of this.#machines) if (index !== from) this.#carryTransactions(from, index, [raw])
    return true
  }

  /** Downloads ranges from any running node whose link is up, one round trip each. */
  #download(to: number, fromHeight: number, toHeight: number): RangeDownload {
    let next = fromHeight
    const source = (): Machine | undefined =>
      this.#machines.find(
        ({ index, node }) =>
          index !== to &&
          (node?.store.tip()?.height ?? 0) >= next &&
          !this.#cut.has(`${index}>${to}`) &&
          !this.#cut.has(`${to}>${index}`),
      )
    return {
      next: async () => {
        const machine = next > toHeight ? undefined : source()
        if (machine === undefined) return undefined
        const from = next
        const countMax = Math.min(RANGE_MAX, toHeight - from + 1)
        const items = await syncSourceOf(machine.node!.store).range({
          fromHeight: from,
          countMax,
          bytesMax: RANGE_BYTES_MAX,
        })
        next = from + items.length
        await new Promise<void>((resolve) => this.scheduler.after(2 * this.config.delayMs[1], resolve))
        return { peer: String(machine.index), fromHeight: from, items }
      },
      reject: (range, reason) =>
        this.checks.fail('penalise', `node ${to} rejected true blocks of ${range.peer}: ${reason}`),
      blame: (peer, reason) =>
        this.checks.fail('penalise', `node ${to} blamed the honest node ${peer}: ${reason}`),
      again: () => false,
      putBack: (range) => {
        next = range.fromHeight
      },
      rewind: (height) => {
        next = height
      },
      claimedHeight: () => this.checks.height,
      servedHeightMin: () => 1,
      close: () => {},
    }
  }

  #kill(machine: Machine): void {
    if (machine.life !== undefined) machine.life.isAlive = false
    machine.life = undefined
    machine.node = undefined
  }

  #crash(machine: Machine): void {
    if (machine.life === undefined) return
    this.#kill(machine)
    machine.storage.journal.crash(this.random)
    this.#crashes++
    this.trace(`${machine.index} crash`)
    this.scheduler.after(this.random.between(1, 2_000), () => this.#restart(machine))
  }

  #restart(machine: Machine): void {
    if (machine.life === undefined) this.#starting = this.#start(machine)
  }

  #nextCrash(): void {
    this.scheduler.after(this.random.between(1, 2 * this.config.crashEveryMs), () => {
      if (this.#healed) return
      const victims = this.random.chance(0.15) ? this.#machines : [this.random.pick(this.#machines)]
      for (const victim of victims) this.#crash(victim)
      this.#nextCrash()
    })
  }

  #nextPartition(): void {
    this.scheduler.after(this.random.between(200, 3_000), () => {
      this.#cut.clear()
      if (this.#healed) return
      const side = this.#machines.map(() => this.random.chance(0.5))
      const oneWay = this.random.chance(0.3)
      for (const { index: a } of this.#machines) {
        for (const { index: b } of this.#machines) {
          if (side[a] !== side[b] && (!oneWay || side[a])) this.#cut.add(`${a}>${b}`)
        }
      }
      if (this.random.chance(0.4)) this.#cut.clear()
      this.#nextPartition()
    })
  }

  async #heal(): Promise<void> {
    this.#healed = true
    this.#cut.clear()
    for (const machine of this.#machines) if (machine.life === undefined) await this.#start(machine)
  }

  /** D: all machines stop at once and find the same chain; each tree is rebuilt and compared with the header. */
  async #checkRestart(): Promise<void> {
    for (const machine of this.#machines) this.#kill(machine)
    for (const machine of this.#machines) {
      await this.#start(machine)
      await this.checks.atEnd(machine.index, machine.node!, this.chain)
      this.#kill(machine)
    }
  }
}
