// Whole nodes in virtual time beside one Byzantine member with its own key: penalties, refusals, allowances and the real
// wiring take part. Owns: time, lives, what is judged while the attack lasts. Not: the behaviours (test/support/byzantine/).
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Clock } from '../../../consensus/ports.ts'
import { developmentValidator } from '../../../genesis/devKeys.ts'
import { DEVNET_TIMESTAMP_MS } from '../../../genesis/devnet.ts'
import type { FinalizedEvent } from '../../../node/chain/importerTypes.ts'
import { Closers } from '../../../node/closers.ts'
import { peerIdBytesFromSeed, peerIdText } from '../../../p2p/identity.ts'
import { BEHAVIOURS } from '../../support/byzantine/behaviours.ts'
import { joinHostile } from '../../support/byzantine/hostileNode.ts'
import type { Mind } from '../../support/byzantine/mind.ts'
import { Random, Scheduler } from '../../support/random.ts'
import { type DevelopmentChain, developmentChain } from './developmentChain.ts'
import { Fabric } from './fabric.ts'
import { FullNodeChecks } from './fullNodeChecks.ts'
import { FullNodeTraffic } from './fullNodeTraffic.ts'
import { type Life, SimStorage } from './simStorage.ts'
import { type HostEvents, VirtualHost } from './virtualHost.ts'
import { noRecoveries, openSimChain, startWiredNode, type WiredNode } from './wiredNode.ts'

export interface HostileConfig {
  readonly seed: number
  readonly validators: number
  /** A key of `BEHAVIOURS`. */
  readonly behaviour: string
  readonly lossRate: number
  readonly delayMs: readonly [number, number]
  /** An honest member is down for this long at the attack's start; 0 = none. */
  readonly downMs: number
  /** Mean time between transactions. */
  readonly txEveryMs: number
  readonly burst: number
  readonly attackMs: number
  /** Longest time without a final block during the attack. */
  readonly standMsMax: number
  /** L: time after the attack until all transactions are final on every honest node. */
  readonly limitMs: number
}

export interface HostileResult {
  readonly traceHash: string
  readonly height: number
  readonly transactions: number
  /** Points that the honest gave the hostile member, and times they refused it. */
  readonly points: number
  readonly refusals: number
  /** Longest time without a final block during the attack. */
  readonly standMs: number
  readonly recoveryMs: number
}

/** The honest know each other before the attack. */
const WARM_UP_MS = 1_000
/** Transactions submitted after the attack must become final too. */
const COOL_DOWN_MS = 500

/** One machine of an honest member; its storage survives a crash. */
interface Machine {
  readonly index: number
  readonly storage: SimStorage
  life: { isAlive: boolean } | undefined
  host: VirtualHost | undefined
  node: WiredNode | undefined
}

export class HostileWorld {
  readonly config: HostileConfig
  readonly random: Random
  readonly scheduler = new Scheduler(DEVNET_TIMESTAMP_MS + 60_000)
  readonly checks: FullNodeChecks
  readonly traffic: FullNodeTraffic<WiredNode>
  readonly #development: DevelopmentChain
  readonly #fabric: Fabric
  readonly #honest: readonly Machine[]
  readonly #hostile: number
  /** Names of the honest, by peer id. */
  readonly #names = new Map<string, number>()
  readonly #hash = createHash('sha256')
  readonly #dir = mkdtempSync(join(tmpdir(), 'suanli-hostile-'))
  readonly #closers = new Closers()
  #healed = false
  #isAttacked = false
  #finalAtMs = 0
  #standMs = 0
  #points = 0
  #refusals = 0
  #failure: unknown
  #starting: Promise<void> | undefined

