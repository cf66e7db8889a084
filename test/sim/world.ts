// A simulated network under one seed: creates hosts, injects faults, heals, requires progress, checks the end state.
import { u64be } from '../../base/bytes.ts'
import { SchemaError } from '../../base/field.ts'
import type { SealedBlock } from '../../base/protocol/header.ts'
import type { ValidatorSet } from '../../base/protocol/validators.ts'
import { type ConsensusMessage, decodeMessage, encodeMessage } from '../../consensus/messages.ts'
import type { Misbehaviour, Output, Target } from '../../consensus/types.ts'
import { Random, Scheduler } from '../support/random.ts'
import { type ChainRules, makeRules } from '../support/simChain.ts'
import { Violation } from '../support/violation.ts'
import { makeAccomplice } from './accomplice.ts'
import type { Accomplice } from './behaviours/behaviour.ts'
import { NORMAL_SPEED, type SimConfig, START_MS } from './config.ts'
import { Invariants } from './invariants.ts'
import { isBeyondRecovery } from './recovery.ts'
import { BACKLOG_WAIT_MAX_MS } from './simDoor.ts'
import type { CrashPoint, SimHost } from './simHost.ts'
import { SimKeys } from './simKeys.ts'
import { SimNetwork } from './simNetwork.ts'
import { SimNode } from './simNode.ts'
import { Trace } from './trace.ts'

export interface SimResult {
  readonly traceHash: string
  readonly height: number
  /** Virtual time from healing to the goal, ms. */
  readonly recoveryMs: number
  readonly crashes: number
  readonly messages: number
  readonly finalizedAtMs: ReadonlyMap<number, number>
}

/** One run of this world. */
export type WorldConfig = SimConfig<SimWorld>

export class SimWorld implements SimHost<SimNode> {
  readonly config: WorldConfig
  readonly random: Random
  readonly scheduler = new Scheduler(START_MS)
  readonly network: SimNetwork
  readonly invariants: Invariants
  /** Validators and followers by index, then the twins, then the thieves. */
  readonly nodes: SimNode[] = []
  readonly misbehaviour: { readonly node: number; readonly misbehaviour: Misbehaviour }[] = []
  readonly finalizedAtMs = new Map<number, number>()
  /** Crash points passed per host. */
  readonly points = new Map<number, number>()
  readonly rules: ChainRules
  readonly #trace: Trace
  readonly #keys: SimKeys
  readonly #watchers: ((node: SimNode, output: Output) => void)[] = []
  readonly #sentWatchers: ((node: SimNode, message: ConsensusMessage, to: Target) => void)[] = []
  readonly #decoded = new WeakMap<Uint8Array, ConsensusMessage | SchemaError>()
  /** Set by a scenario: drops messages for which it returns true, even after healing. */
  filter: ((from: SimNode, to: SimNode, message: ConsensusMessage) => boolean) | undefined
  /** Set by a scenario: called at each crash point; true = it crashed the host. */
  atPoint: ((node: SimNode, point: CrashPoint) => boolean) | undefined
  #healed = false
  #healedAtMs = START_MS
  #crashes = 0
  #transactions = 0

  constructor(config: WorldConfig, print?: (line: string) => void) {
    this.config = config
    this.random = new Random(config.seed)
    this.#trace = new Trace(print)
    this.#keys = new SimKeys(config)
    const shared = { setOf: this.setOf, epochBlocks: config.epochBlocks, timestampMs: START_MS }
    const activationHeight = config.activation?.height ?? 0
    this.rules = makeRules({ ...shared, activationHeight })
    const oldRules = makeRules(shared)
    this.invariants = new Invariants({ rules: this.rules, bls: config.bls, isFaulty: this.isFaulty })
    this.network = new SimNetwork({
      random: this.random,
      scheduler: this.scheduler,
      faults: config,
      extraMs: (host) => this.#speed(this.nodes[host]!.identity).linkMs,
      model: config.model,
    })
    for (const host of this.#keys.hosts()) {
      const { index, identity } = host
      const drawn = config.skewMs === 0 ? 0 : this.random.between(-config.skewMs, config.skewMs)
      this.nodes.push(
        new SimNode({
          ...host,
          world: this,
          bls: config.bls,
          rules: config.activation?.old.has(index) === true ? oldRules : this.rules,
          speed: this.#speed(identity),
          skewMs: config.skewOf?.(index) ?? drawn,
        }),
      )
    }
  }

