// The providers of a devnet serve: each runs a gateway with a little language model behind it. Owns: their listings,
// tariff and folders, and that they follow a chain that goes back. Not: the gateway and the model (gateway/).
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { equalBytes } from '../base/bytes.ts'
import { ZERO_HASH } from '../base/ids.ts'
import { privateKeyAccount } from '../client/accounts/account.ts'
import { type ChainClient, createClient } from '../client/chainClient.ts'
import { catalogue, redemption } from '../client/modules.ts'
import { parseTariff, tariffHash, tariffText } from '../client/redemption/tariff.ts'
import { httpTransport } from '../client/transports/http.ts'
import { parseGatewayConfig } from '../gateway/config.ts'
import { createGateway, type RunningGateway } from '../gateway/gateway.ts'
import type { GatewayLog } from '../gateway/gatewayLog.ts'
import { developmentValidator } from '../genesis/devKeys.ts'
import type { Genesis } from '../genesis/schema.ts'
import { createLogger } from '../node/logging.ts'
import { SERVICES, type Service } from '../state/modules/catalogue/schema.ts'
import { makeFolder, PUBLIC, writeDurablySync } from '../storage/durableFile.ts'
import type { DevnetGateway } from './devnetTypes.ts'
import type { DevnetMember } from './member.ts'
import { findFreePorts, GATEWAY_PORT_OFFSET, isPortFree } from './ports.ts'
import type { ProviderPrograms } from './providerPrograms.ts'

export const DEMO_MODEL = 'tiny-llama'
/** Tokens of prompt and answer together. */
const CONTEXT_TOKENS = 64
/** How often each looks at the chain: windows of a devnet are short, and its clock may jump. */
const POLL_MS = 250
const LOG_ROTATION = { bytesMax: 4 * 1024 * 1024, filesMax: 2 } as const
/** In a validator's folder (contents.ts). */
export const GATEWAY_FOLDER = 'gateway'

/**
 * A coin is a device-hour, and a core makes some ten million tokens of the model in one. No measurement was published of it, so
 * that nobody can call it par.
 */
const TARIFF = parseTariff(
  JSON.stringify({
    version: 1,
    minimumBase: '1000000000000',
    models: {
      [DEMO_MODEL]: {
        promptBase: '100000000000000',
        completionBase: '100000000000000',
        embeddingBase: '100000000000000',
      },
    },
    deviceSecondBase: Object.fromEntries(SERVICES.map((service) => [service, '277777777777777'])),
  }),
)

export interface DevGatewaysOptions {
  /** JSON-RPC that they follow. */
  readonly rpcUrl: string
  readonly genesis: Genesis
  readonly members: readonly DevnetMember[]
  readonly logLevel: string
}

interface Provider {
  readonly index: number
  readonly dir: string
  readonly secretKey: Uint8Array
  readonly log: GatewayLog
  /** The same at every start, where it is free: it is in grants. */
  readonly port: number
}

export class DevGateways implements ProviderPrograms {
  readonly #options: DevGatewaysOptions
  readonly #client: ChainClient
  readonly #providers: readonly Provider[]
  #running: readonly RunningGateway[] = []

  private constructor(options: DevGatewaysOptions, providers: readonly Provider[]) {
    this.#options = options
    this.#client = createClient(httpTransport(options.rpcUrl))
    this.#providers = providers
  }