  constructor(config: HostileConfig) {
    const { seed, validators } = config
    this.config = config
    this.random = new Random(seed)
    this.#development = developmentChain(validators)
    this.checks = new FullNodeChecks(validators)
    this.traffic = new FullNodeTraffic<WiredNode>(this)
    this.#hostile = this.random.between(0, validators - 1)
    const hostile = peerIdText(peerIdBytesFromSeed(developmentValidator(this.#hostile).peerSeed))
    // Who comes back asks whoever answers first.
    const nearPeer = config.downMs > 0 ? hostile : undefined
    const faults = { delayMs: config.delayMs, lossRate: config.lossRate, nearPeer }
    this.#fabric = new Fabric({ random: this.random, scheduler: this.scheduler, faults })
    this.#honest = Array.from({ length: validators }, (_, index) => index)
      .filter((index) => index !== this.#hostile)
      .map((index) => ({
        index,
        storage: new SimStorage(),
        life: undefined,
        host: undefined,
        node: undefined,
      }))
  }

  get chain() {
    return this.#development.block.chain
  }

  get healed(): boolean {
    return this.#healed
  }

  up(): readonly WiredNode[] {
    return this.#honest.flatMap(({ node }) => (node === undefined ? [] : [node]))
  }

  async submit(to: WiredNode, raw: Uint8Array): Promise<boolean> {
    const { ok } = await to.submit(raw)
    return ok
  }

  spawn(work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      this.#failure ??= error
    })
  }

  /** Plays the seed. Throws the first failure. */
  async run(): Promise<HostileResult> {
    const { attackMs, downMs, limitMs } = this.config
    try {
      for (const machine of this.#honest) await this.#start(machine)
      const mind = await this.#startHostile()
      this.traffic.begin()
      await this.#advance(this.scheduler.nowMs + WARM_UP_MS, () => false)
      this.#setAttack(mind, true)
      if (downMs > 0) this.#lag(this.random.pick(this.#honest), downMs)
      await this.#advance(this.scheduler.nowMs + attackMs, () => false)
      this.#setAttack(mind, false)
      await this.#advance(this.scheduler.nowMs + COOL_DOWN_MS, () => false)
      this.#healed = true
      this.#fabric.heal()
      const healedAtMs = this.scheduler.nowMs
      const done = (): boolean => this.traffic.isSettled() && this.#isLevel()
      if (!(await this.#advance(healedAtMs + limitMs, done)))
        this.checks.fail('L', `${this.#describe()}; ${this.traffic.describe()}`)
      const recoveryMs = this.scheduler.nowMs - healedAtMs
      await this.#checkRestart()
      return {
        traceHash: this.#hash.digest('hex'),
        height: this.checks.height,
        transactions: this.traffic.finalCount,
        points: this.#points,
        refusals: this.#refusals,
        standMs: this.#standMs,
        recoveryMs,
      }
    } finally {
      for (const machine of this.#honest) this.#kill(machine)
      await this.#closers.close()
      rmSync(this.#dir, { recursive: true, force: true })
    }
  }

  trace(what: string): void {
    this.#hash.update(`${this.scheduler.nowMs} ${what}\n`)
  }

  #describe(): string {
    return this.#honest
      .map(({ index, node }) => {
        if (node === undefined) return `${index} down`
        const { epoch, view } = node.consensus.driver.status()
        return `${index}@${node.importer.head().header.height} epoch ${epoch} view ${view}`
      })
      .join(', ')
  }

  #isLevel(): boolean {
    return this.#honest.every(({ node }) => node?.importer.head().header.height === this.checks.height)
  }

  #setAttack(mind: Mind, isOn: boolean): void {
    this.#isAttacked = isOn
    this.#finalAtMs = this.scheduler.nowMs
    mind.behave(BEHAVIOURS[isOn ? this.config.behaviour : 'idle']!)
    this.trace(isOn ? `${this.#hostile} ${this.config.behaviour}` : 'healed')
  }

  /** Runs events in order; the promises started by one event settle before the next. */
  async #advance(untilMs: number, done: () => boolean): Promise<boolean> {
    while (!done()) {
      const isDue = this.scheduler.step(untilMs)
      if (this.#isAttacked) this.#watchStand()
      if (!isDue) return done()
      await this.#starting
      this.#starting = undefined
      for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
      if (this.#failure !== undefined) throw this.#failure
    }
    return true
  }

  #watchStand(): void {
    this.#standMs = Math.max(this.#standMs, this.scheduler.nowMs - this.#finalAtMs)
    if (this.#standMs > this.config.standMsMax)
      this.checks.fail('L', `no final block for ${this.#standMs} ms: ${this.#describe()}`)
  }

  #lifeOf(state: { readonly isAlive: boolean }): Life {
    return {
      get isAlive() {
        return state.isAlive
      },
      delay: (lowMs, highMs) =>
        new Promise((resolve) => {
          this.scheduler.after(this.random.between(lowMs, highMs), () => {
            if (state.isAlive) resolve()
          })
        }),
      crashPoint: () => (state.isAlive ? Promise.resolve() : new Promise(() => {})),
    }
  }

  #clockOf(state: { readonly isAlive: boolean }): Clock {
    return {
      nowMs: () => this.scheduler.nowMs,
      monotonicMs: () => this.scheduler.nowMs - DEVNET_TIMESTAMP_MS,
      after: (delayMs, callback) => {
        let cancelled = false
        this.scheduler.after(Math.max(0, Math.ceil(delayMs)), () => {
          if (!cancelled && state.isAlive) callback()
        })
        return () => {
          cancelled = true
        }
      },
    }
  }

  #hostOf(index: number, events: HostEvents | undefined): VirtualHost {
    const host = new VirtualHost({
      fabric: this.#fabric,
      seed: developmentValidator(index).peerSeed,
      monotonicMs: () => this.scheduler.nowMs,
      events,
    })
    if (events !== undefined) this.#names.set(host.peerId, index)
    return host
  }

  async #start(machine: Machine): Promise<void> {
    const { index, storage } = machine
    const state = { isAlive: true }
    const host = this.#hostOf(index, this.#eventsOf(index))
    machine.life = state
    machine.host = host
    machine.node = await startWiredNode({
      index,
      development: this.#development,
      host,
      storage,
      life: this.#lifeOf(state),
      clock: this.#clockOf(state),
      random: () => this.random.next(),
      dir: join(this.#dir, String(index)),
      onSigned: (subject) => this.checks.onSigned(index, subject),
      onFinalized: (event) => this.#onFinalized(machine, event),
      onHalt: (reason) => this.#fail('halt', `node ${index}: ${reason}`),
    })
    this.trace(`${index} up at ${machine.node.importer.head().header.height}`)
    this.checks.onStart(index, machine.node.store)
  }

  async #startHostile(): Promise<Mind> {
    const state = { isAlive: true }
    const { genesis, block } = this.#development
    const clock = this.#clockOf(state)
    const parts = {
      development: this.#development,
      storage: new SimStorage(),
      life: this.#lifeOf(state),
      clock,
      dir: join(this.#dir, String(this.#hostile)),
    }
    const opened = await openSimChain(parts, noRecoveries(parts))
    this.#closers.add(() => {
      state.isAlive = false
    })
    return joinHostile(
      {
        genesis,
        genesisHash: block.chain.genesisHash,
        opened,
        host: this.#hostOf(this.#hostile, undefined),
        peers: [],
        secretKey: developmentValidator(this.#hostile).consensusSecret,
        peerSeed: developmentValidator(this.#hostile).peerSeed,
        seed: this.config.seed,
        // Its own lies may break its chain.
        onHalt: (reason) => this.trace(`the hostile member halted: ${reason}`),
        time: { clock, random: () => this.random.next() },
      },
      new Closers(),
    )
  }

  /** Throws where it is called, or, inside a node that would catch it, ends the run. */
  #fail(property: string, detail: string): void {
    try {
      this.checks.fail(property, detail)
    } catch (error) {
      this.#failure ??= error
    }
  }

  /** Nobody honest penalises, and so refuses, another honest one. */
  #eventsOf(index: number): HostEvents {
    return {
      onPenalised: (peer, points, reason) => {
        this.trace(`${index} penalises ${peer} ${points} ${reason}`)
        this.#points += points
        const name = this.#names.get(peer)
        if (name !== undefined)
          this.#fail('penalise', `node ${index} penalised the honest node ${name}: ${reason}`)
      },
      onRefused: (peer, refusedMs) => {
        this.trace(`${index} refuses ${peer} ${refusedMs}`)
        this.#refusals++
      },
      onFailure: (error) => {
        this.#failure ??= error
      },
    }
  }

