// A simulated network of validators under one seed: loss, delay, duplication, partitions, crashes; then healing, then progress.
import { createHash } from 'node:crypto'
import { u64be } from '../../base/bytes.ts'
import type { Bls } from '../../base/crypto/types.ts'
import type { SealedBlock } from '../../base/protocol/header.ts'
import type { ValidatorSet } from '../../base/protocol/validators.ts'
import type { ConsensusParameters, Evidence, Target } from '../../consensus/types.ts'
import type { Behaviour } from './behaviours/behaviour.ts'
import { Invariants, Violation } from './invariants.ts'
import { Random, Scheduler } from './random.ts'
import { makeRules, makeValidator } from './simChain.ts'
import type { SimModel } from './simModel.ts'
import { SimNode } from './simNode.ts'
import { standInBls } from './standInBls.ts'

export const PARAMETERS: ConsensusParameters = {
  deltaMs: 50,
  minBlockIntervalMs: 100,
  heartbeatMs: 15_000,
  precisionMs: 50,
  messageDelayMs: 500,
  buildMs: 100,
  verifyMs: 100,
}

export interface SimConfig {
  readonly seed: number
  readonly nodes: number
  /** Node indexes of an epoch's set; all by default. */
  readonly membersOf?: (epoch: number) => readonly number[]
  readonly lossRate: number
  readonly duplicateRate: number
  readonly delayMs: readonly [number, number]
  /** Chance of a crash at each journal sync and each side of a signature. */
  readonly crashPointRate: number
  /** Mean time between crashes at random moments; 0 = none. */
  readonly crashEveryMs: number
  readonly partitions: boolean
  /** Byzantine nodes by index; at most f of them. */
  readonly byzantine?: ReadonlyMap<number, Behaviour>
  /** Never started at all. */
  readonly silent: readonly number[]
  readonly skewMs: number
  readonly txEveryMs: number
  readonly epochBlocks: number
  /** Faults stop here; everything down is started again. */
  readonly faultsUntilMs: number
  /** L: this many blocks on every node within `limitMs` of healing. */
  readonly goalBlocks: number
  readonly limitMs: number
  readonly parameters: ConsensusParameters
  readonly bls: Bls
  /** Links and machines with costs; by default delays are uniform draws and signature checks take no time. */
  readonly model?: SimModel
}

export const CALM: SimConfig = {
  seed: 1,
  nodes: 4,
  lossRate: 0,
  duplicateRate: 0,
  delayMs: [1, 20],
  crashPointRate: 0,
  crashEveryMs: 0,
  partitions: false,
  silent: [],
  skewMs: 0,
  txEveryMs: 200,
  epochBlocks: 1_000_000,
  faultsUntilMs: 3_000,
  goalBlocks: 5,
  limitMs: 120_000,
  parameters: PARAMETERS,
  bls: standInBls,
}

export interface SimResult {
  readonly traceHash: string
  readonly height: number
  /** Virtual milliseconds from healing to the goal. */
  readonly recoveryMs: number
  readonly crashes: number
  readonly finalizedAtMs: ReadonlyMap<number, number>
}

const START_MS = 1_700_000_000_000

export class SimWorld {
  readonly config: SimConfig
  readonly random: Random
  readonly scheduler = new Scheduler(START_MS)
  readonly invariants: Invariants
  readonly nodes: SimNode[] = []
  readonly evidence: Evidence[] = []
  readonly finalizedAtMs = new Map<number, number>()
  readonly #hash = createHash('sha256')
  #cut = new Set<string>()
  #healed = false
  #crashes = 0
  #transactions = 0

