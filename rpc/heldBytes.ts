// Memory that requests in progress and unread answers hold. Owns: the count, in total and per client. Not: the memory.

export class HeldBytes {
  readonly #max: number
  readonly #byClient = new Map<string, number>()
  #total = 0

  /** A client may hold half of `max`. */
  constructor(max: number) {
    this.#max = max
  }

  get total(): number {
    return this.#total
  }

  get isFull(): boolean {
    return this.#total >= this.#max
  }

  isFullFor(client: string): boolean {
    return this.isFull || (this.#byClient.get(client) ?? 0) >= this.#max / 2
  }

  add(client: string, bytes: number): void {
    this.#total += bytes
    this.#byClient.set(client, (this.#byClient.get(client) ?? 0) + bytes)
  }

  release(client: string, bytes: number): void {
    this.#total -= bytes
    const left = (this.#byClient.get(client) ?? 0) - bytes
    if (left > 0) this.#byClient.set(client, left)
    else this.#byClient.delete(client)
  }
}
