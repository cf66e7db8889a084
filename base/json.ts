// JSON of others: a file, an answer. Owns: its depth. Not: its size, which its reader bounds, and what it means.
import type { Json } from './field.ts'

/** No document of this program is as deep. */
const DEPTH_MAX = 64

const QUOTE = 34
const BACKSLASH = 92

/** Index of the closing quote of the string that begins at `start`; the text's length when there is none. */
function stringEnd(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); at !== -1; at = text.indexOf('"', at + 1)) {
    let first = at
    while (text.charCodeAt(first - 1) === BACKSLASH) first--
    if ((at - first) % 2 === 0) return at
  }
  return text.length
}

/** Whether arrays and objects are nested deeper than any document is. */
function isTooDeep(text: string): boolean {
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) at = stringEnd(text, at)
    // [ and {, ] and }
    else if ((code | 32) === 123) {
      if (++depth > DEPTH_MAX) return true
    } else if ((code | 32) === 125) depth--
  }
  return false
}

/** As JSON.parse; throws SyntaxError for what is nested deeper than any document, which would take fifty times its size in memory. */
export function parseJson(text: string): Json {
  if (isTooDeep(text)) throw new SyntaxError(`nested deeper than ${DEPTH_MAX}`)
  return JSON.parse(text) as Json
}
