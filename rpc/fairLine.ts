// Who goes next. Owns: the order: first those that must not wait, then clients in turn. Not: the work.

export class FairLine<T> {
  readonly #first = new Set<T>()
  /** By client, in the order in which they go; each holds at least one. */
  readonly #byClient = new Map<string, Set<T>>()

  get isEmpty(): boolean {
    return this.#first.size === 0 && this.#byClient.size === 0
  }

  /** Once, however often it is added. */
  add(item: T, client: string, isFirst: boolean): void {
    this.delete(item, client)
    if (isFirst) {
      this.#first.add(item)
      return
    }
    const own = this.#byClient.get(client)
    if (own === undefined) this.#byClient.set(client, new Set([item]))
    else own.add(item)
  }

  delete(item: T, client: string): void {
    this.#first.delete(item)
    const own = this.#byClient.get(client)
    if (own?.delete(item) === true && own.size === 0) this.#byClient.delete(client)
  }

  /** Takes the next one; its client goes to the end of the line. */
  take(): T | undefined {
    for (const item of this.#first) {
      this.#first.delete(item)
      return item
    }
    for (const [client, own] of this.#byClient) {
      this.#byClient.delete(client)
      const [item] = own
      own.delete(item!)
      if (own.size > 0) this.#byClient.set(client, own)
      return item
    }
    return undefined
  }
}
