// Bounds of the wire protocols. Not consensus rules: raising one only needs compatible peers.
import { BLOCK_BYTES_MAX } from '../base/protocol/limits.ts'
import { RECOVERY_FILE_BYTES_MAX } from '../base/protocol/recovery.ts'

/** Version of hello and framing; peers with another version are refused. */
export const P2P_VERSION = 2
/** A proposal carries a whole block, its justification and their envelope. */
export const CONSENSUS_FRAME_BYTES_MAX = BLOCK_BYTES_MAX + 256 * 1024
/** Consensus bytes that may wait for one peer; above this it is disconnected. */
export const CONSENSUS_QUEUE_BYTES_MAX = 4 * CONSENSUS_FRAME_BYTES_MAX
export const GOSSIP_BATCH_BYTES_MAX = 256 * 1024
export const GOSSIP_BATCH_TXS_MAX = 1024
export const GOSSIP_QUEUE_BYTES_MAX = 8 * 1024 * 1024
/** Blocks in one range response, bytes: as many as fit, at least one. */
export const SYNC_RANGE_BYTES_MAX = BLOCK_BYTES_MAX
export const SYNC_RANGE_COUNT_MAX = 128
/** A certificate sent with a block. */
export const SYNC_CERTIFICATE_BYTES_MAX = 1024
/** The blocks, their certificates and field tags, and one recovery file. */
export const SYNC_RESPONSE_BYTES_MAX =
  SYNC_RANGE_BYTES_MAX + RECOVERY_FILE_BYTES_MAX + SYNC_RANGE_COUNT_MAX * (SYNC_CERTIFICATE_BYTES_MAX + 32)
/** Connections from peers not named by `setPeers`. */
export const UNKNOWN_PEERS_MAX = 16
/** What may wait for all of them, when they do not read. */
export const STRANGERS_QUEUE_BYTES_MAX = 64 * 1024 * 1024
/** Static peers: a full validator set plus as many other nodes. */
export const STATIC_PEERS_MAX = 512
export const ADDRESSES_PER_PEER_MAX = 8
/** Bytes that a peer may send on one stream before this node has taken them. */
export const STREAM_WINDOW_BYTES_MAX = 4 * 1024 * 1024
