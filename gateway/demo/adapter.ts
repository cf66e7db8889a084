// A low-rank update of a model (LoRA): what a fine-tuning learns. Owns: its shape, merging it into a model, its file.
// Not: learning it (training.ts), names and folders (models.ts).
import { concatBytes, equalBytes } from '../../base/bytes.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import { type Layer, LINEAR_NAMES, type Linear, type LinearName, type Model } from './model.ts'
import { Random } from './sampler.ts'

/** W' = W + scale · B A */
export interface LowRank {
  /** `rank` rows of inputs. */
  readonly a: Float32Array
  /** Outputs rows of `rank`. */
  readonly b: Float32Array
}

export interface Adapter {
  readonly rank: number
  readonly scale: number
  readonly layers: readonly Readonly<Record<LinearName, LowRank>>[]
}

/** An adapter with what its file says of it. */
export interface StoredAdapter {
  readonly adapter: Adapter
  /** The part of the model's name that its owner chose; may be empty. */
  readonly suffix: string
  readonly createdAtSeconds: number
}

export const RANK_MAX = 64
const MAGIC = new TextEncoder().encode('suanli/lora/v1\n')
const HASH_BYTES = 32
const SUFFIX = /^[a-z0-9-]{0,40}$/

export const isSuffix = (text: string): boolean => SUFFIX.test(text)

export type AdapterErrorCode = 'Malformed' | 'OtherModel'

export class AdapterError extends Error {
  readonly code: AdapterErrorCode
  constructor(code: AdapterErrorCode, message: string) {
    super(message)
    this.name = 'AdapterError'
    this.code = code
  }
}

function makeLayers(model: Model, make: (linear: Linear) => LowRank): Adapter['layers'] {
  return model.layers.map(({ linear }) => {
    const one = (name: LinearName): LowRank => make(linear[name])
    return {
      q: one('q'),
      k: one('k'),
      v: one('v'),
      o: one('o'),
      gate: one('gate'),
      up: one('up'),
      down: one('down'),
    }
  })
}

/** All its arrays, in the order of the file. */
export function arraysOf({ layers }: Adapter): readonly Float32Array[] {
  return layers.flatMap((layer) => LINEAR_NAMES.flatMap((name) => [layer[name].a, layer[name].b]))
}

/** An adapter that changes nothing yet: A random, B zero. */
export function newAdapter(model: Model, { rank, seed }: { rank: number; seed: number }): Adapter {
  const random = new Random(seed)
  const layers = makeLayers(model, ({ inputs, outputs }) => {
    const deviation = 1 / Math.sqrt(inputs)
    const a = Float32Array.from({ length: rank * inputs }, () => deviation * random.normal())
    return { a, b: new Float32Array(outputs * rank) }
  })
  return { rank, scale: 2, layers }
}

/** An adapter of zeros in the same shape. */
export function zerosLike({ rank, scale, layers }: Adapter): Adapter {
  const zero = ({ a, b }: LowRank): LowRank => ({
    a: new Float32Array(a.length),
    b: new Float32Array(b.length),
  })
  return {
    rank,
    scale,
    layers: layers.map(({ q, k, v, o, gate, up, down }) => ({
      q: zero(q),
      k: zero(k),
      v: zero(v),
      o: zero(o),
      gate: zero(gate),
      up: zero(up),
      down: zero(down),
    })),
  }
}

function mergeLinear(linear: Linear, { a, b }: LowRank, { rank, scale }: Adapter): Linear {
  const { inputs, outputs } = linear
  const weight = linear.weight.slice()
  for (let o = 0; o < outputs; o++) {
    for (let r = 0; r < rank; r++) {
      const factor = scale * b[o * rank + r]!
      for (let i = 0; i < inputs; i++)
        weight[o * inputs + i] = weight[o * inputs + i]! + factor * a[r * inputs + i]!
    }
  }
  return { inputs, outputs, weight }
}

