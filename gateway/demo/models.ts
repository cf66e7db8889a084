// The models to choose from: the one of the file, and fine-tuned ones, kept as files where a folder is given.
// Owns: names, files, their number. Not: training, generating.
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { open, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { toHex } from '../../base/bytes.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import { OperatorError } from '../../base/errors.ts'
import { type Adapter, AdapterError, decodeAdapter, encodeAdapter, type StoredAdapter } from './adapter.ts'
import { readGguf } from './gguf.ts'
import { type Model, readModel } from './model.ts'
import { Tokenizer } from './tokenizer.ts'

export const BASE_NAME = 'tiny-llama'
/** Fine-tuned models; each takes 0.7 MiB in memory. */
export const MODELS_MAX = 64
const FILE = new URL('../../../gateway/demo/tiny-llama.gguf', import.meta.url)
const ADAPTER_BYTES_MAX = 8 * 1024 * 1024
const ENDING = '.lora'
const PARTIAL = '.partial'

export interface Named {
  readonly name: string
  readonly createdAtSeconds: number
}

interface FineTuned extends Named {
  readonly adapter: Adapter
  readonly file: string
}

/** The model that the package ships: its file, and what is read from it. */
export interface Base {
  readonly file: Uint8Array
  readonly hash: Uint8Array
  readonly model: Model
  readonly tokenizer: Tokenizer
}

export function loadBase(): Base {
  const file = new Uint8Array(readFileSync(FILE))
  const model = readModel(readGguf(file))
  return { file, hash: sha256(file), model, tokenizer: new Tokenizer(model.vocabulary) }
}

/** On disk, whole, or not at all. */
async function writeDurably(dir: string, file: string, bytes: Uint8Array): Promise<void> {
  const path = join(dir, file)
  const handle = await open(`${path}${PARTIAL}`, 'w', 0o600)
  try {
    await handle.writeFile(bytes)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(`${path}${PARTIAL}`, path)
  const folder = await open(dir, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

export class Models {
  readonly base: Base
  readonly #dir: string | undefined
  readonly #fineTuned = new Map<string, FineTuned>()

  /** Reads what `dir` holds. Throws OperatorError for a file that cannot be used. */
  constructor(base: Base, dir: string | undefined) {
    this.base = base
    this.#dir = dir
    if (dir === undefined) return
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    for (const file of readdirSync(dir).sort()) {
      if (file.endsWith(PARTIAL)) rmSync(join(dir, file))
      else if (file.endsWith(ENDING)) this.#load(join(dir, file))
    }
  }

  has(name: string): boolean {
    return name === BASE_NAME || this.#fineTuned.has(name)
  }

  /** The base model first, then by age. */
  list(): readonly Named[] {
    const byAge = (a: Named, b: Named): number => a.createdAtSeconds - b.createdAtSeconds
    return [{ name: BASE_NAME, createdAtSeconds: 0 }, ...[...this.#fineTuned.values()].sort(byAge)]
  }

  adapters(): readonly { readonly name: string; readonly adapter: Adapter }[] {
    return [...this.#fineTuned.values()]
  }

  get isFull(): boolean {
    return this.#fineTuned.size >= MODELS_MAX
  }

  /** Names it and keeps it, on disk first. */
  async add(stored: StoredAdapter): Promise<string> {
    const bytes = encodeAdapter(stored, this.base.hash)
    const fineTuned = this.#name(stored, bytes)
    if (this.#dir !== undefined) await writeDurably(this.#dir, fineTuned.file, bytes)
    this.#fineTuned.set(fineTuned.name, fineTuned)
    return fineTuned.name
  }

  /** False when there is no such fine-tuned model. */
  remove(name: string): boolean {
    const found = this.#fineTuned.get(name)
    if (found === undefined) return false
    if (this.#dir !== undefined) rmSync(join(this.#dir, found.file), { force: true })
    return this.#fineTuned.delete(name)
  }

  /** Named after its content, as OpenAI's are: `ft:MODEL:SUFFIX:ID`. */
  #name({ adapter, suffix, createdAtSeconds }: StoredAdapter, bytes: Uint8Array): FineTuned {
    const id = toHex(sha256(bytes)).slice(2, 18)
    const name = `ft:${BASE_NAME}:${suffix}:${id.slice(0, 8)}`
    return { name, createdAtSeconds, adapter, file: `${id}${ENDING}` }
  }

  #load(path: string): void {
    if (this.isFull) throw new OperatorError(`${path}: more than ${MODELS_MAX} fine-tuned models`)
    try {
      if (statSync(path).size > ADAPTER_BYTES_MAX)
        throw new AdapterError('Malformed', 'adapter file: too large')
      const bytes = new Uint8Array(readFileSync(path))
      const fineTuned = this.#name(decodeAdapter(bytes, this.base.model, this.base.hash), bytes)
      this.#fineTuned.set(fineTuned.name, fineTuned)
    } catch (error) {
      if (!(error instanceof AdapterError)) throw error
      throw new OperatorError(`${path}: ${error.message}`)
    }
  }
}
