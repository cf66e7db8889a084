// One validator of a devnet inside this process: it starts without loading a program, and all share what is compiled.
// Owns: start, stop, log file. Not: its folder (directories.ts), the node (node/).
import { accessSync, closeSync, constants, openSync } from 'node:fs'
import { toHex } from '../base/bytes.ts'
import { errorText, OperatorError } from '../base/errors.ts'
import type { Clock } from '../consensus/ports.ts'
import { loadConfig } from '../node/config.ts'
import { createLogger, RecentLines } from '../node/logging.ts'
import type { DevnetParts, RunningNode } from '../node/node.ts'
import { genesisFile, parseGenesis } from '../node/nodeDir.ts'
import { startNodeFromDir } from '../node/startDir.ts'
import { RpcSeat } from '../rpc/seat.ts'
import { diskFaultText } from '../storage/diskFault.ts'
import { DevSigner } from './devSigner.ts'
import { DEVELOPMENT_PASSWORD } from './directories.ts'
import type { DevnetMember } from './member.ts'
import { logFileOf, type Validator, type ValidatorEvents } from './validator.ts'

/** What the validators of one process share. */
export interface LocalParts extends DevnetParts {
  readonly clock: Clock
  /** Nobody else ever has its votes: it may forget them. */
  readonly isAlone: boolean
}

export class LocalValidator implements Validator {
  readonly member: DevnetMember
  readonly logFile: string
  readonly #parts: LocalParts
  readonly #events: ValidatorEvents
  readonly #seat = new RpcSeat()
  #node: RunningNode | undefined
  /** Of a lone validator. */
  #signer: DevSigner | undefined
  /** The last start or stop under way; the next waits for it. */
  #last: Promise<void> = Promise.resolve()
  #isWanted = false

  constructor(member: DevnetMember, parts: LocalParts, events: ValidatorEvents) {
    this.member = member
    this.logFile = logFileOf(member)
    this.#parts = parts
    this.#events = events
  }

  /** Undefined while it is down. */
  get node(): RunningNode | undefined {
    return this.#node
  }

  get pid(): number | undefined {
    return this.#node === undefined ? undefined : process.pid
  }

  start(): Promise<void> {
    this.#isWanted = true
    return this.#next(async () => {
      if (this.#node === undefined && this.#isWanted) this.#node = await this.#launch()
    })
  }

  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    if (signal === 'SIGKILL') {
      throw new OperatorError(
        `validator-${this.member.index} runs in this process and cannot crash alone: stop it with SIGTERM, or start the devnet ` +
          'without the in-process option',
      )
    }
    this.#isWanted = false
    return this.#next(async () => {
      const node = this.#node
      this.#node = undefined
      await node?.close()
    })
  }

  close(): Promise<void> {
    return this.stop()
  }

  /** Takes the chain of a lone validator back to a block while it runs; false when it cannot, and then nothing has changed. `onBack` runs before it votes again. */
  async goBackRunning(height: number, onBack: () => void): Promise<boolean> {
    const [node, signer] = [this.#node, this.#signer]
    if (node?.takeBack === undefined || signer === undefined || node.haltKind() !== undefined) return false
    const forget = async (): Promise<void> => {
      await signer.forget()
      onBack()
    }
    await this.#next(() => this.#seat.during(() => node.takeBack!(height, forget)))
    return true
  }

  /** Stops, runs a step on its folder, and starts again; clients of its JSON-RPC port keep their connections and wait. */
  restartAfter(step: () => Promise<void>): { readonly closed: Promise<void>; start(): Promise<void> } {
    this.#seat.keep(true)
    const closed = this.stop().then(step)
    return {
      closed,
      start: async () => {
        try {
          await this.start()
        } catch (error) {
          await this.#seat.abandon()
          throw error
        } finally {
          this.#seat.keep(false)
        }
      },
    }
  }

  #next(step: () => Promise<void>): Promise<void> {
    const done = this.#last.then(step)
    this.#last = done.catch(() => {})
    return done
  }

  async #launch(): Promise<RunningNode> {
    const { dir, index } = this.member
    this.#checkLog()
    const config = loadConfig(dir)
    const recent = new RecentLines()
    const logger = createLogger({
      level: config.logLevel,
      name: `validator-${index}`,
      recent,
      file: this.logFile,
      rotation: config.logRotation,
    })
    const genesis = parseGenesis(genesisFile(dir))
    this.#signer = this.#parts.isAlone ? await DevSigner.open(this.member, genesis) : undefined
    const node = await startNodeFromDir({
      dataDir: dir,
      password: DEVELOPMENT_PASSWORD,
      config,
      genesis,
      takeOverSigner: false,
      forceMovedSigner: false,
      clock: this.#parts.clock,
      devnet: {
        ...this.#parts,
        startRpc: this.#seat.start,
        ...(this.#signer === undefined ? {} : { signer: this.#signer }),
      },
      logger,
      recent,
    }).catch(async (error: unknown): Promise<never> => {
      await this.#signer?.close()
      throw new OperatorError(
        `validator-${index} cannot be started: ${diskFaultText(error) ?? errorText(error)}`,
      )
    })
    const stopFirst = node.onFinalized(({ height, hash }) => {
      stopFirst()
      this.#events.onMessage({ kind: 'final', height, hash: toHex(hash) })
    })
    void node.halted.then((reason) => this.#events.onMessage({ kind: 'halted', reason }))
    return node
  }

  /** The logger would only tell later. */
  #checkLog(): void {
    try {
      closeSync(openSync(this.logFile, 'a'))
      accessSync(this.logFile, constants.W_OK)
    } catch (error) {
      throw new OperatorError(`${this.logFile} cannot be written: ${errorText(error)}`)
    }
  }
}
