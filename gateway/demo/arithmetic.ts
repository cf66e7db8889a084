// The arithmetic that generating and training share, in 32-bit arrays. Not: the order of its use (forward.ts, passes.ts).

/** y = W x, W in rows of `inputs` values. Four rows at once, so that each x is read once for four products. */
export function multiply(
  weight: Float32Array,
  x: Float32Array,
  y: Float32Array,
  inputs: number,
  outputs: number,
): void {
  let row = 0
  for (; row + 4 <= outputs; row += 4) {
    const a = row * inputs
    const b = a + inputs
    const c = b + inputs
    const d = c + inputs
    let sumA = 0
    let sumB = 0
    let sumC = 0
    let sumD = 0
    for (let i = 0; i < inputs; i++) {
      const value = x[i]!
      sumA += weight[a + i]! * value
      sumB += weight[b + i]! * value
      sumC += weight[c + i]! * value
      sumD += weight[d + i]! * value
    }
    y[row] = sumA
    y[row + 1] = sumB
    y[row + 2] = sumC
    y[row + 3] = sumD
  }
  for (; row < outputs; row++) {
    let sum = 0
    for (let i = 0; i < inputs; i++) sum += weight[row * inputs + i]! * x[i]!
    y[row] = sum
  }
}

export function transpose(weight: Float32Array, inputs: number, outputs: number): Float32Array {
  const turned = new Float32Array(weight.length)
  for (let o = 0; o < outputs; o++)
    for (let i = 0; i < inputs; i++) turned[i * outputs + o] = weight[o * inputs + i]!
  return turned
}

/** to += factor · from */
export function addScaled(to: Float32Array, from: Float32Array, factor = 1): void {
  for (let i = 0; i < to.length; i++) to[i] = to[i]! + factor * from[i]!
}

/** Root-mean-square norm; returns the factor that x was multiplied with. */
export function normalize(x: Float32Array, gain: Float32Array, y: Float32Array, epsilon: number): number {
  let squares = 0
  for (let i = 0; i < x.length; i++) squares += x[i]! * x[i]!
  const factor = 1 / Math.sqrt(squares / x.length + epsilon)
  for (let i = 0; i < x.length; i++) y[i] = x[i]! * factor * gain[i]!
  return factor
}

/** Turns the first `count` values into probabilities. */
export function softmax(values: Float32Array, count: number): void {
  let max = Number.NEGATIVE_INFINITY
  for (let i = 0; i < count; i++) if (values[i]! > max) max = values[i]!
  let sum = 0
  for (let i = 0; i < count; i++) sum += values[i] = Math.exp(values[i]! - max)
  for (let i = 0; i < count; i++) values[i] = values[i]! / sum
}

/** Sines and cosines of rotary positions: neighbouring values of a head are turned together, as llama.cpp lays them out. */
export class Rotary {
  readonly #half: number
  readonly #cosines: Float32Array
  readonly #sines: Float32Array

  constructor(context: number, headWidth: number, base: number) {
    this.#half = headWidth / 2
    this.#cosines = new Float32Array(context * this.#half)
    this.#sines = new Float32Array(context * this.#half)
    for (let position = 0; position < context; position++) {
      for (let i = 0; i < this.#half; i++) {
        const angle = position * base ** ((-2 * i) / headWidth)
        this.#cosines[position * this.#half + i] = Math.cos(angle)
        this.#sines[position * this.#half + i] = Math.sin(angle)
      }
    }
  }

  /** Turns all heads of `x` to a position; `direction` -1 turns them back. */
  turn(x: Float32Array, position: number, direction: 1 | -1): void {
    const half = this.#half
    const from = position * half
    for (let at = 0; at < x.length; at += 2 * half) {
      for (let i = 0; i < half; i++) {
        const cosine = this.#cosines[from + i]!
        const sine = direction * this.#sines[from + i]!
        const even = x[at + 2 * i]!
        const odd = x[at + 2 * i + 1]!
        x[at + 2 * i] = even * cosine - odd * sine
        x[at + 2 * i + 1] = even * sine + odd * cosine
      }
    }
  }
}
