// A bounded map that drops its older half at once: two plain maps, no order to maintain.

export class RecentMap<V> {
  readonly #halfMax: number
  #young = new Map<string, V>()
  #old = new Map<string, V>()

  /** Keeps at least the latest half of `countMax` entries, at most `countMax`. */
  constructor(countMax: number) {
    this.#halfMax = Math.max(1, Math.ceil(countMax / 2))
  }

  get(key: string): V | undefined {
    return this.#young.get(key) ?? this.#old.get(key)
  }

  has(key: string): boolean {
    return this.#young.has(key) || this.#old.has(key)
  }

  /** An entry that is set again counts as new. */
  set(key: string, value: V): void {
    if (this.#young.size >= this.#halfMax && !this.#young.has(key)) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(key, value)
  }

  delete(key: string): void {
    this.#young.delete(key)
    this.#old.delete(key)
  }
}
