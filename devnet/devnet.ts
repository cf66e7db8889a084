// A chain of several validators on this machine, as child processes with public development keys. READ FIRST in devnet/.
// Owns: `createDevnet` and what it hands out. Not: the genesis (genesis/devnet.ts), the command (cli/commands/devnet.ts).
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checksumAddress } from '../base/address.ts'
import { toHex } from '../base/bytes.ts'
import { OperatorError } from '../base/errors.ts'
import { isWholeNumber } from '../base/integers.ts'
import { type DevelopmentAccount, developmentValidator } from '../genesis/devKeys.ts'
import { DEVNET_VALIDATORS, DEVNET_WINDOW_MS } from '../genesis/devnet.ts'
import { type Genesis, genesisHash } from '../genesis/schema.ts'
import { LOG_LEVELS } from '../node/config.ts'
import type { NodeMessage } from '../node/nodeMessage.ts'
import { DevChain } from './devChain.ts'
import { DevClock } from './devClock.ts'
import { planDevnet, prepareDevnet } from './directories.ts'
import {
  ACCOUNTS_MAX,
  developmentGenesis,
  fundedAccounts,
  type ParameterOverrides,
  readDevelopmentGenesis,
} from './genesisOptions.ts'
import { Granter } from './granter.ts'
import { type LocalParts, LocalValidator } from './localValidator.ts'
import { checkNotRunning, lockDevnet } from './lock.ts'
import type { DevnetMember } from './member.ts'
import { namedLikeValidators } from './ownership.ts'
import { findFreePorts, isPortFree } from './ports.ts'
import { checkUnused, removeDevnetStatus, writeDevnetStatus } from './statusFile.ts'
import type { Validator, ValidatorEvents } from './validator.ts'
import { ValidatorProcess } from './validatorProcess.ts'

// What others import as `suanli/devnet` besides this file's own.
export { OperatorError } from '../base/errors.ts'
export type { Genesis } from '../genesis/schema.ts'
export type { DevnetMember } from './member.ts'

const DEFAULT_BLOCK_TIME_MS = 50
const BALANCE_COINS_MAX = 1_000_000_000
/** Clients compute with it, and with twice as much (EIP-2294). */
const CHAIN_ID_MAX = 2 ** 52

export interface DevnetOptions {
  /** How many validators, 1 to 16; default 4. Fewer than 4 bear no fault and take windows of up to an hour. */
  readonly validators?: number
  /** Chain id; default 83838. */
  readonly chainId?: number
  /** How many funded accounts, 1 to 100; default 10. */
  readonly accounts?: number
  /** Whole coins of each; default 10,000. The providers must be able to back all of them. */
  readonly balanceCoins?: number
  /** Parameters of the chain by path, in the form of the genesis document: `{ 'redemption.assignAhead': 3 }`. */
  readonly params?: ParameterOverrides
  /** A genesis document whose members have the development keys, instead of all options of the chain. */
  readonly genesisFile?: string
  /** JSON-RPC port of the first validator, the others follow; by default free ones are found. */
  readonly port?: number
  /** Peer-to-peer port of the first validator, the others follow; default 1,000 above its JSON-RPC port. */
  readonly p2pPort?: number
  /** Where the chain is kept; by default a temporary folder, which `close` removes. */
  readonly dataDir?: string
  /** Shortest time between two blocks under load, milliseconds; default 50. */
  readonly blockTimeMs?: number
  /** Length of a capacity window, milliseconds; default 60,000. */
  readonly windowMs?: number
  /**
   * Runs the validators in this process instead of one each: they start in a fraction of the time and share its memory and its
   * thread. One of them cannot crash alone.
   */
  readonly isInProcess?: boolean
  /** The providers grant whatever is assigned to them, by themselves: a request left alone suspends nobody. */
  readonly isGranting?: boolean
  /** Forgets the chain of an earlier run in `dataDir`. */
  readonly isFresh?: boolean
  /** Level of the validators' log files; default `info`. */
  readonly logLevel?: 'silent' | 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace'
  /** Ends a start under way: `createDevnet` rejects with the signal's reason and leaves nothing running. */
  readonly signal?: AbortSignal
  readonly onEvent?: (event: DevnetEvent) => void
}

