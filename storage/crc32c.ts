// CRC-32C (Castagnoli), the checksum inside LevelDB's files; Node's own crc32 uses another polynomial.

const POLYNOMIAL = 0x82f63b78
/** Bytes taken per step, each with a table of its own. */
const STRIDE = 8

const TABLES = ((): readonly Int32Array[] => {
  const tables = Array.from({ length: STRIDE }, () => new Int32Array(256))
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1
    tables[0]![byte] = crc
  }
  for (let i = 1; i < STRIDE; i++) {
    for (let byte = 0; byte < 256; byte++) {
      const below = tables[i - 1]![byte]!
      tables[i]![byte] = (below >>> 8) ^ tables[0]![below & 0xff]!
    }
  }
  return tables
})()

/** Of `bytes[from, to)`. */
export function crc32c(bytes: Uint8Array, from: number, to: number): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = TABLES as unknown as readonly [
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
  ]
  let crc = ~0
  let i = from
  for (const last = to - STRIDE; i <= last; i += STRIDE) {
    const low = crc ^ (bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24))
    crc =
      t7[low & 0xff]! ^
      t6[(low >>> 8) & 0xff]! ^
      t5[(low >>> 16) & 0xff]! ^
      t4[low >>> 24]! ^
      t3[bytes[i + 4]!]! ^
      t2[bytes[i + 5]!]! ^
      t1[bytes[i + 6]!]! ^
      t0[bytes[i + 7]!]!
  }
  for (; i < to; i++) crc = (crc >>> 8) ^ t0[(crc ^ bytes[i]!) & 0xff]!
  return ~crc >>> 0
}

/** LevelDB stores checksums rotated and shifted, so that a checksum over checksums stays strong. */
export function maskedCrc32c(bytes: Uint8Array, from: number, to: number): number {
  const crc = crc32c(bytes, from, to)
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0
}
