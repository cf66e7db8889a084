// The llama architecture: sizes, weights and vocabulary as a GGUF file gives them. Owns: which of these are usable.
// Not: the file format (gguf.ts), computing with them (forward.ts).
import { type Gguf, GgufError, type GgufValue } from './gguf.ts'
import type { Vocabulary } from './tokenizer.ts'

export interface Sizes {
  /** Positions; the longest prompt with its answer, tokens. */
  readonly context: number
  readonly width: number
  readonly layers: number
  readonly heads: number
  readonly headWidth: number
  readonly feedForward: number
  readonly vocabulary: number
  readonly epsilon: number
  readonly ropeBase: number
}

/** A matrix in rows of `inputs` values, one row per output. */
export interface Linear {
  readonly inputs: number
  readonly outputs: number
  readonly weight: Float32Array
}

/** The linear maps of a layer; a fine-tuning adapts all of them. */
export const LINEAR_NAMES = ['q', 'k', 'v', 'o', 'gate', 'up', 'down'] as const
export type LinearName = (typeof LINEAR_NAMES)[number]

export interface Layer {
  readonly attentionNorm: Float32Array
  readonly feedForwardNorm: Float32Array
  readonly linear: Readonly<Record<LinearName, Linear>>
}

export interface Model {
  readonly sizes: Sizes
  /** Row per token; also the output's matrix. */
  readonly embedding: Linear
  readonly outputNorm: Float32Array
  readonly layers: readonly Layer[]
  readonly vocabulary: Vocabulary
}

const LAYERS_MAX = 64
const TENSOR_OF: Readonly<Record<LinearName, string>> = {
  q: 'attn_q',
  k: 'attn_k',
  v: 'attn_v',
  o: 'attn_output',
  gate: 'ffn_gate',
  up: 'ffn_up',
  down: 'ffn_down',
}

class Fields {
  readonly #gguf: Gguf
  readonly #unread: Set<string>
  constructor(gguf: Gguf) {
    this.#gguf = gguf
    this.#unread = new Set(gguf.tensors.keys())
  }

  #value(key: string, fallback?: GgufValue): GgufValue {
    const value = this.#gguf.metadata.get(key) ?? fallback
    if (value === undefined) throw new GgufError('Malformed', `${key} is missing`)
    return value
  }

  whole(key: string, max: number): number {
    const value = this.#value(key)
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > max)
      throw new GgufError('Malformed', `${key}: expected 1 to ${max}, got ${value}`)
    return value
  }

  positive(key: string, fallback?: number): number {
    const value = this.#value(key, fallback)
    if (typeof value !== 'number' || !(value > 0)) throw new GgufError('Malformed', `${key}: ${value}`)
    return value
  }

  is(key: string, expected: GgufValue): void {
    const value = this.#value(key)
    if (value !== expected) throw new GgufError('Unsupported', `${key}: only ${expected}, got ${value}`)
  }

  list<T extends 'number' | 'string'>(
    key: string,
    type: T,
    length: number,
  ): readonly (T extends 'number' ? number : string)[] {
    const value = this.#value(key)
    // A type guard on each item; the array's one type makes them all alike.
    if (!Array.isArray(value) || value.length !== length || value.some((item) => typeof item !== type))
      throw new GgufError('Malformed', `${key}: expected ${length} values of type ${type}`)
    return value
  }

  flag(key: string, fallback: boolean): boolean {
    const value = this.#value(key, fallback)
    if (typeof value !== 'boolean') throw new GgufError('Malformed', `${key}: expected true or false`)
    return value
  }

  tensor(name: string, dimensions: readonly number[]): Float32Array {
    const tensor = this.#gguf.tensors.get(name)
    if (tensor === undefined) throw new GgufError('Malformed', `tensor ${name} is missing`)
    if (tensor.dimensions.join() !== dimensions.join())
      throw new GgufError('Malformed', `tensor ${name}: ${tensor.dimensions}, expected ${dimensions}`)
    this.#unread.delete(name)
    return tensor.values
  }

  linear(name: string, inputs: number, outputs: number): Linear {
    return { inputs, outputs, weight: this.tensor(name, [inputs, outputs]) }
  }

  /** A tensor that is not used would make the results wrong without a word. */
  checkAllRead(): void {
    const [name] = this.#unread
    if (name !== undefined) throw new GgufError('Unsupported', `tensor ${name} has no use in a plain llama`)
  }
}

