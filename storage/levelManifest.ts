// Reads LevelDB's MANIFEST: which tables and which log make up the database. Not: the tables themselves (levelTable.ts).

/** Tags of the fields of a version edit. */
const COMPARATOR = 1
const LOG_NUMBER = 2
const NEXT_FILE = 3
const LAST_SEQUENCE = 4
const COMPACT_POINTER = 5
const DELETED_FILE = 6
const NEW_FILE = 7
const PREVIOUS_LOG = 9

export interface LevelManifest {
  /** Writes since the last table are in this log and later ones. */
  readonly logNumber: number
  readonly previousLog: number
  /** Number of the last write known when the MANIFEST was written. */
  readonly lastSequence: number
  /** File size by number. */
  readonly tables: ReadonlyMap<number, number>
}

/** LEB128 integers and byte strings. Throws RangeError at the end of the bytes. */
export class VarintReader {
  readonly #bytes: Uint8Array
  #at: number

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes
    this.#at = at
  }

  get at(): number {
    return this.#at
  }

  get isDone(): boolean {
    return this.#at >= this.#bytes.length
  }

  number(): number {
    let value = 0
    for (let scale = 1; ; scale *= 128) {
      const byte = this.#bytes[this.#at++]
      if (byte === undefined) throw new RangeError('a number is cut')
      value += (byte & 0x7f) * scale
      if (!Number.isSafeInteger(value)) throw new RangeError('a number is out of range')
      if (byte < 0x80) return value
    }
  }

  bytes(): Uint8Array {
    const length = this.number()
    const from = this.#at
    this.#at += length
    if (this.#at > this.#bytes.length) throw new RangeError('bytes are cut')
    return this.#bytes.subarray(from, this.#at)
  }
}

/** Throws RangeError when a record is malformed, or when those are missing that every MANIFEST begins with. */
export function readLevelManifest(records: readonly Uint8Array[]): LevelManifest {
  const tables = new Map<number, number>()
  const numbers = new Map<number, number>()
  for (const record of records) {
    const reader = new VarintReader(record)
    const deleted: number[] = []
    const added: [number, number][] = []
    while (!reader.isDone) readField(reader, { numbers, deleted, added })
    for (const number of deleted) tables.delete(number)
    for (const [number, size] of added) tables.set(number, size)
  }
  const must = (tag: number): number => {
    const number = numbers.get(tag)
    if (number === undefined) throw new RangeError('it is cut')
    return number
  }
  must(NEXT_FILE)
  return {
    logNumber: must(LOG_NUMBER),
    previousLog: numbers.get(PREVIOUS_LOG) ?? 0,
    lastSequence: must(LAST_SEQUENCE),
    tables,
  }
}

function readField(
  reader: VarintReader,
  edit: {
    readonly numbers: Map<number, number>
    readonly deleted: number[]
    readonly added: [number, number][]
  },
): void {
  const tag = reader.number()
  switch (tag) {
    case LOG_NUMBER:
    case PREVIOUS_LOG:
    case NEXT_FILE:
    case LAST_SEQUENCE:
      edit.numbers.set(tag, reader.number())
      return
    case COMPARATOR:
      reader.bytes()
      return
    case COMPACT_POINTER:
      reader.number()
      reader.bytes()
      return
    case DELETED_FILE:
      reader.number()
      edit.deleted.push(reader.number())
      return
    case NEW_FILE: {
      reader.number()
      const number = reader.number()
      edit.added.push([number, reader.number()])
      reader.bytes()
      reader.bytes()
      return
    }
    default:
      throw new RangeError(`unknown field ${tag}`)
  }
}
