// Gossips evidence of double votes, one proof per frame. Owns: delivery and the per-peer rate limit.
// Not: verification (base/protocol/evidence.ts), storage (node/evidence/evidencePool.ts).
import { EVIDENCE_BYTES_MAX } from '../base/protocol/evidence.ts'
import type { P2pHost, PeerKey } from './protocol.ts'

export const EVIDENCE_PROTOCOL = '/suanli/evidence/1'
const QUEUE_BYTES_MAX = 64 * 1024
/** Token bucket per peer: burst, and tokens per second. Each proof costs up to two pairing checks. */
const BURST_MAX = 32
const PER_SECOND = 4
const FLOOD_POINTS = 10
const BUCKETS_MAX = 1_024

export interface EvidenceGossipOptions {
  /** False when the bytes prove nothing: honest peers verify before relaying. */
  onEvidence(peer: PeerKey, bytes: Uint8Array): boolean
  /** Evidence sent to a newly connected peer, newest last. */
  held(): readonly Uint8Array[]
  readonly nowMs: () => number
}

export interface EvidenceGossip {
  /** Sends to every peer except the one it came from. */
  publish(bytes: Uint8Array, from?: PeerKey): void
}

interface Bucket {
  tokens: number
  atMs: number
}

/** Points for a proof that does not verify: four get the peer disconnected and refused for a while. */
const FALSE_EVIDENCE_POINTS = 25

/** Adds evidence gossip to a host that has not started. */
export function createEvidenceGossip(host: P2pHost, options: EvidenceGossipOptions): EvidenceGossip {
  const buckets = new Map<PeerKey, Bucket>()
  const mayAsk = (peer: PeerKey): boolean => {
    const nowMs = options.nowMs()
    const bucket = buckets.get(peer) ?? { tokens: BURST_MAX, atMs: nowMs }
    // Re-inserted, so that the first entry is the peer that was silent longest.
    buckets.delete(peer)
    if (buckets.size >= BUCKETS_MAX) buckets.delete(buckets.keys().next().value!)
    const gained = (Math.max(0, nowMs - bucket.atMs) * PER_SECOND) / 1000
    const tokens = Math.min(BURST_MAX, bucket.tokens + gained) - 1
    buckets.set(peer, { tokens: Math.max(0, tokens), atMs: nowMs })
    return tokens >= 0
  }
  const port = host.register(
    {
      id: EVIDENCE_PROTOCOL,
      frameBytesMax: EVIDENCE_BYTES_MAX,
      queueBytesMax: QUEUE_BYTES_MAX,
      overflow: 'refuse',
      consensusOnly: false,
    },
    {
      onOpen: (peer) => {
        for (const bytes of options.held().slice(-BURST_MAX)) port.send(peer, bytes)
      },
      onFrame: (peer, frame) => {
        if (!mayAsk(peer)) host.penalise(peer, FLOOD_POINTS, 'too much evidence')
        else if (!options.onEvidence(peer, frame)) {
          host.penalise(peer, FALSE_EVIDENCE_POINTS, 'evidence that proves nothing')
        }
      },
    },
  )
  return {
    publish(bytes, from) {
      for (const peer of port.peers()) if (peer !== from) port.send(peer, bytes)
    },
  }
}