/** The model with the update in its weights: as fast as the model itself. */
export function mergeAdapter(model: Model, adapter: Adapter): Model {
  const layers = model.layers.map((layer, at): Layer => {
    const update = adapter.layers[at]!
    const merged = (name: LinearName): Linear => mergeLinear(layer.linear[name], update[name], adapter)
    const linear = {
      q: merged('q'),
      k: merged('k'),
      v: merged('v'),
      o: merged('o'),
      gate: merged('gate'),
      up: merged('up'),
      down: merged('down'),
    }
    return { ...layer, linear }
  })
  return { ...model, layers }
}

/** Magic, hash of the base model, rank, time, suffix, scale, the arrays in little-endian 32-bit floats, hash of all this. */
export function encodeAdapter(stored: StoredAdapter, baseHash: Uint8Array): Uint8Array {
  const { adapter, suffix, createdAtSeconds } = stored
  const head = new DataView(new ArrayBuffer(16))
  head.setUint16(0, adapter.rank, true)
  head.setUint16(2, suffix.length, true)
  head.setFloat64(4, createdAtSeconds, true)
  head.setFloat32(12, adapter.scale, true)
  const arrays = arraysOf(adapter)
  const count = arrays.reduce((sum, { length }) => sum + length, 0)
  const data = new DataView(new ArrayBuffer(4 * count))
  let at = 0
  for (const array of arrays) for (const value of array) data.setFloat32(4 * at++, value, true)
  const body = concatBytes(
    MAGIC,
    baseHash,
    new Uint8Array(head.buffer),
    new TextEncoder().encode(suffix),
    new Uint8Array(data.buffer),
  )
  return concatBytes(body, sha256(body))
}

/** Throws AdapterError for another model's adapter and for anything that `encodeAdapter` does not write. */
export function decodeAdapter(bytes: Uint8Array, model: Model, baseHash: Uint8Array): StoredAdapter {
  const malformed = (what: string): AdapterError => new AdapterError('Malformed', `adapter file: ${what}`)
  const headAt = MAGIC.length + HASH_BYTES
  if (bytes.length < headAt + 16 + HASH_BYTES) throw malformed('too short')
  if (!equalBytes(bytes.subarray(0, MAGIC.length), MAGIC)) throw malformed('begins with something else')
  const body = bytes.subarray(0, bytes.length - HASH_BYTES)
  if (!equalBytes(sha256(body), bytes.subarray(body.length))) throw malformed('damaged')
  if (!equalBytes(bytes.subarray(MAGIC.length, headAt), baseHash))
    throw new AdapterError('OtherModel', 'adapter file: made for another model')
  const view = new DataView(bytes.buffer, bytes.byteOffset, body.length)
  const rank = view.getUint16(headAt, true)
  const suffixLength = view.getUint16(headAt + 2, true)
  const createdAtSeconds = view.getFloat64(headAt + 4, true)
  const scale = view.getFloat32(headAt + 12, true)
  const dataAt = headAt + 16 + suffixLength
  if (rank < 1 || rank > RANK_MAX || !Number.isSafeInteger(createdAtSeconds) || !Number.isFinite(scale))
    throw malformed('a field out of range')
  const layers = makeLayers(model, ({ inputs, outputs }) => ({
    a: new Float32Array(rank * inputs),
    b: new Float32Array(outputs * rank),
  }))
  const adapter: Adapter = { rank, scale, layers }
  const count = arraysOf(adapter).reduce((sum, { length }) => sum + length, 0)
  if (dataAt + 4 * count !== body.length) throw malformed('of another length')
  const suffix = new TextDecoder().decode(bytes.subarray(headAt + 16, dataAt))
  if (!isSuffix(suffix)) throw malformed('a suffix that no model can have')
  let at = dataAt
  for (const array of arraysOf(adapter)) {
    for (let i = 0; i < array.length; i++, at += 4) {
      const value = view.getFloat32(at, true)
      if (!Number.isFinite(value)) throw malformed('a value that is no number')
      array[i] = value
    }
  }
  return { adapter, suffix, createdAtSeconds }
}
