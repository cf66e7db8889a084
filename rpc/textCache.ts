// Answers about final blocks, kept as text. Owns: the limit on their length. Not: what they say.

export interface KnownText {
  /** Of its block: what a node has pruned is not answered from here. */
  readonly height: number
  readonly text: string
}

/** The least recently used goes first. */
export class TextCache {
  readonly #lengthMax: number
  readonly #texts = new Map<string, KnownText>()
  #length = 0

  /** `lengthMax` in characters, over all texts. */
  constructor(lengthMax: number) {
    this.#lengthMax = lengthMax
  }

  get(key: string): KnownText | undefined {
    const known = this.#texts.get(key)
    if (known === undefined) return undefined
    this.#texts.delete(key)
    this.#texts.set(key, known)
    return known
  }

  /** A text of more than a sixteenth of all is not kept. */
  set(key: string, known: KnownText): void {
    this.#remove(key)
    if (known.text.length > this.#lengthMax / 16) return
    this.#texts.set(key, known)
    this.#length += known.text.length
    for (const oldest of this.#texts.keys()) {
      if (this.#length <= this.#lengthMax) return
      this.#remove(oldest)
    }
  }

  #remove(key: string): void {
    const known = this.#texts.get(key)
    if (known === undefined) return
    this.#texts.delete(key)
    this.#length -= known.text.length
  }
}