  constructor(config: SimConfig) {
    this.config = config
    this.random = new Random(config.seed)
    this.invariants = new Invariants(new Set(config.byzantine?.keys()))
    const made = Array.from({ length: config.nodes }, (_, i) => makeValidator(i, config.bls))
    const all = made.map((_, i) => i)
    const sets = new Map<number, ValidatorSet>()
    const setOf = (epoch: number): ValidatorSet => {
      const known = sets.get(epoch)
      if (known !== undefined) return known
      const members = config.membersOf?.(epoch) ?? all
      const set = { validators: members.map((i) => made[i]!.validator) }
      sets.set(epoch, set)
      return set
    }
    const rules = makeRules({ setOf, epochBlocks: config.epochBlocks, timestampMs: START_MS })
    for (const index of all) {
      const skewMs = config.skewMs === 0 ? 0 : this.random.between(-config.skewMs, config.skewMs)
      const { secretKey } = made[index]!
      const behaviour = config.byzantine?.get(index)
      this.nodes.push(
        new SimNode({ world: this, index, secretKey, bls: config.bls, rules, behaviour, skewMs }),
      )
    }
  }

  trace(node: number, what: string): void {
    this.#hash.update(`${this.scheduler.nowMs} ${node} ${what}\n`)
  }

  /** Starts everything, plays the faults, heals, and demands progress. Throws Violation. */
  run(): SimResult {
    const { faultsUntilMs, goalBlocks, limitMs } = this.config
    this.startAll()
    this.#scheduleFaults()
    this.#scheduleTransactions()
    this.scheduler.run(START_MS + faultsUntilMs, () => false)
    this.heal()
    const healedAtMs = this.scheduler.nowMs
    const goal = this.invariants.height + goalBlocks
    const reached = this.scheduler.run(healedAtMs + limitMs, () =>
      this.#honest().every((n) => n.store.height >= goal),
    )
    if (!reached) {
      const heights = this.nodes.map((n) => {
        const s = n.core?.status()
        return `${n.store.height}@${s?.epoch}/${s?.view}${s?.needed === true ? '!' : ''}`
      })
      throw new Violation(
        'L',
        `no progress to height ${goal} in ${limitMs} ms after healing: ${heights.join(' ')}`,
      )
    }
    return this.result(healedAtMs)
  }

  result(healedAtMs: number): SimResult {
    return {
      traceHash: this.#hash.copy().digest('hex'),
      height: this.invariants.height,
      recoveryMs: this.scheduler.nowMs - healedAtMs,
      crashes: this.#crashes,
      finalizedAtMs: this.finalizedAtMs,
    }
  }

  startAll(): void {
    for (const node of this.nodes) if (!this.config.silent.includes(node.index)) node.start()
  }

  heal(): void {
    this.#healed = true
    this.#cut.clear()
    for (const node of this.#lively()) if (!node.isUp) this.restart(node)
  }

  #lively(): readonly SimNode[] {
    return this.nodes.filter((node) => !this.config.silent.includes(node.index))
  }

