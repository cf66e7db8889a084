// A gateway's door without a chain: real sockets, real store, real meter, and a window that the test moves.
// Owns: the assignments that are open and the vouchers of their holder.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { secretKeyAddress } from '../../base/address.ts'
import { toHex } from '../../base/bytes.ts'
import { type Hash32, ZERO_ADDRESS } from '../../base/ids.ts'
import { COIN } from '../../base/units.ts'
import { parseTariff, tariffHash, tariffText } from '../../client/redemption/tariff.ts'
import { signVoucher } from '../../client/redemption/voucher.ts'
import { COST_HEADERS } from '../../client/redemption/wire.ts'
import { type Backends, openBackends } from '../../gateway/backends.ts'
import type { Assigned, WindowClock } from '../../gateway/chain/chainReader.ts'
import { ChainTime } from '../../gateway/chain/chainTime.ts'
import { parseGatewayConfig } from '../../gateway/config.ts'
import type { GatewayLog } from '../../gateway/gatewayLog.ts'
import type { GatewayContext } from '../../gateway/http/context.ts'
import { GatewayServer } from '../../gateway/http/server.ts'
import { Jobs } from '../../gateway/jobs/jobs.ts'
import { Ledger } from '../../gateway/meter/ledger.ts'
import { GatewayMetrics } from '../../gateway/metrics.ts'
import { Sessions } from '../../gateway/sessions.ts'
import { GatewayStore } from '../../gateway/store/gatewayStore.ts'
import type { FakeUpstream } from './fakeUpstream.ts'

export const PROVIDER_SECRET = new Uint8Array(32).fill(7)
export const HOLDER_SECRET = new Uint8Array(32).fill(9)
export const GENESIS: Hash32 = new Uint8Array(32).fill(1)
export const CHAIN_ID = 31_337
export const WINDOW = 4
const WINDOW_MS = 3_600_000

/** Of a gateway that is to be killed: room for two requests at their bound, and then some. */
export const KILL_CONFIG = { exposurePpm: 60, amountBase: 10_000_000_000n } as const

/** A token of a prompt costs 1,000 base units, one of an answer 2,000. */
export const TARIFF = {
  version: 1,
  minimumBase: '0',
  models: {
    tiny: {
      promptBase: '1000000',
      cachedPromptBase: '500000',
      completionBase: '2000000',
      embeddingBase: '1000000',
    },
    'tiny-llama': { promptBase: '1000000', completionBase: '2000000' },
  },
  /** A device-millisecond costs 1,000 base units. */
  deviceSecondBase: { train: '1000000', finetune: '1000000' },
}

export interface LogLine {
  readonly level: string
  readonly fields: object
  readonly message: string
}

export interface DoorOptions {
  readonly upstream: Pick<FakeUpstream, 'url'>
  /** Members of the configuration beyond what the door needs. */
  readonly config?: { readonly [name: string]: unknown }
  readonly backend?: { readonly [name: string]: unknown }
  /** More backends: commands, the demo. */
  readonly more?: readonly { readonly [name: string]: unknown }[]
  readonly folder?: string
  readonly exposureMinBase?: bigint
  readonly assignments?: readonly Assigned[]
}

export function assignedOf(more: Partial<Assigned> = {}): Assigned {
  return {
    redemptionId: 1,
    assignment: 0,
    window: WINDOW,
    amountBase: COIN,
    voucheredBase: 0n,
    settledBase: 0n,
    bookedHours: 10n ** 18n,
    isGranted: true,
    service: 'infer',
    owner: secretKeyAddress(HOLDER_SECRET),
    voucherKey: ZERO_ADDRESS,
    clientKey: new Uint8Array(32),
    ...more,
  }
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  readonly json: { readonly [name: string]: unknown }
}

export class Door {
  readonly context: GatewayContext
  readonly server: GatewayServer
  readonly log: LogLine[]
  readonly folder: string
  readonly jobs: Jobs
  readonly #store: GatewayStore
  readonly #backends: Backends
  #assignments: readonly Assigned[]
  #window: number

  private constructor(parts: {
    context: GatewayContext
    server: GatewayServer
    log: LogLine[]
    folder: string
    store: GatewayStore
    jobs: Jobs
    backends: Backends
    assignments: readonly Assigned[]
  }) {
    this.context = parts.context
    this.server = parts.server
    this.log = parts.log
    this.folder = parts.folder
    this.#store = parts.store
    this.jobs = parts.jobs
    this.#backends = parts.backends
    this.#assignments = parts.assignments
    this.#window = WINDOW
  }

