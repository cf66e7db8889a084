// Learns an adapter from examples: Adam over low-rank updates. Owns: the plan of steps, the optimizer.
// Not: gradients (passes.ts), threads (fineTuner.ts). The same seed gives the same adapter.
import { type Adapter, arraysOf, newAdapter } from './adapter.ts'
import type { Example } from './examples.ts'
import { InputError, isRecord, readNumber, readWhole } from './input.ts'
import type { Model } from './model.ts'
import { Passes } from './passes.ts'
import { Random } from './sampler.ts'

export interface Hyperparameters {
  readonly epochs: number
  readonly batchSize: number
  readonly learningRateMultiplier: number
  readonly seed: number
}

export interface Progress {
  /** Steps done and to do. */
  readonly step: number
  readonly steps: number
  readonly epoch: number
  /** Nats per token of this step's answers, before the step. */
  readonly loss: number
  /** Tokens of the examples so far, each as often as it was read. */
  readonly trainedTokens: number
}

export interface Trained {
  readonly adapter: Adapter
  /** Nats per token of the answers, before and after. */
  readonly initialLoss: number
  readonly finalLoss: number
  readonly trainedTokens: number
}

const RANK = 8
const LEARNING_RATE = 5e-3
/** Steps in which the rate rises to its full height. */
const WARM_UP_STEPS = 8
/** Longer gradients are shortened to this. */
const GRADIENT_NORM_MAX = 1
const EPOCHS_MAX = 50
const BATCH_MAX = 64
/** The losses before and after are of this many examples at most. */
const EVALUATED_MAX = 256
/** What `auto` aims at: enough for a few lines, few for many. */
const AUTO_EXAMPLES = 320

/** Reads OpenAI's `hyperparameters`, each a number or `auto`. Throws InputError. */
export function readHyperparameters(value: unknown, seed: unknown, exampleCount: number): Hyperparameters {
  const fields = value ?? {}
  if (!isRecord(fields)) throw new InputError('hyperparameters', 'expected an object')
  const at = (name: string): string => `hyperparameters.${name}`
  const given = (name: string): unknown => (fields[name] === 'auto' ? undefined : fields[name])
  const autoEpochs = Math.min(32, Math.max(3, Math.ceil(AUTO_EXAMPLES / exampleCount)))
  const autoBatch = Math.min(8, Math.ceil(exampleCount / 32))
  return {
    epochs: readWhole(given('n_epochs'), at('n_epochs'), { min: 1, max: EPOCHS_MAX }) ?? autoEpochs,
    batchSize: readWhole(given('batch_size'), at('batch_size'), { min: 1, max: BATCH_MAX }) ?? autoBatch,
    learningRateMultiplier:
      readNumber(given('learning_rate_multiplier'), at('learning_rate_multiplier'), { min: 0.01, max: 10 }) ??
      1,
    seed: readWhole(seed, 'seed', { min: 0, max: Number.MAX_SAFE_INTEGER }) ?? 0,
  }
}

/** Adam without weight decay. */
export class Adam {
  readonly #values: readonly Float32Array[]
  readonly #means: readonly Float32Array[]
  readonly #squares: readonly Float32Array[]
  #step = 0

  constructor(values: readonly Float32Array[]) {
    this.#values = values
    this.#means = values.map(({ length }) => new Float32Array(length))
    this.#squares = values.map(({ length }) => new Float32Array(length))
  }

  /** One step against `gradients · factor`. */
  apply(gradients: readonly Float32Array[], factor: number, rate: number): void {
    this.#step++
    const meanShare = 1 - 0.9 ** this.#step
    const squareShare = 1 - 0.999 ** this.#step
    for (let n = 0; n < gradients.length; n++) {
      const [values, means, squares] = [this.#values[n]!, this.#means[n]!, this.#squares[n]!]
      const gradient = gradients[n]!
      for (let i = 0; i < values.length; i++) {
        const slope = gradient[i]! * factor
        const mean = 0.9 * means[i]! + 0.1 * slope
        const square = 0.999 * squares[i]! + 0.001 * slope * slope
        means[i] = mean
        squares[i] = square
        values[i] = values[i]! - (rate * (mean / meanShare)) / (Math.sqrt(square / squareShare) + 1e-8)
      }
    }
  }
}

function normOf(arrays: readonly Float32Array[]): number {
  let squares = 0
  for (const array of arrays) for (let i = 0; i < array.length; i++) squares += array[i]! * array[i]!
  return Math.sqrt(squares)
}

const targetsOf = (examples: readonly Example[]): number =>
  examples.reduce((sum, { tokens, from }) => sum + tokens.length - from, 0)

function meanLoss(passes: Passes, examples: readonly Example[]): number {
  const some = examples.slice(0, EVALUATED_MAX)
  const losses = some.map(({ tokens, from }) => passes.run(tokens, from, { goesBack: false }))
  return losses.reduce((sum, loss) => sum + loss, 0) / targetsOf(some)
}

function shuffle<T>(items: T[], random: Random): void {
  for (let i = items.length - 1; i > 0; i--) {
    const other = Math.floor(random.next() * (i + 1))
    const kept = items[i]!
    items[i] = items[other]!
    items[other] = kept
  }
}

/** Trains step by step; each `next()` is one step. */
export function* train(
  model: Model,
  examples: readonly Example[],
  { epochs, batchSize, learningRateMultiplier, seed }: Hyperparameters,
): Generator<Progress, Trained> {
  const adapter = newAdapter(model, { rank: RANK, seed })
  const passes = new Passes(model, adapter)
  const gradients = arraysOf(passes.gradient)
  const adam = new Adam(arraysOf(adapter))
  const random = new Random(seed)
  const initialLoss = meanLoss(passes, examples)
  const steps = epochs * Math.ceil(examples.length / batchSize)
  let [step, trainedTokens] = [0, 0]
  for (let epoch = 1; epoch <= epochs; epoch++) {
    const order = [...examples]
    shuffle(order, random)
    for (let at = 0; at < order.length; at += batchSize) {
      const batch = order.slice(at, at + batchSize)
      const targets = targetsOf(batch)
      for (const gradient of gradients) gradient.fill(0)
      let loss = 0
      for (const { tokens, from } of batch) {
        loss += passes.run(tokens, from, { goesBack: true })
        trainedTokens += tokens.length
      }
      const norm = normOf(gradients) / targets
      const factor = (norm > GRADIENT_NORM_MAX ? GRADIENT_NORM_MAX / norm : 1) / targets
      const rate = LEARNING_RATE * learningRateMultiplier * Math.min(1, (step + 1) / WARM_UP_STEPS)
      // The rate falls to a tenth, so that the last steps settle.
      adam.apply(gradients, factor, rate * (1 - (0.9 * step) / steps))
      step++
      yield { step, steps, epoch, loss: loss / targets, trainedTokens }
    }
  }
  return { adapter, initialLoss, finalLoss: meanLoss(passes, examples), trainedTokens }
}
