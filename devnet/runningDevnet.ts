// A devnet that runs: its validators, what happens to them, what its user is handed. Owns: starting, the order of events, closing.
// Not: folders and ports (devnet.ts), one validator (validatorProcess.ts, localValidator.ts).
import { existsSync } from 'node:fs'
import { checksumAddress } from '../base/address.ts'
import { toHex } from '../base/bytes.ts'
import { bls } from '../base/crypto/bls.ts'
import { OperatorError } from '../base/errors.ts'
import { isWholeNumber } from '../base/integers.ts'
import { type DevelopmentAccount, developmentAccounts, developmentValidator } from '../genesis/devKeys.ts'
import { type Genesis, genesisHash } from '../genesis/schema.ts'
import type { NodeMessage } from '../node/nodeMessage.ts'
import { type ControlServer, startControlServer } from './controlServer.ts'
import { DevChain } from './devChain.ts'
import { DevClock } from './devClock.ts'
import type { Devnet, DevnetAccount, DevnetEvent, DevnetValidator, FirstFinal } from './devnetTypes.ts'
import type { DevGateways } from './gateways.ts'
import { fundedAccounts } from './genesisOptions.ts'
import { Granter } from './granter.ts'
import { recoverAnySender } from './impersonation.ts'
import { type DevLinks, NO_LINKS, NO_LINKS_ALONE } from './links.ts'
import { type LocalParts, LocalValidator } from './localValidator.ts'
import type { DevnetMember } from './member.ts'
import type { ProviderPrograms } from './providerPrograms.ts'
import { sharedBls } from './sharedBls.ts'
import { removeDevnetStatus, writeDevnetStatus } from './statusFile.ts'
import type { Validator, ValidatorEvents } from './validator.ts'
import { ValidatorProcess } from './validatorProcess.ts'

const accountOf = ({ address, secretKey }: DevelopmentAccount): DevnetAccount => ({
  address: checksumAddress(address) as `0x${string}`,
  privateKey: toHex(secretKey),
})

interface RunningOptions {
  readonly dataDir: string
  readonly genesis: Genesis
  readonly members: readonly DevnetMember[]
  readonly isInProcess: boolean
  /** Of the devnet's own JSON-RPC; 0: a free one. */
  readonly controlPort: number
  readonly isGranting: boolean
  readonly hasGateways: boolean
  readonly logLevel: string
  /** Where the clock of a devnet in one process begins; undefined: with this machine's. */
  readonly startsAtMs: number | undefined
  /** Whether its coins are where another chain had them. */
  readonly isForked: boolean
  /** Closed by whoever opened them. */
  readonly links: DevLinks | undefined
  readonly onEvent: (event: DevnetEvent) => void
}

