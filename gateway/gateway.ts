// The provider's gateway: an OpenAI-compatible service that is paid by cumulative vouchers. READ FIRST in gateway/.
// Owns: how its parts are joined, the order of start and end. Not: the parts:
//   chain/   assignments, grants, settlement: what the node is told and asked
//   meter/   what is served, reserved and vouchered, and the exposure that bounds it
//   store/   vouchers and lines on disk
//   http/    the door: who may enter, requests to backends and back, payments
//   jobs/    files, fine-tuning, training (READ FIRST: jobs/jobs.ts)
//   demo/    a backend with a little model of its own
import { X509Certificate } from 'node:crypto'
import { WebSocket } from 'ws'
import { toHex } from '../base/bytes.ts'
import { sha256 } from '../base/crypto/hash.ts'
import { ConfigError, errorText } from '../base/errors.ts'
import type { Hash32 } from '../base/ids.ts'
import { maxBigint } from '../base/units.ts'
import { privateKeyAccount } from '../client/accounts/account.ts'
import { createClient } from '../client/chainClient.ts'
import { parseTariff, type Tariff, tariffHash, tariffText } from '../client/redemption/tariff.ts'
import { httpTransport } from '../client/transports/http.ts'
import { type WebSocketTransport, webSocketTransport } from '../client/transports/webSocket.ts'
import { openBackends } from './backends.ts'
import { Alarms } from './chain/alarms.ts'
import { AssignmentBook } from './chain/assignmentBook.ts'
import { type ChainIdentity, ChainReader } from './chain/chainReader.ts'
import { Granter } from './chain/granter.ts'
import { Settler } from './chain/settler.ts'
import { Transactor } from './chain/transactor.ts'
import { Watch } from './chain/watch.ts'
import { type GatewayConfig, readSmallFile } from './config.ts'
import type { GatewayLog } from './gatewayLog.ts'
import { addGauges } from './gauges.ts'
import type { GatewayContext } from './http/context.ts'
import { startMetricsServer } from './http/metricsServer.ts'
import { isPriced } from './http/prepare.ts'
import { GatewayServer } from './http/server.ts'
import { Jobs } from './jobs/jobs.ts'
import { Ledger } from './meter/ledger.ts'
import { dearestRequest } from './meter/price.ts'
import { GatewayMetrics } from './metrics.ts'
import { Sessions } from './sessions.ts'
import { GatewayStore } from './store/gatewayStore.ts'

/** How long one fee is tried. */
const RAISE_AFTER_MS = 6_000
/** Between two questions to a node that is not there yet. */
const NODE_PAUSE_MS = 2_000
/** Between two looks at what no event tells of. */
const WATCH_MS = 5_000
/** Windows after which an ended assignment is forgotten. */
const KEEP_WINDOWS = 3

export interface GatewayOptions {
  readonly config: GatewayConfig
  /** The provider's secret key: 32 bytes. */
  readonly providerSecret: Uint8Array
  readonly log: GatewayLog
  /** Ends a start that waits for its node. */
  readonly signal?: AbortSignal
}

export interface RunningGateway {
  readonly url: string
  /** What clients are told. */
  readonly baseUrl: string
  readonly metricsPort: number | undefined
  readonly provider: number
  readonly context: GatewayContext
  readonly alarms: Alarms
  /** Resolves once the chain has been looked at, and what was missing is granted and settled; `isAll`: settled before it is due. */
  catchUp(options?: { readonly isAll?: boolean }): Promise<void>
  /** Takes nothing new, ends what is under way, settles, closes. */
  close(): Promise<void>
}

/** A tariff file. Throws ConfigError. */
export function readTariff(file: string): Tariff {
  const text = readSmallFile(file)
  try {
    return parseTariff(text)
  } catch (error) {
    throw new ConfigError(`${file}: ${errorText(error)}`)
  }
}