  #onFinalized({ index, node }: Machine, event: FinalizedEvent): void {
    this.trace(`${index} final ${event.height} ${Buffer.from(event.hash).toString('hex')}`)
    if (event.height > this.checks.height) this.#finalAtMs = this.scheduler.nowMs
    try {
      this.checks.onFinalized(index, event)
      this.traffic.onFinalized(event)
    } catch (error) {
      this.#failure ??= error
    }
    const accused = node?.consensus.evidence.held().flatMap(({ providers }) => providers) ?? []
    const wronged = accused.find((id) => id !== this.#hostile + 1)
    if (wronged !== undefined) this.#fail('A', `node ${index} accuses the honest member ${wronged}`)
  }

  #kill(machine: Machine): void {
    if (machine.life !== undefined) machine.life.isAlive = false
    machine.host?.stop()
    machine.life = undefined
    machine.host = undefined
    machine.node = undefined
  }

  /** One honest member crashes, and must fetch what it missed. */
  #lag(machine: Machine, downMs: number): void {
    this.#kill(machine)
    machine.storage.journal.crash(this.random)
    this.trace(`${machine.index} down`)
    this.scheduler.after(downMs, () => {
      this.#starting = this.#start(machine)
    })
  }

  /** D: all honest machines stop at once and find the same chain. */
  async #checkRestart(): Promise<void> {
    for (const machine of this.#honest) this.#kill(machine)
    for (const machine of this.#honest) {
      await this.#start(machine)
      await this.checks.atEnd(machine.index, machine.node!, this.chain)
      this.#kill(machine)
    }
  }
}
