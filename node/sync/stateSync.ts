// State sync: a node without a chain fetches a recent block's state from peers, proves it from genesis or a checkpoint,
// and installs it in one move. Owns: the steps. Not: trust (trust.ts), chunks (chunkDownload.ts), the disk.
import { assert, mustExist } from '../../base/assert.ts'
import { equalBytes, toHex } from '../../base/bytes.ts'
import type { Hash32 } from '../../base/ids.ts'
import type { BlockCheckpoint } from '../../base/protocol/checkpoint.ts'
import { verifyFinality } from '../../base/protocol/finalityProof.ts'
import { openBlock, type SealedBlock } from '../../base/protocol/header.ts'
import {
  type SnapshotManifest,
  snapshotManifestHash,
  snapshotManifestSchema,
} from '../../base/protocol/snapshot.ts'
import type { ValidatorSet } from '../../base/protocol/validators.ts'
import { certificateSchema } from '../../base/protocol/vote.ts'
import type { P2pHost, PeerKey } from '../../p2p/protocol.ts'
import type { RangeProtocol } from '../../p2p/rangeProtocol.ts'
import type { SnapshotOffer, SnapshotProtocol } from '../../p2p/snapshotProtocol.ts'
import { BACKGROUND, pause, type Timers } from '../../p2p/timers.ts'
import { receiptsRoot } from '../../state/receipt.ts'
import { decodeTransaction, recoverSender } from '../../state/transaction.ts'
import { cutRoot } from '../../state/tree/cut.ts'
import { type InstallAnchor, StateInstall } from '../../storage/install.ts'
import { storedReceiptsSchema } from '../../storage/layout.ts'
import type { NodeLogger } from '../logging.ts'
import { downloadChunks } from './chunkDownload.ts'
import { type Candidate, OfferBook } from './offerBook.ts'
import { InvalidDataError, PeerAsker } from './peerAsker.ts'
import { type TrustOptions, TrustWalk } from './trust.ts'

/** How long to ask peers for a snapshot before executing every block instead. */
const OFFERS_PATIENCE_MS = 20_000
const OFFERS_EVERY_MS = 500
/** Attempts in all: liars may offer ever new snapshots. */
const ATTEMPTS_MAX = 64
/** How long to gather the proofs of one snapshot; whoever offers it may be silent, one after another. */
const PROOFS_MS = 30_000
/** What a download must achieve: this, and all of it in two hours. Peers that wasted an attempt are asked for a quarter. */
const BYTES_PER_SECOND_MIN = 64 * 1_024
const DOWNLOAD_S_MAX = 7_200
const BYTES_PER_SECOND_LEAST = 1_024
/** Share of the patience to keep gathering offers after the first one. */
const GATHER_SHARE = 1 / 20

export interface StateSyncOptions {
  readonly chainId: number
  readonly genesisHash: Hash32
  readonly genesis: SealedBlock
  readonly genesisSet: ValidatorSet
  readonly checkpoint: BlockCheckpoint | undefined
  /** Directory of the chain store; must not hold one. */
  readonly chainDir: string
  readonly host: P2pHost
  readonly sync: RangeProtocol
  readonly snapshots: SnapshotProtocol
  readonly signal: AbortSignal
  readonly logger: NodeLogger
  /** For tests: replaces OFFERS_PATIENCE_MS. */
  readonly patienceMs?: number
  /** Default: the process's. */
  readonly time?: { readonly clock: Timers; readonly random: () => number }
  /** For tests: replaces the one on disk. */
  readonly openInstall?: (chainDir: string, manifestHash: Hash32) => Promise<SnapshotInstall>
}

/** Where a snapshot is put together. */
export type SnapshotInstall = Pick<StateInstall, 'has' | 'doneCount' | 'putChunk' | 'finish' | 'close'>

const PROCESS = { clock: BACKGROUND, random: Math.random }

