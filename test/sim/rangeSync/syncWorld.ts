// One node that syncs from three honest peers and some liars in virtual time: the node's own importer, block sync, range
// protocol, request limits, scores and penalties; only links and the clock are simulated (CONSENSUS §9, 41).
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { equalBytes } from '../../../base/bytes.ts'
import type { Importer } from '../../../node/chain/importerTypes.ts'
import type { NodeLogger } from '../../../node/logging.ts'
import { type OpenedChain, openChain } from '../../../node/openChain.ts'
import { BlockSync } from '../../../node/sync/blockSync.ts'
import { Penalties } from '../../../p2p/penalties.ts'
import type { P2pHost, PeerKey, ProtocolHandler, ProtocolPort } from '../../../p2p/protocol.ts'
import { createRangeProtocol, type RangeProtocol, type SyncSource } from '../../../p2p/rangeProtocol.ts'
import type { Timers } from '../../../p2p/timers.ts'
import { openChainStoreOn } from '../../../storage/chainStore.ts'
import { Random, Scheduler } from '../../support/random.ts'
import { Violation } from '../../support/violation.ts'
import { SimStorage } from '../fullNode/simStorage.ts'
import { CHAIN_BLOCKS, type SyncChain } from './syncChain.ts'
import { honestSource, LIES, type Lie } from './syncPeers.ts'

const HONEST = 3
/** Liars are nearer, so that they are asked first. */
const LATENCY_MS = { honest: [15, 60], liar: [1, 10] } as const
/** Pause between rounds, as a follower makes it. */
const PAUSE_MS = 250
/** L: virtual time to the tip, beside any liars. */
const LIMIT_MS = 60_000
/** Blocks that honest peers may serve for each block of the chain: what was fetched is kept. */
const SERVED_FACTOR = 3
/** Turns of the event loop without work after which all promises have settled. */
const QUIET_TURNS = 4
const FOREIGN_CHAIN_POINTS = 60
const NODE: PeerKey = 'node'
const SILENT: NodeLogger = { debug() {}, info() {}, warn() {}, error() {} }

export interface SyncWorldConfig {
  readonly seed: number
  /** Names in LIES, one peer each. */
  readonly lies: readonly string[]
  /** Reach a certified block, as consensus asks, before following to the tip. */
  readonly hasTarget?: boolean
}

export interface SyncResult {
  readonly traceHash: string
  readonly tookMs: number
  /** Blocks served by honest peers. */
  readonly served: number
  /** Points by peer. */
  readonly penalised: ReadonlyMap<PeerKey, number>
  /** Answers that differ from an honest one, by peer. */
  readonly spoilt: ReadonlyMap<PeerKey, number>
}

/** One end of every link: the node or a peer. */
interface Station {
  readonly peer: PeerKey
  handler: ProtocolHandler | undefined
}

export class SyncWorld {
  readonly #config: SyncWorldConfig
  readonly #chain: SyncChain
  readonly #random: Random
  readonly #scheduler = new Scheduler(0)
  readonly #clock: Timers
  readonly #penalties: Penalties
  readonly #stations = new Map<PeerKey, Station>()
  readonly #points = new Map<PeerKey, number>()
  readonly #spoilt = new Map<PeerKey, number>()
  readonly #hash = createHash('sha256')
  #served = 0
  /** Executions and commits, begun and in progress: the virtual clock waits for them. */
  #begun = 0
  #working = 0
  #failure: unknown

