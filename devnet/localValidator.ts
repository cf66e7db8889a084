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
import { DEVELOPMENT_PASSWORD } from './directories.ts'
import type { DevnetMember } from './member.ts'
import { takeBack } from './takeBack.ts'
import { logFileOf, type Validator, type ValidatorEvents } from './validator.ts'

/** What the validators of one process share. */
export interface LocalParts extends DevnetParts {
  readonly clock: Clock
}

export class LocalValidator implements Validator {
  readonly member: DevnetMember
  readonly logFile: string
  readonly #parts: LocalParts
  readonly #events: ValidatorEvents
  readonly #seat = new RpcSeat()
  #node: RunningNode | undefined
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

  /** Takes the chain back to a block and starts again; clients of its JSON-RPC port keep their connections and wait. */
  revertTo(height: number): { readonly closed: Promise<void>; start(): Promise<void> } {
    this.#seat.keep(true)
    const closed = this.stop().then(() => takeBack(this.member, height))
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
    const node = await startNodeFromDir({
      dataDir: dir,
      password: DEVELOPMENT_PASSWORD,
      config,
      genesis: parseGenesis(genesisFile(dir)),
      takeOverSigner: false,
      forceMovedSigner: false,
      clock: this.#parts.clock,
      devnet: { ...this.#parts, startRpc: this.#seat.start },
      logger,
      recent,
    }).catch((error: unknown): never => {
      throw new OperatorError(`validator-${index} cannot be started: ${errorText(error)}`)
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