/** Resolves with the installed height, or undefined when no peer offers a provable snapshot. */
export async function syncState(options: StateSyncOptions): Promise<number | undefined> {
  const { host, snapshots, signal, logger, genesisSet, time = PROCESS } = options
  const { clock } = time
  const asker = new PeerAsker(host, () => snapshots.peers(), time)
  const trust: TrustOptions = { ...options, asker }
  const session = new Session(options, asker, TrustWalk.fromGenesis(trust), trust)
  const patienceMs = options.patienceMs ?? OFFERS_PATIENCE_MS
  const memberCount = genesisSet.validators.length
  const gatherMs = patienceMs * GATHER_SHARE
  const book = new OfferBook({ host, snapshots, asker, clock, memberCount, gatherMs })
  const deadlineMs = clock.monotonicMs() + patienceMs
  let isTried = false
  for (let attempts = 0; attempts < ATTEMPTS_MAX && (clock.monotonicMs() < deadlineMs || isTried); ) {
    signal.throwIfAborted()
    await book.gather()
    const candidate = book.best()
    isTried = candidate !== undefined
    if (candidate === undefined) {
      await pause(clock, OFFERS_EVERY_MS)
      continue
    }
    attempts++
    const { height } = candidate.offer
    const outcome = await session.install(candidate)
    if (outcome === 'installed') return height
    if (outcome === 'slow') book.putBehind(candidate)
    else book.failed(candidate)
    logger.warn({ height, outcome }, 'state sync: a snapshot could not be used')
  }
  return undefined
}

/** The own link may be the slow one: then every peer is, and the next attempt with the same ones is content with less. */
function paceOf({ parts }: SnapshotManifest, wasted: number): number {
  const bytes = parts.reduce((sum, part) => sum + part.bytes, 0)
  const wanted = Math.max(BYTES_PER_SECOND_MIN, bytes / DOWNLOAD_S_MAX)
  return Math.max(BYTES_PER_SECOND_LEAST, wanted / 4 ** wasted)
}

class Session {
  readonly #options: StateSyncOptions
  readonly #asker: PeerAsker
  readonly #genesisWalk: TrustWalk
  readonly #trust: TrustOptions
  readonly #clock: Timers
  #checkpointWalk: TrustWalk | undefined
  /** No more proofs are asked for from then on. */
  #proofsUntilMs = 0

  constructor(options: StateSyncOptions, asker: PeerAsker, genesisWalk: TrustWalk, trust: TrustOptions) {
    this.#options = options
    this.#clock = (options.time ?? PROCESS).clock
    this.#asker = asker
    this.#genesisWalk = genesisWalk
    this.#trust = trust
  }

  /** `failed`: something about the snapshot cannot be proven or fetched. */
  async install({ offer, peers, wasted }: Candidate): Promise<'installed' | 'failed' | 'slow'> {
    const { logger, signal, snapshots, chainDir, openInstall = StateInstall.open } = this.#options
    const { height } = offer
    this.#proofsUntilMs = this.#clock.monotonicMs() + PROOFS_MS
    const holders = (): readonly PeerKey[] => {
      const usable = new Set(this.#asker.peers())
      return peers.filter((peer) => usable.has(peer))
    }
    logger.info({ height, peers: peers.length, bytes: offer.sizeBytes }, 'state sync: trying a snapshot')
    const anchor = await this.#anchor(offer, holders)
    if (anchor === undefined) return 'failed'
    const manifest = await this.#manifest(offer, anchor.block, holders())
    if (manifest === undefined) return 'failed'
    const install = await openInstall(chainDir, offer.manifestHash)
    let outcome: Awaited<ReturnType<typeof downloadChunks>> | undefined
    try {
      if (install.doneCount > 0) logger.info({ chunks: install.doneCount }, 'state sync: resuming')
      outcome = await downloadChunks({
        manifest,
        holders,
        isHopeless: () => peers.every((peer) => this.#asker.isLiar(peer)),
        snapshots,
        asker: this.#asker,
        sink: install,
        bytesPerSecondMin: paceOf(manifest, wasted),
        clock: this.#clock,
        signal,
        logger,
      })
    } finally {
      if (outcome !== 'complete') await install.close()
    }
    if (outcome !== 'complete') return outcome === 'slow' ? 'slow' : 'failed'
    logger.info({ height }, 'state sync: all chunks received, checking the whole state')
    await install.finish(anchor)
    logger.info({ height, hash: toHex(anchor.block.hash) }, 'state sync: installed')
    return 'installed'
  }

  /** Asks those who offer the snapshot, while there is time for its proofs. */
  #prove<T>(
    call: (peer: PeerKey) => Promise<T | undefined>,
    holders: readonly PeerKey[],
  ): Promise<T | undefined> {
    return this.#asker.askAny(call, holders, this.#proofsUntilMs)
  }

  /** The trust walk for a height: from the checkpoint if it is at or below that height, else from genesis. */
  async #walkFor(height: number): Promise<TrustWalk | undefined> {
    const { checkpoint } = this.#options
    // A chain that is still below the checkpoint is checked against it later by block sync.
    if (checkpoint === undefined || height < checkpoint.height) return this.#genesisWalk
    this.#checkpointWalk ??= await TrustWalk.fromCheckpoint(this.#trust, checkpoint)
    return this.#checkpointWalk
  }