  /** Resolves once every provider is listed and its door is open. Leaves nothing running when it rejects. */
  static async start(options: DevGatewaysOptions): Promise<DevGateways> {
    const { members, genesis, logLevel } = options
    // Of a member admitted later, and of a forked chain, nobody here has the key.
    const own = members.filter(({ index }) => {
      const { address } = developmentValidator(index).operator
      return equalBytes(genesis.providers[index]?.operator ?? new Uint8Array(0), address)
    })
    const providers = own.map(async ({ index, dir, rpcPort }) => {
      const port = rpcPort + GATEWAY_PORT_OFFSET
      const { secretKey } = developmentValidator(index).operator
      const folder = join(dir, GATEWAY_FOLDER)
      makeFolder(folder, 0o700)
      const file = join(folder, 'gateway.log')
      const log = createLogger({ level: logLevel, file, rotation: LOG_ROTATION })
      return {
        index,
        dir: folder,
        secretKey,
        log,
        port: (await isPortFree(port)) ? port : await findFreePorts(1),
      }
    })
    const gateways = new DevGateways(options, await Promise.all(providers))
    try {
      await gateways.#open()
    } catch (error) {
      await gateways.close()
      throw error
    }
    return gateways
  }

  get list(): readonly DevnetGateway[] {
    return this.#running.map(({ provider, baseUrl }) => ({ provider, url: baseUrl, model: DEMO_MODEL }))
  }

  async catchUp(): Promise<void> {
    // Whoever ends a window does not wait for its last fifth, in which vouchers are settled.
    // A node that is down, or starts: each looks again by itself.
    await Promise.allSettled(this.#running.map((gateway) => gateway.catchUp({ isAll: true })))
  }

  /** What they have written down is of a chain that is not there any more. */
  async hold<T>(step: () => Promise<T>): Promise<T> {
    await this.#shut()
    try {
      const result = await step()
      for (const { dir } of this.#providers) forgetMeter(dir)
      return result
    } finally {
      await this.#open()
    }
  }

  async close(): Promise<void> {
    await this.#shut()
  }

  async #shut(): Promise<void> {
    const running = this.#running
    this.#running = []
    await Promise.all(running.map((gateway) => gateway.close()))
  }

  async #open(): Promise<void> {
    const opening = await Promise.allSettled(this.#providers.map((provider) => this.#openOne(provider)))
    this.#running = opening.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
    for (const each of opening) if (each.status === 'rejected') throw each.reason
  }

  async #openOne({ index, dir, secretKey, log, port }: Provider): Promise<RunningGateway> {
    const { rpcUrl } = this.#options
    const tariff = join(dir, 'tariff.json')
    writeDurablySync(tariff, `${tariffText(TARIFF)}\n`, PUBLIC)
    const config = parseGatewayConfig(
      {
        listen: `127.0.0.1:${port}`,
        node: rpcUrl,
        keystore: 'none',
        dataDir: '.',
        tariff,
        services: SERVICES,
        pollMs: POLL_MS,
        backends: [{ kind: 'demo', models: [DEMO_MODEL], contextTokens: CONTEXT_TOKENS }],
        limits: { drainMs: 1_000 },
      },
      dir,
    )
    await this.#list(index, `http://127.0.0.1:${port}`)
    return createGateway({ config, providerSecret: secretKey, log })
  }

  /** Offers each service, if it is not offered so already. */
  async #list(index: number, endpoint: string): Promise<void> {
    const { genesis } = this.#options
    const slug = genesis.providers[index]!.lots[0]?.class
    const classId = (await this.#client.query(catalogue, 'classes', {}))?.find((one) => one.slug === slug)?.id
    // Without a pledge nothing is assigned.
    if (classId === undefined) return
    const operator = privateKeyAccount(developmentValidator(index).operator.secretKey)
    for (const service of SERVICES) {
      const hash = tariffHash(TARIFF)
      const listed = await this.#client.query(redemption, 'listing', { provider: index + 1, service })
      if (listed !== undefined && equalBytes(listed.tariffHash, hash) && listed.endpoint === endpoint)
        continue
      const terms = { classId, region: 'local', endpoint, bonusPpm: 0n, runtimeHash: ZERO_HASH }
      await this.#client.send(
        operator,
        redemption.list({ service: service as Service, ...terms, tariffHash: hash }),
      )
    }
  }
}

/** All but the log. */
function forgetMeter(dir: string): void {
  for (const name of readdirSync(dir)) {
    if (!name.startsWith('gateway.log')) rmSync(join(dir, name), { recursive: true, force: true })
  }
}