  constructor(config: SyncWorldConfig, chain: SyncChain) {
    this.#config = config
    this.#chain = chain
    this.#random = new Random(config.seed)
    this.#clock = {
      monotonicMs: () => this.#scheduler.nowMs,
      after: (delayMs, callback) => {
        let isCancelled = false
        this.#scheduler.after(delayMs, () => {
          if (!isCancelled) callback()
        })
        return () => {
          isCancelled = true
        }
      },
    }
    this.#penalties = new Penalties({ nowMs: this.#clock.monotonicMs })
  }

  /** Plays the seed. Throws the first failure. */
  async run(): Promise<SyncResult> {
    const dir = mkdtempSync(join(tmpdir(), 'suanli-range-sync-'))
    const storage = new SimStorage()
    await storage.database.open()
    const opened = await openChain({
      genesis: this.#chain.genesis,
      openStore: () => openChainStoreOn(storage.database, dir),
      nowMs: this.#clock.monotonicMs,
    })
    try {
      return await this.#play(opened)
    } finally {
      await opened.close()
      rmSync(dir, { recursive: true, force: true })
    }
  }

  async #play({ importer, chain }: OpenedChain): Promise<SyncResult> {
    for (let i = 0; i < HONEST; i++) {
      this.#protocolOf(`honest${i}`, this.#counted(honestSource(this.#chain, this.#random)))
    }
    for (const [i, name] of this.#config.lies.entries()) this.#addLiar(`liar${i}`, LIES[name]!)
    const ranges = this.#protocolOf(NODE, {
      status: () => ({ height: 0, hash: new Uint8Array(32), heightMin: 1 }),
      range: () => [],
    })
    const blockSync = new BlockSync({
      importer: this.#watched(importer),
      genesisHash: chain.genesisHash,
      sync: ranges,
      penalise: (peer, reason) => this.#penalise(peer, FOREIGN_CHAIN_POINTS, reason),
      clock: this.#clock,
      logger: SILENT,
    })
    const isDone = (): boolean => importer.head().header.height === CHAIN_BLOCKS
    this.#follow(blockSync, isDone)
    await this.#advance(isDone)
    if (!isDone()) {
      throw new Violation(
        'L',
        `at ${importer.head().header.height} after ${LIMIT_MS} ms: ${this.#describe()}`,
      )
    }
    if (!equalBytes(importer.head().hash, this.#chain.blocks[CHAIN_BLOCKS]!.hash)) {
      throw new Violation('S1', 'the node has another chain')
    }
    if (this.#served > SERVED_FACTOR * CHAIN_BLOCKS) {
      throw new Violation('L', `honest peers served ${this.#served} blocks: ${this.#describe()}`)
    }
    const tookMs = this.#scheduler.nowMs
    ranges.close()
    return {
      traceHash: this.#hash.digest('hex'),
      tookMs,
      served: this.#served,
      penalised: this.#points,
      spoilt: this.#spoilt,
    }
  }

  #describe(): string {
    const points = [...this.#points].map(([peer, count]) => `${peer}: ${count}`)
    return `${this.#config.lies.join(', ')}; points ${points.join(', ') || 'none'}`
  }

  #follow(blockSync: BlockSync, isDone: () => boolean): void {
    const { hasTarget = false } = this.#config
    const height = CHAIN_BLOCKS - 30
    const target = { block: this.#chain.blocks[height]!, certificate: this.#chain.certificates[height]! }
    const round = async (): Promise<void> => {
      if (hasTarget && !(await blockSync.run(target))) return
      await blockSync.follow(new AbortController().signal)
    }
    const next = (): void => {
      round().then(
        () => {
          if (!isDone()) this.#scheduler.after(PAUSE_MS, next)
        },
        (error: unknown) => {
          this.#failure ??= error
        },
      )
    }
    this.#scheduler.after(PAUSE_MS, next)
  }

  /** Runs events in order; what one event starts, executions included, ends before the next. */
  async #advance(isDone: () => boolean): Promise<void> {
    while (!isDone() && this.#scheduler.step(LIMIT_MS)) {
      for (let quiet = 0; quiet < QUIET_TURNS; ) {
        const begun = this.#begun
        await new Promise((resolve) => setImmediate(resolve))
        quiet = this.#working > 0 || this.#begun > begun ? 0 : quiet + 1
      }
      if (this.#failure !== undefined) throw this.#failure
    }
  }

  #watched(importer: Importer): Importer {
    const during = async <T>(work: Promise<T>): Promise<T> => {
      this.#begun++
      this.#working++
      try {
        return await work
      } finally {
        this.#working--
      }
    }
    return withMethods(importer, {
      execute: (block) => during(importer.execute(block)),
      finalize: (path, certificate) => {
        this.#hash.update(`${this.#scheduler.nowMs} final ${path.length}\n`)
        return during(importer.finalize(path, certificate))
      },
    })
  }

  #counted(source: SyncSource): SyncSource {
    return {
      status: () => source.status(),
      range: async (wanted) => {
        const items = await source.range(wanted)
        this.#served += items.length
        return items
      },
    }
  }

  #addLiar(peer: PeerKey, { spoil, claims, delayMs }: Lie): void {
    const honest = honestSource(this.#chain, this.#random)
    this.#protocolOf(peer, {
      status: () => ({ ...honest.status(), ...(claims === undefined ? {} : { height: claims }) }),
      range: async (wanted) => {
        const items = await honest.range(wanted)
        if (delayMs !== undefined) {
          await new Promise<void>((resolve) => this.#clock.after(delayMs(this.#random), resolve))
        }
        if (spoil === undefined || items.length < 2) return items
        const { fromHeight, countMax } = wanted
        const bare = this.#chain.blocks.slice(fromHeight, fromHeight + countMax)
        this.#spoilt.set(peer, (this.#spoilt.get(peer) ?? 0) + 1)
        return spoil(items, {
          chain: this.#chain,
          random: this.#random,
          fromHeight,
          bare: bare.map(({ bytes: block }) => ({ block })),
        })
      },
    })
  }

  #protocolOf(peer: PeerKey, source: SyncSource): RangeProtocol {
    const station: Station = { peer, handler: undefined }
    this.#stations.set(peer, station)
    return createRangeProtocol(this.#hostOf(station), source, {
      clock: this.#clock,
      random: () => this.#random.next(),
    })
  }

  /** What the range protocol uses of a host. */
  #hostOf(station: Station): P2pHost {
    const port: ProtocolPort = {
      send: (peer, frame) => this.#send(station.peer, peer, frame),
      broadcast: () => 0,
      peers: () => [...this.#stations.keys()].filter((peer) => this.#isLinked(station.peer, peer)),
    }
    const host: Pick<P2pHost, 'register' | 'penalise' | 'logger' | 'getPeer'> = {
      logger: SILENT,
      // Nobody is a member here: all are served in turn.
      getPeer: () => undefined,
      register: (_spec, handler) => {
        station.handler = handler
        return port
      },
      penalise: (peer, points, reason) => {
        if (station.peer === NODE) this.#penalise(peer, points, reason)
        else throw new Violation('penalise', `${station.peer} penalised ${peer}: ${reason}`)
      },
    }
    return host as P2pHost
  }

  #isLinked(from: PeerKey, to: PeerKey): boolean {
    if (from === to || (from !== NODE && to !== NODE)) return false
    return this.#penalties.refusedForMs(from === NODE ? to : from) === 0
  }

  #send(from: PeerKey, to: PeerKey, frame: Uint8Array): boolean {
    if (!this.#isLinked(from, to)) return false
    const [lowMs, highMs] = LATENCY_MS[isHonest(from) && isHonest(to) ? 'honest' : 'liar']
    this.#clock.after(this.#random.between(lowMs, highMs), () => {
      if (!this.#isLinked(from, to)) return
      try {
        void this.#stations.get(to)!.handler!.onFrame(from, frame)
      } catch (error) {
        this.#failure ??= error
      }
    })
    return true
  }

  #penalise(peer: PeerKey, points: number, reason: string): void {
    this.#hash.update(`${this.#scheduler.nowMs} ${peer} ${reason}\n`)
    this.#points.set(peer, (this.#points.get(peer) ?? 0) + points)
    if (isHonest(peer)) {
      this.#failure ??= new Violation(
        'penalise',
        `the honest ${peer} was penalised: ${reason}; ${this.#describe()}`,
      )
    }
    if (this.#penalties.add(peer, points, true) > 0) {
      this.#stations.get(NODE)!.handler!.onClose?.(peer, 'refused for a while')
    }
  }
}

const isHonest = (peer: PeerKey): boolean => !peer.startsWith('liar')

/** The importer with some of its methods replaced. */
function withMethods(importer: Importer, replaced: Partial<Importer>): Importer {
  return new Proxy(importer, {
    get: (target, name) => {
      const value: unknown = Reflect.get(name in replaced ? replaced : target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
