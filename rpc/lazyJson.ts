// A part of an answer built only during serialisation: a block with thousands of receipts is never held in memory
// as an object tree next to its text.
import type { Json } from '../base/field.ts'

/** `JSON.stringify` replaces it by `make()`. For elements of long lists; nothing else may read it. */
export function lazyJson(make: () => Json): Json {
  return { toJSON: make } as unknown as Json
}
