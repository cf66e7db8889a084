// An answer's text as its tokens arrive. Owns: characters that come in several tokens, stop strings that may have begun.

export class TextStream {
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  readonly #stops: readonly string[]
  #held = ''
  #isStopped = false

  /** `stops` are not empty. */
  constructor(stops: readonly string[]) {
    this.#stops = stops
  }

  /** Whether a stop string was met; nothing comes after it. */
  get isStopped(): boolean {
    return this.#isStopped
  }

  /** What may be shown after the bytes of one more token. */
  push(bytes: Uint8Array): string {
    return this.#show(this.#decoder.decode(bytes, { stream: true }), false)
  }

  /** What remains when no more tokens come. */
  end(): string {
    return this.#show(this.#decoder.decode(), true)
  }

  #show(added: string, isLast: boolean): string {
    if (this.#isStopped) return ''
    const text = this.#held + added
    const at = this.#stops.map((stop) => text.indexOf(stop)).filter((index) => index >= 0)
    if (at.length > 0) {
      this.#isStopped = true
      this.#held = ''
      return text.slice(0, Math.min(...at))
    }
    const keep = isLast ? 0 : Math.max(0, ...this.#stops.map((stop) => overlap(text, stop)))
    this.#held = text.slice(text.length - keep)
    return text.slice(0, text.length - keep)
  }
}

/** How many characters at the end of a text may be the beginning of a stop string. */
function overlap(text: string, stop: string): number {
  for (let length = Math.min(text.length, stop.length - 1); length > 0; length--)
    if (text.endsWith(stop.slice(0, length))) return length
  return 0
}
