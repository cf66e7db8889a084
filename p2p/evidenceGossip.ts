// Gossips evidence of double votes, one proof per frame. Owns: delivery, rate limits, that copies are judged once.
// Not: verification (base/protocol/evidence.ts), storage (node/evidence/evidencePool.ts).
import { bytesKey } from '../base/bytes.ts'
import { sha256 } from '../base/crypto/hash.ts'
import { EVIDENCE_BYTES_MAX } from '../base/protocol/evidence.ts'
import { RecentMap } from '../base/recentMap.ts'
import { type AllowanceRules, Allowances } from './allowances.ts'
import type { P2pHost, PeerKey } from './protocol.ts'
import type { Timers } from './timers.ts'

export const EVIDENCE_PROTOCOL = '/suanli/evidence/1'
const QUEUE_BYTES_MAX = 64 * 1024
/** Proofs of one peer: burst, and a second. Each costs up to two pairing checks. One that sends more is read more slowly. */
const BURST_MAX = 32
const RULES: AllowanceRules = {
  peer: { perSecond: 4, burst: BURST_MAX },
  address: { perSecond: 4, burst: 2 * BURST_MAX },
  strangers: { perSecond: 8, burst: 2 * BURST_MAX },
}
/** For one proof more, at the rate of a peer. */
const PAUSE_MS_MIN = 250
/** Proofs whose verdict is remembered: several times what is ever held. */
const JUDGED_MAX = 2_048

/** `unjudged`: nobody's fault, and may be judged later. */
export type ProofVerdict = 'proven' | 'false' | 'unjudged'

export interface EvidenceGossipOptions {
  /** Honest peers verify before relaying, so a false proof is the sender's offence. */
  onEvidence(peer: PeerKey, bytes: Uint8Array): Promise<ProofVerdict>
  /** Evidence sent to a newly connected peer, newest last. */
  held(): readonly Uint8Array[]
  readonly clock: Timers
}

export interface EvidenceGossip {
  /** Sends to every peer except the one it came from. */
  publish(bytes: Uint8Array, from?: PeerKey): void
}

/** Points for a proof that does not verify: four get the peer disconnected and refused for a while. */
const FALSE_EVIDENCE_POINTS = 25

/** Adds evidence gossip to a host that has not started. */
export function createEvidenceGossip(host: P2pHost, options: EvidenceGossipOptions): EvidenceGossip {
  const { clock } = options
  const allowances = new Allowances(host, RULES, () => clock.monotonicMs())
  const judged = new RecentMap<Promise<ProofVerdict>>(JUDGED_MAX)
  /** A verdict is remembered while it is found and afterwards, so that copies from many peers cost one. */
  const judge = async (peer: PeerKey, frame: Uint8Array): Promise<ProofVerdict> => {
    const key = bytesKey(sha256(frame))
    for (;;) {
      const known = await judged.get(key)
      if (known !== undefined && known !== 'unjudged') return known
      const taking = allowances.take(peer, 1)
      if (taking === 'taken') break
      if (taking === 'crowded') return 'unjudged'
      // No offence: an honest peer passes on what many have proven at once.
      const waitMs = Math.max(PAUSE_MS_MIN, Math.ceil(allowances.waitMs(peer)))
      await new Promise<void>((resolve) => void clock.after(waitMs, resolve))
    }
    const verdict = options.onEvidence(peer, frame)
    judged.set(key, verdict)
    return verdict
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
      // Reading pauses meanwhile: one peer has one proof judged at a time.
      onFrame: async (peer, frame) => {
        if ((await judge(peer, frame)) !== 'false') return
        host.penalise(peer, FALSE_EVIDENCE_POINTS, 'evidence that proves nothing')
      },
    },
  )
  return {
    publish(bytes, from) {
      for (const peer of port.peers()) if (peer !== from) port.send(peer, bytes)
    },
  }
}
