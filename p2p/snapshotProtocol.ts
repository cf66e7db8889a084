// State sync over the wire: offers, manifests, chunks, receipts of the snapshot's block, epoch proofs, validator sets.
// Owns: the protocol and its limits. Not: files (node/sync), verification and peer selection (node/sync/stateSync.ts).
import { errorText } from '../base/errors.ts'
import { VALIDATORS_MAX } from '../base/protocol/limits.ts'
import { SNAPSHOT_CHUNK_BYTES_MAX, SNAPSHOT_MANIFEST_BYTES_MAX } from '../base/protocol/snapshot.ts'
import { message, t } from '../base/schema.ts'
import type { P2pHost, PeerKey } from './protocol.ts'
import { MalformedAnswerError } from './rangeProtocol.ts'
import { createRequestResponse, type RequestResponse } from './requestResponse.ts'
import type { Timers } from './timers.ts'

export const SNAPSHOT_PROTOCOL = '/suanli/snapshot/1'
const TIMEOUT_MS = 15_000
export const SNAPSHOT_IN_FLIGHT_PER_PEER = 2
/** With one chunk each: 5 MiB/s per peer. */
const SERVED_PER_SECOND_MAX = 20
const REQUEST_BYTES_MAX = 64
const OFFERS_MAX = 16
/** Epoch proofs in one answer, bytes: as many as fit, at least one. */
export const EPOCH_PROOFS_BYTES_MAX = 1024 * 1024
const EPOCH_PROOFS_MAX = 256
/** A boundary header, its F and a full set. */
const EPOCH_PROOF_BYTES_MAX = 4_096 + VALIDATORS_MAX * 256
const VALIDATOR_SET_BYTES_MAX = VALIDATORS_MAX * 256
/** Receipts of one full block with ordinary logs. */
const RECEIPTS_BYTES_MAX = 8 * 1024 * 1024
const RESPONSE_BYTES_MAX = Math.max(RECEIPTS_BYTES_MAX, SNAPSHOT_MANIFEST_BYTES_MAX, SNAPSHOT_CHUNK_BYTES_MAX)
const MALFORMED_POINTS = 60

const REQUEST_KINDS = ['offers', 'manifest', 'chunk', 'receipts', 'epochs', 'set'] as const

export const snapshotRequestSchema = message('SnapshotRequest', {
  kind: t.oneOf(REQUEST_KINDS),
  /** Height of the snapshot; the first epoch of `epochs`, the epoch of `set`; 0 for offers. */
  height: t.u64,
  /** Chunk index; 0 for other kinds. */
  index: t.u32,
})

export const offerSchema = message('SnapshotOffer', {
  height: t.u64,
  blockHash: t.hash,
  manifestHash: t.hash,
  manifestBytes: t.u32,
  /** Total of all chunks. */
  sizeBytes: t.u64,
})
/** A hint, not proven. */
export type SnapshotOffer = ReturnType<typeof offerSchema.decode>

const offersSchema = message('SnapshotOffers', { offers: t.list(offerSchema, OFFERS_MAX) })
const epochsSchema = message('EpochProofs', {
  proofs: t.list(t.bytes(EPOCH_PROOF_BYTES_MAX), EPOCH_PROOFS_MAX),
})

/** The data this node serves; undefined refuses the request. */
export interface SnapshotSource {
  offers(): readonly SnapshotOffer[]
  manifest(height: number): Uint8Array | undefined
  chunk(height: number, index: number): Promise<Uint8Array | undefined>
  /** Stored receipts of a block, as bytes. */
  receipts(height: number): Uint8Array | undefined
  /** Proof of a completed epoch, as bytes. */
  epochProof(epoch: number): Uint8Array | undefined
  /** The validator set of an epoch, as bytes. */
  validatorSet(epoch: number): Uint8Array | undefined
}

/** Every call rejects with `RequestError` when there is no answer, `MalformedAnswerError` on a malformed one. */
export interface SnapshotProtocol {
  offers(peer: PeerKey): Promise<readonly SnapshotOffer[]>
  manifest(peer: PeerKey, height: number): Promise<Uint8Array>
  chunk(peer: PeerKey, height: number, index: number): Promise<Uint8Array>
  receipts(peer: PeerKey, height: number): Promise<Uint8Array>
  /** Proofs of consecutive epochs from `fromEpoch`, as many as the peer sends. */
  epochProofs(peer: PeerKey, fromEpoch: number): Promise<readonly Uint8Array[]>
  validatorSet(peer: PeerKey, epoch: number): Promise<Uint8Array>
  peers(): readonly PeerKey[]
  close(): void
}

