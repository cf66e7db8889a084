// Catches up with block ranges from several peers; executes and commits only what a verified F covers.
// Owns: order, certification, progress. Not: whom to ask (p2p/rangeDownload.ts), when (consensus, follower.ts).
import { setImmediate } from 'node:timers/promises'
import { equalBytes, toHex } from '../../base/bytes.ts'
import { SchemaError } from '../../base/field.ts'
import type { Hash32 } from '../../base/ids.ts'
import type { BlockCheckpoint } from '../../base/protocol/checkpoint.ts'
import { epochAbove, type SealedBlock } from '../../base/protocol/header.ts'
import { type Recovery, recoveryFileSchema } from '../../base/protocol/recovery.ts'
import type { Certificate } from '../../base/protocol/vote.ts'
import type { PeerKey } from '../../p2p/protocol.ts'
import type { RangeDownload } from '../../p2p/rangeDownload.ts'
import type { DownloadedRange } from '../../p2p/rangePieces.ts'
import type { RangeProtocol } from '../../p2p/rangeProtocol.ts'
import { MONOTONIC, type Timers } from '../../p2p/timers.ts'
import type { SyncProgress } from '../../rpc/backend.ts'
import { decidingSet, recoveryMismatch } from '../../state/recovery.ts'
import type { Importer, ImportResult } from '../chain/importerTypes.ts'
import type { NodeLogger } from '../logging.ts'
import type { RecoveryBook } from '../recovery/recoveries.ts'
import { certifies, type LinkedBlock, nextRun } from './certifiedRun.ts'
import {
  adoptCertificates,
  fetchCertificates,
  onOpenTail,
  onRepeat,
  uncoveredWindow,
} from './missingCertificates.ts'
import { openRange } from './openRange.ts'
import { type CommitListener, type Fault, faultOf, newPull, type Pull, type Target } from './pull.ts'
import { Suspects } from './suspects.ts'
import { SyncMeter } from './syncMeter.ts'

/** Signatures sent to the worker threads together. */
const RECOVERED_AT_ONCE = 128
/** How long a sync with a target waits for usable peers. */
const PATIENCE_MS = 5_000
/** Without room for another unfinalized block: how long to wait for consensus to make some, and how often. */
const ROOM_WAIT_MS = 250
const ROOM_WAITS_MAX = 8

export interface BlockSyncOptions {
  readonly importer: Importer
  readonly genesisHash: Hash32
  readonly sync: Pick<RangeProtocol, 'download'>
  /** Recovers the senders of a block ahead of its execution. */
  readonly prepare?: (transactions: readonly Uint8Array[]) => Promise<void>
  /** Heights whose own F is kept because a snapshot may be taken there. */
  readonly isSnapshotHeight?: (height: number) => boolean
  /** A block the operator trusts: a chain without it is refused. */
  readonly checkpoint?: BlockCheckpoint
  /** Where a recovery continues the chain instead of a certificate; absent: nowhere. */
  readonly recoveries?: Pick<RecoveryBook, 'on' | 'offer'>
  /** Called when the chain continues by a recovery that the operator has not decided on. */
  readonly onUntrusted?: (recovery: Recovery, hash: Hash32) => void
  readonly penalise: (peer: PeerKey, reason: string) => void
  /** Default: the process's monotonic one. */
  readonly clock?: Timers
  readonly logger: NodeLogger
}

/** A certified block contradicts this node's execution or checkpoint: the operator must act. */
export class BlockSyncError extends Error {
  readonly code: 'Refused' | 'CheckpointMismatch'
  constructor(code: BlockSyncError['code'], message: string) {
    super(message)
    this.name = 'BlockSyncError'
    this.code = code
  }
}

export class BlockSync {
  readonly #options: BlockSyncOptions
  readonly #meter: SyncMeter
  /** Linked blocks of a pull that ended while there was no room to execute them; the next pull continues with them. */
  #kept: LinkedBlock[] = []
  /** Pulls run one after another. */
  #pulls: Promise<unknown> = Promise.resolve()
  readonly #suspects = new Suspects()

  constructor(options: BlockSyncOptions) {
    this.#options = options
    this.#meter = new SyncMeter(options.logger)
  }