/** Throws ConfigError for a model that the tariff has no price for. */
export function checkPrices({ backends, jobs }: GatewayConfig, tariff: Tariff): void {
  if (jobs.images.length > 0 && !tariff.deviceSecondBase.has('train'))
    throw new ConfigError('jobs.images: the tariff has no price for device-seconds of train')
  backends.forEach(({ models, kind, service }, i) => {
    const seconds = kind !== 'command' ? [] : models.length > 0 ? [service, 'finetune' as const] : [service]
    const missing = seconds.find((one) => !tariff.deviceSecondBase.has(one))
    if (missing !== undefined)
      throw new ConfigError(`backends[${i}]: the tariff has no price for device-seconds of ${missing}`)
    const unpriced = kind === 'command' ? undefined : models.find((model) => !isPriced(tariff, model))
    if (unpriced !== undefined)
      throw new ConfigError(`backends[${i}].models: the tariff has no price for ${unpriced}`)
  })
}

/** The least exposure: one longest request of the dearest model, or a second of the dearest job. */
function exposureMin({ backends }: GatewayConfig, tariff: Tariff): bigint {
  const requests = backends.flatMap(({ models, contextTokens }) =>
    models.map((model) => dearestRequest(tariff, model, contextTokens)),
  )
  return [...requests, ...tariff.deviceSecondBase.values()].reduce(maxBigint, 0n)
}

/** The certificate that clients are told to expect: one that no authority vouches for. */
function ownCertificate({ tls }: GatewayConfig): Hash32 | undefined {
  if (tls === undefined) return undefined
  try {
    const certificate = new X509Certificate(readSmallFile(tls.certificate))
    return certificate.issuer === certificate.subject ? sha256(new Uint8Array(certificate.raw)) : undefined
  } catch (error) {
    throw new ConfigError(`tls.certificate: ${errorText(error)}`)
  }
}

/** Asks until the node answers. */
async function waitForNode(
  reader: ChainReader,
  log: GatewayLog,
  signal: AbortSignal,
): Promise<ChainIdentity> {
  for (;;) {
    signal.throwIfAborted()
    try {
      return await reader.identity()
    } catch (error) {
      log.warn({ reason: errorText(error) }, 'the node does not answer: waiting')
    }
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, NODE_PAUSE_MS)
      const stop = (): void => {
        clearTimeout(timer)
        resolve()
      }
      signal.addEventListener('abort', stop, { once: true })
    })
  }
}

/** What a start has opened, closed again in reverse order. */
type Closing = (() => Promise<void> | void)[]

async function closeAll(closing: Closing): Promise<void> {
  for (let close = closing.pop(); close !== undefined; close = closing.pop()) await close()
}

/**
 * Starts a gateway; resolves once its port is open and every assignment that waited has its grant. Rejects with ConfigError for
 * what the operator must mend; nothing is left running then.
 */
export async function createGateway(options: GatewayOptions): Promise<RunningGateway> {
  const closing: Closing = []
  try {
    return await open(options, closing)
  } catch (error) {
    await closeAll(closing)
    throw error
  }
}

/** The chain that the node is of, and the provider on it. */
async function findProvider({ config, providerSecret, log }: GatewayOptions, signal: AbortSignal) {
  const account = privateKeyAccount(providerSecret)
  const client = createClient(httpTransport(config.node))
  const reader = new ChainReader(client)
  const identity = await waitForNode(reader, log, signal)
  const provider = await reader.providerOf(account.address)
  if (provider === undefined) throw new ConfigError('keystore: its account is no member of this chain')
  return { account, client, reader, identity, provider, laneGasMax: await reader.serviceGasMax() }
}
type Found = Awaited<ReturnType<typeof findProvider>>

/** All but the door and the workers; `onLook` is called once those are there. */
async function openParts(options: GatewayOptions, found: Found, closing: Closing, onLook: () => void) {
  const { config, providerSecret, log } = options
  const { account, client, reader, identity, provider } = found
  const { genesis } = identity
  const { address } = account
  const tariff = readTariff(config.tariff)
  const store = await GatewayStore.open(config.dataDir, { genesis, provider: address })
  closing.push(() => store.close())
  const exposure = { exposurePpm: config.exposurePpm, exposureMinBase: exposureMin(config, tariff) }
  const ledger = await Ledger.create(store, { ...identity, provider: address }, exposure)
  const sessions = new Sessions({ ledger, providerSecret, genesis, services: config.services })
  const backends = await openBackends(config, () => sessions.totalWeight, log)
  closing.push(() => backends.close())
  const webSocket = webSocketOf(config.node)
  closing.push(() => webSocket.close())
  const book = new AssignmentBook({ client, reader, provider, webSocket, pollMs: config.pollMs, log, onLook })
  closing.push(() => book.close())
  const shared = {
    config,
    identity,
    provider: address,
    providerSecret,
    tariff,
    tariffHash: tariffHash(tariff),
    tariffText: tariffText(tariff),
    backends: backends.byModel,
    book,
    ledger,
    sessions,
    metrics: new GatewayMetrics(),
    log,
  }
  const jobs = await Jobs.open({ ...backends, context: shared })
  closing.push(() => jobs.close())
  const context: GatewayContext = { ...shared, jobs }
  return { context, book, jobs }
}

