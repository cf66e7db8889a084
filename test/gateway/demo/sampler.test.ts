// Choosing tokens, and the text they make.
import { strict as assert } from 'node:assert'
import { Random, Sampler, type Sampling } from '../../../gateway/demo/sampler.ts'
import { TextStream } from '../../../gateway/demo/textStream.ts'

const PLAIN: Sampling = { temperature: 1, topP: 1, seed: 7, presencePenalty: 0, frequencyPenalty: 0 }
/** Probabilities 0.6, 0.3 and 0.1. */
const scores = (): Float32Array => Float32Array.from([0.6, 0.3, 0.1], Math.log)

/** How often each token is chosen in 20,000 draws. */
function shares(sampling: Partial<Sampling>): readonly number[] {
  const sampler = new Sampler({ ...PLAIN, ...sampling })
  const counts = [0, 0, 0]
  for (let i = 0; i < 20_000; i++) counts[sampler.choose(scores())]!++
  return counts.map((count) => count / 20_000)
}

const near = (a: readonly number[], b: readonly number[]): void =>
  a.forEach((value, i) => {
    assert.ok(Math.abs(value - b[i]!) < 0.015, `${a} is not near ${b}`)
  })

describe('demo.sampler', () => {
  it('draws each token with its probability', () => near(shares({}), [0.6, 0.3, 0.1]))

  it('takes the best at temperature 0, and nearly always just above it', () => {
    assert.deepEqual(shares({ temperature: 0 }), [1, 0, 0])
    assert.deepEqual(shares({ temperature: 1e-300 }), [1, 0, 0])
  })

  it('flattens with temperature: at 2 the roots of the probabilities', () => {
    const roots = [0.6, 0.3, 0.1].map(Math.sqrt)
    const sum = roots.reduce((a, b) => a + b)
    near(
      shares({ temperature: 2 }),
      roots.map((root) => root / sum),
    )
  })

  it('keeps the fewest tokens that reach top_p', () => {
    near(shares({ topP: 0.8 }), [2 / 3, 1 / 3, 0])
    assert.deepEqual(shares({ topP: 0.5 }), [1, 0, 0])
    assert.deepEqual(shares({ topP: 0 }), [1, 0, 0])
  })

  it('chooses alike with one seed, and otherwise with another', () => {
    const run = (seed: number): readonly number[] => {
      const sampler = new Sampler({ ...PLAIN, seed })
      return Array.from({ length: 64 }, () => sampler.choose(scores()))
    }
    assert.deepEqual(run(1), run(1))
    assert.notDeepEqual(run(1), run(2))
    assert.notDeepEqual(run(1), run(1 + 2 ** 40))
  })

  it('takes penalties off what occurred', () => {
    const present = new Sampler({ ...PLAIN, temperature: 0, presencePenalty: 2 })
    assert.deepEqual(
      [1, 2, 3, 4].map(() => present.choose(scores())),
      [0, 1, 2, 0],
    )
    const frequent = new Sampler({ ...PLAIN, temperature: 0, frequencyPenalty: 0.4 })
    assert.deepEqual(
      [1, 2, 3, 4].map(() => frequent.choose(scores())),
      [0, 0, 1, 0],
    )
  })

  it('has random numbers that are even, and normal ones of deviation 1', () => {
    const random = new Random(3)
    const evens = Array.from({ length: 20_000 }, () => random.next())
    const mean = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b) / numbers.length
    assert.ok(evens.every((value) => value >= 0 && value < 1))
    assert.ok(Math.abs(mean(evens) - 0.5) < 0.01)
    const normals = Array.from({ length: 20_000 }, () => random.normal())
    assert.ok(Math.abs(mean(normals)) < 0.03)
    assert.ok(Math.abs(mean(normals.map((value) => value * value)) - 1) < 0.04)
  })
})

describe('demo.textStream', () => {
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

  it('shows a character when its last byte has come', () => {
    const stream = new TextStream([])
    const shown = [...bytes('a鯨')].map((byte) => stream.push(new Uint8Array([byte])))
    assert.deepEqual(shown, ['a', '', '', '鯨'])
    assert.equal(stream.end(), '')
  })

  it('shows the replacement character for one that never ends', () => {
    const stream = new TextStream([])
    assert.equal(stream.push(bytes('鯨').subarray(0, 2)), '')
    assert.equal(stream.end(), '\ufffd')
  })

  it('ends before a stop string, however it is cut', () => {
    const stream = new TextStream(['END', '##'])
    assert.deepEqual(
      ['one E', 'N', 'D two'].map((text) => stream.push(bytes(text))),
      ['one ', '', ''],
    )
    assert.ok(stream.isStopped)
    assert.equal(stream.push(bytes('three')) + stream.end(), '')
  })

  it('shows what only looked like a stop string', () => {
    const stream = new TextStream(['aab'])
    assert.deepEqual(
      ['aa', 'a', 'c'].map((text) => stream.push(bytes(text))),
      ['', 'a', 'aac'],
    )
    assert.equal(stream.push(bytes('aa')), '')
    assert.equal(stream.end(), 'aa')
    assert.ok(!stream.isStopped)
  })

  it('takes the stop string that comes first', () => {
    const stream = new TextStream(['two', 'one'])
    assert.equal(stream.push(bytes('0 one two')), '0 ')
  })
})