function readSizes(fields: Fields): Sizes {
  fields.is('general.architecture', 'llama')
  const width = fields.whole('llama.embedding_length', 4_096)
  const heads = fields.whole('llama.attention.head_count', 128)
  fields.is('llama.attention.head_count_kv', heads)
  const headWidth = width / heads
  if (!Number.isInteger(headWidth) || headWidth % 2 !== 0)
    throw new GgufError('Unsupported', `${heads} heads of a width of ${width}`)
  fields.is('llama.rope.dimension_count', headWidth)
  return {
    context: fields.whole('llama.context_length', 4_096),
    width,
    layers: fields.whole('llama.block_count', LAYERS_MAX),
    heads,
    headWidth,
    feedForward: fields.whole('llama.feed_forward_length', 16_384),
    vocabulary: 0,
    epsilon: fields.positive('llama.attention.layer_norm_rms_epsilon'),
    ropeBase: fields.positive('llama.rope.freq_base', 10_000),
  }
}

function readVocabulary(gguf: Gguf, fields: Fields): Vocabulary {
  fields.is('tokenizer.ggml.model', 'llama')
  const tokens = gguf.metadata.get('tokenizer.ggml.tokens')
  const count = Array.isArray(tokens) ? tokens.length : 0
  if (count < 1) throw new GgufError('Malformed', 'tokenizer.ggml.tokens: none')
  return {
    texts: fields.list('tokenizer.ggml.tokens', 'string', count),
    scores: fields.list('tokenizer.ggml.scores', 'number', count),
    types: fields.list('tokenizer.ggml.token_type', 'number', count),
    beginId: fields.whole('tokenizer.ggml.bos_token_id', count - 1),
    endId: fields.whole('tokenizer.ggml.eos_token_id', count - 1),
    addsBegin: fields.flag('tokenizer.ggml.add_bos_token', true),
    addsSpace: fields.flag('tokenizer.ggml.add_space_prefix', true),
  }
}

function readLayer(fields: Fields, index: number, { width, feedForward }: Sizes): Layer {
  const name = (part: string): string => `blk.${index}.${part}.weight`
  const linear = (part: LinearName, inputs: number, outputs: number): Linear =>
    fields.linear(name(TENSOR_OF[part]), inputs, outputs)
  return {
    attentionNorm: fields.tensor(name('attn_norm'), [width]),
    feedForwardNorm: fields.tensor(name('ffn_norm'), [width]),
    linear: {
      q: linear('q', width, width),
      k: linear('k', width, width),
      v: linear('v', width, width),
      o: linear('o', width, width),
      gate: linear('gate', width, feedForward),
      up: linear('up', width, feedForward),
      down: linear('down', feedForward, width),
    },
  }
}

/**
 * Takes a plain llama out of a GGUF file: as many key as query heads, the embedding as output matrix, a SentencePiece
 * vocabulary. Throws GgufError for anything else.
 */
export function readModel(gguf: Gguf): Model {
  const fields = new Fields(gguf)
  const vocabulary = readVocabulary(gguf, fields)
  const sizes: Sizes = { ...readSizes(fields), vocabulary: vocabulary.texts.length }
  const layers: Layer[] = []
  for (let i = 0; i < sizes.layers; i++) layers.push(readLayer(fields, i, sizes))
  const embedding = fields.linear('token_embd.weight', sizes.width, sizes.vocabulary)
  const outputNorm = fields.tensor('output_norm.weight', [sizes.width])
  fields.checkAllRead()
  return { sizes, embedding, outputNorm, layers, vocabulary }
}
