// Checks the checksum of every block of a LevelDB table. LevelDB verifies them only with its paranoid checks on.
import { maskedCrc32c } from './crc32c.ts'
import { VarintReader } from './levelManifest.ts'

/** Two block handles, padding and the magic number. */
const FOOTER_BYTES = 48
const MAGIC = [0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb]
/** compression u8 ‖ checksum u32 after every block. */
const TRAILER_BYTES = 5
const SNAPPY = 1
/** An index of a table of a few MiB; more is damage. */
const INDEX_BYTES_MAX = 64 * 1024 * 1024

interface Handle {
  readonly offset: number
  readonly size: number
}

/** Why the table is damaged; undefined when every block has its checksum. */
export function checkLevelTable(bytes: Uint8Array): string | undefined {
  const footer = bytes.length - FOOTER_BYTES
  if (footer < 0 || MAGIC.some((byte, i) => bytes[bytes.length - MAGIC.length + i] !== byte)) {
    return 'it has no footer'
  }
  try {
    const reader = new VarintReader(bytes, footer)
    const metaIndex = readHandle(reader)
    const index = readHandle(reader)
    if (!isSound(bytes, metaIndex) || !isSound(bytes, index)) return 'its index has another checksum'
    const covered = [
      metaIndex,
      index,
      ...handlesOf(blockOf(bytes, metaIndex)),
      ...handlesOf(blockOf(bytes, index)),
    ]
    const bad = covered.find((handle) => !isSound(bytes, handle))
    if (bad !== undefined) return `the block at byte ${bad.offset} has another checksum`
    const total = covered.reduce((sum, { size }) => sum + size + TRAILER_BYTES, 0)
    return total === footer ? undefined : 'its blocks do not fill it'
  } catch (error) {
    if (error instanceof RangeError) return `its index is malformed: ${error.message}`
    throw error
  }
}

function readHandle(reader: VarintReader): Handle {
  return { offset: reader.number(), size: reader.number() }
}

function isSound(bytes: Uint8Array, { offset, size }: Handle): boolean {
  const end = offset + size + 1
  if (end + 4 > bytes.length) return false
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return view.getUint32(end, true) === maskedCrc32c(bytes, offset, end)
}

function blockOf(bytes: Uint8Array, { offset, size }: Handle): Uint8Array {
  const block = bytes.subarray(offset, offset + size)
  return bytes[offset + size] === SNAPPY ? unpackSnappy(block) : block
}

/** The handles that an index block's entries hold. Entries: shared, own and value length, own key, value; restarts. */
function handlesOf(block: Uint8Array): readonly Handle[] {
  if (block.length < 4) throw new RangeError('a block is cut')
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength)
  const entriesEnd = block.length - 4 - 4 * view.getUint32(block.length - 4, true)
  if (entriesEnd < 0) throw new RangeError('too many restarts')
  const handles: Handle[] = []
  for (let at = 0; at < entriesEnd; ) {
    const reader = new VarintReader(block, at)
    reader.number()
    const keyBytes = reader.number()
    const valueBytes = reader.number()
    const valueAt = reader.at + keyBytes
    at = valueAt + valueBytes
    if (at > entriesEnd) throw new RangeError('an entry is cut')
    handles.push(readHandle(new VarintReader(block, valueAt)))
  }
  return handles
}

/** Throws RangeError when the bytes are not a Snappy block. */
export function unpackSnappy(bytes: Uint8Array): Uint8Array {
  const head = new VarintReader(bytes)
  const length = head.number()
  if (length > INDEX_BYTES_MAX) throw new RangeError('a block is too long')
  const out = new Uint8Array(length)
  let from = head.at
  let to = 0
  const little = (at: number, count: number): number => {
    let value = 0
    for (let i = 0; i < count; i++) value += (bytes[at + i] ?? 0) * 256 ** i
    return value
  }
  while (from < bytes.length) {
    const tag = bytes[from++]!
    const kind = tag & 3
    if (kind === 0) {
      const short = tag >>> 2
      const extra = short < 60 ? 0 : short - 59
      const count = 1 + (extra === 0 ? short : little(from, extra))
      from += extra
      if (from + count > bytes.length || to + count > length) throw new RangeError('a literal is cut')
      out.set(bytes.subarray(from, from + count), to)
      from += count
      to += count
      continue
    }
    const count = kind === 1 ? 4 + ((tag >>> 2) & 7) : 1 + (tag >>> 2)
    const back = kind === 1 ? ((tag >>> 5) << 8) | (bytes[from] ?? 0) : little(from, kind === 2 ? 2 : 4)
    from += kind === 1 ? 1 : kind === 2 ? 2 : 4
    if (back === 0 || back > to || to + count > length) throw new RangeError('a copy is out of range')
    // Copies may overlap their own output.
    for (let i = 0; i < count; i++, to++) out[to] = out[to - back]!
  }
  if (to !== length) throw new RangeError('a block is cut')
  return out
}
