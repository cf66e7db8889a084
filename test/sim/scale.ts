// One scale run: validators on modelled links and machines under steady load, measured as a client sees it.
import { bytesKey, concatBytes, u64be } from '../../base/bytes.ts'
import type { SealedBlock } from '../../base/protocol/header.ts'
import type { ConsensusParameters } from '../../consensus/types.ts'
import { Random } from '../support/random.ts'
import { CALM } from './config.ts'
import { type Distance, ScaleModel, type Traffic } from './scaleModel.ts'
import { wideAreaMs } from './scaleRegions.ts'
import type { SimNode } from './simNode.ts'
import { SimWorld } from './world.ts'

/** Approximate size of a transfer's envelope. */
const TRANSACTION_BYTES = 110
/** No consensus message starts with this byte. */
const TRANSACTION_TAG = 0xff

/** Links of a run and suitable timing: Δ above the longest hop. */
export interface Network {
  readonly name: string
  readonly distance: Distance
  readonly jitterShare: number
  readonly deltaMs: number
}

export const FIXED_100_MS: Network = {
  name: '100 ms links',
  distance: () => 100,
  jitterShare: 0,
  deltaMs: 150,
}

export const WIDE_AREA: Network = {
  name: 'wide area',
  distance: wideAreaMs,
  jitterShare: 0.1,
  deltaMs: 250,
}

export interface ScaleOptions {
  readonly validators: number
  readonly network: Network
  readonly seed: number
  /** Transactions measured, after the warm-up. */
  readonly samples: number
  readonly transactionsPerSecond: number
  readonly warmUpMs: number
}

export interface ScaleFigures {
  readonly validators: number
  readonly network: string
  /** Submitted → final at the same node, all samples in ascending order, ms. */
  readonly latenciesMs: readonly number[]
  readonly p50Ms: number
  readonly p99Ms: number
  readonly blockIntervalMs: number
  readonly blocks: number
  readonly transactionsPerBlock: number
  /** Consensus messages per final block, all nodes together, without transactions. */
  readonly messagesPerBlock: number
  readonly bytesPerBlock: number
  /** Transaction gossip and sharing, bytes per transaction, all nodes together. */
  readonly bytesPerTransaction: number
}

export function parametersOf(network: Network): ConsensusParameters {
  const { deltaMs } = network
  const [buildMs, verifyMs] = [100, 150]
  return {
    deltaMs,
    minBlockIntervalMs: 200,
    heartbeatMs: 24 * 3_600_000,
    precisionMs: 100,
    messageDelayMs: 2 * (buildMs + 2 * deltaMs),
    buildMs,
    verifyMs,
  }
}

/** A world that gossips every transaction to all nodes and records when it is final at its own. */
class ScaleWorld extends SimWorld {
  readonly model: ScaleModel
  readonly latenciesMs: number[] = []
  readonly #submitted = new Map<string, { node: number; atMs: number }>()
  readonly #final = new Set<number>()
  blocks = 0
  transactions = 0
  #count = 0

  constructor(options: { validators: number; network: Network; seed: number }) {
    const { validators, network, seed } = options
    const { distance, jitterShare } = network
    const model = new ScaleModel({ distance, jitterShare, random: new Random(seed ^ 0x5ca1e) })
    super({
      ...CALM,
      seed,
      nodes: validators,
      txEveryMs: 0,
      parameters: parametersOf(network),
      model,
    })
    this.model = model
  }

