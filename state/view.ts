// What execution reads and writes. Owns: the interfaces between rules, overlays, the tree and stores.
// Not: the tree (tree/), LevelDB (storage).
import type { Hash32 } from '../base/ids.ts'
import type { Steps } from './steps.ts'

/** One UTF-16 unit per byte (base/bytes.ts `bytesKey`), so string order is byte order. */
export type StateKey = string

/** Synchronous point reads. Rules never iterate the store: every index is an explicit record. */
export interface StateReader {
  get(key: StateKey): Uint8Array | undefined
}

/** Changed keys; undefined = deleted. */
export type StateChanges = ReadonlyMap<StateKey, Uint8Array | undefined>

/** Writes on top of a reader, with savepoints. */
export interface StateWriter extends StateReader {
  /** `value` is never empty. */
  set(key: StateKey, value: Uint8Array): void
  delete(key: StateKey): void
}

/** A reader that can also list everything: for exports and tests, never inside a rule. */
export interface FullState extends StateReader {
  /** In byte order of the keys. */
  entries(prefix: StateKey): Iterable<readonly [StateKey, Uint8Array]>
}

/** One immutable version of the authenticated tree. */
export interface TreeView {
  readonly rootHash: Hash32
  /** A new version; this one stays valid until released. */
  update(changes: StateChanges): TreeView
  /** Like `update`, in steps. */
  updateSteps(changes: StateChanges): Steps<TreeView>
  /** Frees what only this version uses. */
  release(): void
}
