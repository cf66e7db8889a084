// Reads a request's outline before it is parsed. Owns: nesting, counts, the text of ids. Not: whether it is valid JSON.

const QUOTE = 34
const COMMA = 44
const COLON = 58
const BACKSLASH = 92
const OPEN_LIST = 91
const CLOSE_LIST = 93
const OPEN_OBJECT = 123
const CLOSE_OBJECT = 125

export interface ScanLimits {
  /** Nesting of arrays and objects. */
  readonly depthMax: number
  /** Values in the whole text. */
  readonly valuesMax: number
  /** Elements of a batch; the scan stops above it. */
  readonly elementsMax: number
}

export interface RequestScan {
  /** The limit that the text exceeds. */
  readonly exceeds: 'depth' | 'values' | undefined
  readonly isBatch: boolean
  /** Elements of the batch, at most one above the limit; 1 for a single request. */
  readonly count: number
  /** Each element's id as it stands in the text; undefined when there is none, or its key is written with escapes. */
  readonly ids: readonly (string | undefined)[]
}

function isSpace(code: number): boolean {
  return code === 32 || code === 10 || code === 13 || code === 9
}

function skipSpace(text: string, from: number): number {
  let at = from
  while (isSpace(text.charCodeAt(at))) at++
  return at
}

/** Index of the closing quote of the string at `start`; the text's length when there is none. */
function stringEnd(text: string, start: number): number {
  // Most bytes of a transaction request are inside strings, where indexOf is far faster than a loop.
  for (let at = text.indexOf('"', start + 1); at !== -1; at = text.indexOf('"', at + 1)) {
    let first = at
    while (text.charCodeAt(first - 1) === BACKSLASH) first--
    if ((at - first) % 2 === 0) return at
  }
  return text.length
}

/** End of the string, number or literal at `start`; `start` for a list or an object. */
function scalarEnd(text: string, start: number): number {
  if (text.charCodeAt(start) === QUOTE) return stringEnd(text, start) + 1
  let at = start
  for (; at < text.length; at++) {
    const c = text.charCodeAt(at)
    if (c === COMMA || c === CLOSE_OBJECT || c === CLOSE_LIST || isSpace(c)) break
    if (c === OPEN_LIST || c === OPEN_OBJECT) return start
  }
  return at
}

function isIdKey(text: string, start: number, end: number): boolean {
  return end - start === 3 && text.startsWith('id', start + 1)
}

/** One pass over the text; never throws, whatever the text is. */
export function scanRequest(text: string, limits: ScanLimits): RequestScan {
  const first = skipSpace(text, 0)
  const isBatch = text.charCodeAt(first) === OPEN_LIST
  const idDepth = isBatch ? 2 : 1
  const isEmpty = isBatch && text.charCodeAt(skipSpace(text, first + 1)) === CLOSE_LIST
  const ids: (string | undefined)[] = []
  let count = isEmpty ? 0 : 1
  let depth = 0
  let values = 1
  for (let i = first; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (c === QUOTE) {
      const end = stringEnd(text, i)
      if (depth === idDepth && isIdKey(text, i, end)) {
        const colon = skipSpace(text, end + 1)
        if (text.charCodeAt(colon) === COLON) {
          const start = skipSpace(text, colon + 1)
          const stop = scalarEnd(text, start)
          ids[count - 1] = stop === start ? undefined : text.slice(start, stop)
          i = Math.max(colon, stop - 1)
          continue
        }
      }
      i = end
    } else if (c === OPEN_LIST || c === OPEN_OBJECT) {
      values++
      if (++depth > limits.depthMax) return { exceeds: 'depth', isBatch, count, ids }
    } else if (c === COMMA) {
      values++
      if (isBatch && depth === 1 && ++count > limits.elementsMax) break
    } else if (c === CLOSE_LIST || c === CLOSE_OBJECT) depth--
    if (values > limits.valuesMax) return { exceeds: 'values', isBatch, count, ids }
  }
  return { exceeds: undefined, isBatch, count, ids }
}

/** Counts the values of a text whose parts arrive one after another: what has too many is refused before it is whole. */
export class ValueCounter {
  #count = 1
  #isInString = false
  /** The next byte belongs to an escape. */
  #isEscaped = false

  /** Values so far, of this and all earlier parts. */
  add(part: Uint8Array): number {
    for (let i = 0; i < part.length; i++) {
      if (this.#isInString) {
        i = this.#skipString(part, i)
        continue
      }
      const c = part[i]!
      if (c === QUOTE) this.#isInString = true
      else if (c === COMMA || c === OPEN_LIST || c === OPEN_OBJECT) this.#count++
    }
    return this.#count
  }

  /** Index of the closing quote, or of the part's last byte. */
  #skipString(part: Uint8Array, from: number): number {
    let at = from
    if (this.#isEscaped) {
      this.#isEscaped = false
      at++
    }
    for (;;) {
      const quote = part.indexOf(QUOTE, at)
      const end = quote === -1 ? part.length : quote
      const backslash = part.subarray(at, end).indexOf(BACKSLASH)
      if (backslash === -1) {
        this.#isInString = quote === -1
        return end
      }
      at += backslash + 2
      if (at <= part.length) continue
      this.#isEscaped = true
      return part.length
    }
  }
}
