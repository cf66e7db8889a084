// Files that are no GGUF, or one that cannot be used: a clear error, and never anything else.
import { strict as assert } from 'node:assert'
import { GgufError, type GgufErrorCode, halfToNumber, readGguf } from '../../../gateway/demo/gguf.ts'
import { readModel } from '../../../gateway/demo/model.ts'
import { Random } from '../../support/random.ts'
import { base } from './demoFixture.ts'

const text = (value: string): Uint8Array => {
  const bytes = new TextEncoder().encode(value)
  return join(u64(bytes.length), bytes)
}
const u32 = (value: number): Uint8Array => new Uint8Array(new Uint32Array([value]).buffer)
const u64 = (value: number | bigint): Uint8Array => new Uint8Array(new BigUint64Array([BigInt(value)]).buffer)
const join = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts))
const MAGIC = new TextEncoder().encode('GGUF')

interface Parts {
  readonly version?: number
  readonly tensors?: readonly Uint8Array[]
  readonly tensorCount?: number | bigint
  readonly entries?: readonly Uint8Array[]
  readonly entryCount?: number | bigint
  readonly data?: Uint8Array
}

/** A file of parts, its data aligned to 32 bytes. */
function ggufOf({
  version = 3,
  tensors = [],
  tensorCount,
  entries = [],
  entryCount,
  data,
}: Parts): Uint8Array {
  const head = join(
    MAGIC,
    u32(version),
    u64(tensorCount ?? tensors.length),
    u64(entryCount ?? entries.length),
    ...entries,
    ...tensors,
  )
  return data === undefined ? head : join(head, new Uint8Array((32 - (head.length % 32)) % 32), data)
}

const tensor = (
  name: string,
  dimensions: readonly (number | bigint)[],
  type: number,
  offset: number,
): Uint8Array => join(text(name), u32(dimensions.length), ...dimensions.map(u64), u32(type), u64(offset))
const entry = (key: string, type: number, value: Uint8Array): Uint8Array => join(text(key), u32(type), value)

function refuses(bytes: Uint8Array, code: GgufErrorCode, message: RegExp): void {
  assert.throws(
    () => readModel(readGguf(bytes)),
    (error) => error instanceof GgufError && error.code === code && message.test(error.message),
    message.source,
  )
}

/** The shipped file with one text replaced by another of the same length. */
function patched(from: string, to: string): Uint8Array {
  assert.equal(from.length, to.length)
  const bytes = Buffer.from(base.file)
  const at = bytes.indexOf(from)
  assert.ok(at > 0)
  bytes.write(to, at, 'latin1')
  return new Uint8Array(bytes)
}

