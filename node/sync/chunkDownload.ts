// Downloads a snapshot's chunks from several peers at once; checks each against its subtree before storing it.
// Owns: the window, blame. Not: the manifest (stateSync.ts), the disk (storage/install.ts).
import { equalBytes } from '../../base/bytes.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import {
  type SnapshotChunk,
  type SnapshotManifest,
  type SnapshotPart,
  snapshotChunkSchema,
} from '../../base/protocol/snapshot.ts'
import type { PeerKey } from '../../p2p/protocol.ts'
import { SNAPSHOT_IN_FLIGHT_PER_PEER, type SnapshotProtocol } from '../../p2p/snapshotProtocol.ts'
import { pause, type Timers } from '../../p2p/timers.ts'
import { runSteps, type Steps } from '../../state/steps.ts'
import { compareHashes } from '../../state/tree/bits.ts'
import { leavesRootSteps } from '../../state/tree/cut.ts'
import { inTurns } from '../../storage/turns.ts'
import type { NodeLogger } from '../logging.ts'
import { InvalidDataError, type PeerAsker } from './peerAsker.ts'

/** Chunks in flight in total. */
const WINDOW = 8
const LOG_EVERY_MS = 5_000
/** How often to look whether the pace suffices. */
const LOOK_EVERY_MS = 1_000
/** The pace is judged over this long: longer than a request lasts that nobody answers. */
export const PACE_MS = 20_000
const IDLE_MS = 50
/** Records hashed per step, about 3 ms. */
const RECORDS_PER_STEP = 1_024

export interface ChunkDownloadOptions {
  readonly manifest: SnapshotManifest
  /** Peers that offer exactly this manifest. */
  readonly holders: () => readonly PeerKey[]
  /** Whether none of them can be asked again. */
  readonly isHopeless: () => boolean
  readonly snapshots: Pick<SnapshotProtocol, 'chunk'>
  readonly asker: PeerAsker
  readonly sink: {
    has(index: number): boolean
    putChunk(index: number, entries: SnapshotChunk['entries']): Promise<void>
  }
  /** Fewer bytes over PACE_MS, or all that are left, end the download: peers that serve a chunk now and then would hold it up for ever. */
  readonly bytesPerSecondMin: number
  readonly clock: Timers
  readonly signal: AbortSignal
  readonly logger: NodeLogger
}

/** Decodes a chunk and checks that its records are exactly the leaves of the part's subtree. Throws InvalidDataError. */
export function openChunk(bytes: Uint8Array, part: SnapshotPart): SnapshotChunk['entries'] {
  return runSteps(openChunkSteps(bytes, part))
}

/** `openChunk` in steps: a peer may send a chunk of the smallest records, more than 40,000. */
export function* openChunkSteps(bytes: Uint8Array, part: SnapshotPart): Steps<SnapshotChunk['entries']> {
  if (bytes.length !== part.bytes)
    throw new InvalidDataError(`chunk of ${bytes.length} bytes, expected ${part.bytes}`)
  const { entries } = snapshotChunkSchema.decode(bytes)
  if (entries.length !== part.leaves)
    throw new InvalidDataError(`${entries.length} records, expected ${part.leaves}`)
  const keyHashes = new Uint8Array(32 * entries.length)
  const valueHashes = new Uint8Array(32 * entries.length)
  for (const [i, { key, value }] of entries.entries()) {
    if (i % RECORDS_PER_STEP === 0) yield
    if (value.length === 0) throw new InvalidDataError('an empty value')
    keyHashes.set(sha256(key), 32 * i)
    valueHashes.set(sha256(value), 32 * i)
    if (i > 0 && compareHashes(keyHashes, (i - 1) * 32, keyHashes, i * 32) >= 0) {
      throw new InvalidDataError("a chunk's records are out of order")
    }
  }
  yield
  const root = yield* leavesRootSteps({ keyHashes, valueHashes })
  if (!equalBytes(root, part.root)) {
    throw new InvalidDataError('a chunk does not have the hash of its subtree')
  }
  return entries
}

/** What has arrived, window by window. */
class Pace {
  readonly #clock: Timers
  readonly #windowBytes: number
  #endsAtMs = 0
  #owedBytes = 0

