// SentencePiece tokens by score, as llama.cpp cuts them. Owns: text to tokens, tokens to bytes. Not: templates (prompts.ts).

export interface Vocabulary {
  readonly texts: readonly string[]
  readonly scores: readonly number[]
  readonly types: readonly number[]
  readonly beginId: number
  readonly endId: number
  /** Whether a prompt begins with the token of the beginning. */
  readonly addsBegin: boolean
  /** Whether a text is read as if a space stood before it. */
  readonly addsSpace: boolean
}

const TYPE_UNKNOWN = 2
const TYPE_CONTROL = 3
const TYPE_BYTE = 6
/** Stands for a space in the vocabulary. */
const SPACE = '\u2581'

/** Two neighbours that make a token together. */
interface Pair {
  readonly left: number
  readonly right: number
  readonly score: number
  /** Of both: an older pair, one of whose sides has grown since, has another length. */
  readonly length: number
}

/** The best score first, and of equal ones the leftmost. */
const isBefore = (a: Pair, b: Pair): boolean => a.score > b.score || (a.score === b.score && a.left < b.left)

/** A binary heap of pairs, the first on top. */
class PairHeap {
  readonly #items: Pair[] = []

  push(pair: Pair): void {
    const items = this.#items
    let at = items.push(pair) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(items[at]!, items[parent]!)) return
      this.#swap(at, parent)
      at = parent
    }
  }

  pop(): Pair | undefined {
    const items = this.#items
    const top = items[0]
    const last = items.pop()
    if (top === undefined || items.length === 0) return top
    items[0] = last!
    let at = 0
    for (;;) {
      let first = at
      for (const child of [2 * at + 1, 2 * at + 2])
        if (child < items.length && isBefore(items[child]!, items[first]!)) first = child
      if (first === at) return top
      this.#swap(at, first)
      at = first
    }
  }

  #swap(a: number, b: number): void {
    const kept = this.#items[a]!
    this.#items[a] = this.#items[b]!
    this.#items[b] = kept
  }
}

/** A text's pieces as a linked list: pieces merge to the left. */
class Pieces {
  readonly texts: string[]
  readonly #next: number[]
  readonly #previous: number[]

  constructor(characters: string[]) {
    this.texts = characters
    this.#next = characters.map((_, i) => (i + 1 < characters.length ? i + 1 : -1))
    this.#previous = characters.map((_, i) => i - 1)
  }

  next(at: number): number {
    return this.#next[at]!
  }

  previous(at: number): number {
    return this.#previous[at]!
  }

  merge(left: number, right: number): void {
    this.texts[left] = this.texts[left]! + this.texts[right]!
    this.texts[right] = ''
    const next = this.next(right)
    this.#next[left] = next
    if (next >= 0) this.#previous[next] = left
  }
}

export class Tokenizer {
  readonly vocabulary: Vocabulary
  readonly #ids = new Map<string, number>()
  readonly #byteIds = new Map<number, number>()
  readonly #bytes: readonly Uint8Array[]
  /** UTF-8 bytes of the longest token. */
  readonly #tokenBytesMax: number

  constructor(vocabulary: Vocabulary) {
    this.vocabulary = vocabulary
    const { texts, types } = vocabulary
    const encoder = new TextEncoder()
    this.#bytes = texts.map((text, id) => {
      const type = types[id]!
      if (type === TYPE_CONTROL || type === TYPE_UNKNOWN) return new Uint8Array(0)
      if (type !== TYPE_BYTE) {
        // Of two tokens with one text the first counts.
        if (!this.#ids.has(text)) this.#ids.set(text, id)
        return encoder.encode(text.replaceAll(SPACE, ' '))
      }
      const byte = Number(/^<(0x[0-9A-F]{2})>$/.exec(text)?.[1])
      if (Number.isInteger(byte)) this.#byteIds.set(byte, id)
      return new Uint8Array([byte])
    })
    if (this.#byteIds.size !== 256) throw new TypeError(`a vocabulary with ${this.#byteIds.size} byte tokens`)
    this.#tokenBytesMax = this.#bytes.reduce((max, bytes) => Math.max(max, bytes.length), 0)
  }

  /** Tokens of a text; the text of a control token is read as any other. Takes O(n log n) in its length. */
  encode(text: string, options: { readonly continues?: boolean } = {}): readonly number[] {
    const { addsBegin, addsSpace, beginId } = this.vocabulary
    const continues = options.continues === true
    const tokens = addsBegin && !continues ? [beginId] : []
    if (text === '') return tokens
    const spaced = addsSpace && !continues ? ` ${text}` : text
    // A lone surrogate has no UTF-8 form.
    const pieces = new Pieces([...spaced.replace(/\p{Surrogate}/gu, '\uFFFD').replaceAll(' ', SPACE)])
    this.#mergeAll(pieces)
    for (const piece of pieces.texts) if (piece !== '') this.#append(piece, tokens)
    return tokens
  }

  /** Fewer tokens a text cannot have; costs nothing. */
  leastTokens(text: string): number {
    return Math.ceil(Buffer.byteLength(text) / this.#tokenBytesMax)
  }

  /** The beginning of a text that has `count` tokens at least, if the text has; not much more. */
  beginning(text: string, count: number): string {
    return text.slice(0, (count + 1) * this.#tokenBytesMax)
  }

  /** The bytes that a token stands for; none for a control token. */
  bytesOf(token: number): Uint8Array {
    const bytes = this.#bytes[token]
    if (bytes === undefined) throw new RangeError(`no token ${token}`)
    return bytes
  }

  decode(tokens: readonly number[]): string {
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(
      Buffer.concat(tokens.map((token) => this.bytesOf(token))),
    )
  }

  #mergeAll(pieces: Pieces): void {
    const heap = new PairHeap()
    const offer = (left: number, right: number): void => {
      if (left < 0 || right < 0) return
      const text = pieces.texts[left]! + pieces.texts[right]!
      const id = this.#ids.get(text)
      if (id !== undefined)
        heap.push({ left, right, score: this.vocabulary.scores[id]!, length: text.length })
    }
    for (let i = 1; i < pieces.texts.length; i++) offer(i - 1, i)
    for (let pair = heap.pop(); pair !== undefined; pair = heap.pop()) {
      const { left, right, length } = pair
      const [a, b] = [pieces.texts[left]!, pieces.texts[right]!]
      if (a === '' || b === '' || a.length + b.length !== length) continue
      pieces.merge(left, right)
      offer(pieces.previous(left), left)
      offer(left, pieces.next(left))
    }
  }

  /** A piece that is no token is spelled in bytes. */
  #append(piece: string, tokens: number[]): void {
    const id = this.#ids.get(piece)
    if (id !== undefined) tokens.push(id)
    else for (const byte of new TextEncoder().encode(piece)) tokens.push(this.#byteIds.get(byte)!)
  }
}
