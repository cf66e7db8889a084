// A strict, bounded reader of GGUF v3 files with F16 and F32 tensors. Owns: the format. Not: what the tensors mean (model.ts).

export type GgufErrorCode = 'Truncated' | 'NotGguf' | 'Unsupported' | 'TooLarge' | 'Malformed'

export class GgufError extends Error {
  readonly code: GgufErrorCode
  constructor(code: GgufErrorCode, message: string) {
    super(message)
    this.name = 'GgufError'
    this.code = code
  }
}

export type GgufScalar = number | bigint | boolean | string
export type GgufValue = GgufScalar | readonly GgufScalar[]

export interface GgufTensor {
  /** Fastest dimension first, as in the file. */
  readonly dimensions: readonly number[]
  readonly values: Float32Array
}

export interface Gguf {
  readonly metadata: ReadonlyMap<string, GgufValue>
  readonly tensors: ReadonlyMap<string, GgufTensor>
}

const MAGIC = 0x46554747
const VERSION = 3
export const FILE_BYTES_MAX = 64 * 1024 * 1024
const ENTRIES_MAX = 256
const TENSORS_MAX = 1_024
const KEY_BYTES_MAX = 256
const TEXT_BYTES_MAX = 64 * 1024
const ARRAY_ITEMS_MAX = 65_536
const DIMENSIONS_MAX = 4
const ALIGNMENT_MAX = 4_096

const TYPE_ARRAY = 9
const TENSOR_F32 = 0
const TENSOR_F16 = 1

/** Reads forward within the file; every read checks what is left. */
class Cursor {
  readonly #view: DataView
  readonly #bytes: Uint8Array
  readonly #text = new TextDecoder('utf-8', { fatal: true })
  at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /** Advances by `size` bytes and returns where they begin. */
  #take(size: number): number {
    if (size > this.#view.byteLength - this.at)
      throw new GgufError('Truncated', `the file ends at byte ${this.at}`)
    const from = this.at
    this.at += size
    return from
  }

  u8 = (): number => this.#view.getUint8(this.#take(1))
  i8 = (): number => this.#view.getInt8(this.#take(1))
  u16 = (): number => this.#view.getUint16(this.#take(2), true)
  i16 = (): number => this.#view.getInt16(this.#take(2), true)
  u32 = (): number => this.#view.getUint32(this.#take(4), true)
  i32 = (): number => this.#view.getInt32(this.#take(4), true)
  f32 = (): number => this.#view.getFloat32(this.#take(4), true)
  f64 = (): number => this.#view.getFloat64(this.#take(8), true)
  u64 = (): bigint => this.#view.getBigUint64(this.#take(8), true)
  i64 = (): bigint => this.#view.getBigInt64(this.#take(8), true)

  /** A 64-bit count or offset of at most `max`. */
  count(max: number, what: string): number {
    const value = this.u64()
    if (value > BigInt(max)) throw new GgufError('TooLarge', `${what}: ${value}, at most ${max}`)
    return Number(value)
  }

  bool = (): boolean => {
    const value = this.u8()
    if (value > 1) throw new GgufError('Malformed', `a boolean is ${value}`)
    return value === 1
  }

  text = (bytesMax: number = TEXT_BYTES_MAX): string => {
    const length = this.count(bytesMax, 'length of a text')
    const from = this.#take(length)
    try {
      return this.#text.decode(this.#bytes.subarray(from, from + length))
    } catch {
      throw new GgufError('Malformed', `the text at byte ${from} is not UTF-8`)
    }
  }
}

type Read = (cursor: Cursor) => GgufScalar

/** By type number. */
const SCALARS: ReadonlyMap<number, Read> = new Map<number, Read>([
  [0, (cursor) => cursor.u8()],
  [1, (cursor) => cursor.i8()],
  [2, (cursor) => cursor.u16()],
  [3, (cursor) => cursor.i16()],
  [4, (cursor) => cursor.u32()],
  [5, (cursor) => cursor.i32()],
  [6, (cursor) => cursor.f32()],
  [7, (cursor) => cursor.bool()],
  [8, (cursor) => cursor.text()],
  [10, (cursor) => cursor.u64()],
  [11, (cursor) => cursor.i64()],
  [12, (cursor) => cursor.f64()],
])

function scalarReader(type: number): Read {
  const read = SCALARS.get(type)
  if (read === undefined) throw new GgufError('Unsupported', `value type ${type}`)
  return read
}

function readValue(cursor: Cursor): GgufValue {
  const type = cursor.u32()
  if (type !== TYPE_ARRAY) return scalarReader(type)(cursor)
  const read = scalarReader(cursor.u32())
  const count = cursor.count(ARRAY_ITEMS_MAX, 'items of an array')
  const items: GgufScalar[] = []
  for (let i = 0; i < count; i++) items.push(read(cursor))
  return items
}

function readMetadata(cursor: Cursor, count: number): Map<string, GgufValue> {
  const metadata = new Map<string, GgufValue>()
  for (let i = 0; i < count; i++) {
    const key = cursor.text(KEY_BYTES_MAX)
    if (metadata.has(key)) throw new GgufError('Malformed', `${key}: named twice`)
    metadata.set(key, readValue(cursor))
  }
  return metadata
}

