// Block range sync: serves ranges from injected callbacks and catches up from whichever peers prove useful.
// Owns: asking, limits, scoring and rotation of peers. Not: verification of blocks (the caller's verdict).
import type { Hash32 } from '../base/ids.ts'
import type { PeerKey } from './protocol.ts'

/** A peer's claimed tip: a hint, never a target (CONSENSUS §4 catch-up). */
export interface SyncStatus {
  readonly height: number
  readonly hash: Hash32
}

export interface RangeItem {
  readonly block: Uint8Array
  /** Finalization certificate bytes; absent where the next certified block covers it. */
  readonly certificate?: Uint8Array
}

/** Where served answers come from. */
export interface SyncSource {
  status(): SyncStatus
  /** Consecutive blocks from `fromHeight`, at most `countMax`; fewer or none when not held. */
  range(fromHeight: number, countMax: number): Promise<readonly RangeItem[]> | readonly RangeItem[]
}

export type RangeVerdict =
  | { readonly accept: true; readonly nextHeight: number }
  | { readonly accept: false; readonly reason: string }

export interface CatchUpOptions {
  readonly fromHeight: number
  /** Verifies and imports a range; a rejection drops the peer and the range is asked of another. */
  verify(items: readonly RangeItem[], fromHeight: number, peer: PeerKey): Promise<RangeVerdict>
  readonly signal?: AbortSignal
}

export interface Sync {
  /** Rejects with `RequestError`, or `SyncError` on a malformed answer. */
  fetchStatus(peer: PeerKey): Promise<SyncStatus>
  fetchRange(peer: PeerKey, fromHeight: number, count: number): Promise<readonly RangeItem[]>
  /** Fetches until no peer claims more; resolves with the next height wanted. */
  catchUp(options: CatchUpOptions): Promise<number>
  /** Peers that can be asked, best first. */
  peers(): readonly PeerKey[]
}
