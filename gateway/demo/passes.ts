// A whole text through the model and back: the loss of its last tokens and what each value of an adapter adds to it.
// Owns: back-propagation. The model's own weights are frozen. Not: which texts, and the steps (training.ts).
import { type Adapter, type LowRank, zerosLike } from './adapter.ts'
import { addScaled, multiply, normalize, Rotary, softmax, transpose } from './arithmetic.ts'
import { type Layer, LINEAR_NAMES, type Linear, type LinearName, type Model, type Sizes } from './model.ts'

/** One row per position. */
type Rows = readonly Float32Array[]

const rows = (count: number, width: number): Rows =>
  Array.from({ length: count }, () => new Float32Array(width))

/** A linear map with its update, both ways. */
class AdaptedLinear {
  readonly #linear: Linear
  readonly #turned: Float32Array
  readonly #own: LowRank
  readonly #gradient: LowRank
  readonly #rank: number
  readonly #scale: number
  /** A x, by position: what goes back needs it. */
  readonly #low: Rows
  readonly #lowGradient: Float32Array
  readonly #sum: Float32Array

  constructor(linear: Linear, own: LowRank, gradient: LowRank, { rank, scale }: Adapter, positions: number) {
    this.#linear = linear
    this.#turned = transpose(linear.weight, linear.inputs, linear.outputs)
    this.#own = own
    this.#gradient = gradient
    this.#rank = rank
    this.#scale = scale
    this.#low = rows(positions, rank)
    this.#lowGradient = new Float32Array(rank)
    this.#sum = new Float32Array(linear.inputs)
  }

