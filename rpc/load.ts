// Requests in progress, over HTTP and WebSocket. Owns: the count in total and per client. Not: the requests.

export class Load {
  readonly #max: number
  readonly #byClient = new Map<string, number>()
  #total = 0

  /** One client may have half of `max`, so that it keeps nobody out. */
  constructor(max: number) {
    this.#max = max
  }

  isFullFor(client: string): boolean {
    return this.#total >= this.#max || (this.#byClient.get(client) ?? 0) >= Math.max(1, this.#max / 2)
  }

  begin(client: string): void {
    this.#total++
    this.#byClient.set(client, (this.#byClient.get(client) ?? 0) + 1)
  }

  end(client: string): void {
    this.#total--
    const left = this.#byClient.get(client)! - 1
    if (left > 0) this.#byClient.set(client, left)
    else this.#byClient.delete(client)
  }
}
