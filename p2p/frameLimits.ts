// How much of each kind of consensus frame one peer may send. Owns: the allowances and their arithmetic.
// Not: what happens to an early frame (consensusChannel.ts), what a frame costs to verify (consensus/certificateIntake.ts).
import { BLOCK_BYTES_MAX } from '../base/protocol/limits.ts'
import { frameKind, type MessageKind } from '../consensus/messages.ts'
import type { PeerKey } from './protocol.ts'

/** Sustained frames and bytes a second, and as many at once after a pause. */
export interface Allowance {
  readonly framesPerSecond: number
  readonly framesAtOnce: number
  readonly bytesPerSecond: number
  readonly bytesAtOnce: number
}

const KIB = 1024

function small(framesPerSecond: number, framesAtOnce: number): Allowance {
  return { framesPerSecond, framesAtOnce, bytesPerSecond: 256 * KIB, bytesAtOnce: 1024 * KIB }
}

function large(framesPerSecond: number, framesAtOnce: number): Allowance {
  const bytesPerSecond = 4 * BLOCK_BYTES_MAX
  return { framesPerSecond, framesAtOnce, bytesPerSecond, bytesAtOnce: 2 * bytesPerSecond }
}

/**
 * A correct peer stays below a third of these at 20 views a second. In a view it sends at most three votes and three
 * certificates; while nothing is final it repeats 66 votes and two certificates every 1 to 2 s; it asks again after 2Δ.
 */
export const ALLOWANCES: Readonly<Record<MessageKind, Allowance>> = {
  proposal: large(40, 80),
  vote: small(250, 500),
  certificate: small(250, 500),
  status: small(5, 20),
  certificatesRequest: small(40, 160),
  certificates: large(40, 160),
  blocksRequest: small(40, 160),
  blocks: large(40, 160),
  boundaryRequest: small(10, 40),
  proposalRequest: small(10, 40),
  ownVotesRequest: small(10, 40),
  heldVotes: large(10, 40),
}
/** Frames of an unknown kind end in a penalty. */
const UNKNOWN = large(50, 200)
/** More than the consensus peers of a full set. */
const PEERS_MAX = 1_024

/** When the frames and bytes taken so far will have been earned (a leaky bucket as one number). */
interface Earned {
  framesAtMs: number
  bytesAtMs: number
}

/** Counts per peer and kind. A reconnection does not renew an allowance. */
export class FrameLimits {
  readonly #peers = new Map<PeerKey, Map<MessageKind | undefined, Earned>>()
  readonly #nowMs: () => number

  /** `nowMs`: a monotonic clock. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  /** Takes a frame; returns how many milliseconds it must wait before it is handled, 0 within the allowance. */
  take(peer: PeerKey, frame: Uint8Array): number {
    const kind = frameKind(frame)
    const { framesPerSecond, framesAtOnce, bytesPerSecond, bytesAtOnce } =
      kind === undefined ? UNKNOWN : ALLOWANCES[kind]
    const nowMs = this.#nowMs()
    const earned = this.#earnedOf(peer, kind)
    const frameMs = 1_000 / framesPerSecond
    earned.framesAtMs = Math.max(nowMs, earned.framesAtMs) + frameMs
    earned.bytesAtMs = Math.max(nowMs, earned.bytesAtMs) + (1_000 * frame.length) / bytesPerSecond
    const framesWaitMs = earned.framesAtMs - nowMs - framesAtOnce * frameMs
    const bytesWaitMs = earned.bytesAtMs - nowMs - (1_000 * bytesAtOnce) / bytesPerSecond
    return Math.max(0, Math.ceil(Math.max(framesWaitMs, bytesWaitMs)))
  }

  #earnedOf(peer: PeerKey, kind: MessageKind | undefined): Earned {
    let kinds = this.#peers.get(peer)
    if (kinds === undefined) {
      kinds = new Map()
      if (this.#peers.size >= PEERS_MAX) this.#peers.delete(this.#peers.keys().next().value!)
      this.#peers.set(peer, kinds)
    }
    let earned = kinds.get(kind)
    if (earned === undefined) {
      earned = { framesAtMs: 0, bytesAtMs: 0 }
      kinds.set(kind, earned)
    }
    return earned
  }
}
