// Against protobufjs, which the codec does not use.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import protobuf from 'protobufjs/minimal.js'
import { Reader, type Writer, written } from '../../base/wire.ts'

/** What is written: a number, text, bytes, or a value with more inside. */
type Part = number | string | Uint8Array | readonly Part[]

const { tree } = fc.letrec<{ tree: readonly Part[]; part: Part }>((tie) => ({
  part: fc.oneof(
    { maxDepth: 4 },
    fc.maxSafeNat(),
    fc.nat({ max: 300 }),
    fc.string({ unit: 'grapheme', maxLength: 40 }),
    fc.uint8Array({ maxLength: 200 }),
    tie('tree'),
  ),
  tree: fc.array(tie('part'), { maxLength: 8 }),
}))

function writeOurs(writer: Writer, part: Part): void {
  if (typeof part === 'number') writer.uint(part)
  else if (typeof part === 'string') writer.text(part)
  else if (part instanceof Uint8Array) writer.bytes(part)
  else {
    writer.begin()
    for (const inner of part) writeOurs(writer, inner)
    writer.end()
  }
}

function writeTheirs(writer: protobuf.Writer, part: Part): void {
  if (typeof part === 'number') writer.uint64(part)
  else if (typeof part === 'string') writer.string(part)
  else if (part instanceof Uint8Array) writer.bytes(part)
  else {
    writer.fork()
    for (const inner of part) writeTheirs(writer, inner)
    writer.ldelim()
  }
}

const ours = (part: Part): Uint8Array =>
  written(
    (writer) => writeOurs(writer, part),
    (bytes) => bytes.slice(),
  )

function theirs(part: Part): Uint8Array {
  const writer = new protobuf.Writer()
  writeTheirs(writer, part)
  return new Uint8Array(writer.finish())
}

function assertReads(reader: Reader, part: Part): void {
  if (typeof part === 'number') assert.equal(reader.uint(), part)
  else if (typeof part === 'string') assert.equal(reader.text(), part)
  else if (part instanceof Uint8Array) assert.deepEqual(reader.bytes(), part)
  else {
    const end = reader.end()
    for (const inner of part) assertReads(reader, inner)
    assert.equal(reader.pos, end)
  }
}

describe('base.wire', () => {
  it('writes what protobufjs writes, and reads it back', () => {
    fc.assert(
      fc.property(tree, (part) => {
        const bytes = ours(part)
        assert.deepEqual(bytes, theirs(part))
        const reader = new Reader(bytes)
        assertReads(reader, part)
        assert.equal(reader.pos, reader.bytesLength)
      }),
    )
  })

  it('grows at every edge of its buffer and of a length', () => {
    const sizes = [0, 127, 128, 16_370, 16_383, 16_384, 32_768, 2_097_151, 2_097_152]
    for (const size of sizes) {
      const part = [7, [new Uint8Array(size).fill(0xa5), [Number.MAX_SAFE_INTEGER]], 'end']
      assert.ok(Buffer.from(ours(part)).equals(theirs(part)), `${size}`)
    }
  })

  it('reads no number beyond the safe integers, and nothing beyond the end', () => {
    const varint = (hex: string): number => new Reader(Buffer.from(hex, 'hex')).uint()
    assert.equal(varint('ffffffffffffff0f'), Number.MAX_SAFE_INTEGER)
    for (const hex of [
      '8080808080808010',
      'ffffffffffffff1f',
      'ffffffffffffffffff01',
      '808080808080808000',
    ]) {
      assert.throws(() => varint(hex), RangeError, hex)
    }
    for (const hex of ['', '80', 'ffff']) assert.throws(() => varint(hex), RangeError, hex)
    for (const hex of ['01', '0a00', 'ffffffffffffff0f']) {
      assert.throws(() => new Reader(Buffer.from(hex, 'hex')).bytes(), RangeError, hex)
    }
  })

  it('is free again after a failure, and never shared', () => {
    const fails = (): unknown =>
      written(
        (writer) => {
          writer.uint(1)
          writer.begin()
          throw new Error('stop')
        },
        (bytes) => bytes,
      )
    assert.throws(fails, /stop/)
    assert.deepEqual(ours([]), Uint8Array.of(0))
    assert.throws(
      () =>
        written(
          () => void ours(1),
          (bytes) => bytes.slice(),
        ),
      /while another one/,
    )
    assert.deepEqual(ours(300), Uint8Array.of(0xac, 2))
  })
})
