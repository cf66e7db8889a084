// A part of an answer that is made when the answer is written, and then forgotten: a block of thousands of receipts
// never stands in memory as a tree of its fields beside its text.
import type { Json } from '../base/field.ts'

/** What `JSON.stringify` replaces by the result of `make`. For elements of long lists; nothing else may look into it. */
export function lazyJson(make: () => Json): Json {
  return { toJSON: make } as unknown as Json
}