  forward(x: Float32Array, y: Float32Array, position: number): void {
    const { inputs, outputs, weight } = this.#linear
    const rank = this.#rank
    const low = this.#low[position]!
    multiply(weight, x, y, inputs, outputs)
    multiply(this.#own.a, x, low, inputs, rank)
    for (let o = 0; o < outputs; o++) {
      let sum = 0
      for (let r = 0; r < rank; r++) sum += this.#own.b[o * rank + r]! * low[r]!
      y[o] = y[o]! + this.#scale * sum
    }
  }

  /** Adds to the gradients of the update and of x. */
  backward(x: Float32Array, dy: Float32Array, dx: Float32Array, position: number): void {
    const { inputs, outputs } = this.#linear
    const rank = this.#rank
    const low = this.#low[position]!
    const lowGradient = this.#lowGradient.fill(0)
    for (let o = 0; o < outputs; o++) {
      const factor = this.#scale * dy[o]!
      for (let r = 0; r < rank; r++) {
        const at = o * rank + r
        lowGradient[r] = lowGradient[r]! + factor * this.#own.b[at]!
        this.#gradient.b[at] = this.#gradient.b[at]! + factor * low[r]!
      }
    }
    multiply(this.#turned, dy, this.#sum, outputs, inputs)
    addScaled(dx, this.#sum)
    for (let r = 0; r < rank; r++) {
      const factor = lowGradient[r]!
      for (let i = 0; i < inputs; i++) {
        const at = r * inputs + i
        dx[i] = dx[i]! + factor * this.#own.a[at]!
        this.#gradient.a[at] = this.#gradient.a[at]! + factor * x[i]!
      }
    }
  }
}

/** What goes back through a norm: dx += … */
function normalizeBack(
  x: Float32Array,
  gain: Float32Array,
  factor: number,
  dy: Float32Array,
  dx: Float32Array,
): void {
  let product = 0
  for (let i = 0; i < x.length; i++) product += dy[i]! * gain[i]! * x[i]!
  const share = (factor ** 3 * product) / x.length
  for (let i = 0; i < x.length; i++) dx[i] = dx[i]! + factor * gain[i]! * dy[i]! - share * x[i]!
}

/** What a layer keeps on the way forward, by position. */
class LayerMemory {
  readonly attentionIn: Rows
  readonly attentionNormed: Rows
  readonly attentionFactor: Float32Array
  readonly queries: Rows
  readonly keys: Rows
  readonly values: Rows
  /** By position: heads · context weights. */
  readonly weights: Rows
  readonly attended: Rows
  readonly feedForwardIn: Rows
  readonly feedForwardNormed: Rows
  readonly feedForwardFactor: Float32Array
  readonly gates: Rows
  readonly ups: Rows
  readonly products: Rows

  constructor({ context, width, heads, feedForward }: Sizes) {
    this.attentionIn = rows(context, width)
    this.attentionNormed = rows(context, width)
    this.attentionFactor = new Float32Array(context)
    this.queries = rows(context, width)
    this.keys = rows(context, width)
    this.values = rows(context, width)
    this.weights = rows(context, heads * context)
    this.attended = rows(context, width)
    this.feedForwardIn = rows(context, width)
    this.feedForwardNormed = rows(context, width)
    this.feedForwardFactor = new Float32Array(context)
    this.gates = rows(context, feedForward)
    this.ups = rows(context, feedForward)
    this.products = rows(context, feedForward)
  }
}

/** One layer, both ways; `x` and `dx` are changed in place. */
class LayerPass {
  readonly #sizes: Sizes
  readonly #layer: Layer
  readonly #rotary: Rotary
  readonly #maps: Readonly<Record<LinearName, AdaptedLinear>>
  readonly #memory: LayerMemory
  readonly #out: Float32Array
  readonly #dNormed: Float32Array
  readonly #dQueries: Rows
  readonly #dKeys: Rows
  readonly #dValues: Rows
  readonly #dAttended: Float32Array
  readonly #dWeights: Float32Array
  readonly #dProduct: Float32Array
  readonly #dUp: Float32Array

  constructor(model: Model, at: number, adapter: Adapter, gradient: Adapter, rotary: Rotary) {
    const { context, width, feedForward } = model.sizes
    const layer = model.layers[at]!
    this.#sizes = model.sizes
    this.#layer = layer
    this.#rotary = rotary
    this.#maps = Object.fromEntries(
      LINEAR_NAMES.map((name) => {
        const [own, change] = [adapter.layers[at]![name], gradient.layers[at]![name]]
        return [name, new AdaptedLinear(layer.linear[name], own, change, adapter, context)]
      }),
    ) as Record<LinearName, AdaptedLinear>
    this.#memory = new LayerMemory(model.sizes)
    this.#out = new Float32Array(width)
    this.#dNormed = new Float32Array(width)
    this.#dQueries = rows(context, width)
    this.#dKeys = rows(context, width)
    this.#dValues = rows(context, width)
    this.#dAttended = new Float32Array(width)
    this.#dWeights = new Float32Array(context)
    this.#dProduct = new Float32Array(feedForward)
    this.#dUp = new Float32Array(feedForward)
  }

  forward(x: Rows, length: number): void {
    for (let t = 0; t < length; t++) this.#attend(x[t]!, t)
    for (let t = 0; t < length; t++) this.#feed(x[t]!, t)
  }

  backward(dx: Rows, length: number): void {
    for (let t = 0; t < length; t++) this.#feedBack(dx[t]!, t)
    for (const part of [this.#dQueries, this.#dKeys, this.#dValues])
      for (let t = 0; t < length; t++) part[t]!.fill(0)
    for (let t = 0; t < length; t++) this.#attendBack(dx[t]!, t)
    for (let t = 0; t < length; t++) this.#projectBack(dx[t]!, t)
  }

  #attend(x: Float32Array, t: number): void {
    const kept = this.#memory
    const { q, k, v, o } = this.#maps
    kept.attentionIn[t]!.set(x)
    const normed = kept.attentionNormed[t]!
    kept.attentionFactor[t] = normalize(x, this.#layer.attentionNorm, normed, this.#sizes.epsilon)
    q.forward(normed, kept.queries[t]!, t)
    k.forward(normed, kept.keys[t]!, t)
    v.forward(normed, kept.values[t]!, t)
    this.#rotary.turn(kept.queries[t]!, t, 1)
    this.#rotary.turn(kept.keys[t]!, t, 1)
    const { heads, headWidth, context } = this.#sizes
    for (let head = 0; head < heads; head++) {
      const weights = kept.weights[t]!.subarray(head * context, (head + 1) * context)
      this.#mix(head * headWidth, weights, t)
    }
    o.forward(kept.attended[t]!, this.#out, t)
    addScaled(x, this.#out)
  }

  /** One head's values, by how well its keys fit. */
  #mix(from: number, weights: Float32Array, t: number): void {
    const { queries, keys, values, attended } = this.#memory
    const to = from + this.#sizes.headWidth
    const scale = 1 / Math.sqrt(this.#sizes.headWidth)
    for (let s = 0; s <= t; s++) {
      let sum = 0
      for (let i = from; i < to; i++) sum += queries[t]![i]! * keys[s]![i]!
      weights[s] = sum * scale
    }
    softmax(weights, t + 1)
    for (let i = from; i < to; i++) {
      let sum = 0
      for (let s = 0; s <= t; s++) sum += weights[s]! * values[s]![i]!
      attended[t]![i] = sum
    }
  }

  #feed(x: Float32Array, t: number): void {
    const kept = this.#memory
    const { gate, up, down } = this.#maps
    kept.feedForwardIn[t]!.set(x)
    const normed = kept.feedForwardNormed[t]!
    kept.feedForwardFactor[t] = normalize(x, this.#layer.feedForwardNorm, normed, this.#sizes.epsilon)
    const gates = kept.gates[t]!
    const ups = kept.ups[t]!
    const product = kept.products[t]!
    gate.forward(normed, gates, t)
    up.forward(normed, ups, t)
    for (let i = 0; i < product.length; i++) product[i] = (gates[i]! / (1 + Math.exp(-gates[i]!))) * ups[i]!
    down.forward(product, this.#out, t)
    addScaled(x, this.#out)
  }

  #feedBack(dx: Float32Array, t: number): void {
    const kept = this.#memory
    const { gate, up, down } = this.#maps
    const gates = kept.gates[t]!
    const ups = kept.ups[t]!
    const dGate = this.#dProduct.fill(0)
    const dUp = this.#dUp
    down.backward(kept.products[t]!, dx, dGate, t)
    for (let i = 0; i < dGate.length; i++) {
      const open = 1 / (1 + Math.exp(-gates[i]!))
      const dProduct = dGate[i]!
      dUp[i] = dProduct * gates[i]! * open
      dGate[i] = dProduct * ups[i]! * open * (1 + gates[i]! * (1 - open))
    }
    const dNormed = this.#dNormed.fill(0)
    gate.backward(kept.feedForwardNormed[t]!, dGate, dNormed, t)
    up.backward(kept.feedForwardNormed[t]!, dUp, dNormed, t)
    const { feedForwardNorm } = this.#layer
    normalizeBack(kept.feedForwardIn[t]!, feedForwardNorm, kept.feedForwardFactor[t]!, dNormed, dx)
  }

  /** Back to queries, keys and values, of all positions up to `t`. */
  #attendBack(dx: Float32Array, t: number): void {
    const { attended } = this.#memory
    const { heads, headWidth } = this.#sizes
    const dAttended = this.#dAttended.fill(0)
    this.#maps.o.backward(attended[t]!, dx, dAttended, t)
    for (let head = 0; head < heads; head++) this.#mixBack(head, head * headWidth, dAttended, t)
  }

  #mixBack(head: number, from: number, dAttended: Float32Array, t: number): void {
    const { queries, keys, values, weights: allWeights } = this.#memory
    const { headWidth, context } = this.#sizes
    const to = from + headWidth
    const scale = 1 / Math.sqrt(headWidth)
    const weights = allWeights[t]!.subarray(head * context, (head + 1) * context)
    const dWeights = this.#dWeights
    let mean = 0
    for (let s = 0; s <= t; s++) {
      const dValue = this.#dValues[s]!
      let sum = 0
      for (let i = from; i < to; i++) {
        sum += dAttended[i]! * values[s]![i]!
        dValue[i] = dValue[i]! + weights[s]! * dAttended[i]!
      }
      dWeights[s] = sum
      mean += weights[s]! * sum
    }
    const dQuery = this.#dQueries[t]!
    for (let s = 0; s <= t; s++) {
      const dScore = weights[s]! * (dWeights[s]! - mean) * scale
      const dKey = this.#dKeys[s]!
      for (let i = from; i < to; i++) {
        dQuery[i] = dQuery[i]! + dScore * keys[s]![i]!
        dKey[i] = dKey[i]! + dScore * queries[t]![i]!
      }
    }
  }

  #projectBack(dx: Float32Array, t: number): void {
    const kept = this.#memory
    const { q, k, v } = this.#maps
    const normed = kept.attentionNormed[t]!
    const dNormed = this.#dNormed.fill(0)
    this.#rotary.turn(this.#dQueries[t]!, t, -1)
    this.#rotary.turn(this.#dKeys[t]!, t, -1)
    q.backward(normed, this.#dQueries[t]!, dNormed, t)
    k.backward(normed, this.#dKeys[t]!, dNormed, t)
    v.backward(normed, this.#dValues[t]!, dNormed, t)
    const { attentionNorm } = this.#layer
    normalizeBack(kept.attentionIn[t]!, attentionNorm, kept.attentionFactor[t]!, dNormed, dx)
  }
}

/** Passes of one adapter over its model. Texts are at most as long as the context. */
export class Passes {
  readonly #model: Model
  /** Sums of all that went back since they were last cleared. */
  readonly gradient: Adapter
  readonly #layers: readonly LayerPass[]
  readonly #turnedEmbedding: Float32Array
  readonly #x: Rows
  readonly #dx: Rows
  readonly #normed: Float32Array
  readonly #dNormed: Float32Array
  readonly #logits: Float32Array

  constructor(model: Model, adapter: Adapter) {
    const { context, width, headWidth, ropeBase, vocabulary } = model.sizes
    const rotary = new Rotary(context, headWidth, ropeBase)
    this.#model = model
    this.gradient = zerosLike(adapter)
    this.#layers = model.layers.map((_, at) => new LayerPass(model, at, adapter, this.gradient, rotary))
    this.#turnedEmbedding = transpose(model.embedding.weight, width, vocabulary)
    this.#x = rows(context, width)
    this.#dx = rows(context, width)
    this.#normed = new Float32Array(width)
    this.#dNormed = new Float32Array(width)
    this.#logits = new Float32Array(vocabulary)
  }

  /** The summed loss, in nats, of the tokens from `from` on; adds to the gradients unless told not to. */
  run(tokens: readonly number[], from: number, options: { readonly goesBack: boolean }): number {
    const { embedding, sizes } = this.#model
    // The last token is only predicted.
    const length = tokens.length - 1
    for (let t = 0; t < length; t++) {
      const at = tokens[t]! * sizes.width
      this.#x[t]!.set(embedding.weight.subarray(at, at + sizes.width))
      this.#dx[t]!.fill(0)
    }
    for (const layer of this.#layers) layer.forward(this.#x, length)
    let loss = 0
    for (let t = from - 1; t < length; t++) loss += this.#predict(t, tokens[t + 1]!, options.goesBack)
    if (options.goesBack)
      for (let i = this.#layers.length - 1; i >= 0; i--) this.#layers[i]!.backward(this.#dx, length)
    return loss
  }

  /** The loss at one position; begins its way back. */
  #predict(t: number, target: number, goesBack: boolean): number {
    const { embedding, outputNorm, sizes } = this.#model
    const logits = this.#logits
    const factor = normalize(this.#x[t]!, outputNorm, this.#normed, sizes.epsilon)
    multiply(embedding.weight, this.#normed, logits, sizes.width, sizes.vocabulary)
    softmax(logits, logits.length)
    const loss = -Math.log(Math.max(logits[target]!, 1e-30))
    if (!goesBack) return loss
    logits[target] = logits[target]! - 1
    multiply(this.#turnedEmbedding, logits, this.#dNormed, sizes.vocabulary, sizes.width)
    normalizeBack(this.#x[t]!, outputNorm, factor, this.#dNormed, this.#dx[t]!)
    return loss
  }
}
