// Links and machines of the scale runs. Owns: the costs of messages and work, and traffic counts.
import type { Random } from '../support/random.ts'
import type { SimModel, Transfer, Work } from './simModel.ts'

/**
 * Costs in milliseconds on a single thread, measured on the 2-core machine of docs/performance.md with
 * Node 20 (`npm run sim:scale -- --costs` measures the signatures again).
 */
export const COSTS = {
  /** One BLS signature. */
  signMs: 0.39,
  /** One pairing check; each further key of an aggregate. */
  pairingMs: 1.05,
  perKeyMs: 0.007,
  /** Decoding a signature and adding it to an aggregate, with the subgroup check. */
  aggregateMs: 0.09,
  /** One message through noise, yamux, the codec and the core: a 200 B round trip of two processes takes 0.20–0.34 ms. */
  receiveMs: 0.1,
  sendMs: 0.04,
  /** Executing a transaction as a follower; as the leader, with tree and receipts root; sender already recovered. */
  verifyTransactionMs: 0.029,
  buildTransactionMs: 0.024,
  /** Fixed part of building or verifying a block: header, roots, overlay. */
  blockMs: 2,
  /** One synced append to a journal or signer file on a data centre disk (assumed). */
  syncMs: 2,
} as const

/** Uplink of each validator, bits per ms: 1 Gbit/s (assumed). */
const UPLINK_BITS_PER_MS = 1_000_000
/** TCP/IP, noise and yamux headers of a single message. */
const FRAME_BYTES = 70

export interface Traffic {
  readonly messages: number
  readonly bytes: number
}

/** A link's fixed delay between two validators, ms. */
export type Distance = (from: number, to: number) => number

export class ScaleModel implements SimModel {
  readonly #distance: Distance
  readonly #jitterShare: number
  readonly #random: Random
  /** When each node's thread and uplink are free; fractions of a millisecond accumulate. */
  readonly #threadFreeAtMs: number[] = []
  readonly #uplinkFreeAtMs: number[] = []
  readonly #lastArrivalMs = new Map<number, number>()
  #traffic = new Map<number, { messages: number; bytes: number }>()

  /** `jitterShare`: adds up to this share of the distance to each message; 1 % take 50 ms more. */
  constructor(options: { distance: Distance; jitterShare: number; random: Random }) {
    this.#distance = options.distance
    this.#jitterShare = options.jitterShare
    this.#random = options.random
  }

  transferMs({ from, to, bytes, nowMs }: Transfer): number {
    this.#count(bytes)
    const sentAtMs = this.#occupy(this.#threadFreeAtMs, from, nowMs, COSTS.sendMs)
    const bits = 8 * (bytes.length + FRAME_BYTES)
    const leftAtMs = this.#occupy(this.#uplinkFreeAtMs, from, sentAtMs, bits / UPLINK_BITS_PER_MS)
    const distanceMs = this.#distance(from, to)
    const jitterMs =
      this.#jitterShare === 0
        ? 0
        : this.#random.next() * this.#jitterShare * distanceMs + (this.#random.chance(0.01) ? 50 : 0)
    // One stream per link: messages stay in order.
    const link = from * 65_536 + to
    const arrivalMs = Math.max(leftAtMs + distanceMs + jitterMs, this.#lastArrivalMs.get(link) ?? 0)
    this.#lastArrivalMs.set(link, arrivalMs)
    return Math.round(arrivalMs - nowMs)
  }

  workMs(node: number, nowMs: number, work: Work): number {
    if (work.kind === 'sync') return COSTS.syncMs
    const doneAtMs = this.#occupy(this.#threadFreeAtMs, node, nowMs, threadMs(work))
    // The signer syncs its flags before it returns a signature.
    return Math.round(doneAtMs - nowMs + (work.kind === 'sign' ? COSTS.syncMs : 0))
  }

  #occupy(freeAtMs: number[], node: number, nowMs: number, costMs: number): number {
    const doneAtMs = Math.max(nowMs, freeAtMs[node] ?? 0) + costMs
    freeAtMs[node] = doneAtMs
    return doneAtMs
  }

  #count(bytes: Uint8Array): void {
    const tag = bytes[0] ?? 0
    let traffic = this.#traffic.get(tag)
    if (traffic === undefined) {
      traffic = { messages: 0, bytes: 0 }
      this.#traffic.set(tag, traffic)
    }
    traffic.messages++
    traffic.bytes += bytes.length
  }

  /** Traffic since the last call, by the first byte of the message. */
  takeTraffic(): ReadonlyMap<number, Traffic> {
    const taken = this.#traffic
    this.#traffic = new Map()
    return taken
  }
}

function threadMs(work: Exclude<Work, { kind: 'sync' }>): number {
  switch (work.kind) {
    case 'receive':
      return COSTS.receiveMs
    case 'sign':
      return COSTS.signMs
    case 'checkVotes':
      return work.votes * (COSTS.aggregateMs + COSTS.perKeyMs) + COSTS.pairingMs
    case 'checkSignatures':
      return work.checks * COSTS.pairingMs + work.signers * COSTS.perKeyMs
    case 'build':
      return COSTS.blockMs + work.transactions * COSTS.buildTransactionMs
    case 'verify':
      return COSTS.blockMs + work.transactions * COSTS.verifyTransactionMs
  }
}