  /** Submits a client's transaction to one node, which gossips it to all others. */
  offer(node: SimNode): void {
    const padding = new Uint8Array(TRANSACTION_BYTES - 9)
    const transaction = concatBytes(new Uint8Array([TRANSACTION_TAG]), u64be(++this.#count), padding)
    this.#submitted.set(bytesKey(transaction), { node: node.index, atMs: this.scheduler.nowMs })
    node.submit(transaction)
    for (const other of this.nodes) {
      if (other !== node) this.deliverTransaction(node.index, other.index, transaction)
    }
  }

  override onFinalized(node: SimNode, block: SealedBlock): void {
    super.onFinalized(node, block)
    if (!this.#final.has(block.header.height)) {
      this.#final.add(block.header.height)
      this.blocks++
      this.transactions += block.transactions.length
    }
    for (const transaction of block.transactions) {
      const sent = this.#submitted.get(bytesKey(transaction))
      if (sent?.node === node.index) this.latenciesMs.push(this.scheduler.nowMs - sent.atMs)
    }
  }
}

/** Plays one run; throws a Violation when a property fails, an Error when samples do not become final. */
export function measureScale(options: ScaleOptions): ScaleFigures {
  const { validators, network, samples, transactionsPerSecond } = options
  const world = new ScaleWorld(options)
  const arrivals = new Random(options.seed ^ 0x10ad)
  const next = (): void => {
    // Exponential gaps: clients are independent.
    const gapMs = Math.round((-Math.log(1 - arrivals.next()) * 1_000) / transactionsPerSecond)
    world.scheduler.after(gapMs, () => {
      world.offer(arrivals.pick(world.nodes))
      next()
    })
  }
  world.startAll()
  next()
  const startMs = world.scheduler.nowMs
  world.scheduler.run(startMs + options.warmUpMs, () => false)
  const warm = { blocks: world.blocks, transactions: world.transactions, atMs: world.scheduler.nowMs }
  world.model.takeTraffic()
  world.latenciesMs.length = 0
  const isDone = world.scheduler.run(warm.atMs + 600_000, () => world.latenciesMs.length >= samples)
  if (!isDone) throw new Error(`${world.latenciesMs.length} of ${samples} transactions final in ten minutes`)
  const traffic = world.model.takeTraffic()
  const blocks = world.blocks - warm.blocks
  const transactions = world.transactions - warm.transactions
  const consensus = sum([...traffic].filter(([tag]) => tag !== TRANSACTION_TAG).map(([, t]) => t))
  const latenciesMs = world.latenciesMs.sort((a, b) => a - b)
  return {
    validators,
    network: network.name,
    latenciesMs,
    p50Ms: percentile(latenciesMs, 50),
    p99Ms: percentile(latenciesMs, 99),
    blockIntervalMs: Math.round((world.scheduler.nowMs - warm.atMs) / blocks),
    blocks,
    transactionsPerBlock: transactions / blocks,
    messagesPerBlock: Math.round(consensus.messages / blocks),
    bytesPerBlock: Math.round(consensus.bytes / blocks),
    bytesPerTransaction: Math.round((traffic.get(TRANSACTION_TAG)?.bytes ?? 0) / transactions),
  }
}

export interface IdleFigures {
  readonly validators: number
  readonly idleMs: number
  /** Submitted → final at the same node, ms. */
  readonly finalMs: number
  /** Views from submission to finality; 1 = no view was lost. */
  readonly views: number
  /** Messages per node and second while idle. */
  readonly messagesPerNodeSecond: number
}

/** Lets a chain idle for `idleMs` without a heartbeat, then submits one transaction to one node. */
export function measureIdle(options: {
  readonly validators: number
  readonly network: Network
  readonly seed: number
  readonly idleMs: number
}): IdleFigures {
  const { validators, idleMs } = options
  const world = new ScaleWorld(options)
  world.startAll()
  world.scheduler.run(world.scheduler.nowMs + idleMs, () => false)
  if (world.blocks !== 0) throw new Error('an idle chain made a block')
  const idle = sum([...world.model.takeTraffic().values()])
  const viewBefore = world.nodes[0]!.core!.status().view
  world.offer(world.nodes[options.seed % validators]!)
  if (!world.scheduler.run(world.scheduler.nowMs + 60_000, () => world.latenciesMs.length > 0)) {
    throw new Error('a transaction after idling is not final within a minute')
  }
  return {
    validators,
    idleMs,
    finalMs: world.latenciesMs[0]!,
    views: world.nodes[0]!.core!.status().view - viewBefore,
    messagesPerNodeSecond: (idle.messages / validators / idleMs) * 1_000,
  }
}

function sum(parts: readonly Traffic[]): Traffic {
  return parts.reduce((a, b) => ({ messages: a.messages + b.messages, bytes: a.bytes + b.bytes }), {
    messages: 0,
    bytes: 0,
  })
}

function percentile(ascending: readonly number[], percent: number): number {
  return ascending[Math.min(ascending.length - 1, Math.floor((ascending.length * percent) / 100))]!
}