  static async open(options: DoorOptions): Promise<Door> {
    const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'suanli-gateway-'))
    writeFileSync(join(folder, 'backend.key'), 'backend-key')
    const config = parseGatewayConfig(
      {
        listen: '127.0.0.1:0',
        node: 'http://127.0.0.1:1',
        keystore: 'none',
        dataDir: folder,
        tariff: 'none',
        backends: [
          {
            models: ['tiny'],
            url: options.upstream.url,
            kind: 'openai',
            contextTokens: 256,
            slots: 4,
            key: { file: 'backend.key' },
            ...options.backend,
          },
          ...(options.more ?? []),
        ],
        ...options.config,
      },
      folder,
    )
    const provider = secretKeyAddress(PROVIDER_SECRET)
    const identity = { chainId: CHAIN_ID, genesis: GENESIS }
    const store = await GatewayStore.open(config.dataDir, { genesis: GENESIS, provider })
    const { exposurePpm } = config
    const exposure = { exposurePpm, exposureMinBase: options.exposureMinBase ?? 0n }
    const ledger = await Ledger.create(store, { ...identity, provider }, exposure)
    const sessions = new Sessions({
      ledger,
      providerSecret: PROVIDER_SECRET,
      genesis: GENESIS,
      services: config.services,
    })
    const tariff = parseTariff(JSON.stringify(TARIFF))
    const log: LogLine[] = []
    const backends = await openBackends(config, () => sessions.totalWeight, listLog(log))
    const book = {
      clock: clockOf(WINDOW),
      time: new ChainTime(),
      silentMs: 0,
      isFollowing: true,
      hasBegun: async (window: number) => window <= book.clock.window,
    }
    const shared = {
      config,
      identity,
      provider,
      providerSecret: PROVIDER_SECRET,
      tariff,
      tariffHash: tariffHash(tariff),
      tariffText: tariffText(tariff),
      backends: backends.byModel,
      book,
      ledger,
      sessions,
      metrics: new GatewayMetrics(),
      log: listLog(log),
    }
    const jobs = await Jobs.open({ ...backends, context: shared })
    const context: GatewayContext = { ...shared, jobs }
    const server = await GatewayServer.start(context)
    const door = new Door({
      context,
      server,
      log,
      folder,
      store,
      jobs,
      backends,
      assignments: options.assignments ?? [assignedOf()],
    })
    door.#sync()
    await jobs.start()
    return door
  }

  #sync(): void {
    this.context.sessions.sync(this.#assignments, this.#window)
    this.jobs.onSync()
  }

  /** What the chain has now. */
  show(assignments: readonly Assigned[], window = this.#window): void {
    this.#assignments = assignments
    this.#window = window
    ;(this.context.book as { clock: WindowClock }).clock = clockOf(window)
    this.#sync()
  }

  get url(): string {
    return `http://127.0.0.1:${this.server.port}`
  }

  keyOf(id = { redemptionId: 1, assignment: 0 }): string {
    return this.context.sessions.get(id)!.keyText
  }

  meter(id = { redemptionId: 1, assignment: 0 }) {
    return this.context.sessions.get(id)!.opened.meter
  }

  async fetch(path: string, init: RequestInit & { readonly key?: string } = {}): Promise<Response> {
    const { key = this.keyOf(), headers, ...rest } = init
    return fetch(`${this.url}${path}`, {
      ...rest,
      headers: { authorization: `Bearer ${key}`, ...(headers as Record<string, string> | undefined) },
    })
  }

  async call(
    path: string,
    body: unknown,
    init: RequestInit & { readonly key?: string } = {},
  ): Promise<Answer> {
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    return answerOf(await this.fetch(path, { method: 'POST', body: text, ...init }))
  }

  async get(path: string, init: RequestInit & { readonly key?: string } = {}): Promise<Answer> {
    return answerOf(await this.fetch(path, init))
  }

  chat(
    more: { readonly [name: string]: unknown } = {},
    init: RequestInit & { readonly key?: string } = {},
  ): Promise<Answer> {
    return this.call(
      '/v1/chat/completions',
      { model: 'tiny', messages: [{ role: 'user', content: 'a b c' }], max_tokens: 4, ...more },
      init,
    )
  }

  signed(deliveredBase: bigint, more: { readonly secret?: Uint8Array; readonly redemptionId?: number } = {}) {
    const { secret = HOLDER_SECRET, redemptionId = 1 } = more
    const { provider } = this.context
    return signVoucher(
      { redemptionId, assignment: 0, provider, deliveredBase, genesis: GENESIS },
      CHAIN_ID,
      secret,
    )
  }

  vouch(deliveredBase: bigint, more: { readonly secret?: Uint8Array } = {}): Promise<Answer> {
    const { signature } = this.signed(deliveredBase, more)
    return this.call('/suanli/v1/vouchers', {
      deliveredBase: `${deliveredBase}`,
      signature: toHex(signature),
    })
  }

  /** Ends it; the folder stays for the next one. */
  async end(): Promise<void> {
    await this.jobs.close()
    await this.server.drain(1_000)
    await this.context.ledger.rest()
    await this.#store.close()
    await this.#backends.close()
  }

  async close(): Promise<void> {
    await this.end()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

export const cost = ({ headers }: Pick<Answer, 'headers'>): bigint => BigInt(headers.get(COST_HEADERS.cost)!)

async function answerOf(response: Response): Promise<Answer> {
  const text = await response.text()
  let json: Answer['json'] = {}
  try {
    json = JSON.parse(text) as Answer['json']
  } catch {
    // A stream, or nothing.
  }
  return { status: response.status, headers: response.headers, text, json }
}

export const codeOf = ({ json }: Answer): string | undefined =>
  (json.error as { code?: string } | undefined)?.code

function clockOf(window: number): WindowClock {
  const startedAtMs = Date.now() - 1_000
  return { window, startedAtMs, endsAtMs: startedAtMs + WINDOW_MS, height: 10, timestampMs: startedAtMs }
}

function listLog(lines: LogLine[]): GatewayLog {
  const at = (level: string) => (fields: object, message: string) =>
    void lines.push({ level, fields, message })
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}
