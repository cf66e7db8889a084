// An OpenAI-compatible service over the model that the package ships: real tokens, real usage, real fine-tuning, no sense.
// Owns: its life, the HTTP server with its limits. Not: endpoints (routes.ts), files and jobs (the gateway's).
import { createHash, timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { OperatorError } from '../../base/errors.ts'
import { isSuffix } from './adapter.ts'
import { ApiError, asApiError } from './apiError.ts'
import { Engine } from './engine.ts'
import { readExamples } from './examples.ts'
import { FineTuneError, FineTuner, type TimedProgress, type TrainingGate } from './fineTuner.ts'
import { sendJson } from './http.ts'
import { InputError } from './input.ts'
import { BASE_NAME, loadBase, MODELS_MAX, Models } from './models.ts'
import { Routes } from './routes.ts'
import { readHyperparameters } from './training.ts'

export interface DemoBackendOptions {
  /** Default: the loopback interface. */
  readonly host?: string
  /** 0, the default, takes any free port. */
  readonly port?: number
  /** Callers must send it as `Authorization: Bearer KEY`. Default: everybody is served. */
  readonly key?: string
  /** Keeps fine-tuned models. Default: they end with the backend. */
  readonly modelsDir?: string
  /** Called with what nobody expected while a request was served. */
  readonly onError?: (error: unknown) => void
  /** Requests at work, and waiting. Default 256 and 1,024. */
  readonly activeMax?: number
  readonly queuedMax?: number
  /** Slows each request down, for who wants to see an answer grow: 1 to 1,000. Default: thousands. */
  readonly tokensPerSecond?: number
}

export interface FineTuneOptions {
  /** Lines of JSON, in either form of OpenAI's fine-tuning files. */
  readonly lines: readonly string[]
  /** Becomes part of the model's name: at most 40 small letters, digits and `-`. */
  readonly suffix?: string
  /** OpenAI's `n_epochs`, `batch_size`, `learning_rate_multiplier`, each a number or `auto`. */
  readonly hyperparameters?: unknown
  /** The same lines, hyperparameters and seed give the same update. Default 0. */
  readonly seed?: number
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: TimedProgress) => void
  /** Holds it between two steps. */
  readonly gate?: TrainingGate
}

export interface FineTunedModel {
  /** `ft:tiny-llama:SUFFIX:ID`, to be asked for from now on. */
  readonly model: string
  /** Nats per token of the answers. */
  readonly initialLoss: number
  readonly finalLoss: number
  readonly trainedTokens: number
  readonly deviceSeconds: number
}

const CONNECTIONS_MAX = 1_200
const HEADER_BYTES_MAX = 16 * 1024
const HEADERS_TIMEOUT_MS = 10_000
const REQUEST_TIMEOUT_MS = 30_000
/** For a client that neither sends nor takes anything. */
const SILENCE_TIMEOUT_MS = 120_000

const hashOf = (text: string): Buffer => createHash('sha256').update(text).digest()

export class DemoBackend {
  readonly #models: Models
  readonly #engine: Engine
  readonly #fineTuner: FineTuner
  readonly #routes: Routes
  readonly #server: Server
  readonly #keyHash: Buffer | undefined
  readonly #onError: (error: unknown) => void
  #url = ''