  #honest(): readonly SimNode[] {
    return this.#lively().filter((node) => this.config.byzantine?.has(node.index) !== true)
  }

  restart(node: SimNode): void {
    if (node.isUp) return
    this.invariants.onRestart(node.index, node.store)
    this.trace(node.index, 'restart')
    node.start()
  }

  #scheduleFaults(): void {
    const { crashEveryMs, partitions } = this.config
    if (crashEveryMs > 0) this.#nextCrash(crashEveryMs)
    if (partitions) this.#nextPartition()
  }

  #nextCrash(everyMs: number): void {
    this.scheduler.after(this.random.between(1, 2 * everyMs), () => {
      if (this.#healed) return
      // Sometimes all at once.
      const victims = this.random.chance(0.15) ? this.#lively() : [this.random.pick(this.#lively())]
      for (const victim of victims) this.#crashOne(victim)
      this.#nextCrash(everyMs)
    })
  }

  #crashOne(node: SimNode): void {
    if (!node.isUp) return
    node.crash()
    this.#crashes++
    this.trace(node.index, 'crash')
    this.scheduler.after(this.random.between(1, 2_000), () => this.restart(node))
  }

  /** A place where a crash hurts most; true when it happened. */
  crashPoint(node: SimNode): boolean {
    if (this.#healed || !this.random.chance(this.config.crashPointRate)) return false
    this.#crashOne(node)
    return true
  }

  #nextPartition(): void {
    this.scheduler.after(this.random.between(100, 1_500), () => {
      if (this.#healed) return
      this.#cut.clear()
      const oneWay = this.random.chance(0.3)
      const side = this.nodes.map(() => this.random.chance(0.5))
      for (const a of this.nodes) {
        for (const b of this.nodes) {
          if (side[a.index] !== side[b.index] && (!oneWay || side[a.index]))
            this.#cut.add(`${a.index}>${b.index}`)
        }
      }
      if (this.random.chance(0.4)) this.#cut.clear()
      this.#nextPartition()
    })
  }

  #scheduleTransactions(): void {
    if (this.config.txEveryMs === 0) return
    this.scheduler.after(this.random.between(1, 2 * this.config.txEveryMs), () => {
      this.submit(this.random.pick(this.nodes))
      this.#scheduleTransactions()
    })
  }

  /** A client gives a new transaction to one node; returns it. */
  submit(node: SimNode): Uint8Array {
    const transaction = u64be(++this.#transactions)
    node.submit(transaction)
    return transaction
  }

  send(from: SimNode, to: Target, bytes: Uint8Array): void {
    for (const target of this.#targets(from, to)) {
      const copies = this.random.chance(this.#healed ? 0 : this.config.duplicateRate) ? 2 : 1
      for (let i = 0; i < copies; i++) this.#carry(from, target, bytes)
    }
  }

  #carry(from: SimNode, to: SimNode, bytes: Uint8Array): void {
    if (this.#isLost(from.index, to.index)) return
    this.scheduler.after(this.#transferMs(from.index, to.index, bytes), () => {
      if (to.isUp) to.receive(from, bytes)
    })
  }

  #transferMs(from: number, to: number, bytes: Uint8Array): number {
    const { model, delayMs } = this.config
    if (model !== undefined) return model.transferMs({ from, to, bytes, nowMs: this.scheduler.nowMs })
    return this.random.between(delayMs[0], delayMs[1])
  }

  #isLost(from: number, to: number): boolean {
    if (this.#cut.has(`${from}>${to}`)) return true
    return !this.#healed && this.random.chance(this.config.lossRate)
  }

  #targets(from: SimNode, to: Target): readonly SimNode[] {
    if (to.kind === 'all') return this.nodes.filter((node) => node !== from)
    if (to.kind === 'peer') return [this.nodes[Number(to.peer)]!]
    const epoch = from.core?.status().epoch
    if (epoch === undefined) return []
    const id = from.store.rules.setOf(epoch).validators[to.index]?.id
    return id === undefined || id - 1 === from.index ? [] : [this.nodes[id - 1]!]
  }

  deliverTransaction(from: number, to: number, transaction: Uint8Array): void {
    if (this.#isLost(from, to)) return
    this.scheduler.after(this.#transferMs(from, to, transaction), () => this.nodes[to]!.submit(transaction))
  }

  sourceFor(to: number, height: number): SimNode | undefined {
    return this.nodes.find(
      (node) =>
        node.index !== to &&
        node.isUp &&
        node.store.height >= height &&
        !this.#cut.has(`${node.index}>${to}`),
    )
  }

  onFinalized(node: number, block: SealedBlock): void {
    this.invariants.onFinalized(node, block)
    const { height } = block.header
    if (!this.finalizedAtMs.has(height)) this.finalizedAtMs.set(height, this.scheduler.nowMs)
    this.trace(node, `final ${height}`)
  }

  onHalt(node: number, reason: string): void {
    throw new Violation('halt', `node ${node}: ${reason}`)
  }

  onPunish(node: number, peer: string, reason: string): void {
    if (this.config.byzantine?.has(Number(peer))) return
    throw new Violation('punish', `node ${node} punished the honest node ${peer}: ${reason}`)
  }

  /** A: evidence names Byzantine nodes only. */
  onEvidence(node: number, evidence: Evidence): void {
    this.evidence.push(evidence)
    if (evidence.kind === 'votes') {
      const { epoch } = evidence.first.subject
      const id = this.nodes[0]!.store.rules.setOf(epoch).validators[evidence.first.signer]!.id
      if (this.config.byzantine?.has(id - 1)) return
    }
    throw new Violation('evidence', `node ${node} accuses an honest node of ${evidence.kind}`)
  }
}
