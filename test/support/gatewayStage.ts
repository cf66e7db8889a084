// A devnet, the demo model, and a provider's gateway as a program of its own that can be killed; holders that redeem there.
// Owns: folders, ports, starts, and the steps of a redemption. Not: what a story expects of them.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { mustExist } from '../../base/assert.ts'
import { parseHex } from '../../base/bytes.ts'
import { type Hash32, ZERO_HASH } from '../../base/ids.ts'
import { nodeScrypt } from '../../cli/chain/account.ts'
import { type LocalAccount, privateKeyAccount } from '../../client/accounts/account.ts'
import { encryptKeystore } from '../../client/accounts/keystore.ts'
import { type ChainClient, createClient } from '../../client/chainClient.ts'
import { capacity, redemption } from '../../client/modules.ts'
import type { DoorFetch } from '../../client/redemption/bodies.ts'
import { apiKeyText, type Grant } from '../../client/redemption/grant.ts'
import { type RedeemKeys, redeemKeys } from '../../client/redemption/keys.ts'
import type { MeterState } from '../../client/redemption/ownMeter.ts'
import { Redeemer, type RedeemerOptions } from '../../client/redemption/redeemer.ts'
import { requestRedemption } from '../../client/redemption/request.ts'
import { checkStatement } from '../../client/redemption/statement.ts'
import { parseTariff, tariffHash, tariffText } from '../../client/redemption/tariff.ts'
import { PATHS, readWire, type Session, sessionInfo, statementInfo } from '../../client/redemption/wire.ts'
import { httpTransport } from '../../client/transports/http.ts'
import { createDevnet, type Devnet } from '../../devnet/devnet.ts'
import { findFreePorts } from '../../devnet/ports.ts'
import { type DemoBackend, startDemoBackend } from '../../gateway/demo/demoBackend.ts'
import { Running } from './devnetHarness.ts'
import { until } from './nodeSteps.ts'

export const MODEL = 'tiny-llama'
export const WINDOW_MS = 3_600_000
/** The command of the gateway that runs the model itself. */
export const TRAINING = {
  kind: 'command',
  name: 'train-demo',
  argv: [process.execPath, fileURLToPath(new URL('../../gateway/demo/trainMain.js', import.meta.url))],
  deviceSecondsMax: 600,
  memoryMbMax: 512,
  diskMbMax: 64,
} as const
const PASSWORD = 'a password for tests'
/** A token costs 10^13 base units, a request ten times that at least. */
export const TOKEN_BASE = 10n ** 13n
export const MINIMUM_BASE = 10n ** 14n
const PRICE_BASE = `${TOKEN_BASE * 1_000n}`
/** Of fine-tuning and training: the exposure is some seconds of it. */
const DEVICE_SECOND_BASE = 10n ** 14n
export const TARIFF = parseTariff(
  JSON.stringify({
    version: 1,
    minimumBase: `${MINIMUM_BASE}`,
    models: { [MODEL]: { promptBase: PRICE_BASE, completionBase: PRICE_BASE, embeddingBase: PRICE_BASE } },
    deviceSecondBase: { finetune: `${DEVICE_SECOND_BASE}`, train: `${DEVICE_SECOND_BASE}` },
  }),
)
/** Of five coins: one longest request, and then some. */
const EXPOSURE_PPM = 600
/** Tokens of prompt and answer together: an answer that is not cut short has them all. */
export const CONTEXT_TOKENS = 64
/** An answer takes two seconds: long enough to break it. */
const SLOW_TOKENS_PER_SECOND = 30
const BLOCKS_MAX = 40

/** Somebody with coins. */
export interface Holder {
  readonly secret: Uint8Array
  readonly account: LocalAccount
  readonly keys: RedeemKeys
}

/** What a holder redeems, and the counts that its client keeps. */
export interface Redemption {
  readonly holder: Holder
  readonly id: number
  readonly counts: Map<number, MeterState>
}

export class GatewayStage {
  readonly devnet: Devnet
  readonly client: ChainClient
  readonly genesis: Hash32
  readonly folder: string
  readonly ports: readonly number[]
  readonly operator: LocalAccount
  backend: DemoBackend
  readonly #running = new Map<string, Running>()