/** Adds the snapshot protocol to a host that has not started. */
export function createSnapshotProtocol(
  host: P2pHost,
  source: SnapshotSource,
  options: { timeoutMs?: number; clock?: Timers } = {},
): SnapshotProtocol {
  const requests = createRequestResponse(host, {
    id: SNAPSHOT_PROTOCOL,
    requestBytesMax: REQUEST_BYTES_MAX,
    responseBytesMax: RESPONSE_BYTES_MAX,
    inFlightPerPeerMax: SNAPSHOT_IN_FLIGHT_PER_PEER,
    servedPerSecondMax: SERVED_PER_SECOND_MAX,
    timeoutMs: options.timeoutMs ?? TIMEOUT_MS,
    consensusOnly: false,
    ...(options.clock === undefined ? {} : { clock: options.clock }),
    serve: (_peer, request) => serve(source, request),
  })
  return new SnapshotClient(host, requests)
}

async function serve(source: SnapshotSource, request: Uint8Array): Promise<Uint8Array | undefined> {
  const { kind, height, index } = snapshotRequestSchema.decode(request)
  switch (kind) {
    case 'offers':
      return offersSchema.encode({ offers: source.offers().slice(-OFFERS_MAX) })
    case 'manifest':
      return source.manifest(height)
    case 'chunk':
      return source.chunk(height, index)
    case 'receipts':
      return source.receipts(height)
    case 'set':
      return source.validatorSet(height)
    case 'epochs': {
      const proofs: Uint8Array[] = []
      let bytes = 0
      while (proofs.length < EPOCH_PROOFS_MAX) {
        const proof = source.epochProof(height + proofs.length)
        bytes += proof?.length ?? 0
        if (proof === undefined || (proofs.length > 0 && bytes > EPOCH_PROOFS_BYTES_MAX)) break
        proofs.push(proof)
      }
      return epochsSchema.encode({ proofs })
    }
  }
}

type Request = ReturnType<typeof snapshotRequestSchema.decode>

class SnapshotClient implements SnapshotProtocol {
  readonly #host: P2pHost
  readonly #requests: RequestResponse

  constructor(host: P2pHost, requests: RequestResponse) {
    this.#host = host
    this.#requests = requests
  }

  peers(): readonly PeerKey[] {
    return this.#requests.peers()
  }

  close(): void {
    this.#requests.close()
  }

  async offers(peer: PeerKey): Promise<readonly SnapshotOffer[]> {
    const bytes = await this.#ask(peer, { kind: 'offers', height: 0, index: 0 }, RESPONSE_BYTES_MAX)
    return this.#decode(peer, bytes, offersSchema).offers
  }

  manifest(peer: PeerKey, height: number): Promise<Uint8Array> {
    return this.#ask(peer, { kind: 'manifest', height, index: 0 }, SNAPSHOT_MANIFEST_BYTES_MAX)
  }

  chunk(peer: PeerKey, height: number, index: number): Promise<Uint8Array> {
    return this.#ask(peer, { kind: 'chunk', height, index }, SNAPSHOT_CHUNK_BYTES_MAX)
  }

  receipts(peer: PeerKey, height: number): Promise<Uint8Array> {
    return this.#ask(peer, { kind: 'receipts', height, index: 0 }, RECEIPTS_BYTES_MAX)
  }

  async epochProofs(peer: PeerKey, fromEpoch: number): Promise<readonly Uint8Array[]> {
    const bytes = await this.#ask(peer, { kind: 'epochs', height: fromEpoch, index: 0 }, RESPONSE_BYTES_MAX)
    return this.#decode(peer, bytes, epochsSchema).proofs
  }

  validatorSet(peer: PeerKey, epoch: number): Promise<Uint8Array> {
    return this.#ask(peer, { kind: 'set', height: epoch, index: 0 }, VALIDATOR_SET_BYTES_MAX)
  }

  async #ask(peer: PeerKey, request: Request, bytesMax: number): Promise<Uint8Array> {
    const bytes = await this.#requests.request(peer, snapshotRequestSchema.encode(request))
    if (bytes.length <= bytesMax) return bytes
    return this.#refuse(peer, `${bytes.length} bytes of ${request.kind}, at most ${bytesMax} are allowed`)
  }

  #refuse(peer: PeerKey, reason: string): never {
    this.#host.penalise(peer, MALFORMED_POINTS, reason)
    throw new MalformedAnswerError(peer, reason)
  }

  #decode<T>(peer: PeerKey, bytes: Uint8Array, schema: { decode(bytes: Uint8Array): T }): T {
    try {
      return schema.decode(bytes)
    } catch (cause) {
      return this.#refuse(peer, `malformed answer: ${errorText(cause)}`)
    }
  }
}
