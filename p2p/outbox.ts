// What may wait for peers that do not read, all of them together: each queue is bounded by itself, but the answers to many
// that ask and do not read would add up. Owns: the two bounds, and who is let go. Not: the queues (channel.ts).
import { STRANGERS_QUEUE_BYTES_MAX } from './limits.ts'
import type { PeerKey } from './protocol.ts'

/** Members together. What waits for them is bounded by each one's queues besides. */
export const MEMBERS_QUEUE_BYTES_MAX = 256 * 1024 * 1024
/** Nobody is slow before that: an answer of several megabytes takes a moment. */
export const SLOW_MS = 1_000

export interface Reader {
  readonly peer: PeerKey
  readonly isLeaving: boolean
  /** Bytes that wait for it. */
  readonly queuedBytes: number
  /** How long the oldest of them has waited. */
  readonly lagMs: number
  disconnect(reason: string): void
}

export interface OutboxOptions {
  readonly readers: () => Iterable<Reader>
  readonly isMember: (peer: PeerKey) => boolean
  readonly strangersBytesMax: number | undefined
  readonly onCut: (fields: { readonly peer: PeerKey; readonly bytes: number; readonly lagMs: number }) => void
}

export class Outbox {
  readonly #options: OutboxOptions

  constructor(options: OutboxOptions) {
    this.#options = options
  }

  /**
   * Whether these bytes may wait for this peer. Above the bound the slowest readers of its class make room. When nobody is slow
   * yet, a stranger's bytes are refused; a member's may wait, since votes and blocks must reach it.
   */
  mayQueue(peer: PeerKey, bytes: number): boolean {
    const { readers, isMember, strangersBytesMax = STRANGERS_QUEUE_BYTES_MAX } = this.#options
    const isForMember = isMember(peer)
    const bytesMax = isForMember ? MEMBERS_QUEUE_BYTES_MAX : strangersBytesMax
    const waiting: Reader[] = []
    let total = bytes
    for (const reader of readers()) {
      if (reader.isLeaving || isMember(reader.peer) !== isForMember || reader.queuedBytes === 0) continue
      waiting.push(reader)
      total += reader.queuedBytes
    }
    while (total > bytesMax) {
      const slowest = slowestOf(waiting)
      if (slowest === undefined) return isForMember
      total -= this.#cut(slowest)
      waiting.splice(waiting.indexOf(slowest), 1)
      if (slowest.peer === peer) return false
    }
    return true
  }

  #cut(reader: Reader): number {
    const { peer, queuedBytes, lagMs } = reader
    this.#options.onCut({ peer, bytes: queuedBytes, lagMs: Math.round(lagMs) })
    reader.disconnect('reads too slowly')
    return queuedBytes
  }
}

/** Whose oldest bytes have waited longest; undefined while nobody is slow. */
function slowestOf(readers: readonly Reader[]): Reader | undefined {
  let slowest: Reader | undefined
  let mostMs = SLOW_MS
  for (const reader of readers) {
    const { lagMs } = reader
    if (lagMs < mostMs) continue
    slowest = reader
    mostMs = lagMs
  }
  return slowest
}