/** What happens in a devnet, in the order in which it happens. */
export type DevnetEvent =
  /** The folders are written, no process runs yet. */
  | { readonly kind: 'prepared'; readonly genesis: Genesis; readonly members: readonly DevnetMember[] }
  /** Every validator answers JSON-RPC. */
  | { readonly kind: 'up'; readonly dataDir: string; readonly members: readonly DevnetMember[] }
  /** The first block of this run is final. */
  | { readonly kind: 'final'; readonly block: FirstFinal }
  /** A provider that grants by itself could not. */
  | { readonly kind: 'notGranted'; readonly reason: string }
  /** A validator's consensus stopped for good; it still answers reads. */
  | { readonly kind: 'halted'; readonly validator: number; readonly reason: string }
  /** A validator's process ended by itself. */
  | { readonly kind: 'lost'; readonly validator: number; readonly how: string; readonly logFile: string }

export interface FirstFinal {
  readonly height: number
  readonly hash: `0x${string}`
  /** Milliseconds from the start of the validators. */
  readonly afterMs: number
}

/** An account whose key is public. */
export interface DevnetAccount {
  readonly address: `0x${string}`
  readonly privateKey: `0x${string}`
}

export interface DevnetValidator {
  readonly index: number
  /** The process it runs in; undefined while it is down. */
  readonly pid: number | undefined
  readonly dir: string
  readonly logFile: string
  readonly rpcUrl: string
  /** Where further nodes reach it, as `--peer` takes it. */
  readonly multiaddr: string
  /** The account that mints against its pledge. */
  readonly operator: DevnetAccount
}

export interface Devnet {
  readonly dataDir: string
  readonly chainId: number
  readonly genesisHash: `0x${string}`
  /** JSON-RPC of the first validator. */
  readonly rpcUrl: string
  readonly wsUrl: string
  /** Accounts of the well-known test mnemonic; by default ten, each with 10,000 coins. */
  readonly accounts: readonly DevnetAccount[]
  readonly validators: readonly DevnetValidator[]
  readonly firstFinal: FirstFinal
  /** Ends one validator: SIGKILL, the default for one with a process of its own, is a crash; SIGTERM closes it in order. */
  stopValidator(index: number, signal?: 'SIGKILL' | 'SIGTERM'): Promise<void>
  /** Starts one again; resolves once it answers JSON-RPC. */
  startValidator(index: number): Promise<void>
  /** Sets the chain's clock forward. The next block ends the running window if its end has come, and no other. Like all that follows, for a devnet in one process. */
  increaseTime(ms: number): void
  /** Makes blocks, although nothing waits, `intervalMs` of the chain's time apart or as soon as it allows; default one. */
  mine(options?: { readonly count?: number; readonly intervalMs?: number }): Promise<void>
  /** Ends capacity windows one after another, with the blocks that each end brings; default one. */
  passWindows(count?: number): Promise<void>
  /** Remembers the newest block; the number that `revert` takes. */
  snapshot(): Promise<number>
  /** Takes all validators back to the block and the time of a snapshot; false when there is none of this number. */
  revert(snapshot: number): Promise<boolean>
  /** Resolves when the last validator has ended by itself. */
  readonly allLost: Promise<void>
  /** Stops every validator and resolves once all have ended. */
  close(): Promise<void>
}

/**
 * Starts a devnet and resolves once its first block is final. Rejects with OperatorError when a port is taken, when `dataDir`
 * holds anything that no devnet made, or when a validator ends during the start; nothing is left running then.
 *
 * @example
 * const devnet = await createDevnet()
 * devnet.accounts[0]?.address // '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266'
 * await devnet.close()
 */
