// A node that joins by state sync from honest and lying peers in virtual time: state sync, its protocols, scores and penalties
// are a node's own; links, the clock and the disk are simulated. Owns: time, peers, what is judged.
import { concatBytes, equalBytes } from '../../../base/bytes.ts'
import { sha256 } from '../../../base/crypto/hash.ts'
import { type SnapshotInstall, syncState } from '../../../node/sync/stateSync.ts'
import { peerIdBytesFromSeed } from '../../../p2p/identity.ts'
import type { PeerKey, ProtocolSpec, StaticPeer } from '../../../p2p/protocol.ts'
import { createRangeProtocol, type SyncSource } from '../../../p2p/rangeProtocol.ts'
import {
  createSnapshotProtocol,
  SNAPSHOT_PROTOCOL,
  type SnapshotSource,
} from '../../../p2p/snapshotProtocol.ts'
import type { Timers } from '../../../p2p/timers.ts'
import { compareHashes } from '../../../state/tree/bits.ts'
import { leavesRoot } from '../../../state/tree/cut.ts'
import { Random, Scheduler } from '../../support/random.ts'
import { Violation } from '../../support/violation.ts'
import { Fabric } from '../fullNode/fabric.ts'
import { VirtualHost } from '../fullNode/virtualHost.ts'
import { type Leaf, OLDER, type SnapshotChain } from './snapshotChain.ts'
import { type Lie, SNAPSHOT_LIES } from './snapshotLies.ts'

/** Turns of the event loop in which a chunk is opened. */
const TURNS = 16
const MUTE_SPEC: ProtocolSpec = {
  id: SNAPSHOT_PROTOCOL,
  frameBytesMax: 64,
  queueBytesMax: 64,
  overflow: 'refuse',
  consensusOnly: false,
}
const NONE: SnapshotSource = {
  offers: () => [],
  manifest: () => undefined,
  chunk: async () => undefined,
  receipts: () => undefined,
  epochProof: () => undefined,
  validatorSet: () => undefined,
}

export interface JoinConfig {
  readonly seed: number
  readonly honest: number
  /** Names in SNAPSHOT_LIES, one peer each. */
  readonly lies: readonly string[]
  /** Liars come by themselves; otherwise the node names them like the honest. */
  readonly liarsAreStrangers?: boolean
  /** The honest are members of the genesis set. */
  readonly honestAreMembers?: boolean
  /** L: virtual time until the state is installed. */
  readonly limitMs: number
}

export interface JoinResult {
  readonly height: number
  readonly tookMs: number
  /** Points by lie. */
  readonly points: ReadonlyMap<string, number>
  /** Times that a snapshot was begun on disk. */
  readonly installs: number
  /** Frames of the snapshot protocol that the honest answered. */
  readonly served: number
}

/** What one peer answers. */
interface Served {
  readonly source: SnapshotSource
  readonly blocks: SyncSource
  readonly isMute?: boolean
}

export class JoinWorld {
  readonly #config: JoinConfig
  readonly #chain: SnapshotChain
  readonly #random: Random
  readonly #scheduler = new Scheduler(0)
  readonly #clock: Timers
  readonly #fabric: Fabric
  readonly #names = new Map<PeerKey, string>()
  readonly #points = new Map<string, number>()
  #served = 0
  #installs = 0
  #failure: unknown

  constructor(config: JoinConfig, chain: SnapshotChain) {
    this.#config = config
    this.#chain = chain
    this.#random = new Random(config.seed)
    const [random, scheduler] = [this.#random, this.#scheduler]
    this.#fabric = new Fabric({ random, scheduler, faults: { delayMs: [1, 30], lossRate: 0 } })
    this.#clock = {
      monotonicMs: () => scheduler.nowMs,
      after: (delayMs, callback) => {
        let isCancelled = false
        scheduler.after(Math.ceil(delayMs), () => {
          if (!isCancelled) callback()
        })
        return () => {
          isCancelled = true
        }
      },
    }
  }