async function open(options: GatewayOptions, closing: Closing): Promise<RunningGateway> {
  const { config, providerSecret, log } = options
  const ending = new AbortController()
  const given = options.signal === undefined ? [] : [options.signal]
  checkPrices(config, readTariff(config.tariff))
  const certificate = ownCertificate(config)
  const found = await findProvider(options, AbortSignal.any([ending.signal, ...given]))
  const { account, client, reader, identity, provider, laneGasMax } = found
  const work = { look: (): void => undefined }
  const { context, book, jobs } = await openParts(options, found, closing, () => work.look())
  const { ledger, metrics, tariffHash } = context
  const server = await GatewayServer.start(context)
  closing.push(() => server.drain(0))
  const url = `${config.tls === undefined ? 'http' : 'https'}://${hostText(config.listen.host)}:${server.port}`
  const baseUrl = config.publicUrl ?? url

  const alarms = new Alarms(log)
  const transactor = new Transactor({
    client,
    account,
    log,
    signal: ending.signal,
    raiseAfterMs: RAISE_AFTER_MS,
  })
  const { services } = config
  const shared = { book, transactor, alarms, log }
  const granter = new Granter({
    ...shared,
    identity,
    providerSecret,
    baseUrl,
    tariffHash,
    certificate,
    services,
  })
  const settler = new Settler({ ...shared, ledger, laneGasMax })
  const watch = new Watch({ reader, book, ledger, alarms, provider, services, tariffHash })
  const monitor = config.metricsListen && (await startMetricsServer(config.metricsListen, metrics))
  closing.push(() => monitor?.close())
  addGauges(metrics, { context, server, jobs, alarms, granter, settler, transactor })
  work.look = onLook({ context, book, jobs, watch, granter, settler })
  const watching = setInterval(() => watch.run(), WATCH_MS)
  closing.push(() => clearInterval(watching))
  await book.start()
  await granter.run()
  await jobs.start()
  log.info({ url, baseUrl, provider, tariff: toHex(tariffHash) }, 'the gateway is open')
  return {
    url,
    baseUrl,
    metricsPort: monitor?.port,
    provider,
    context,
    alarms,
    async catchUp({ isAll = false } = {}) {
      await book.look()
      await granter.run()
      await settler.run(isAll)
    },
    async close() {
      // Jobs first: who follows one hears of its end.
      await jobs.close()
      await server.drain(config.limits.drainMs)
      await ledger.rest()
      // Whoever starts next settles what this does not.
      await settler.run(true)
      ending.abort()
      await closeAll(closing)
    },
  }
}

/** What is done each time the chain was looked at. */
function onLook(parts: {
  readonly context: GatewayContext
  readonly book: AssignmentBook
  readonly jobs: Jobs
  readonly watch: Watch
  readonly granter: Granter
  readonly settler: Settler
}): () => void {
  const { context, book, jobs, watch, granter, settler } = parts
  const { sessions, ledger, log } = context
  let forgotten = -1
  return () => {
    const { window } = book.clock!
    sessions.sync(book.assignments, window)
    jobs.onSync()
    watch.run()
    void granter.run()
    void settler.run()
    if (window === forgotten) return
    forgotten = window
    void ledger.forget(window - KEEP_WINDOWS).catch((error: unknown) => log.warn({ error }, 'old lines stay'))
  }
}

function webSocketOf(node: string): WebSocketTransport {
  return webSocketTransport(node.replace(/^http/, 'ws'), { WebSocket: WebSocket as never })
}

const hostText = (host: string): string => (host.includes(':') ? `[${host}]` : host)
