// Server-sent events as they come, in pieces of any size. Owns: cutting them. Not: what is in them (meter/answerUsage.ts).

const LF = 10
const CR = 13
/** One event; a longer one is no answer of a model. */
const EVENT_BYTES_MAX = 1_048_576

/**
 * Cuts a stream into events, each with the empty line that ends it. Lines end with LF, or with CR LF as a few servers write.
 * Nothing is copied but what is left over between two pieces.
 */
export class EventCutter {
  #rest: Uint8Array | undefined

  /** The events that a piece completes, in order. Throws for an event beyond the bound. */
  push(piece: Uint8Array): readonly Uint8Array[] {
    const bytes = this.#rest === undefined ? piece : Buffer.concat([this.#rest, piece])
    const events: Uint8Array[] = []
    let start = 0
    for (let at = bytes.indexOf(LF); at !== -1; at = bytes.indexOf(LF, at + 1)) {
      const next = bytes[at + 1]
      const after = next === LF ? at + 2 : next === CR && bytes[at + 2] === LF ? at + 3 : 0
      if (after === 0) continue
      events.push(bytes.subarray(start, after))
      start = after
      at = after - 1
    }
    this.#rest = start === bytes.length ? undefined : bytes.subarray(start)
    if ((this.#rest?.length ?? 0) > EVENT_BYTES_MAX)
      throw new Error(`an event exceeds ${EVENT_BYTES_MAX} bytes`)
    return events
  }

  /** What came after the last whole event. */
  end(): Uint8Array | undefined {
    const rest = this.#rest
    this.#rest = undefined
    return rest
  }
}

/** The data of an event: its `data:` lines joined; undefined when it has none. */
export function eventData(event: Uint8Array): string | undefined {
  const text = Buffer.from(event.buffer, event.byteOffset, event.byteLength).toString('utf8')
  // Nearly every event is one line of data.
  if (text.startsWith('data: ') && text.indexOf('\n') >= text.length - 2) return text.slice(6).trimEnd()
  const lines = text
    .split(/\r?\n/)
    .flatMap((line) => (line.startsWith('data:') ? [line.slice(5).replace(/^ /, '')] : []))
  return lines.length === 0 ? undefined : lines.join('\n')
}
