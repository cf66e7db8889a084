// The demo model beside llama.cpp: vectors.json holds what llama.cpp made of the same file.
import { strict as assert } from 'node:assert'
import { readFileSync } from 'node:fs'
import { softmax } from '../../../gateway/demo/arithmetic.ts'
import { Cache, Forward } from '../../../gateway/demo/forward.ts'
import { half } from '../../../gateway/demo/half.ts'
import { base, greedy } from './demoFixture.ts'

interface Vectors {
  readonly greedy: readonly {
    readonly prompt: string
    readonly promptTokens: readonly number[]
    readonly tokens: readonly number[]
    readonly text: string
    /** By how much the best token's probability was above the second's, at the closest step. */
    readonly margin: number
  }[]
  readonly tokenizations: readonly { readonly text: string; readonly tokens: readonly number[] }[]
  readonly distributions: readonly {
    readonly tokens: readonly number[]
    readonly probabilities: readonly number[]
  }[]
  readonly hiddenStates: readonly { readonly text: string; readonly lastHidden: readonly number[] }[]
}

const file = new URL('../../../../test/gateway/demo/vectors.json', import.meta.url)
const vectors = JSON.parse(readFileSync(file, 'utf8')) as Vectors

/** Sums in another order differ by this, in probabilities: a thirtieth of the closest choice of the vectors. */
const PRECISION = 2e-6

/** The largest difference between two lists. */
function difference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  assert.equal(a.length, b.length)
  let max = 0
  for (let i = 0; i < a.length; i++) max = Math.max(max, Math.abs(a[i]! - b[i]!))
  return max
}

function lastHidden(tokens: readonly number[]): Float32Array {
  const forward = new Forward(base.model)
  const cache = new Cache(base.model.sizes)
  return tokens.map((token) => forward.step(cache, token)).at(-1)!
}

describe('demo.vectors', () => {
  const { tokenizer } = base

  for (const { prompt, promptTokens, tokens, text } of vectors.greedy) {
    it(`continues ${JSON.stringify(prompt)} with the 20 tokens of llama.cpp`, () => {
      assert.equal(tokens.length, 20)
      assert.deepEqual(tokenizer.encode(prompt), promptTokens)
      const own = greedy(base.model, promptTokens, 20)
      assert.deepEqual(own, tokens)
      assert.equal(tokenizer.decode(own), text)
    })
  }

  it('is nearer to llama.cpp than the closest choice of the vectors', () => {
    assert.ok(vectors.greedy.length >= 12)
    for (const { margin } of vectors.greedy) assert.ok(margin > 30 * PRECISION)
  })

  for (const { text, tokens } of vectors.tokenizations) {
    it(`cuts ${JSON.stringify(text)} as llama.cpp does`, () => {
      assert.deepEqual(tokenizer.encode(text), tokens)
      const back = text === '' ? '' : ` ${text.replaceAll('\u2581', ' ')}`
      assert.equal(tokenizer.decode(tokens), back)
    })
  }

  it('gives every token the probability that llama.cpp gives it', () => {
    for (const { tokens, probabilities } of vectors.distributions) {
      const logits = new Forward(base.model).logits(lastHidden(tokens))
      softmax(logits, logits.length)
      assert.ok(difference(logits, probabilities) < PRECISION)
    }
  })

  it('has the last hidden states of llama.cpp', () => {
    for (const { text, lastHidden: expected } of vectors.hiddenStates) {
      const own = lastHidden(tokenizer.encode(text))
      assert.ok(difference(own, expected) < 2e-5, text)
    }
  })

  it('rounds to 16 bits as IEEE 754 has it', () => {
    const rounded: readonly (readonly [number, number])[] = [
      [1 + 2 ** -11, 1],
      [1 + 3 * 2 ** -11, 1 + 2 ** -9],
      [-(1 + 2 ** -11 + 2 ** -20), -(1 + 2 ** -10)],
      [2047.5, 2048],
      [2 ** -14, 2 ** -14],
      [3 * 2 ** -25, 2 ** -23],
      [-(2 ** -25), 0],
      [-(2 ** -24) * 1.25, -(2 ** -24)],
    ]
    for (const [value, expected] of rounded) assert.equal(half(value) + 0, expected, `${value}`)
  })

  it('reads a lone surrogate as the replacement character', () => {
    assert.deepEqual(tokenizer.encode('a\ud800b'), tokenizer.encode('a\ufffdb'))
  })

  it('continues a text without a space before it', () => {
    assert.equal(tokenizer.decode(tokenizer.encode('whale', { continues: true })), 'whale')
    assert.equal(tokenizer.decode(tokenizer.encode('whale')), ' whale')
  })

  it('cuts a long text in time: a megabyte would not fit, a page does', () => {
    const page = 'The whale, the whale! '.repeat(100)
    assert.equal(tokenizer.decode(tokenizer.encode(page)), ` ${page}`)
    assert.ok(tokenizer.encode(page).length >= tokenizer.leastTokens(page))
  })
})