  private constructor(devnet: Devnet, parts: { folder: string; port: number; backend: DemoBackend }) {
    this.devnet = devnet
    this.client = createClient(httpTransport(devnet.rpcUrl))
    this.genesis = parseHex(devnet.genesisHash.slice(2)) as Hash32
    this.folder = parts.folder
    this.ports = [parts.port, parts.port + 1]
    this.backend = parts.backend
    this.operator = privateKeyAccount(this.#operatorSecret)
  }

  /** `isOwnModel`: the gateway runs the model itself, fine-tunes it, and trains by a command. */
  static async start({ isOwnModel = false } = {}): Promise<GatewayStage> {
    const folder = mkdtempSync(join(tmpdir(), 'suanli-gateway-'))
    const devnet = await createDevnet({
      ...{ isInProcess: true, validators: 1, accounts: 9, balanceCoins: 1_000, windowMs: WINDOW_MS },
      logLevel: 'silent',
    })
    const backend = await startDemoBackend()
    const stage = new GatewayStage(devnet, { folder, port: await findFreePorts(2), backend })
    await stage.#prepare(isOwnModel)
    return stage
  }

  get #operatorSecret(): Uint8Array {
    return parseHex(this.devnet.validators[0]!.operator.privateKey.slice(2))!
  }

  async #prepare(isOwnModel: boolean): Promise<void> {
    const keystore = await encryptKeystore(this.#operatorSecret, PASSWORD, {
      cost: 'light',
      scrypt: nodeScrypt,
    })
    writeFileSync(join(this.folder, 'provider.json'), JSON.stringify(keystore))
    writeFileSync(join(this.folder, 'password.txt'), PASSWORD)
    writeFileSync(join(this.folder, 'tariff.json'), tariffText(TARIFF))
    const url = isOwnModel ? {} : { url: this.backend.url }
    this.ports.forEach((port, i) => {
      const config = {
        ...{ listen: `127.0.0.1:${port}`, node: this.devnet.rpcUrl, dataDir: `data-${i}`, pollMs: 100 },
        ...{ keystore: 'provider.json', passwordFile: 'password.txt', tariff: 'tariff.json' },
        exposurePpm: EXPOSURE_PPM,
        backends: [
          { kind: 'demo', models: [MODEL], ...url, contextTokens: CONTEXT_TOKENS },
          ...(isOwnModel ? [TRAINING] : []),
        ],
        limits: { queueMs: 1_000, drainMs: 5_000 },
      }
      writeFileSync(this.config(i), JSON.stringify(config))
    })
    const [lot] = (await this.client.query(capacity, 'lots', { provider: 1 }))!
    const terms = { classId: lot!.classId, region: lot!.region, endpoint: '', bonusPpm: 0n }
    const hashes = { runtimeHash: ZERO_HASH, tariffHash: tariffHash(TARIFF) }
    await this.client.send(this.operator, redemption.list({ service: 'infer', ...terms, ...hashes }))
  }

  config(i = 0): string {
    return join(this.folder, `gateway-${i}.json`)
  }

  /** `suanli gateway`, once its door is open. */
  async open(i = 0): Promise<void> {
    const running = new Running(['gateway', '-c', this.config(i), '--log-level', 'warn'])
    this.#running.set(`${i}`, running)
    await running.line(/^Serving /)
  }

  /** Ctrl-C: it settles. Resolves with its exit code. */
  async shut(i = 0): Promise<number | null> {
    const running = mustExist(this.#running.get(`${i}`), 'a gateway that runs')
    this.#running.delete(`${i}`)
    return (await running.interrupt()).code
  }

  async kill(i = 0): Promise<void> {
    const running = mustExist(this.#running.get(`${i}`), 'a gateway that runs')
    this.#running.delete(`${i}`)
    running.child.kill('SIGKILL')
    await running.ended
  }

  /** The model again where it was, as after a crash of its own; `isSlow`: for who wants to see an answer grow. */
  async startBackend({ isSlow = false } = {}): Promise<void> {
    await this.backend.close()
    const port = Number(new URL(this.backend.url).port)
    this.backend = await startDemoBackend({
      port,
      ...(isSlow ? { tokensPerSecond: SLOW_TOKENS_PER_SECOND } : {}),
    })
  }

  holder(secret: Uint8Array): Holder {
    return { secret, account: privateKeyAccount(secret), keys: redeemKeys(secret, this.genesis) }
  }

  /** One of the funded accounts. */
  account(i: number): Holder {
    return this.holder(parseHex(this.devnet.accounts[i]!.privateKey.slice(2))!)
  }

  async request(holder: Holder, amountBase: bigint): Promise<Redemption> {
    const wanted = { amountBase, service: 'infer', provider: 1 } as const
    const id = await requestRedemption(this.client, holder.account, holder.keys, wanted)
    return { holder, id, counts: new Map() }
  }

  async clock() {
    return (await this.client.query(capacity, 'clock', {}))!
  }

  /** A fetch that ends at the first gateway, whichever of the two an address names: as a proxy before both. */
  get toFirst(): DoorFetch {
    return (url, init) => fetch(url.replace(`:${this.ports[1]}`, `:${this.ports[0]}`), init)
  }

  info(id: number) {
    return this.client.query(redemption, 'redemption', { id })
  }

  async assignment(id: number) {
    return (await this.info(id))?.assignments.at(-1)
  }

  /** Makes blocks until something is there. */
  async blocksUntil<T>(what: string, find: () => Promise<T | undefined>): Promise<T> {
    for (let block = 0; block < BLOCKS_MAX; block++) {
      const found = await find()
      if (found !== undefined) return found
      await this.devnet.mine()
    }
    throw new Error(`${what}: not within ${BLOCKS_MAX} blocks`)
  }

  /** Waits until redemptions are assigned, and granted unless nobody grants. */
  async assigned(ids: readonly number[], isGranted = true): Promise<void> {
    for (const id of ids) {
      await this.blocksUntil(`redemption ${id} is assigned`, () => this.assignment(id))
      if (!isGranted) continue
      await until(`redemption ${id} is granted`, async () => (await this.assignment(id))!.grantedAtMs > 0)
    }
  }

  /** Ends windows until that of these redemptions runs. */
  async begin(ids: readonly number[]): Promise<void> {
    await this.assigned(ids)
    const last = Math.max(...(await Promise.all(ids.map(async (id) => (await this.assignment(id))!.window))))
    const { windowIndex } = await this.clock()
    if (last > windowIndex) await this.devnet.passWindows(last - windowIndex)
  }

  redeemer({ holder, id, counts }: Redemption, more: Partial<RedeemerOptions> = {}): Redeemer {
    const { keys, account } = holder
    const store = {
      load: (assignment: number) => counts.get(assignment),
      save: (assignment: number, state: MeterState) => void counts.set(assignment, state),
    }
    return new Redeemer({ client: this.client, id, keys, account, store, pollMs: 50, ...more })
  }

  /** What the newest grant of a redemption says, as its holder opens it. */
  async grant({ holder, id }: Redemption): Promise<Grant & { readonly assignment: number }> {
    const { assignment, grant } = (await this.assignment(id))!
    const on = { genesis: this.genesis, redemptionId: id, assignment }
    return { ...(await holder.keys.open(on, grant!)), assignment }
  }

  /** A GET of a gateway with the key of a redemption. */
  async ask(of: Redemption, path: string, i = 0): Promise<string> {
    const headers = { authorization: `Bearer ${apiKeyText((await this.grant(of)).apiKey)}` }
    return (await fetch(`http://127.0.0.1:${this.ports[i]}${path}`, { headers })).text()
  }

  /** The same without asking the chain. */
  async sessionBy(apiKey: Uint8Array): Promise<Session> {
    const headers = { authorization: `Bearer ${apiKeyText(apiKey)}` }
    const answer = await fetch(`http://127.0.0.1:${this.ports[0]}${PATHS.session}`, { headers })
    return readWire(sessionInfo, await answer.text())
  }

  async session(of: Redemption, i = 0): Promise<Session> {
    return readWire(sessionInfo, await this.ask(of, PATHS.session, i))
  }

  /** The meter's statement, checked: what was metered, and how many lines. */
  async statement(of: Redemption): Promise<{ readonly meteredBase: bigint; readonly lineCount: number }> {
    const { assignment } = await this.grant(of)
    const { chainId } = this.devnet
    const on = { genesis: this.genesis, chainId, redemptionId: of.id, assignment }
    const statement = readWire(statementInfo, await this.ask(of, PATHS.statement))
    return checkStatement(statement, { ...on, provider: this.operator.address })
  }

  /** Supply and liabilities, by the newest header. */
  async reserve(): Promise<{ readonly supply: bigint; readonly liabilities: bigint }> {
    type Answer = { readonly reserve: Readonly<Record<string, string>> }
    const { reserve } = (await this.client.request('chain_reserve')) as unknown as Answer
    return { supply: BigInt(reserve.supplyBase!), liabilities: BigInt(reserve.liabilitiesBase!) }
  }

  /** A folder below the stage's own. */
  dir(name: string): string {
    const path = join(this.folder, name)
    mkdirSync(path, { recursive: true })
    return path
  }

  async close(): Promise<void> {
    for (const running of this.#running.values()) {
      running.child.kill('SIGKILL')
      await running.ended
    }
    await this.backend.close()
    await this.devnet.close()
    rmSync(this.folder, { recursive: true, force: true })
  }
}