  private constructor(options: DemoBackendOptions) {
    const base = loadBase()
    const { modelsDir, key, activeMax, queuedMax, tokensPerSecond, onError = () => {} } = options
    this.#models = new Models(base, modelsDir)
    this.#engine = new Engine({
      name: BASE_NAME,
      file: base.file,
      ...(activeMax === undefined ? {} : { activeMax }),
      ...(queuedMax === undefined ? {} : { queuedMax }),
      ...(tokensPerSecond === undefined ? {} : { tokensPerSecond }),
    })
    for (const { name, adapter } of this.#models.adapters()) this.#engine.addModel(name, adapter)
    this.#fineTuner = new FineTuner(base.file)
    this.#routes = new Routes(this.#models, this.#engine)
    this.#keyHash = key === undefined ? undefined : hashOf(`Bearer ${key}`)
    this.#onError = onError
    this.#server = createServer({
      maxHeaderSize: HEADER_BYTES_MAX,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
    })
    this.#server.maxConnections = CONNECTIONS_MAX
    this.#server.setTimeout(SILENCE_TIMEOUT_MS)
    this.#server.on('request', (request, response) => void this.#serve(request, response))
  }

  /** Rejects with OperatorError for an option that cannot be used, and with the system's error for an address. */
  static async start(options: DemoBackendOptions): Promise<DemoBackend> {
    const { host = '127.0.0.1', port = 0, tokensPerSecond = 1 } = options
    if (!(tokensPerSecond >= 1 && tokensPerSecond <= 1_000))
      throw new OperatorError(`tokensPerSecond: expected 1 to 1000, got ${tokensPerSecond}`)
    const backend = new DemoBackend(options)
    try {
      backend.#server.listen(port, host)
      await once(backend.#server, 'listening')
    } catch (error) {
      await backend.close()
      throw error
    }
    const { address, family, port: bound } = backend.#server.address() as AddressInfo
    backend.#url = `http://${family === 'IPv6' ? `[${address}]` : address}:${bound}`
    return backend
  }

  /** Without `/v1`. */
  get url(): string {
    return this.#url
  }

  /** Requests at work or waiting. */
  get pendingCount(): number {
    return this.#engine.pendingCount
  }

  /**
   * Trains a new model on a thread of its own, one at a time, and serves it. Rejects with InputError for lines and
   * hyperparameters that cannot be used, naming the line or field, and with FineTuneError for everything else.
   */
  async startFineTune(options: FineTuneOptions): Promise<FineTunedModel> {
    const { suffix = '', signal, onProgress, gate } = options
    if (!isSuffix(suffix)) throw new InputError('suffix', 'expected at most 40 of a-z, 0-9 and -')
    const { tokenizer, model } = this.#models.base
    const examples = await readExamples(options.lines, tokenizer, model.sizes.context)
    const hyperparameters = readHyperparameters(options.hyperparameters, options.seed, examples.length)
    this.#checkRoom()
    const trained = await this.#fineTuner.train({ examples, hyperparameters, signal, onProgress, gate })
    // Another training may have taken the last place.
    this.#checkRoom()
    const createdAtSeconds = Math.floor(Date.now() / 1_000)
    const { adapter, initialLoss, finalLoss, trainedTokens, deviceSeconds } = trained
    const name = await this.#models.add({ adapter, suffix, createdAtSeconds })
    this.#engine.addModel(name, adapter)
    return { model: name, initialLoss, finalLoss, trainedTokens, deviceSeconds }
  }

  /** Forgets a fine-tuned model, on disk too. False when there is none of this name. */
  removeModel(name: string): boolean {
    const isRemoved = this.#models.remove(name)
    if (isRemoved) this.#engine.removeModel(name)
    return isRemoved
  }

  /** Ends requests and trainings at once. */
  async close(): Promise<void> {
    const closed = this.#server.listening ? once(this.#server, 'close') : undefined
    this.#server.close()
    this.#server.closeAllConnections()
    await Promise.all([closed, this.#fineTuner.close(), this.#engine.close()])
  }

  #checkRoom(): void {
    if (this.#models.isFull)
      throw new FineTuneError('TooManyModels', `there are ${MODELS_MAX} fine-tuned models already`)
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController()
    response.once('close', () => gone.abort())
    try {
      this.#authorize(request)
      await this.#routes.answer({ request, response, signal: gone.signal })
    } catch (error) {
      if (response.destroyed) return
      const known = asApiError(error)
      if (known === undefined) this.#onError(error)
      if (response.headersSent) response.destroy()
      else refuse(request, response, known ?? INTERNAL)
    }
  }

  #authorize({ headers }: IncomingMessage): void {
    if (this.#keyHash === undefined) return
    if (timingSafeEqual(hashOf(headers.authorization ?? ''), this.#keyHash)) return
    throw new ApiError({ status: 401, code: 'invalid_api_key', message: 'the API key is wrong or missing' })
  }
}

const INTERNAL = new ApiError({ status: 500, code: 'internal_error', message: 'the demo backend failed' })

function refuse(request: IncomingMessage, response: ServerResponse, { status, body }: ApiError): void {
  if (status === 503) response.setHeader('retry-after', '1')
  // The rest of a body that was refused is not waited for.
  if (!request.complete) response.setHeader('connection', 'close')
  sendJson(response, status, body)
}

/**
 * Starts the demo backend. `url` has no `/v1`; `close()` ends it.
 *
 * @example
 * const backend = await startDemoBackend({ port: 0 })
 * const response = await fetch(`${backend.url}/v1/models`)
 * await backend.close()
 */
export function startDemoBackend(options: DemoBackendOptions = {}): Promise<DemoBackend> {
  return DemoBackend.start(options)
}
