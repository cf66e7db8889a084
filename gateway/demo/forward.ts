// One token at a time through the model, with the keys and values of those before it kept. Owns: the forward pass of generating.
// It rounds to 16 bits wherever llama.cpp does on a CPU, so that both choose the same tokens.
// Not: choosing a token (sampler.ts), the pass that training goes back through, all in 32 bits (passes.ts).
import { addScaled, multiply, normalize, Rotary } from './arithmetic.ts'
import { half, roundToHalf } from './half.ts'
import type { Layer, Linear, Model, Sizes } from './model.ts'

/** Keys and values of one text, 4 bytes · 2 · layers · context · width: 64 KiB for the model that is shipped. */
export class Cache {
  readonly keys: readonly Float32Array[]
  readonly values: readonly Float32Array[]
  /** Tokens in it. */
  length = 0

  constructor({ layers, context, width }: Sizes) {
    const make = (): Float32Array[] => Array.from({ length: layers }, () => new Float32Array(context * width))
    this.keys = make()
    this.values = make()
  }
}

/** y = W x; rounds x, in place. Sums are in more than 32 bits, which changes no choice. */
function apply({ weight, inputs, outputs }: Linear, x: Float32Array, y: Float32Array): void {
  roundToHalf(x)
  multiply(weight, x, y, inputs, outputs)
}

/** Computes for any number of texts, one step after another. What it returns is overwritten by the next step. */
export class Forward {
  readonly model: Model
  readonly #rotary: Rotary
  readonly #x: Float32Array
  readonly #normed: Float32Array
  readonly #query: Float32Array
  readonly #attended: Float32Array
  readonly #projected: Float32Array
  readonly #gate: Float32Array
  readonly #up: Float32Array
  readonly #mixed: Float32Array
  readonly #hidden: Float32Array
  readonly #logits: Float32Array

  constructor(model: Model) {
    const { context, width, headWidth, ropeBase, feedForward, vocabulary } = model.sizes
    this.model = model
    this.#rotary = new Rotary(context, headWidth, ropeBase)
    this.#x = new Float32Array(width)
    this.#normed = new Float32Array(width)
    this.#query = new Float32Array(width)
    this.#attended = new Float32Array(width)
    this.#projected = new Float32Array(width)
    this.#gate = new Float32Array(feedForward)
    this.#up = new Float32Array(feedForward)
    this.#mixed = new Float32Array(headWidth)
    this.#hidden = new Float32Array(width)
    this.#logits = new Float32Array(vocabulary)
  }

  /** Takes the next token of a text; returns the last hidden state. The text must be shorter than the context. */
  step(cache: Cache, token: number): Float32Array {
    const { embedding, layers, outputNorm, sizes } = this.model
    if (cache.length >= sizes.context) throw new RangeError('the context is full')
    if (!(token >= 0 && token < sizes.vocabulary)) throw new RangeError(`no token ${token}`)
    const x = this.#x
    x.set(embedding.weight.subarray(token * sizes.width, (token + 1) * sizes.width))
    for (let i = 0; i < layers.length; i++) {
      this.#attend(layers[i]!, cache.keys[i]!, cache.values[i]!, cache.length)
      this.#feedForward(layers[i]!)
    }
    cache.length++
    normalize(x, outputNorm, this.#normed, sizes.epsilon)
    return this.#normed
  }

  /** The scores of the next token, by token. */
  logits(hidden: Float32Array): Float32Array {
    this.#hidden.set(hidden)
    apply(this.model.embedding, this.#hidden, this.#logits)
    return this.#logits
  }

  #attend(
    { linear, attentionNorm }: Layer,
    keys: Float32Array,
    values: Float32Array,
    position: number,
  ): void {
    const { width, epsilon } = this.model.sizes
    normalize(this.#x, attentionNorm, this.#normed, epsilon)
    const key = keys.subarray(position * width, (position + 1) * width)
    const value = values.subarray(position * width, (position + 1) * width)
    apply(linear.q, this.#normed, this.#query)
    apply(linear.k, this.#normed, key)
    apply(linear.v, this.#normed, value)
    this.#rotary.turn(this.#query, position, 1)
    this.#rotary.turn(key, position, 1)
    roundToHalf(this.#query)
    roundToHalf(key)
    roundToHalf(value)
    this.#mixValues(keys, values, position)
    apply(linear.o, this.#attended, this.#projected)
    addScaled(this.#x, this.#projected)
  }

  /** One pass over the positions, as llama.cpp's flash attention: what is mixed so far shrinks whenever a higher score comes. */
  #mixValues(keys: Float32Array, values: Float32Array, position: number): void {
    const { width, headWidth } = this.model.sizes
    const scale = 1 / Math.sqrt(headWidth)
    const mixed = this.#mixed
    for (let head = 0; head < width; head += headWidth) {
      let best = Number.NEGATIVE_INFINITY
      let total = 0
      mixed.fill(0)
      for (let t = 0; t <= position; t++) {
        const at = t * width + head
        const score = this.#score(keys, at, head) * scale
        const shrink = score > best ? Math.exp(best - score) : 1
        best = Math.max(best, score)
        const weight = Math.exp(score - best)
        if (shrink !== 1) for (let i = 0; i < headWidth; i++) mixed[i] = half(mixed[i]! * shrink)
        for (let i = 0; i < headWidth; i++) mixed[i] = half(mixed[i]! + values[at + i]! * weight)
        total = total * shrink + weight
      }
      for (let i = 0; i < headWidth; i++) this.#attended[head + i] = mixed[i]! / total
    }
  }

  #score(keys: Float32Array, at: number, head: number): number {
    let sum = 0
    for (let i = 0; i < this.model.sizes.headWidth; i++) sum += this.#query[head + i]! * keys[at + i]!
    return sum
  }

  #feedForward({ linear, feedForwardNorm }: Layer): void {
    normalize(this.#x, feedForwardNorm, this.#normed, this.model.sizes.epsilon)
    const gate = this.#gate
    const up = this.#up
    apply(linear.gate, this.#normed, gate)
    apply(linear.up, this.#normed, up)
    for (let i = 0; i < gate.length; i++) gate[i] = (gate[i]! / (1 + Math.exp(-gate[i]!))) * up[i]!
    apply(linear.down, gate, this.#projected)
    addScaled(this.#x, this.#projected)
  }
}