  /** Progress of the running pull; undefined if there is none or it has almost nothing to do. */
  progress(): SyncProgress | undefined {
    return this.#meter.progress()
  }

  /** Imports until `target` is final here or no peer has more. The caller has verified `target.certificate`. */
  run(target: Target, signal?: AbortSignal): Promise<boolean> {
    return this.#exclusively(async () => {
      const { importer, sync } = this.#options
      const toHeight = target.block.header.height
      const patienceMs = PATIENCE_MS
      if (importer.head().header.height >= toHeight) return true
      const tail = this.#takeKept()
      const fromHeight = (tail.at(-1)?.block ?? importer.head()).header.height + 1
      const download = sync.download({ fromHeight, toHeight, patienceMs, signal })
      await this.#pull({ ...newPull(download, tail), target })
      return importer.head().header.height >= toHeight
    })
  }

  /** Imports what peers have under a valid F, if they claim more than `lagMin` additional blocks. */
  follow(
    signal: AbortSignal,
    options: { readonly lagMin?: number; readonly onCommit?: CommitListener } = {},
  ): Promise<void> {
    return this.#exclusively(async () => {
      const { importer, sync } = this.#options
      const tail = this.#takeKept()
      const fromHeight = (tail.at(-1)?.block ?? importer.head()).header.height + 1
      const { lagMin = 0, onCommit } = options
      const download = sync.download({ fromHeight, lagMin: tail.length > 0 ? 0 : lagMin, signal })
      await this.#pull({ ...newPull(download, tail), onCommit })
    })
  }

  async #exclusively<T>(work: () => Promise<T>): Promise<T> {
    const running = this.#pulls.then(work)
    this.#pulls = running.catch(() => undefined)
    return running
  }

  #takeKept(): LinkedBlock[] {
    const { header, hash } = this.#options.importer.head()
    const tail = this.#kept.filter(({ block }) => block.header.height > header.height)
    this.#kept = []
    return tail.length > 0 && equalBytes(tail[0]!.block.header.parentHash, hash) ? tail : []
  }

  async #pull(pull: Pull): Promise<void> {
    const { download, target } = pull
    const { importer } = this.#options
    const goal = (): number => target?.block.header.height ?? download.claimedHeight()
    const isReached = (): boolean => target !== undefined && importer.head().header.height >= goal()
    try {
      let ahead = this.#fetch(download)
      // What the last pull kept.
      await this.#advance(pull)
      while (!pull.waits && !isReached()) {
        const fetched = await ahead
        if (fetched === undefined) break
        this.#meter.start(importer.head().header.height, goal())
        // Fetch the next range and recover its senders while this one is executed.
        ahead = this.#fetch(download)
        await this.#take(pull, fetched)
      }
      this.#warnOfPruned(download, goal())
    } finally {
      download.close()
      this.#meter.stop(importer.head().header.height)
    }
  }

  async #fetch(download: RangeDownload): Promise<Fetched | undefined> {
    const range = await download.next()
    if (range === undefined) return undefined
    const blocks = openRange(range)
    const recovered = typeof blocks === 'string' ? Promise.resolve() : this.#recoverSenders(blocks)
    return { range, blocks, recovered }
  }

  /** Works in batches, so that other work can run in between. A failure here makes execution fail with a reason. */
  async #recoverSenders(blocks: readonly LinkedBlock[]): Promise<void> {
    const { prepare } = this.#options
    if (prepare === undefined) return
    try {
      // A few transactions alone are not worth a message to a worker thread.
      let batch: Uint8Array[] = []
      for (const [i, { block }] of blocks.entries()) {
        batch.push(...block.transactions)
        const isLast = i === blocks.length - 1
        if (batch.length === 0 || (batch.length < RECOVERED_AT_ONCE && !isLast)) continue
        await prepare(batch)
        batch = []
        await setImmediate()
      }
    } catch (error) {
      this.#options.logger.debug({ err: error }, 'senders were not recovered ahead of execution')
    }
  }

  /** Nothing arrived although there is more: every peer may have pruned the missing blocks. */
  #warnOfPruned(download: RangeDownload, goal: number): void {
    const height = this.#options.importer.head().header.height
    const servedHeightMin = download.servedHeightMin()
    if (servedHeightMin === undefined || goal <= height || servedHeightMin <= height + 1) return
    this.#options.logger.error(
      { height, servedHeightMin },
      'no peer keeps the blocks that are missing here: start over with state sync (docs/operations/sync.md)',
    )
  }

  /** Links a range to the held blocks; anything wrong with it is blamed on its peer or kept as a suspect. */
  async #take(pull: Pull, { range, blocks: opened, recovered }: Fetched): Promise<void> {
    await recovered
    this.#dropCommitted(pull)
    const { importer } = this.#options
    const head = importer.head()
    const expected = (pull.tail.at(-1)?.block ?? head).header.height + 1
    // Fetched before lower blocks were dropped, or after consensus advanced on its own.
    if (range.fromHeight + range.items.length <= head.header.height + 1) return
    if (range.fromHeight > expected) {
      pull.download.rewind(expected, [])
      return
    }
    if (typeof opened === 'string') {
      pull.download.reject(range, opened)
      return
    }
    onRepeat(pull, opened)
    adoptCertificates(pull.tail, opened)
    const added = opened.filter(({ block }) => block.header.height >= expected)
    const first = added[0]?.block
    const parentHash = pull.tail.at(-1)?.block.hash ?? head.hash
    if (first !== undefined && !equalBytes(first.header.parentHash, parentHash)) {
      this.#onBreak(pull, range, opened)
      return
    }
    pull.tail.push(...added)
    await this.#advance(pull)
  }

  /** Imports what is certified; blames the peer of anything wrong. */
  async #advance(pull: Pull): Promise<void> {
    const fault = await this.#importCertified(pull)
    if (fault === undefined) return
    const { peer, height } = fault
    const rest = pull.tail.findIndex(({ block }) => block.header.height >= height)
    if (rest >= 0) pull.tail.splice(rest)
    pull.download.reject({ peer, fromHeight: height }, fault.text)
  }

  #dropCommitted(pull: Pull): void {
    const { header, hash } = this.#options.importer.head()
    while (pull.tail.length > 0 && pull.tail[0]!.block.header.height <= header.height) pull.tail.shift()
    const first = pull.tail[0]?.block
    if (first !== undefined && !equalBytes(first.header.parentHash, hash)) pull.tail = []
  }

  /**
   * A range does not follow the held blocks. On a certified head it is false. On an uncertified tail its certificate
   * decides: a valid one proves the tail's end false. Without one either may be, so both are fetched again.
   */
  #onBreak(pull: Pull, range: DownloadedRange, opened: readonly LinkedBlock[]): void {
    const { download, tail } = pull
    const open = tail[0]
    const certified = opened.findLast(({ certificate }) => certificate !== undefined)
    if (open === undefined) {
      download.reject(range, `block ${range.fromHeight} does not follow its parent`)
      return
    }
    const last = tail.at(-1)!
    if (certified !== undefined && this.#isCertified(certified)) {
      const start = tail.findLastIndex(({ peer }) => peer !== last.peer) + 1
      const fromHeight = tail[start]!.block.header.height
      tail.splice(start)
      download.putBack(range)
      download.reject({ peer: last.peer, fromHeight }, 'blocks of another chain')
      return
    }
    this.#suspects.add([open, last, opened[0]!])
    for (const { peer } of [...tail, ...opened]) pull.unhelpful.add(peer)
    pull.tail = []
    pull.asked = undefined
    download.rewind(open.block.header.height, [...pull.unhelpful])
  }

  /** Whether its certificate is one of the epoch above the head. */
  #isCertified({ block, certificate }: LinkedBlock): boolean {
    if (certificate === undefined) return false
    return certifies({ certificate, hash: block.hash, ...this.#deciding() })
  }

  /** Who decides above the head. */
  #deciding() {
    const { importer, genesisHash, recoveries } = this.#options
    const head = importer.head()
    const epoch = epochAbove(head.header, recoveries?.on(head.hash))
    const set = decidingSet({ recoveryOn: (floor) => recoveries?.on(floor) }, head)
    return { epoch, set, genesisHash }
  }

  /** Imports certified runs until the rest waits for a certificate; returns the fault found, if any. */
  async #importCertified(pull: Pull): Promise<Fault | undefined> {
    while (pull.tail.length > 0 && !pull.waits) {
      const stop = this.#recoveryAt(pull.tail)
      const wrong = await this.#importNext(pull, stop)
      if (wrong === 'uncertified') {
        if (stop === undefined) return onOpenTail(pull)
        const fault = await this.#recoverOn(pull, stop)
        if (fault !== undefined) return fault
      } else if (wrong === 'asked') return undefined
      else if (wrong !== undefined) return wrong
    }
    return undefined
  }

  /** One certified run below `stop`. */
  async #importNext(
    pull: Pull,
    stop: number | undefined,
  ): Promise<Fault | 'uncertified' | 'asked' | undefined> {
    const { isSnapshotHeight } = this.#options
    const { epoch, set, genesisHash } = this.#deciding()
    const found = nextRun(pull.tail.slice(0, stop), { epoch, isSnapshotHeight, target: pull.target })
    if (found === undefined) return 'uncertified'
    const last = pull.tail[found.count - 1]!
    if (found.problem !== undefined) return faultOf(last, found.problem)
    const { certificate } = found
    const isKnown = certificate === pull.target?.certificate
    if (!isKnown && !certifies({ certificate, hash: last.block.hash, set, epoch, genesisHash })) {
      const { height } = last.block.header
      const peer = last.certificatePeer ?? last.peer
      return { peer, height, text: `certificate of block ${height} is not valid` }
    }
    const run = pull.tail.slice(0, found.count)
    const window = uncoveredWindow(run)
    if (window !== undefined) {
      fetchCertificates(pull, window, true)
      return 'asked'
    }
    return this.#importRun(pull, run, certificate)
  }

  /** Number of blocks before the first one that continues a recovery, known or offered with it. */
  #recoveryAt(tail: readonly LinkedBlock[]): number | undefined {
    const { recoveries, importer } = this.#options
    if (recoveries === undefined) return undefined
    for (const [i, { block, recovery }] of tail.entries()) {
      const isKnown = recoveries.on(block.header.parentHash) !== undefined
      if (!isKnown && recovery === undefined) continue
      // Above the floor the chain continues as usual.
      if (isKnown && equalBytes(block.header.parentHash, importer.head().hash)) continue
      return i
    }
    const last = tail.at(-1)!.block
    return recoveries.on(last.hash) === undefined ? undefined : tail.length
  }

  /** The first `count` blocks lead to a recovery's floor; they become final once the operator has accepted it. */
  async #recoverOn(pull: Pull, count: number): Promise<Fault | undefined> {
    const { importer, recoveries, onUntrusted } = this.#options
    const run = pull.tail.slice(0, count)
    const floor = run.at(-1)?.block.hash ?? importer.head().hash
    const above = pull.tail[count]
    const isOffered = recoveries!.on(floor) === undefined && above?.recovery !== undefined
    // Anyone can build blocks: execute only what the operator accepted or a quorum notarized.
    if (isOffered && run.length > 0 && !this.#isFloorCertified(above.recovery, floor)) {
      return faultOf(above, 'a recovery whose floor is not certified')
    }
    const wrong = await this.#executeRun(pull, run, false)
    if (wrong !== undefined || pull.waits) return wrong
    if (isOffered) {
      const parent = importer.parentView(floor)!
      const offered = await recoveries!.offer(above.recovery, (recovery) =>
        equalBytes(recovery.floor.hash, floor)
          ? recoveryMismatch(parent.state, recovery)
          : 'its floor is a different block',
      )
      if (offered.kind === 'refused') return faultOf(above, offered.reason)
      if (offered.kind === 'untrusted') {
        onUntrusted?.(offered.recovery, offered.hash)
        pull.waits = true
        return undefined
      }
      // Already accepted, but for another floor: it does not apply here.
      if (recoveries!.on(floor) === undefined) return faultOf(above, 'a recovery of another floor')
    }
    const certificate = recoveries!.on(floor)?.certificate
    const final = certificate?.subject.kind === 'finalize' ? certificate : undefined
    if (run.length > 0) await this.#commitRun(pull, run, final)
    return undefined
  }

  /** Whether the file has an N or F of this floor by the validators that decide above the head. */
  #isFloorCertified(bytes: Uint8Array, floor: Hash32): boolean {
    let certificate: Certificate | undefined
    try {
      certificate = recoveryFileSchema.decode(bytes).recovery.certificate
    } catch (error) {
      if (!(error instanceof SchemaError)) throw error
    }
    if (certificate === undefined) return false
    return certifies({ certificate, hash: floor, ...this.#deciding(), orNotarized: true })
  }

  async #importRun(pull: Pull, run: readonly LinkedBlock[], certificate: Certificate) {
    const fault = await this.#executeRun(pull, run, true)
    if (fault !== undefined || pull.waits) return fault
    await this.#commitRun(pull, run, certificate)
    pull.onCommit?.(run.at(-1)!.block, certificate)
    return undefined
  }

  /** Certified blocks must be valid here; only a body that does not match its header is then the peer's fault. */
  async #executeRun(pull: Pull, run: readonly LinkedBlock[], isFinal: boolean): Promise<Fault | undefined> {
    for (const linked of run) {
      // Let the event loop serve the network between blocks.
      await setImmediate()
      const { block } = linked
      if (isFinal) this.#checkCheckpoint(block)
      const verdict = await this.#executeWithRoom(block)
      if (verdict.kind === 'valid') continue
      if (verdict.kind !== 'invalid' && verdict.kind !== 'mismatch') {
        // Consensus advanced meanwhile, or holds too many blocks to add more: the next round continues here.
        pull.waits = true
        if (verdict.kind === 'busy') this.#kept = [...pull.tail]
        return undefined
      }
      const text = `block ${block.header.height} is ${verdict.kind}: ${verdict.detail}`
      if (isFinal && verdict.code !== 'WrongBody') {
        throw new BlockSyncError('Refused', `${text}, and it is final`)
      }
      return faultOf(linked, text)
    }
    return undefined
  }

  /** Without room for another unfinalized block, waits a while for consensus to finalize some. */
  async #executeWithRoom(block: SealedBlock): Promise<ImportResult> {
    const { importer, clock = MONOTONIC } = this.#options
    let verdict = await importer.execute(block)
    for (let wait = 0; verdict.kind === 'busy' && wait < ROOM_WAITS_MAX; wait++) {
      await new Promise<void>((resolve) => {
        const stop = importer.onFinalized(() => proceed())
        const cancel = clock.after(ROOM_WAIT_MS, () => proceed())
        const proceed = (): void => {
          stop()
          cancel()
          resolve()
        }
      })
      verdict = await importer.execute(block)
    }
    return verdict
  }

  async #commitRun(pull: Pull, run: readonly LinkedBlock[], certificate: Certificate | undefined) {
    const { importer, penalise } = this.#options
    const hashes = run.map(({ block }) => block.hash)
    await importer.finalize(hashes, certificate)
    pull.tail.splice(0, run.length)
    const transactions = run.reduce((sum, { block }) => sum + block.transactions.length, 0)
    this.#meter.add(run.at(-1)!.block.header.height, run.length, transactions)
    pull.unhelpful.clear()
    pull.asked = undefined
    // The final blocks at these heights are known now: a peer that served a different one lied.
    for (const peer of this.#suspects.settle(run)) penalise(peer, 'served blocks of another chain')
  }

  #checkCheckpoint(block: SealedBlock): void {
    const { checkpoint } = this.#options
    if (checkpoint === undefined || checkpoint.height !== block.header.height) return
    if (equalBytes(checkpoint.hash, block.hash)) return
    throw new BlockSyncError(
      'CheckpointMismatch',
      `block ${checkpoint.height} is ${toHex(block.hash)}, the checkpoint says ${toHex(checkpoint.hash)}`,
    )
  }
}

/** A range with its blocks, or with the reason they are invalid. */
interface Fetched {
  readonly range: DownloadedRange
  readonly blocks: readonly LinkedBlock[] | string
  /** Resolves once its senders are recovered, as far as possible. */
  readonly recovered: Promise<void>
}