  #speed(node: number) {
    return this.config.speedOf?.(node) ?? NORMAL_SPEED
  }

  setOf = (epoch: number): ValidatorSet => this.#keys.setOf(epoch)

  isFaulty = (identity: number, epoch: number): boolean => this.#keys.isFaulty(identity, epoch)

  get isTracing(): boolean {
    return this.#trace.isPrinting
  }

  get isHealed(): boolean {
    return this.#healed
  }

  trace(node: number, what: string): void {
    this.#trace.add(`${this.scheduler.nowMs - START_MS} ${node} ${what}`)
  }

  /** Plays the whole scenario. Throws Violation. */
  run(): SimResult {
    if (this.config.play === undefined) this.playUsual()
    else this.config.play(this)
    this.config.afterwards?.(this)
    const stores = this.honest().map(({ index, store }) => ({ node: index, store }))
    this.invariants.atEnd(stores)
    return this.result()
  }

  /** Starts all hosts, injects faults, heals, and requires progress. */
  playUsual(): void {
    const { faultsUntilMs, goalBlocks, limitMs, crashEveryMs, txEveryMs } = this.config
    this.startAll()
    if (crashEveryMs > 0) this.#nextCrash(crashEveryMs)
    this.config.course?.(this)
    if (txEveryMs > 0) this.keepSubmitting(txEveryMs)
    this.runFor(faultsUntilMs)
    this.heal()
    const goal = this.invariants.height + goalBlocks
    if (this.runUntil(limitMs, () => this.isEverywhere(goal))) return
    if (this.config.mayLoseJournals === true && isBeyondRecovery(this.config.nodes, this.honest())) return
    throw new Violation('L', `no progress to height ${goal} in ${limitMs} ms: ${this.#where()}`)
  }

  result(): SimResult {
    return {
      traceHash: this.#trace.digest(),
      height: this.invariants.height,
      recoveryMs: this.scheduler.nowMs - this.#healedAtMs,
      crashes: this.#crashes,
      messages: this.network.messages,
      finalizedAtMs: this.finalizedAtMs,
    }
  }

  /** Nodes that are not Byzantine, not silent and not held down. */
  honest(): readonly SimNode[] {
    return this.lively().filter((node) => !node.isByzantine)
  }

  lively(): readonly SimNode[] {
    return this.nodes.filter((node) => !this.config.silent.includes(node.index))
  }

  startAll(): void {
    for (const node of this.lively()) if (!node.isHeldDown) node.start()
  }

  runFor(ms: number): void {
    this.scheduler.run(this.scheduler.nowMs + ms, () => false)
  }

  /** Whether `done` becomes true within `limitMs`. */
  runUntil(limitMs: number, done: () => boolean): boolean {
    return done() || this.scheduler.run(this.scheduler.nowMs + limitMs, done)
  }

  /** L: `done` within `limitMs`, or a Violation with every node's position. */
  demand(limitMs: number, what: string, done: () => boolean): void {
    if (!this.runUntil(limitMs, done))
      throw new Violation('L', `no ${what} in ${limitMs} ms: ${this.#where()}`)
  }

  /** L: that many more blocks on every honest node. */
  demandBlocks(blocks: number, limitMs: number): void {
    const goal = this.invariants.height + blocks
    this.demand(limitMs, `progress to height ${goal}`, () => this.isEverywhere(goal))
  }

  isEverywhere(height: number): boolean {
    return this.honest().every((node) => node.store.height >= height)
  }

  #where(): string {
    const places = this.nodes.map((node) => {
      const status = node.status()
      const place =
        status === undefined ? 'down' : `${status.epoch}/${status.view}${status.needed ? '!' : ''}`
      return `${node.store.height}@${place}`
    })
    return places.join(' ')
  }

  heal(): void {
    this.#healed = true
    this.#healedAtMs = this.scheduler.nowMs
    this.network.heal()
    for (const node of this.lively()) {
      node.disk.full = false
      node.isHeldDown = false
      if (!node.isUp) this.restart(node)
    }
  }

  restart(node: SimNode): void {
    if (node.isUp || node.isHeldDown) return
    if (!node.isByzantine) this.invariants.onRestart(node.index, node.store)
    this.trace(node.index, 'restart')
    node.start()
  }

  /** Crashes a host; it restarts after `downMs` (default random, 0 = not by itself). */
  crash(node: SimNode, downMs?: number): void {
    if (!node.isUp) return
    node.crash()
    this.#crashes++
    this.trace(node.index, 'crash')
    const delayMs = downMs ?? this.random.between(1, 2_000)
    if (delayMs > 0) this.scheduler.after(delayMs, () => this.restart(node))
  }

  #nextCrash(everyMs: number): void {
    this.scheduler.after(this.random.between(1, 2 * everyMs), () => {
      if (this.#healed) return
      // Sometimes crash all at once.
      const victims = this.random.chance(0.15) ? this.lively() : [this.random.pick(this.lively())]
      for (const victim of victims) this.crash(victim)
      this.#nextCrash(everyMs)
    })
  }

  /** True when the host crashed here. */
  crashPoint(node: SimNode, point: CrashPoint): boolean {
    const passed = (this.points.get(node.index) ?? 0) + 1
    this.points.set(node.index, passed)
    if (this.#healed) return false
    const { crashAt, crashPointRate } = this.config
    if (
      crashAt !== undefined &&
      passed === crashAt.point &&
      (crashAt.node === 'all' || crashAt.node === node.index)
    ) {
      this.trace(node.index, `point ${passed} ${point}`)
      for (const victim of crashAt.node === 'all' ? this.lively() : [node]) this.crash(victim)
      return true
    }
    if (this.atPoint !== undefined) return this.atPoint(node, point)
    if (!this.random.chance(crashPointRate)) return false
    this.crash(node)
    return true
  }

  /** Stops the node, as the driver does; its operator restarts it once there is space. */
  onDiskFull(node: SimNode): void {
    this.trace(node.index, 'disk full')
    node.isHeldDown = true
    this.crash(node, 0)
  }

  /** Calls `watcher` for every output of every core, before it takes effect. */
  watch(watcher: (node: SimNode, output: Output) => void): void {
    this.#watchers.push(watcher)
  }

  onOutput(node: SimNode, output: Output): void {
    for (const watcher of this.#watchers) watcher(node, output)
  }

  /** Calls `watcher` for every message just sent by a host. */
  watchSent(watcher: (node: SimNode, message: ConsensusMessage, to: Target) => void): void {
    this.#sentWatchers.push(watcher)
  }

  /** Submits transactions to random nodes, for `forMs` (default: without end). */
  keepSubmitting(everyMs: number, forMs = Number.MAX_SAFE_INTEGER): void {
    const untilMs = this.scheduler.nowMs + forMs
    const next = (): void => {
      this.scheduler.after(this.random.between(1, 2 * everyMs), () => {
        if (this.scheduler.nowMs > untilMs) return
        this.submit(this.random.pick(this.nodes))
        next()
      })
    }
    next()
  }

  /** Submits a new client transaction to one node and returns it. */
  submit(node: SimNode): Uint8Array {
    const transaction = u64be(++this.#transactions)
    node.submit(transaction)
    return transaction
  }

  /** The sender may be down afterwards: a watcher may crash it. */
  sendMessage(from: SimNode, to: Target, message: ConsensusMessage): void {
    this.send(from, to, encodeMessage(message))
    for (const watcher of this.#sentWatchers) watcher(from, message, to)
  }

  send(from: SimNode, to: Target, bytes: Uint8Array): void {
    for (const target of this.#targets(from, to)) {
      if (this.#isFiltered(from, target, bytes)) continue
      const deliver = (): void => this.#deliver(from, target, bytes)
      this.network.carry(from.index, target.index, { bytes, deliver })
    }
  }

  #isFiltered(from: SimNode, to: SimNode, bytes: Uint8Array): boolean {
    if (this.filter === undefined) return false
    const message = this.#decode(bytes)
    return !(message instanceof SchemaError) && this.filter(from, to, message)
  }

  /** A refusal ends the connection, so it holds in both directions. */
  #deliver(from: SimNode, to: SimNode, bytes: Uint8Array): void {
    if (to.door.refuses(`${from.index}`) || from.door.refuses(`${to.index}`)) return
    const waitMs = to.door.enter(`${from.index}`, bytes, () => {
      const message = this.#decode(bytes)
      if (message instanceof SchemaError) to.receiveGarbage(from, message.message)
      else to.receive(from, message, bytes)
    })
    if (waitMs > BACKLOG_WAIT_MAX_MS && !from.isByzantine && !to.isByzantine) {
      throw new Violation(
        'limit',
        `node ${to.index} keeps the honest node ${from.index} waiting for ${waitMs} ms`,
      )
    }
  }

  /** Decodes once for all receivers: messages are immutable. */
  #decode(bytes: Uint8Array): ConsensusMessage | SchemaError {
    const known = this.#decoded.get(bytes)
    if (known !== undefined) return known
    let message: ConsensusMessage | SchemaError
    try {
      message = decodeMessage(bytes)
    } catch (error) {
      if (!(error instanceof SchemaError)) throw error
      message = error
    }
    this.#decoded.set(bytes, message)
    return message
  }

  #targets(from: SimNode, to: Target): readonly SimNode[] {
    if (to.kind === 'all') return this.nodes.filter((node) => node !== from)
    if (to.kind === 'peer') return [this.nodes[Number(to.peer)]!]
    const epoch = from.status()?.epoch
    const id = epoch === undefined ? undefined : this.setOf(epoch).validators[to.index]?.id
    return id === undefined ? [] : this.nodes.filter((node) => node.identity === id - 1 && node !== from)
  }

  deliverTransaction(from: number, to: number, transaction: Uint8Array): void {
    const deliver = (): void => this.nodes[to]!.submit(transaction)
    this.network.carry(from, to, { bytes: transaction, deliver })
  }

  /** A host from which `to` can copy blocks up to `height`. */
  sourceFor(to: SimNode, height: number): SimNode | undefined {
    const can = (node: SimNode): boolean =>
      node !== to && node.isUp && node.store.height >= height && !this.network.isCut(node.index, to.index)
    return this.nodes.find(can)
  }

  accomplice(node: SimNode): Accomplice {
    return makeAccomplice(this, node)
  }

  onFinalized(node: SimNode, block: SealedBlock): void {
    for (const transaction of block.transactions) node.signer.proveLoss(transaction, block.header.epoch)
    if (!node.isByzantine) {
      this.invariants.onFinalized(node.index, block)
      const { height } = block.header
      if (!this.finalizedAtMs.has(height)) this.finalizedAtMs.set(height, this.scheduler.nowMs)
    }
    this.trace(node.index, `final ${block.header.height}`)
  }

  onHalt(node: SimNode, reason: string): void {
    // Old software halts at the activation, as expected.
    if (node.isByzantine || this.config.activation?.old.has(node.index) === true) return
    throw new Violation('halt', `node ${node.index}: ${reason}`)
  }

  onPenalised(node: SimNode, peer: string, reason: string): void {
    const penalised = this.nodes[Number(peer)]!
    if (!penalised.isByzantine && !node.isByzantine)
      throw new Violation('penalise', `node ${node.index} penalised the honest node ${peer}: ${reason}`)
    if (node.isByzantine || this.config.toleratesOffences === true) return
    const refusedMs = node.door.penalise(peer)
    if (refusedMs > 0) this.trace(node.index, `refuses ${peer} for ${refusedMs} ms`)
  }

  onMisbehaviour(node: SimNode, misbehaviour: Misbehaviour): void {
    if (!node.isByzantine) this.misbehaviour.push({ node: node.index, misbehaviour })
  }
}