describe('demo.gguf', () => {
  it('reads scalars of every type, arrays and both kinds of tensors', () => {
    const { metadata, tensors } = readGguf(
      ggufOf({
        entries: [
          entry('u8', 0, new Uint8Array([200])),
          entry('i8', 1, new Uint8Array([200])),
          entry('u16', 2, new Uint8Array([1, 2])),
          entry('i16', 3, new Uint8Array([255, 255])),
          entry('i32', 5, u32(0xffffffff)),
          entry('f32', 6, new Uint8Array(new Float32Array([0.5]).buffer)),
          entry('bool', 7, new Uint8Array([1])),
          entry('text', 8, text('鯨')),
          entry('array', 9, join(u32(4), u64(2), u32(7), u32(8))),
          entry('u64', 10, u64(2n ** 63n)),
          entry('i64', 11, u64(2n ** 64n - 1n)),
          entry('f64', 12, new Uint8Array(new Float64Array([0.25]).buffer)),
        ],
        tensors: [tensor('half', [2], 1, 0), tensor('single', [1, 2], 0, 32)],
        data: join(
          new Uint8Array([0, 0x3c, 0, 0xc0]),
          new Uint8Array(28),
          new Uint8Array(new Float32Array([1.5, -2]).buffer),
        ),
      }),
    )
    assert.deepEqual(
      [...metadata.values()],
      [200, -56, 513, -1, -1, 0.5, true, '鯨', [7, 8], 2n ** 63n, -1n, 0.25],
    )
    assert.deepEqual(tensors.get('half'), { dimensions: [2], values: new Float32Array([1, -2]) })
    assert.deepEqual(tensors.get('single'), { dimensions: [1, 2], values: new Float32Array([1.5, -2]) })
  })

  it('reads halves: zero, the smallest, one, the largest, and what is no number', () => {
    const values = [0, 1, 0x3c00, 0x7bff, 0xfbff, 0x7c00, 0x7e00].map(halfToNumber)
    assert.deepEqual(values, [0, 2 ** -24, 1, 65_504, -65_504, Number.POSITIVE_INFINITY, Number.NaN])
  })

  it('refuses what is cut off anywhere', () => {
    const random = new Random(1)
    const { length } = base.file
    const cuts = [...Array(400).keys(), ...Array.from({ length: 300 }, () => random.between(0, length - 1))]
    for (const cut of cuts) {
      assert.throws(() => readGguf(base.file.slice(0, cut)), { name: 'GgufError', code: 'Truncated' })
    }
  })

  it('reads a file with one wrong byte, or refuses it with a code', () => {
    const random = new Random(2)
    let refused = 0
    for (let i = 0; i < 300; i++) {
      const bytes = base.file.slice()
      bytes[random.between(0, 14_000)]! ^= random.between(1, 255)
      try {
        readModel(readGguf(bytes))
      } catch (error) {
        assert.ok(error instanceof GgufError, String(error))
        refused++
      }
    }
    assert.ok(refused > 60, `${refused} refused`)
  })

  it('refuses counts and sizes beyond its limits before it makes room for them', () => {
    refuses(ggufOf({ tensorCount: 2n ** 63n }), 'TooLarge', /number of tensors/)
    refuses(ggufOf({ entryCount: 257 }), 'TooLarge', /number of metadata/)
    refuses(ggufOf({ entries: [u64(257)], entryCount: 1 }), 'TooLarge', /length of a text/)
    refuses(ggufOf({ entries: [entry('a', 9, join(u32(0), u64(65_537)))] }), 'TooLarge', /items of an array/)
    refuses(ggufOf({ tensors: [tensor('a', [65_536, 65_536], 0, 0)] }), 'TooLarge', /a: 4294967296 values/)
    refuses(ggufOf({ tensors: [tensor('a', [2n ** 62n], 0, 0)] }), 'TooLarge', /a: a dimension/)
    refuses(ggufOf({ tensors: [tensor('a', [0], 0, 0)] }), 'TooLarge', /a: 0 values/)
    refuses(new Uint8Array(64 * 1024 * 1024 + 1), 'TooLarge', /bytes, at most/)
  })

  it('refuses other versions, types and nested arrays', () => {
    refuses(join(new TextEncoder().encode('GGML'), u32(3)), 'NotGguf', /begin with GGUF/)
    refuses(ggufOf({ version: 2 }), 'Unsupported', /version 2/)
    refuses(ggufOf({ entries: [entry('a', 13, u32(0))] }), 'Unsupported', /value type 13/)
    refuses(ggufOf({ entries: [entry('a', 9, join(u32(9), u64(1)))] }), 'Unsupported', /value type 9/)
    refuses(ggufOf({ tensors: [tensor('a', [32], 2, 0)] }), 'Unsupported', /a: tensor type 2/)
  })

  it('refuses contradictions', () => {
    refuses(ggufOf({ entries: [entry('a', 7, new Uint8Array([2]))] }), 'Malformed', /a boolean is 2/)
    const notText = join(u64(1), new Uint8Array([0xff]))
    refuses(ggufOf({ entries: [entry('a', 8, notText)] }), 'Malformed', /not UTF-8/)
    const twice = entry('a', 4, u32(1))
    refuses(ggufOf({ entries: [twice, twice] }), 'Malformed', /a: named twice/)
    const alignment = entry('general.alignment', 4, u32(12))
    refuses(ggufOf({ entries: [alignment] }), 'Malformed', /general.alignment: 12/)
    refuses(ggufOf({ tensors: [tensor('a', [], 0, 0)] }), 'Malformed', /a: 0 dimensions/)
    const overlapping = [tensor('a', [8], 0, 0), tensor('b', [8], 0, 16)]
    refuses(ggufOf({ tensors: overlapping, data: new Uint8Array(64) }), 'Malformed', /b: begins at 16/)
    const same = [tensor('a', [8], 0, 0), tensor('a', [8], 0, 32)]
    refuses(ggufOf({ tensors: same, data: new Uint8Array(64) }), 'Malformed', /a: named twice/)
    const nan = new Uint8Array(new Float32Array([Number.NaN]).buffer)
    refuses(ggufOf({ tensors: [tensor('a', [1], 0, 0)], data: nan }), 'Malformed', /a: value 0 is not finite/)
    refuses(ggufOf({ data: new Uint8Array(32) }), 'Malformed', /32 bytes after the last tensor/)
  })

  it('refuses models that are no plain llama', () => {
    refuses(patched('llama.block_count', 'llama.black_count'), 'Malformed', /llama.block_count is missing/)
    refuses(patched('general.architecture', 'general.architectura'), 'Malformed', /architecture is missing/)
    refuses(patched('blk.1.attn_q.weight', 'blk.1.attn_x.weight'), 'Malformed', /attn_q.weight is missing/)
    refuses(patched('tokenizer.ggml.scores', 'tokenizer.ggml.scares'), 'Malformed', /scores/)
  })
})
