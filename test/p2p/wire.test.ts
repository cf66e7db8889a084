import { strict as assert } from 'node:assert'
import fc from 'fast-check'
import { concatBytes } from '../../base/bytes.ts'
import { installPolyfills } from '../../base/polyfill.ts'
import { FrameDecoder, FrameError, frameHeader } from '../../p2p/frames.ts'
import { checkHello, encodeHello } from '../../p2p/hello.ts'
import { PeerScores } from '../../p2p/peerScores.ts'
import { PENALTY_LIMIT, Penalties } from '../../p2p/penalties.ts'
import { Warnings } from '../../p2p/warnings.ts'
import { GENESIS, recordingLogger } from '../support/hostHarness.ts'

function drain(decoder: FrameDecoder): Uint8Array[] {
  const frames: Uint8Array[] = []
  for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) frames.push(frame)
  return frames
}

describe('p2p.frames', () => {
  it('reassembles frames from chunks of any size', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 40 }),
        (frames, cuts) => {
          const wire = concatBytes(...frames.flatMap((frame) => [frameHeader(frame.length), frame]))
          const decoder = new FrameDecoder(300)
          const got: Uint8Array[] = []
          for (let at = 0, i = 0; at < wire.length; i++) {
            const size = cuts[i % cuts.length]!
            decoder.push(wire.subarray(at, at + size))
            got.push(...drain(decoder))
            at += size
          }
          assert.deepEqual(got, frames)
          assert.equal(decoder.bufferedBytes, 0)
        },
      ),
      { numRuns: 200 },
    )
  })

  it('returns a plain copy, even from a Buffer', () => {
    const decoder = new FrameDecoder(10)
    const wire = Buffer.from([0, 0, 0, 2, 5, 6])
    decoder.push(wire)
    const frame = decoder.next()!
    wire.fill(0)
    assert.deepEqual(frame, Uint8Array.of(5, 6))
    assert.equal(frame.buffer.byteLength, 2)
  })

  it('keeps few pieces of a frame that comes byte by byte', () => {
    const size = 100_000
    const decoder = new FrameDecoder(size)
    const frame = Uint8Array.from({ length: size }, (_, i) => i)
    for (const byte of concatBytes(frameHeader(size), frame.subarray(0, -1))) {
      decoder.push(Uint8Array.of(byte))
      assert.equal(decoder.next(), undefined)
    }
    assert.ok(decoder.chunkCount < 50, `${decoder.chunkCount} pieces`)
    decoder.push(frame.subarray(-1))
    assert.deepEqual(decoder.next(), frame)
  })

  it('rejects an oversized frame by its header, and an empty frame', () => {
    const decoder = new FrameDecoder(10)
    decoder.push(frameHeader(11))
    assert.throws(() => decoder.next(), new FrameError('frame of 11 bytes, at most 10 allowed'))
    const empty = new FrameDecoder(10)
    empty.push(frameHeader(0))
    assert.throws(() => empty.next(), new FrameError('empty frame'))
  })
})

describe('p2p.hello', () => {
  it('accepts its own hello and reports what differs', () => {
    assert.deepEqual(checkHello(encodeHello(GENESIS), GENESIS), { kind: 'agreed' })
    const foreign = checkHello(encodeHello(new Uint8Array(32)), GENESIS)
    assert.equal(foreign.kind, 'foreign')
    assert.match((foreign as { reason: string }).reason, /genesis 0x00.*ours 0x0707/)
    assert.deepEqual(checkHello(encodeHello(GENESIS, 'no room'), GENESIS), {
      kind: 'refused',
      reason: 'peer refused: no room',
    })
    const other = encodeHello(GENESIS)
    other[1] = 9
    assert.deepEqual(checkHello(other, GENESIS), {
      kind: 'foreign',
      reason: 'peer speaks p2p version 9, this node 2',
    })
  })

  it('throws only SchemaError on random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        try {
          assert.notEqual(checkHello(bytes, GENESIS).kind, 'agreed')
        } catch (error) {
          assert.equal((error as { code?: string }).code, 'SchemaError')
        }
      }),
      { numRuns: 300 },
    )
  })
})