  async #anchor(offer: SnapshotOffer, holders: () => readonly PeerKey[]): Promise<InstallAnchor | undefined> {
    const { sync, snapshots, chainId, genesis } = this.#options
    const { height } = offer
    const walk = await this.#walkFor(height)
    if (walk === undefined) return undefined
    const certified = await this.#prove(async (peer) => {
      const [item] = await sync.fetchRange(peer, height, 1)
      // Pruned since the offer: no lie.
      if (item === undefined) return undefined
      if (item.certificate === undefined)
        throw new InvalidDataError(`no final block ${height} for its snapshot`)
      const block = openBlock(item.block)
      const certificate = certificateSchema.decode(item.certificate)
      if (!equalBytes(block.hash, offer.blockHash) || block.header.height !== height) {
        throw new InvalidDataError(`block ${height} is not the block of its snapshot`)
      }
      const trusted = await walk.setOf(block.header.epoch)
      if (trusted === undefined) return undefined
      const verified = verifyFinality(trusted, { header: block.header, path: [], certificate })
      if (!verified.ok) throw new InvalidDataError(verified.failure.reason)
      return { block, certificate }
    }, holders())
    if (certified === undefined) return undefined
    const { block, certificate } = certified
    const stored = await this.#prove(async (peer) => {
      const given = storedReceiptsSchema.decode(await snapshots.receipts(peer, height))
      if (!equalBytes(receiptsRoot(given.receipts, given.systemLogs), block.header.receiptsRoot)) {
        throw new InvalidDataError(`the receipts of block ${height} do not match its header`)
      }
      return given
    }, holders())
    if (stored === undefined) return undefined
    // The header does not cover the senders, so recover them here.
    const senders = block.transactions.map((raw) => {
      const decoded = decodeTransaction(raw, chainId)
      assert('transaction' in decoded, 'a final transaction decodes')
      return mustExist(recoverSender(decoded.transaction), 'a final transaction has a sender')
    })
    const { epoch, endsEpoch } = block.header
    const epochProofs = await this.#epochProofs(walk, epoch)
    // A node starts from the boundary below its epoch: without it the store is unusable.
    if (epoch > 0 && !endsEpoch && epochProofs.at(-1)?.header.epoch !== epoch - 1) {
      this.#options.logger.warn(
        { height, epoch },
        'state sync: the boundary below this snapshot cannot be proven; a checkpoint in an earlier epoch can',
      )
      return undefined
    }
    return { genesis, block, certificate, receipts: { ...stored, senders }, epochProofs }
  }

  /** Proofs of the epochs before `epoch`, from genesis on if available, so that this node can serve them too. */
  async #epochProofs(walk: TrustWalk, epoch: number) {
    const known = walk.proofs.slice(0, epoch - walk.firstEpoch)
    if (walk.firstEpoch === 0) return known
    const before = await this.#genesisWalk.setOf(walk.firstEpoch)
    const setHash = (await walk.setOf(walk.firstEpoch))?.setHash
    if (before === undefined || setHash === undefined || !equalBytes(before.setHash, setHash)) {
      this.#options.logger.warn(
        { firstEpoch: walk.firstEpoch },
        'state sync: the epochs before the checkpoint cannot be proven from genesis; this node cannot serve them',
      )
      return known
    }
    return [...this.#genesisWalk.proofs.slice(0, walk.firstEpoch), ...known]
  }

  async #manifest(
    offer: SnapshotOffer,
    block: SealedBlock,
    holders: readonly PeerKey[],
  ): Promise<SnapshotManifest | undefined> {
    return this.#prove(async (peer) => {
      const bytes = await this.#options.snapshots.manifest(peer, offer.height)
      if (!equalBytes(snapshotManifestHash(bytes), offer.manifestHash)) {
        throw new InvalidDataError('not the manifest it offered')
      }
      const manifest = snapshotManifestSchema.decode(bytes)
      const root = cutRoot(
        manifest.parts.map((part) => part.root),
        manifest.parts.slice(0, -1).map((part) => part.split),
      )
      const { stateRoot } = block.header
      const fits = equalBytes(manifest.blockHash, block.hash) && manifest.height === offer.height
      if (
        !fits ||
        root === undefined ||
        ![root, manifest.stateRoot].every((one) => equalBytes(one, stateRoot))
      ) {
        throw new InvalidDataError(`the manifest does not have the state root of block ${offer.height}`)
      }
      return manifest
    }, holders)
  }
}