export async function createDevnet(options: DevnetOptions = {}): Promise<Devnet> {
  checkOptions(options)
  options.signal?.throwIfAborted()
  const genesis = genesisOf(options)
  const validators = genesis.providers.length
  const isTemporary = options.dataDir === undefined
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'suanli-devnet-'))
  let unlock = async (): Promise<void> => {}
  const release = async (): Promise<void> => {
    await unlock()
    if (isTemporary) rmSync(dataDir, { recursive: true, force: true })
  }
  try {
    const port = options.port ?? (await findFreePorts(validators))
    const members = planDevnet({ ...options, validators, port, dataDir })
    await checkUnused(dataDir)
    await checkPorts(members)
    unlock = await lockDevnet(dataDir)
    await checkNotRunning(namedLikeValidators(dataDir))
    prepareDevnet(
      { genesis, dataDir, isFresh: options.isFresh ?? false, logLevel: options.logLevel ?? 'info' },
      members,
    )
    options.onEvent?.({ kind: 'prepared', genesis, members })
    const running = new RunningDevnet({
      dataDir,
      genesis,
      members,
      isInProcess: options.isInProcess ?? false,
      isGranting: options.isGranting ?? false,
      onEvent: options.onEvent ?? (() => {}),
    })
    const firstFinal = await running.start(options.signal)
    return running.facade(firstFinal, release)
  } catch (error) {
    await release()
    throw error
  }
}

function genesisOf(options: DevnetOptions): Genesis {
  if (options.genesisFile !== undefined) return readDevelopmentGenesis(options.genesisFile)
  return developmentGenesis({
    ...options,
    validators: options.validators ?? DEVNET_VALIDATORS.usual,
    blockTimeMs: options.blockTimeMs ?? DEFAULT_BLOCK_TIME_MS,
    windowMs: options.windowMs ?? DEVNET_WINDOW_MS,
  })
}

/** What a genesis document decides. */
const CHAIN_OPTIONS = [
  ...['validators', 'chainId', 'accounts', 'balanceCoins', 'params', 'blockTimeMs', 'windowMs'],
] as const satisfies readonly (keyof DevnetOptions)[]

/** Throws OperatorError naming the option that cannot be used. */
function checkOptions(options: DevnetOptions): void {
  const { validators, port, p2pPort, dataDir, blockTimeMs, windowMs, logLevel } = options
  const { chainId, accounts, balanceCoins } = options
  const { min, max } = DEVNET_VALIDATORS
  const given = CHAIN_OPTIONS.find((name) => options[name] !== undefined)
  if (options.genesisFile !== undefined && given !== undefined)
    throw new OperatorError(`${given}: the genesis document decides it`)
  const isCount = (value: unknown, least: number, most: number): boolean =>
    value === undefined || isWholeNumber(value, least, most)
  const checks: readonly [name: string, isGood: boolean, expected: string][] = [
    ['validators', isCount(validators, min, max), `${min} to ${max}`],
    ['chainId', isCount(chainId, 1, CHAIN_ID_MAX), `1 to ${CHAIN_ID_MAX}`],
    ['accounts', isCount(accounts, 1, ACCOUNTS_MAX), `1 to ${ACCOUNTS_MAX}`],
    ['balanceCoins', isCount(balanceCoins, 1, BALANCE_COINS_MAX), `1 to ${BALANCE_COINS_MAX}`],
    ['p2pPort', isCount(p2pPort, 1, 65_000), 'a port, 1 to 65000'],
    ['port', port === undefined || isWholeNumber(port, 1, 64_000), 'a port, 1 to 64000'],
    ['dataDir', dataDir === undefined || (typeof dataDir === 'string' && dataDir !== ''), 'a folder'],
    ['blockTimeMs', blockTimeMs === undefined || isWholeNumber(blockTimeMs, 0, 60_000), '0 to 60000'],
    ['windowMs', windowMs === undefined || isWholeNumber(windowMs, 1_000, 86_400_000), '1000 to 86400000'],
    ['logLevel', logLevel === undefined || LOG_LEVELS.includes(logLevel), `one of ${LOG_LEVELS.join(', ')}`],
  ]
  for (const [name, isGood, expected] of checks) {
    if (!isGood) throw new OperatorError(`${name}: expected ${expected}`)
  }
}

/** Fails early and clearly, before anything is written. */
async function checkPorts(members: readonly DevnetMember[]): Promise<void> {
  for (const port of members.flatMap(({ rpcPort, p2pPort }) => [rpcPort, p2pPort])) {
    if (await isPortFree(port)) continue
    throw new OperatorError(`port ${port} is taken: stop what uses it or choose another port`)
  }
}

const accountOf = ({ address, secretKey }: DevelopmentAccount): DevnetAccount => ({
  address: checksumAddress(address) as `0x${string}`,
  privateKey: toHex(secretKey),
})