describe('p2p.penalties', () => {
  it('refuses at the limit, longer each time up to a maximum', () => {
    let nowMs = 1_000_000
    const penalties = new Penalties({ refusalFirstMs: 1_000, nowMs: () => nowMs })
    assert.equal(penalties.add('a', PENALTY_LIMIT - 1, true), 0)
    assert.equal(penalties.refusedForMs('a'), 0)
    assert.equal(penalties.add('a', 1, true), 1_000)
    assert.equal(penalties.refusedForMs('a'), 1_000)
    nowMs += 1_000
    assert.equal(penalties.refusedForMs('a'), 0)
    assert.equal(penalties.add('a', PENALTY_LIMIT, true), 2_000)
    const again = (peer: string, known: boolean): void => {
      nowMs += penalties.refusedForMs(peer)
      penalties.add(peer, PENALTY_LIMIT, known)
    }
    for (let i = 0; i < 20; i++) again('a', true)
    assert.equal(penalties.refusedForMs('a'), 60_000)
    for (let i = 0; i < 20; i++) again('b', false)
    assert.equal(penalties.refusedForMs('b'), 300_000)
    nowMs += 700_000
    assert.equal(penalties.add('a', PENALTY_LIMIT, true), 1_000)
  })

  it('decays points over time', () => {
    let nowMs = 0
    const penalties = new Penalties({ nowMs: () => nowMs })
    for (let i = 0; i < 50; i++) {
      assert.equal(penalties.add('a', 25, true), 0)
      nowMs += 25_000
    }
  })
})

describe('p2p.peerScores', () => {
  it('rests a failing peer longer each time and resets on success', () => {
    let nowMs = 0
    const scores = new PeerScores(() => nowMs)
    scores.fail('a')
    assert.deepEqual(scores.usable(['a', 'b']), ['b'])
    nowMs += 500
    assert.deepEqual(scores.usable(['a', 'b']), ['a', 'b'])
    scores.fail('a')
    nowMs += 600
    assert.deepEqual(scores.usable(['a', 'b']), ['b'])
    nowMs += 400
    assert.deepEqual(scores.usable(['a', 'b']), ['a', 'b'])
    assert.deepEqual(scores.ranked(['a', 'b']), ['b', 'a'])
    scores.succeed('a')
    scores.lied('b')
    assert.deepEqual(scores.usable(['a', 'b']), ['a'])
    nowMs += 30_000
    assert.deepEqual(scores.ranked(['b', 'a']), ['a', 'b'])
  })

  it('uses failed peers early when all peers rest, but never a lying peer', () => {
    let nowMs = 0
    const scores = new PeerScores(() => nowMs)
    const peers = ['a', 'b', 'liar']
    for (let i = 0; i < 6; i++) for (const peer of ['a', 'b']) scores.fail(peer)
    scores.lied('liar')
    scores.fail('liar')
    assert.deepEqual(scores.usable(peers), [])
    nowMs += 499
    assert.deepEqual(scores.usable(peers), [])
    nowMs += 1
    assert.deepEqual(scores.usable(peers), ['a', 'b'])
    // One usable peer is enough.
    assert.deepEqual(scores.usable([...peers, 'c']), ['c'])
    scores.fail('a')
    assert.deepEqual(scores.usable(peers), ['b'])
    scores.succeed('b')
    assert.deepEqual(scores.usable(peers), ['b'])
    nowMs = 29_999
    assert.deepEqual(scores.usable(['liar']), [])
    nowMs = 30_000
    assert.deepEqual(scores.usable(['liar']), ['liar'])
  })
})

interface Resolvers {
  promise: Promise<number>
  resolve(value: number): void
  reject(reason: unknown): void
}

describe('base.polyfill', () => {
  it('defines Promise.withResolvers when missing and keeps a native one', async () => {
    const target = Promise as unknown as { withResolvers?: () => Resolvers }
    const before = target.withResolvers
    try {
      Reflect.deleteProperty(target, 'withResolvers')
      installPolyfills()
      const first = target.withResolvers!()
      first.resolve(4)
      assert.equal(await first.promise, 4)
      const second = target.withResolvers!()
      second.reject(new Error('no'))
      await assert.rejects(second.promise, /no/)
      const installed = target.withResolvers
      installPolyfills()
      assert.equal(target.withResolvers, installed)
    } finally {
      Object.defineProperty(target, 'withResolvers', { value: before, writable: true, configurable: true })
    }
  })
})

describe('p2p.warnings', () => {
  it('logs a subject once per period', () => {
    const logger = recordingLogger()
    const warnings = new Warnings(logger)
    for (let i = 0; i < 100; i++) warnings.warn('a', { i }, 'text')
    warnings.warn('b', {}, 'other')
    assert.deepEqual(
      logger.warnings.map((w) => w.text),
      ['text', 'other'],
    )
  })
})