interface Info {
  readonly name: string
  readonly dimensions: readonly number[]
  readonly isHalf: boolean
  readonly count: number
  /** From the beginning of the tensors' data. */
  readonly offset: number
}

function readInfo(cursor: Cursor): Info {
  const name = cursor.text(KEY_BYTES_MAX)
  const rank = cursor.u32()
  if (rank < 1 || rank > DIMENSIONS_MAX) throw new GgufError('Malformed', `${name}: ${rank} dimensions`)
  const dimensions: number[] = []
  let count = 1
  for (let i = 0; i < rank; i++) {
    const size = cursor.count(FILE_BYTES_MAX, `${name}: a dimension`)
    count *= size
    if (count < 1 || count > FILE_BYTES_MAX) throw new GgufError('TooLarge', `${name}: ${count} values`)
    dimensions.push(size)
  }
  const type = cursor.u32()
  if (type !== TENSOR_F32 && type !== TENSOR_F16)
    throw new GgufError('Unsupported', `${name}: tensor type ${type}; only F32 and F16 are read`)
  const offset = cursor.count(FILE_BYTES_MAX, `${name}: offset`)
  return { name, dimensions, isHalf: type === TENSOR_F16, count, offset }
}

/** Powers of two by a half's exponent, for a fraction in 1/1024. */
const HALF_UNITS = Float64Array.from({ length: 32 }, (_, exponent) => 2 ** (Math.max(exponent, 1) - 25))

/** The value of an IEEE 754 half. */
export function halfToNumber(bits: number): number {
  const sign = (bits & 0x8000) === 0 ? 1 : -1
  const exponent = (bits >> 10) & 0x1f
  const fraction = bits & 0x3ff
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  return sign * (exponent === 0 ? fraction : 1_024 + fraction) * HALF_UNITS[exponent]!
}

function readTensor(bytes: Uint8Array, dataAt: number, info: Info): Float32Array {
  const from = dataAt + info.offset
  const size = info.count * (info.isHalf ? 2 : 4)
  if (from + size > bytes.length) throw new GgufError('Truncated', `${info.name}: ends after the file`)
  const view = new DataView(bytes.buffer, bytes.byteOffset + from, size)
  const values = new Float32Array(info.count)
  for (let i = 0; i < info.count; i++) {
    const value = info.isHalf ? halfToNumber(view.getUint16(2 * i, true)) : view.getFloat32(4 * i, true)
    if (!Number.isFinite(value)) throw new GgufError('Malformed', `${info.name}: value ${i} is not finite`)
    values[i] = value
  }
  return values
}

/** The tensors' data is aligned in the file, and each tensor in it. */
function alignmentOf(metadata: ReadonlyMap<string, GgufValue>): number {
  const alignment = metadata.get('general.alignment') ?? 32
  if (typeof alignment !== 'number' || alignment < 8 || alignment > ALIGNMENT_MAX || alignment % 8 !== 0)
    throw new GgufError('Malformed', `general.alignment: ${alignment}`)
  return alignment
}

/** Tensors neither overlap nor leave bytes that no tensor holds, beyond their alignment. */
function checkPlaces(infos: readonly Info[], alignment: number): number {
  let end = 0
  for (const { name, offset, count, isHalf } of [...infos].sort((a, b) => a.offset - b.offset)) {
    if (offset !== Math.ceil(end / alignment) * alignment)
      throw new GgufError('Malformed', `${name}: begins at ${offset}, the one before it ends at ${end}`)
    end = offset + count * (isHalf ? 2 : 4)
  }
  return end
}

/** Reads a whole file. Throws GgufError for anything else than a well-formed file within the limits. */
export function readGguf(bytes: Uint8Array): Gguf {
  if (bytes.length > FILE_BYTES_MAX)
    throw new GgufError('TooLarge', `${bytes.length} bytes, at most ${FILE_BYTES_MAX}`)
  const cursor = new Cursor(bytes)
  if (cursor.u32() !== MAGIC) throw new GgufError('NotGguf', 'the file does not begin with GGUF')
  const version = cursor.u32()
  if (version !== VERSION) throw new GgufError('Unsupported', `GGUF version ${version}; only 3 is read`)
  const tensorCount = cursor.count(TENSORS_MAX, 'number of tensors')
  const entryCount = cursor.count(ENTRIES_MAX, 'number of metadata entries')
  const metadata = readMetadata(cursor, entryCount)
  const infos: Info[] = []
  for (let i = 0; i < tensorCount; i++) infos.push(readInfo(cursor))
  const alignment = alignmentOf(metadata)
  const dataAt = Math.ceil(cursor.at / alignment) * alignment
  const end = dataAt + checkPlaces(infos, alignment)
  if (bytes.length - end >= alignment)
    throw new GgufError('Malformed', `${bytes.length - end} bytes after the last tensor`)
  const tensors = new Map<string, GgufTensor>()
  for (const info of infos) {
    if (tensors.has(info.name)) throw new GgufError('Malformed', `${info.name}: named twice`)
    tensors.set(info.name, { dimensions: info.dimensions, values: readTensor(bytes, dataAt, info) })
  }
  return { metadata, tensors }
}
