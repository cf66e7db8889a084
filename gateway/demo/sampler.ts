// Chooses the next token from its scores. Owns: temperature, top_p, penalties, the seeded generator of random numbers.
import { softmax } from './arithmetic.ts'

export interface Sampling {
  /** 0 takes the best token. */
  readonly temperature: number
  /** Only the most probable tokens that together have this probability. */
  readonly topP: number
  /** Two runs with one seed and all else alike choose alike. */
  readonly seed: number
  /** Taken off a token's score once it occurred in the answer, and for each time. */
  readonly presencePenalty: number
  readonly frequencyPenalty: number
}

/** A small generator of the sfc32 kind: the same numbers on every machine. */
export class Random {
  #a: number
  #b: number
  #c: number
  #counter = 1

  constructor(seed: number) {
    this.#a = seed >>> 0
    this.#b = Math.floor(seed / 2 ** 32) >>> 0
    this.#c = 0x9e3779b9
    for (let i = 0; i < 15; i++) this.next()
  }

  /** From 0, inclusive, to 1, exclusive. */
  next(): number {
    const mixed = (this.#a + this.#b + this.#counter) >>> 0
    this.#counter = (this.#counter + 1) >>> 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) >>> 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + mixed) >>> 0
    return mixed / 2 ** 32
  }

  /** Normally distributed around 0, deviation 1 (Box-Muller). */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.next())) * Math.cos(2 * Math.PI * this.next())
  }
}

/** The first of the highest scores. */
export function bestOf(scores: Float32Array): number {
  let best = 0
  for (let i = 1; i < scores.length; i++) if (scores[i]! > scores[best]!) best = i
  return best
}

/** Chooses the tokens of one answer. */
export class Sampler {
  readonly #sampling: Sampling
  readonly #random: Random
  readonly #counts = new Map<number, number>()

  constructor(sampling: Sampling) {
    this.#sampling = sampling
    this.#random = new Random(sampling.seed)
  }

  /** Changes `scores`. */
  choose(scores: Float32Array): number {
    const { temperature, presencePenalty, frequencyPenalty } = this.#sampling
    for (const [token, count] of this.#counts)
      scores[token] = scores[token]! - presencePenalty - count * frequencyPenalty
    const token = temperature === 0 ? bestOf(scores) : this.#draw(scores)
    if (presencePenalty !== 0 || frequencyPenalty !== 0)
      this.#counts.set(token, (this.#counts.get(token) ?? 0) + 1)
    return token
  }

  #draw(scores: Float32Array): number {
    const { temperature, topP } = this.#sampling
    // A temperature next to 0 must not make scores infinite.
    const best = scores[bestOf(scores)]!
    for (let i = 0; i < scores.length; i++) scores[i] = (scores[i]! - best) / temperature
    softmax(scores, scores.length)
    const order = topP < 1 ? [...scores.keys()].sort((a, b) => scores[b]! - scores[a]! || a - b) : undefined
    let left = this.#random.next() * (order === undefined ? 1 : keptMass(scores, order, topP))
    let last = 0
    for (let i = 0; i < scores.length; i++) {
      last = order === undefined ? i : order[i]!
      left -= scores[last]!
      if (left < 0) return last
    }
    // The sum of rounded probabilities may stay just under what was drawn.
    return order === undefined ? last : order[0]!
  }
}

/** The probability of the nucleus: the fewest tokens, the best first, that reach `topP`. */
function keptMass(probabilities: Float32Array, order: readonly number[], topP: number): number {
  let mass = 0
  for (const token of order) {
    mass += probabilities[token]!
    if (mass >= topP) break
  }
  return mass
}
