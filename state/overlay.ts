// Uncommitted writes over a parent reader. Owns: savepoints and the change set. Not: what the keys mean.
import { assert } from '../base/assert.ts'
import type { StateChanges, StateKey, StateReader, StateWriter } from './view.ts'

type Undo = { readonly key: StateKey; readonly had: boolean; readonly value: Uint8Array | undefined }

/** An in-memory change set. Overlays stack: a block's overlay is the parent of its children's. */
export class Overlay implements StateWriter {
  #parent: StateReader
  readonly #changes = new Map<StateKey, Uint8Array | undefined>()
  readonly #undo: Undo[] = []

  constructor(parent: StateReader) {
    this.#parent = parent
  }

  get(key: StateKey): Uint8Array | undefined {
    const own = this.#changes.get(key)
    if (own !== undefined) return own
    return this.#changes.has(key) ? undefined : this.#parent.get(key)
  }

  set(key: StateKey, value: Uint8Array): void {
    assert(value.length > 0, 'stored values are never empty')
    this.#remember(key)
    this.#changes.set(key, value)
  }

  delete(key: StateKey): void {
    this.#remember(key)
    this.#changes.set(key, undefined)
  }

  #remember(key: StateKey): void {
    const value = this.#changes.get(key)
    this.#undo.push({ key, had: value !== undefined || this.#changes.has(key), value })
  }

  /** A mark for `rollback`; marks nest. */
  savepoint(): number {
    return this.#undo.length
  }

  /** Whether anything was written since the mark. */
  touchedSince(mark: number): boolean {
    return this.#undo.length > mark
  }

  /** Restores the state at the mark. */
  rollback(mark: number): void {
    assert(mark >= 0 && mark <= this.#undo.length, 'savepoint out of range')
    while (this.#undo.length > mark) {
      const { key, had, value } = this.#undo.pop()!
      if (had) this.#changes.set(key, value)
      else this.#changes.delete(key)
    }
  }

  /** Forgets the undo list once a transaction is settled, so that it stays short. */
  settle(): void {
    this.#undo.length = 0
  }

  changes(): StateChanges {
    return this.#changes
  }

  /** Replaces the parent after its changes reached the store; reads must not change. */
  rebase(parent: StateReader): void {
    this.#parent = parent
  }
}

/** A whole state in memory: genesis, tests, recounts. */
export class MemoryState implements StateWriter {
  readonly #values = new Map<StateKey, Uint8Array>()

  get(key: StateKey): Uint8Array | undefined {
    return this.#values.get(key)
  }

  set(key: StateKey, value: Uint8Array): void {
    assert(value.length > 0, 'stored values are never empty')
    this.#values.set(key, value)
  }

  delete(key: StateKey): void {
    this.#values.delete(key)
  }

  apply(changes: StateChanges): void {
    for (const [key, value] of changes) {
      if (value === undefined) this.#values.delete(key)
      else this.#values.set(key, value)
    }
  }

  *entries(prefix: StateKey): Iterable<readonly [StateKey, Uint8Array]> {
    const keys = [...this.#values.keys()].filter((key) => key.startsWith(prefix)).sort()
    for (const key of keys) yield [key, this.#values.get(key)!]
  }

  get size(): number {
    return this.#values.size
  }
}