interface RunningOptions {
  readonly dataDir: string
  readonly genesis: Genesis
  readonly members: readonly DevnetMember[]
  readonly isInProcess: boolean
  readonly isGranting: boolean
  readonly onEvent: (event: DevnetEvent) => void
}

class RunningDevnet {
  readonly #options: RunningOptions
  readonly #validators: readonly Validator[]
  /** Only where all run in this process. */
  readonly #chain: DevChain | undefined
  readonly #firstFinal: Promise<FirstFinal>
  #granter: Granter | undefined
  #onFinal: (block: FirstFinal) => void = () => {}
  readonly #allLost: Promise<void>
  #onAllLost: () => void = () => {}
  #startedAt = 0
  #isUp = false
  #isClosing = false
  /** The first block that any validator saw final, and the first that the first one did. */
  #seen: FirstFinal | undefined
  #isFirstLost = false
  #first: FirstFinal | undefined

  constructor(options: RunningOptions) {
    this.#options = options
    this.#firstFinal = new Promise((resolve) => {
      this.#onFinal = resolve
    })
    this.#allLost = new Promise((resolve) => {
      this.#onAllLost = resolve
    })
    const local: LocalValidator[] = []
    const parts = options.isInProcess ? this.#shared(local) : undefined
    this.#validators = options.members.map((member) => {
      const events: ValidatorEvents = {
        onMessage: (message) => this.#onMessage(member.index, message),
        onLost: (how) => this.#onLost(member.index, how),
      }
      if (parts === undefined) return new ValidatorProcess(member, events)
      const validator = new LocalValidator(member, parts, events)
      local.push(validator)
      return validator
    })
    this.#chain = parts?.control
  }

  #shared(validators: readonly LocalValidator[]): LocalParts & { readonly control: DevChain } {
    const clock = new DevClock()
    const chain = new DevChain({
      clock,
      genesis: this.#options.genesis,
      validators,
      granter: () => this.#granter,
    })
    return { clock, wantedBlocks: chain, control: chain }
  }

  /** Starts every validator; resolves with the first block that becomes final. Leaves nothing running when it rejects. */
  async start(signal: AbortSignal | undefined): Promise<FirstFinal> {
    const { onEvent, dataDir, members } = this.#options
    this.#startedAt = performance.now()
    signal?.throwIfAborted()
    let abort = (): void => {}
    const aborted = new Promise<never>((_, reject) => {
      abort = () => reject(signal?.reason)
      signal?.addEventListener('abort', abort, { once: true })
    })
    aborted.catch(() => {})
    const allLost = this.#allLost.then((): never => {
      throw new OperatorError('every validator ended before a block was final')
    })
    allLost.catch(() => {})
    const started = Promise.all(this.#validators.map((validator) => validator.start()))
    try {
      await Promise.race([started, aborted])
      this.#isUp = true
      this.#writeStatus()
      this.#startGranting()
      onEvent({ kind: 'up', dataDir, members })
      if (this.#first !== undefined) onEvent({ kind: 'final', block: this.#first })
      return await Promise.race([this.#firstFinal, aborted, allLost])
    } catch (error) {
      started.catch(() => {})
      await this.close()
      throw error
    } finally {
      signal?.removeEventListener('abort', abort)
    }
  }

  #startGranting(): void {
    const { members, genesis, onEvent, isGranting } = this.#options
    if (!isGranting) return
    this.#granter = new Granter({
      rpcUrl: rpcUrlOf(members[0]!),
      providers: genesis.providers.length,
      onFailure: (reason) => onEvent({ kind: 'notGranted', reason }),
    })
  }

  facade(firstFinal: FirstFinal, afterClose: () => Promise<void>): Devnet {
    const { dataDir, genesis, members } = this.#options
    const rpcUrl = rpcUrlOf(members[0]!)
    const self = this
    return {
      dataDir,
      chainId: genesis.chainId,
      genesisHash: toHex(genesisHash(genesis)),
      rpcUrl,
      wsUrl: rpcUrl.replace('http', 'ws'),
      accounts: fundedAccounts(genesis).map(accountOf),
      get validators() {
        return self.#validators.map(validatorOf)
      },
      firstFinal,
      allLost: this.#allLost,
      stopValidator: async (index, signal = this.#options.isInProcess ? 'SIGTERM' : 'SIGKILL') => {
        if (signal !== 'SIGKILL' && signal !== 'SIGTERM') {
          throw new OperatorError(`signal: expected SIGKILL or SIGTERM, here ${String(signal)}`)
        }
        await this.#validator(index).stop(signal)
        this.#writeStatus()
      },
      startValidator: async (index) => {
        await this.#validator(index).start()
        this.#writeStatus()
      },
      increaseTime: (ms) => {
        if (!isWholeNumber(ms)) throw new OperatorError('milliseconds: expected a whole number from 0 on')
        const chain = this.#mustBeInProcess()
        chain.setTimeMs(chain.nowMs() + ms)
      },
      mine: ({ count = 1, intervalMs = 0 } = {}) => this.#mustBeInProcess().mine({ count, intervalMs }),
      snapshot: () => this.#mustBeInProcess().snapshot(),
      revert: (snapshot) => this.#mustBeInProcess().revert(snapshot),
      passWindows: (count = 1) => this.#mustBeInProcess().passWindows(count),
      close: async () => {
        await this.close()
        await afterClose()
      },
    }
  }

  async close(): Promise<void> {
    this.#isClosing = true
    await this.#granter?.close()
    await Promise.all(this.#validators.map((validator) => validator.stop()))
    removeDevnetStatus(this.#options.dataDir)
  }

  #mustBeInProcess(): DevChain {
    if (this.#isClosing) throw new OperatorError('the devnet is closed')
    if (this.#chain !== undefined) return this.#chain
    throw new OperatorError('time and blocks are set on a devnet in one process: start it with isInProcess')
  }

  #validator(index: number): Validator {
    const validator = Number.isSafeInteger(index) ? this.#validators[index] : undefined
    if (validator === undefined) throw new OperatorError(`no validator ${index}`)
    if (this.#isClosing) throw new OperatorError('the devnet is closed')
    return validator
  }

  #onMessage(validator: number, message: NodeMessage): void {
    const { onEvent } = this.#options
    if (message.kind === 'halted') onEvent({ kind: 'halted', validator, reason: message.reason })
    if (message.kind !== 'final') return
    const { height, hash } = message
    const block = { height, hash, afterMs: performance.now() - this.#startedAt }
    this.#seen ??= block
    // Whoever waits for it asks the first validator.
    if (validator === 0 || this.#isFirstLost) this.#setFirst(block)
  }

  #setFirst(block: FirstFinal): void {
    const { onEvent } = this.#options
    if (this.#first !== undefined) return
    this.#first = block
    // A validator may see a block final before the last one is up; the events keep their order.
    this.#onFinal(block)
    if (this.#isUp) onEvent({ kind: 'final', block })
  }

  #onLost(validator: number, how: string): void {
    if (this.#isClosing) return
    if (validator === 0) this.#isFirstLost = true
    if (validator === 0 && this.#seen !== undefined) this.#setFirst(this.#seen)
    const { logFile } = this.#validator(validator)
    if (this.#isUp) this.#writeStatus()
    if (this.#validators.every(({ pid }) => pid === undefined)) this.#onAllLost()
    this.#options.onEvent({ kind: 'lost', validator, how, logFile })
  }

  #writeStatus(): void {
    // Only scripts read it: a folder that was taken away must not end the program that runs the devnet.
    if (this.#isClosing || !existsSync(this.#options.dataDir)) return
    writeDevnetStatus(this.#options.dataDir, {
      pid: process.pid,
      nodes: this.#validators.map(({ member, pid }) => ({
        index: member.index,
        pid: pid ?? null,
        dir: member.dir,
        rpcUrl: rpcUrlOf(member),
        p2pPort: member.p2pPort,
        peerId: member.peerId,
      })),
    })
  }
}

const rpcUrlOf = ({ rpcPort }: DevnetMember): string => `http://127.0.0.1:${rpcPort}`

function validatorOf({ member, pid, logFile }: Validator): DevnetValidator {
  return {
    index: member.index,
    pid,
    dir: member.dir,
    logFile,
    rpcUrl: rpcUrlOf(member),
    multiaddr: `/ip4/127.0.0.1/tcp/${member.p2pPort}/p2p/${member.peerId}`,
    operator: accountOf(developmentValidator(member.index).operator),
  }
}
