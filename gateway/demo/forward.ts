// One token at a time through the model, with the keys and values of those before it kept. Owns: the forward pass of generating.
// Not: choosing a token (sampler.ts), the pass that training goes back through (passes.ts).
import { addScaled, multiply, normalize, Rotary, softmax } from './arithmetic.ts'
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

const apply = ({ weight, inputs, outputs }: Linear, x: Float32Array, y: Float32Array): void =>
  multiply(weight, x, y, inputs, outputs)

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
  readonly #weights: Float32Array
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
    this.#weights = new Float32Array(context)
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
    apply(this.model.embedding, hidden, this.#logits)
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
    this.#mixValues(keys, values, position)
    apply(linear.o, this.#attended, this.#projected)
    addScaled(this.#x, this.#projected)
  }

  #mixValues(keys: Float32Array, values: Float32Array, position: number): void {
    const { width, headWidth } = this.model.sizes
    const scale = 1 / Math.sqrt(headWidth)
    const weights = this.#weights
    for (let head = 0; head < width; head += headWidth) {
      for (let t = 0; t <= position; t++) {
        let sum = 0
        for (let i = head; i < head + headWidth; i++) sum += this.#query[i]! * keys[t * width + i]!
        weights[t] = sum * scale
      }
      softmax(weights, position + 1)
      for (let i = head; i < head + headWidth; i++) {
        let sum = 0
        for (let t = 0; t <= position; t++) sum += weights[t]! * values[t * width + i]!
        this.#attended[i] = sum
      }
    }
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