export class RunningDevnet {
  readonly #options: RunningOptions
  readonly #validators: readonly Validator[]
  /** Only where all run in this process. */
  readonly #chain: DevChain | undefined
  readonly #firstFinal: Promise<FirstFinal>
  #programs: ProviderPrograms | undefined
  #gateways: DevGateways | undefined
  #control: ControlServer | undefined
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
        onAdopted: (pid) => this.#onAdopted(member.index, pid),
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
    const { startsAtMs } = this.#options
    if (startsAtMs !== undefined) clock.setTo(startsAtMs)
    const chain = new DevChain({
      clock,
      genesis: this.#options.genesis,
      validators,
      programs: () => this.#programs,
      links: this.#options.links ?? (this.#options.members.length === 1 ? NO_LINKS_ALONE : NO_LINKS),
    })
    const isAlone = this.#options.members.length === 1
    const shared = { bls: sharedBls(bls), recoverOne: recoverAnySender }
    return { clock, wantedBlocks: chain, control: chain, ...shared, isAlone }
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
      this.#chain?.resume()
      await this.#startControl()
      this.#writeStatus()
      this.#startGranting()
      onEvent({ kind: 'up', dataDir, members, controlUrl: this.#control?.url })
      if (this.#first !== undefined) onEvent({ kind: 'final', block: this.#first })
      const first = await Promise.race([this.#firstFinal, aborted, allLost])
      await Promise.race([this.#startGateways(), aborted, allLost])
      return first
    } catch (error) {
      started.catch(() => {})
      await this.close()
      throw error
    } finally {
      signal?.removeEventListener('abort', abort)
    }
  }

  /** Where each validator has a process of its own, none of them knows the links. */
  async #startControl(): Promise<void> {
    const { links, isInProcess, controlPort } = this.#options
    if (links === undefined || isInProcess) return
    this.#control = await startControlServer(links, controlPort)
  }

  #startGranting(): void {
    const { members, genesis, onEvent, isGranting, hasGateways } = this.#options
    if (!isGranting || hasGateways) return
    this.#programs = new Granter({
      rpcUrl: rpcUrlOf(members[0]!),
      providers: genesis.providers.length,
      onFailure: (reason) => onEvent({ kind: 'notGranted', reason }),
    })
  }

  async #startGateways(): Promise<void> {
    const { members, genesis, onEvent, hasGateways, logLevel } = this.#options
    if (!hasGateways) return
    // Loaded by those alone who ask for it.
    const { DevGateways } = await import('./gateways.ts')
    const gateways = await DevGateways.start({
      rpcUrl: rpcUrlOf(members[0]!),
      genesis,
      members,
      logLevel,
    })
    if (this.#isClosing) return gateways.close()
    this.#gateways = gateways
    this.#programs = gateways
    onEvent({ kind: 'serving', gateways: gateways.list })
  }

  facade(firstFinal: FirstFinal, afterClose: () => Promise<void>): Devnet {
    const { dataDir, genesis, members, isForked } = this.#options
    const rpcUrl = rpcUrlOf(members[0]!)
    const self = this
    return {
      dataDir,
      chainId: genesis.chainId,
      genesisHash: toHex(genesisHash(genesis)),
      rpcUrl,
      wsUrl: rpcUrl.replace('http', 'ws'),
      accounts: (isForked ? developmentAccounts() : fundedAccounts(genesis)).map(accountOf),
      get validators() {
        return self.#validators.map(validatorOf)
      },
      firstFinal,
      get gateways() {
        return self.#gateways?.list ?? []
      },
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
      passWindows: (count = 1) => this.#mustBeInProcess().passWindows({ count }),
      links: () => this.#mustHaveLinks().list(),
      setLink: ({ from, to, ...change }) => this.#mustHaveLinks().set({ from, to, change }),
      partition: (groups) => this.#mustHaveLinks().partition(groups),
      heal: () => this.#mustHaveLinks().heal(),
      get controlUrl() {
        return self.#control?.url
      },
      close: async () => {
        await this.close()
        await afterClose()
      },
    }
  }

  async close(): Promise<void> {
    this.#isClosing = true
    await this.#programs?.close()
    await this.#control?.close()
    await Promise.all(this.#validators.map((validator) => validator.close()))
    removeDevnetStatus(this.#options.dataDir)
  }

  #mustBeInProcess(): DevChain {
    if (this.#isClosing) throw new OperatorError('the devnet is closed')
    if (this.#chain !== undefined) return this.#chain
    throw new OperatorError('time and blocks are set on a devnet in one process: start it with isInProcess')
  }

  #mustHaveLinks(): DevLinks {
    const { links, members } = this.#options
    if (links !== undefined) return links
    throw new OperatorError(members.length === 1 ? NO_LINKS_ALONE : NO_LINKS)
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

  #onAdopted(validator: number, pid: number): void {
    if (this.#isClosing) return
    this.#writeStatus()
    this.#options.onEvent({ kind: 'adopted', validator, pid })
  }

  #onLost(validator: number, how: string): void {
    if (this.#isClosing) return
    if (validator === 0) this.#isFirstLost = true
    if (validator === 0 && this.#seen !== undefined) this.#setFirst(this.#seen)
    const { logFile, member } = this.#validator(validator)
    if (this.#isUp) this.#writeStatus()
    if (this.#validators.every(({ pid }) => pid === undefined)) this.#onAllLost()
    this.#options.onEvent({ kind: 'lost', validator, how, dir: member.dir, logFile })
  }

  #writeStatus(): void {
    // Only scripts read it: a folder that was taken away must not end the program that runs the devnet.
    if (this.#isClosing || !existsSync(this.#options.dataDir)) return
    writeDevnetStatus(this.#options.dataDir, {
      pid: process.pid,
      ...(this.#control === undefined ? {} : { controlUrl: this.#control.url }),
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