  constructor({ clock, bytesPerSecondMin }: Pick<ChunkDownloadOptions, 'clock' | 'bytesPerSecondMin'>) {
    this.#clock = clock
    this.#windowBytes = (bytesPerSecondMin * PACE_MS) / 1_000
  }

  begin(leftBytes: number): void {
    this.#endsAtMs = this.#clock.monotonicMs() + PACE_MS
    this.#owedBytes = Math.min(this.#windowBytes, leftBytes)
  }

  add(bytes: number): void {
    this.#owedBytes -= bytes
  }

  isTooSlow(leftBytes: number): boolean {
    if (this.#clock.monotonicMs() < this.#endsAtMs) return false
    if (this.#owedBytes > 0) return true
    this.begin(leftBytes)
    return false
  }
}

/** Fetches every chunk that the sink lacks, unless all who offer them have lied, or they are too slow. */
export async function downloadChunks(
  options: ChunkDownloadOptions,
): Promise<'complete' | 'hopeless' | 'slow'> {
  const { manifest, sink, asker, clock, signal, logger } = options
  const missing = manifest.parts.map((_, i) => i).filter((i) => !sink.has(i))
  const total = manifest.parts.length
  const inFlight = new Map<PeerKey, number>()
  const running = new Set<Promise<void>>()
  let bytes = 0
  let leftBytes = missing.reduce((sum, i) => sum + manifest.parts[i]!.bytes, 0)
  let failure: unknown
  let isTooSlow = false
  let look: Promise<void> | undefined
  const pace = new Pace(options)
  pace.begin(leftBytes)
  const startedAtMs = clock.monotonicMs()
  let loggedAtMs = startedAtMs
  const fetchOne = async (peer: PeerKey, index: number): Promise<void> => {
    const part = manifest.parts[index]!
    const entries = await asker.ask(peer, async () =>
      inTurns(openChunkSteps(await options.snapshots.chunk(peer, manifest.height, index), part)),
    )
    if (entries === undefined) {
      missing.push(index)
      return
    }
    await sink.putChunk(index, entries)
    bytes += part.bytes
    leftBytes -= part.bytes
    pace.add(part.bytes)
  }
  const log = (): void => {
    if (clock.monotonicMs() - loggedAtMs < LOG_EVERY_MS) return
    loggedAtMs = clock.monotonicMs()
    const left = missing.length + running.size
    const seconds = (loggedAtMs - startedAtMs) / 1000
    const bytesPerSecond = Math.round(bytes / seconds)
    const averageBytes = bytes / Math.max(1, total - left)
    const etaSeconds = bytesPerSecond > 0 ? Math.ceil((left * averageBytes) / bytesPerSecond) : undefined
    logger.info(
      { height: manifest.height, chunks: total - left, of: total, bytesPerSecond, etaSeconds },
      'state sync: chunks',
    )
  }
  while ((missing.length > 0 || running.size > 0) && failure === undefined && !isTooSlow) {
    signal.throwIfAborted()
    const free = options.holders().filter((peer) => (inFlight.get(peer) ?? 0) < SNAPSHOT_IN_FLIGHT_PER_PEER)
    const peer = free.sort((a, b) => (inFlight.get(a) ?? 0) - (inFlight.get(b) ?? 0))[0]
    if (missing.length > 0 && peer !== undefined && running.size < WINDOW) {
      inFlight.set(peer, (inFlight.get(peer) ?? 0) + 1)
      const fetching: Promise<void> = fetchOne(peer, missing.shift()!)
        .catch((error: unknown) => {
          failure = error
        })
        .finally(() => {
          inFlight.set(peer, inFlight.get(peer)! - 1)
          running.delete(fetching)
        })
      running.add(fetching)
      continue
    }
    log()
    if (running.size > 0) {
      look ??= pause(clock, LOOK_EVERY_MS).then(() => {
        look = undefined
      })
      await Promise.race([...running, look])
    } else if (options.isHopeless()) return 'hopeless'
    else await pause(clock, IDLE_MS)
    isTooSlow = pace.isTooSlow(leftBytes)
  }
  await Promise.all(running)
  if (failure !== undefined) throw failure
  return missing.length > 0 ? 'slow' : 'complete'
}
