// Answers that are more than a value. Owns: parts built only when they are written, so that a block with thousands of
// receipts is never held as an object tree next to its text; writing them in steps; and results that are a text already.
// Not: when a step may run (turns.ts).
import type { Json } from '../base/field.ts'

/** A list longer than this is written in steps of as many elements. */
const STEP_COUNT = 32

class LazyPart {
  readonly make: () => Json
  constructor(make: () => Json) {
    this.make = make
  }
  toJSON(): Json {
    return this.make()
  }
}

/** `JSON.stringify` replaces it by `make()`. For elements of long lists; nothing else may read it. */
export function lazyJson(make: () => Json): Json {
  return new LazyPart(make) as unknown as Json
}

class WrittenJson {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
  toJSON(): Json {
    return JSON.parse(this.text) as Json
  }
}

/** A result whose text is known: it is sent as it is. Nothing but the dispatcher may read it. */
export function writtenJson(text: string): Json {
  return new WrittenJson(text) as unknown as Json
}

/** The text of `writtenJson`; undefined for other values. */
export function writtenText(json: Json): string | undefined {
  return (json as unknown) instanceof WrittenJson ? (json as unknown as WrittenJson).text : undefined
}

function isLongList(json: Json | undefined): json is readonly Json[] {
  return (
    Array.isArray(json) && (json.length > STEP_COUNT || (json as readonly unknown[])[0] instanceof LazyPart)
  )
}

function* listSteps(list: readonly Json[]): Generator<string> {
  const stepCount = (list as readonly unknown[])[0] instanceof LazyPart ? 1 : STEP_COUNT
  yield '['
  for (let i = 0; i < list.length; i += stepCount) {
    const text = JSON.stringify(list.slice(i, i + stepCount))
    yield i === 0 ? text.slice(1, -1) : `,${text.slice(1, -1)}`
  }
  yield ']'
}

function* objectSteps(json: { readonly [name: string]: Json }): Generator<string> {
  let mark = '{'
  for (const [name, value] of Object.entries(json)) {
    if (value === undefined) continue
    yield `${mark}${JSON.stringify(name)}:`
    mark = ','
    if (isLongList(value)) yield* listSteps(value)
    else yield JSON.stringify(value)
  }
  yield mark === '{' ? '{}' : '}'
}

/** The parts of the text of `json`, in order; undefined when it is short enough to be written at once. */
export function jsonSteps(json: Json): Generator<string> | undefined {
  if (isLongList(json)) return listSteps(json)
  if (json === null || typeof json !== 'object' || Array.isArray(json)) return undefined
  const object = json as { readonly [name: string]: Json }
  for (const name in object) if (isLongList(object[name])) return objectSteps(object)
  return undefined
}