  /** Plays the seed. Throws the first failure. */
  async run(): Promise<JoinResult> {
    const { honest, lies, liarsAreStrangers, honestAreMembers, limitMs } = this.#config
    const joiner = this.#hostOf(200)
    const named: StaticPeer[] = []
    for (let i = 0; i < honest; i++) {
      const spec = this.#serve(1 + i, 'honest', { source: this.#counted(), blocks: this.#chain.blocks })
      named.push({ ...spec, ...(honestAreMembers === true ? { validatorIndex: i } : {}) })
    }
    for (const [i, name] of lies.entries()) {
      const spec = this.#serve(100 + i, name, this.#liar(SNAPSHOT_LIES[name]!, i))
      if (liarsAreStrangers !== true) named.push(spec)
    }
    const time = this.#time
    const sync = createRangeProtocol(joiner, { ...this.#chain.blocks, range: () => [] }, time)
    const snapshots = createSnapshotProtocol(joiner, NONE, time)
    joiner.setPeers(named)
    await joiner.start()
    const { genesis, genesisSet } = this.#chain
    let end: { readonly height: number | undefined } | undefined
    syncState({
      chainId: genesis.chain.chainId,
      genesisHash: genesis.chain.genesisHash,
      genesis: genesis.block,
      genesisSet,
      checkpoint: undefined,
      chainDir: '',
      host: joiner,
      sync,
      snapshots,
      signal: new AbortController().signal,
      logger: joiner.logger as Parameters<typeof syncState>[0]['logger'],
      time,
      openInstall: async () => this.#install(),
    }).then(
      (height) => {
        end = { height }
      },
      (error: unknown) => {
        this.#failure ??= error
      },
    )
    while (end === undefined && this.#scheduler.step(limitMs)) {
      for (let turn = 0; turn < TURNS; turn++) await new Promise((resolve) => setImmediate(resolve))
      if (this.#failure !== undefined) throw this.#failure
    }
    if (end?.height === undefined)
      throw new Violation(
        'L',
        `nothing installed after ${this.#scheduler.nowMs} ms beside ${lies.join(', ')}`,
      )
    if (this.#points.has('honest')) throw new Violation('penalise', 'an honest peer has points')
    return {
      height: end.height,
      tookMs: this.#scheduler.nowMs,
      points: this.#points,
      installs: this.#installs,
      served: this.#served,
    }
  }

  get #time() {
    return { clock: this.#clock, random: () => this.#random.next() }
  }

  #hostOf(number: number): VirtualHost {
    return new VirtualHost({
      fabric: this.#fabric,
      seed: seedOf(number),
      monotonicMs: this.#clock.monotonicMs,
      events: {
        onPenalised: (peer, points) => {
          const name = this.#names.get(peer) ?? 'honest'
          this.#points.set(name, (this.#points.get(name) ?? 0) + points)
        },
        onRefused: () => {},
        onFailure: (error) => {
          this.#failure ??= error
        },
      },
    })
  }

  #serve(number: number, name: string, { source, blocks, isMute = false }: Served): StaticPeer {
    const host = this.#hostOf(number)
    this.#names.set(host.peerId, name)
    createRangeProtocol(host, blocks, this.#time)
    if (isMute) host.register(MUTE_SPEC, { onFrame: () => {} })
    else createSnapshotProtocol(host, source, this.#time)
    host.setPeers([{ peerId: peerIdBytesFromSeed(seedOf(200)), addresses: [] }])
    void host.start()
    return { peerId: host.peerIdBytes, addresses: [] }
  }

  #liar(lie: Lie, salt: number): Served {
    const pause = (delayMs: number): Promise<void> =>
      new Promise((resolve) => void this.#clock.after(delayMs, resolve))
    const context = { chain: this.#chain, salt, pause }
    return {
      source: { ...this.#chain.honest, ...lie.serves(context) },
      blocks: { ...this.#chain.blocks, ...lie.blocks?.(context) },
      isMute: lie.isMute ?? false,
    }
  }

  #counted(): SnapshotSource {
    const { honest } = this.#chain
    return {
      ...honest,
      // Liars offer more, so that they are tried first.
      offers: () => honest.offers().filter(({ height }) => height === OLDER),
      chunk: (height, index) => {
        this.#served++
        return honest.chunk(height, index)
      },
    }
  }

  /** In memory; checks at the end what the disk's would. */
  #install(): SnapshotInstall {
    this.#installs++
    const done = new Map<number, readonly Leaf[]>()
    return {
      has: (index) => done.has(index),
      doneCount: 0,
      putChunk: async (index, entries) => void done.set(index, entries),
      finish: async ({ block }) => {
        const rows = [...done.values()].flat().map(({ key, value }) => [sha256(key), sha256(value)] as const)
        rows.sort(([a], [b]) => compareHashes(a, 0, b, 0))
        const root = leavesRoot({
          keyHashes: concatBytes(...rows.map(([keyHash]) => keyHash)),
          valueHashes: concatBytes(...rows.map(([, valueHash]) => valueHash)),
        })
        if (!equalBytes(root, block.header.stateRoot)) throw new Violation('S1', 'another state is installed')
      },
      close: async () => {},
    }
  }
}

function seedOf(number: number): Uint8Array {
  return new Uint8Array(32).fill(number)
}
