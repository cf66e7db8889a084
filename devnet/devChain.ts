// Command over the chain of a devnet in one process: its clock, its blocks, its keys. Owns: what JSON-RPC's dev methods and
// `createDevnet`'s do. Not: the validators (localValidator.ts), the methods' form (rpc/dev/).
import { gunzipSync, gzipSync } from 'node:zlib'
import { toHex } from '../base/bytes.ts'
import { ExpectedError, errorText, OperatorError } from '../base/errors.ts'
import type { Address, Hash32, TxId } from '../base/ids.ts'
import { ClientError } from '../client/clientError.ts'
import { developmentAccounts, developmentValidator } from '../genesis/devKeys.ts'
import { type Genesis, genesisHash } from '../genesis/schema.ts'
import type { WantedBlocks } from '../node/application.ts'
import { DEFAULT_CONFIG } from '../node/config.ts'
import type { RunningNode } from '../node/node.ts'
import { linesOf, readStateFile } from '../node/stateFile.ts'
import { type DevControl, STATE_BYTES_MAX } from '../rpc/dev/control.ts'
import type { LinkControl } from '../rpc/dev/linkTypes.ts'
import { RPC_CODE, RpcError } from '../rpc/errors.ts'
import type { TransactionFields } from '../state/transaction.ts'
import { ClockJumps } from './clockJumps.ts'
import { DevAccounts } from './devAccounts.ts'
import type { DevClock } from './devClock.ts'
import { mintTo } from './devMinting.ts'
import { STATE_CHARS_MAX } from './forkSource.ts'
import { readLoadableState, replaceState, type StateLines } from './loadState.ts'
import type { LocalValidator } from './localValidator.ts'
import type { ProviderPrograms } from './providerPrograms.ts'
import { takeBack } from './takeBack.ts'

/** A block that nobody makes within this long means that the chain stands still. */
const STALLED_MS = 30_000
/** The year 5138: beyond it the timestamps of blocks would leave the integers that are exact. */
const TIME_MS_MAX = 100_000_000_000_000
/** Blocks that one window's end may bring before the next window is ended all the same. */
const BLOCKS_PER_WINDOW_MAX = 1_000
const SNAPSHOTS_MAX = 1_000
/** Of a state file in an answer or a request: its text, and what travels of it. */
const DUMP_CHARS_MAX = STATE_CHARS_MAX
const DUMP_BYTES_MAX = STATE_BYTES_MAX
const TOO_LONG =
  'the state is too long for an answer: suanli export state writes the file of a stopped validator'
/** How far back a revert goes. */
const REACH_BLOCKS = DEFAULT_CONFIG.historyHeights - 1

export class DevChain implements DevControl, WantedBlocks {
  readonly accounts: readonly Address[]
  readonly #accounts: DevAccounts
  /** By provider, as the genesis has them. */
  readonly #operators: readonly Address[]
  readonly #clock: DevClock
  readonly #jumps: ClockJumps
  readonly #validators: readonly LocalValidator[]
  readonly #programs: () => ProviderPrograms | undefined
  readonly #genesis: Genesis
  readonly #links: LinkControl | string
  #wantedHeight = 0
  readonly #snapshots = new Map<number, Snapshot>()
  #nextSnapshot = 1
  readonly #listeners = new Set<() => void>()
  /** Commands that make blocks run one after another. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(options: {
    readonly clock: DevClock
    readonly genesis: Genesis
    /** Undefined where providers do nothing by themselves. */
    readonly programs: () => ProviderPrograms | undefined
    readonly validators: readonly LocalValidator[]
    /** Or why there are none. */
    readonly links: LinkControl | string
  }) {
    this.#clock = options.clock
    this.#validators = options.validators
    this.#jumps = new ClockJumps(options.clock, () => this.#nodes())
    this.#programs = options.programs
    this.#genesis = options.genesis
    this.#links = options.links
    this.#operators = options.genesis.providers.map(({ operator }) => operator)
    const own = options.validators.map(({ member }) => developmentValidator(member.index).operator)
    this.#accounts = new DevAccounts([...developmentAccounts(), ...own], this.#operators)
    this.accounts = this.#accounts.listed
    this.#clock.onSet(() => this.#changed())
  }

  height(): number {
    return this.#wantedHeight
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #changed(): void {
    for (const listener of this.#listeners) listener()
  }

  nowMs(): number {
    return this.#jumps.nowMs()
  }

  aheadMs(): number {
    return this.#clock.aheadMs + this.#jumps.nowMs() - this.#clock.nowMs()
  }

  setTimeMs(ms: number): void {
    const now = this.#jumps.nowMs()
    if (ms < now)
      throw refuse(`the clock goes forward alone: it shows ${seconds(now)}, not before ${seconds(ms)}`)
    this.#jumps.jump(mustBeWithin(ms))
  }

  setNextTimestampMs(ms: number): void {
    const soonest = this.#node().tip().timestampMs + this.#intervalMs
    if (ms < soonest) {
      throw refuse(`the timestamp of the next block is ${seconds(soonest)} at least, here ${seconds(ms)}`)
    }
    // The clock stands until a block has its time: one that was under way has an earlier one.
    this.#jumps.jump(mustBeWithin(ms), () => this.#clock.stopAt(ms))
    const node = this.#node()
    const stop = node.onFinalized(() => {
      if (node.tip().timestampMs < ms) return
      stop()
      this.#clock.run()
    })
  }

  mine({ count, intervalMs, isGone }: Parameters<DevControl['mine']>[0]): Promise<void> {
    return this.#inTurn(async () => {
      for (let i = 0; i < count && isGone?.() !== true; i++) await this.#mineOne(i === 0 ? 0 : intervalMs)
    })
  }

  async #mineOne(intervalMs: number): Promise<void> {
    const { height, timestampMs } = this.#node().tip()
    const atMs = mustBeWithin(timestampMs + Math.max(this.#intervalMs, intervalMs))
    await this.#show(atMs)
    await this.#until({ height: height + 1, timestampMs: this.#clock.nowMs() })
  }

  /** The clock shows this moment at least. */
  async #show(atMs: number): Promise<void> {
    if (this.#clock.nowMs() < atMs) this.#jumps.jump(atMs)
    await this.#jumps.made()
  }

  passWindows({ count, isGone }: Parameters<DevControl['passWindows']>[0]): Promise<void> {
    return this.#inTurn(async () => {
      for (let i = 0; i < count && isGone?.() !== true; i++) await this.#passWindow()
    })
  }

  /** Ends the running window, then makes blocks until nothing is left to do that needs one. */
  async #passWindow(): Promise<void> {
    await this.#programs()?.catchUp()
    const before = this.#node().tip()
    await this.#show(mustBeWithin(before.windowEndsAtMs))
    await this.#mineOne(0)
    for (let i = 0; i < BLOCKS_PER_WINDOW_MAX && this.#node().tip().hasWork; i++) {
      // Whichever is next will do: it may be under way.
      const { height, timestampMs } = this.#node().tip()
      await this.#show(mustBeWithin(timestampMs + this.#intervalMs))
      await this.#until({ height: height + 1, timestampMs: 0 })
    }
  }

  snapshot(): Promise<number> {
    return this.#inTurn(async () => {
      await this.#programs()?.catchUp()
      const { height } = this.#node().tip()
      await this.#until({ height, timestampMs: 0 })
      if (this.#snapshots.size >= SNAPSHOTS_MAX)
        throw refuse(`at most ${SNAPSHOTS_MAX} snapshots: revert to an earlier one`)
      const number = this.#nextSnapshot++
      this.#snapshots.set(number, { height, nowMs: this.#clock.nowMs() })
      return number
    })
  }

  revert(number: number): Promise<boolean> {
    return this.#inTurn(async () => {
      const snapshot = this.#snapshots.get(number)
      if (snapshot === undefined) return false
      const goBack = () => this.#goBack(snapshot)
      await (this.#programs()?.hold(goBack) ?? goBack())
      // Not before: one that failed is tried again.
      for (const later of [...this.#snapshots.keys()]) if (later >= number) this.#snapshots.delete(later)
      return true
    })
  }

  async #goBack({ height, nowMs }: Snapshot): Promise<void> {
    const running = this.#mustAllRun()
    // Refused before anything is closed: further back the state of a block is not kept.
    const above = this.#node().tip().height - height
    if (above > REACH_BLOCKS) {
      throw refuse(
        `the snapshot is ${above} blocks back, and the state of past blocks is kept for ${REACH_BLOCKS}`,
      )
    }
    // Nothing is above it, but time has passed.
    if (above > 0) await this.#takeBack(running, { height, nowMs })
    this.#clock.setTo(nowMs)
  }

  dumpState(): Promise<Uint8Array> {
    return this.#inTurn(() => this.#dump())
  }

  async #dump(): Promise<Uint8Array> {
    const parts: string[] = []
    let chars = 0
    for await (const lines of this.#node().stateLines()) {
      parts.push(lines)
      chars += lines.length
      if (chars > DUMP_CHARS_MAX) throw refuse(TOO_LONG)
    }
    const file = gzipSync(parts.join(''))
    if (file.length > DUMP_BYTES_MAX) throw refuse(TOO_LONG)
    return new Uint8Array(file)
  }

  loadState(file: Uint8Array): Promise<void> {
    return this.#inTurn(async () => {
      const { lines, timestampMs } = await this.#loadable(file)
      const load = async (): Promise<void> => {
        const going = this.#mustAllRun().map((validator) =>
          validator.restartAfter(() => replaceState(validator.member, lines)),
        )
        this.#snapshots.clear()
        await this.#restarted(going, () => this.#clock.setTo(timestampMs))
      }
      await (this.#programs()?.hold(load) ?? load())
    })
  }

  /** Reads the whole file once: nothing is closed for one that is damaged or another chain's. */
  async #loadable(file: Uint8Array): Promise<{ readonly lines: StateLines; readonly timestampMs: number }> {
    try {
      const text = gunzipSync(file, { maxOutputLength: DUMP_CHARS_MAX }).toString('latin1')
      const lines: StateLines = () => linesOf([text])
      const { head } = (await readLoadableState(lines, 'this state')).head
      await readStateFile(lines(), async () => {})
      const own = toHex(genesisHash(this.#genesis))
      if (head.genesisHash === own) return { lines, timestampMs: head.timestampMs }
      throw new OperatorError(
        `this state is of the chain ${head.genesisHash}, this devnet of ${own}: devnet --load-state begins from it`,
      )
    } catch (error) {
      const isZip =
        (error as { readonly code?: string }).code?.startsWith('Z_') || error instanceof RangeError
      if (isZip) throw refuse('expected what dev_dumpState gave')
      if (error instanceof ExpectedError) throw refuse(error.message)
      throw error
    }
  }

  /** A chain whose time was ahead of this machine's goes on from there, and no idle one waits for a heartbeat. */
  resume(): void {
    const { timestampMs, height } = this.#node().tip()
    if (this.#clock.nowMs() < timestampMs) this.#clock.setTo(timestampMs)
    // Whoever started it waits for a block, and is told if none comes.
    if (height > 0) this.mine({ count: 1, intervalMs: 0 }).catch(() => {})
  }

  #mustAllRun(): readonly LocalValidator[] {
    const running = this.#validators.filter(({ node }) => node !== undefined)
    if (running.length < this.#validators.length)
      throw refuse('a validator is stopped: start it before all go back')
    return running
  }

  /** All close before any of them starts: one that is behind would fetch the blocks again. */
  async #restarted(going: readonly Going[], onClosed: () => void): Promise<void> {
    // Whatever goes wrong, they start again: those who ask wait for it.
    const closed = await Promise.allSettled(going.map((validator) => validator.closed))
    this.#wantedHeight = 0
    const failed = closed.find((outcome) => outcome.status === 'rejected')
    if (failed === undefined) onClosed()
    await Promise.all(going.map(({ start }) => start()))
    if (failed !== undefined) throw refuse(errorText(failed.reason))
  }

  /** A lone validator goes back as it runs, several are closed for it. */
  async #takeBack(running: readonly LocalValidator[], { height, nowMs }: Snapshot): Promise<void> {
    this.#wantedHeight = 0
    const [first] = running
    // The clock goes back before anyone proposes: a block of the time until now would be the next.
    const onBack = (): void => this.#clock.setTo(nowMs)
    if (running.length === 1) {
      const isBack = await first!.goBackRunning(height, onBack).catch((error: unknown): never => {
        throw refuse(errorText(error))
      })
      if (isBack) return
    }
    const going = running.map((validator) => validator.restartAfter(() => takeBack(validator.member, height)))
    await this.#restarted(going, onBack)
  }

  #nodes(): readonly RunningNode[] {
    return this.#validators.flatMap(({ node }) => (node === undefined ? [] : [node]))
  }

  /** Wants blocks up to one of this height and time, and resolves once every validator has it. */
  async #until(wanted: Wanted): Promise<void> {
    const nodes = this.#nodes()
    const want = (): void => {
      const { height, timestampMs } = this.#node().tip()
      const next = timestampMs < wanted.timestampMs ? height + 1 : 0
      this.#wantedHeight = Math.max(this.#wantedHeight, wanted.height, next)
      this.#changed()
    }
    want()
    // A block that was under way when the clock was set has the height, but not the time.
    const stop = this.#node().onFinalized(want)
    try {
      await Promise.all(nodes.map((node) => reaches(node, wanted)))
    } finally {
      stop()
    }
  }

  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const done = this.#last.then(async () => {
      await this.#jumps.made()
      return run()
    })
    this.#last = done.catch(() => {})
    return done
  }

  sign(account: Address, digest: Hash32): Uint8Array | undefined {
    return this.#accounts.sign(account, digest)
  }

  signTransaction(account: Address, fields: TransactionFields): Uint8Array | undefined {
    return this.#accounts.signTransaction(account, fields)
  }

  impersonated(account: Address, fields: TransactionFields): Uint8Array {
    return this.#accounts.impersonated(account, fields)
  }

  canSendFor(account: Address): boolean {
    return this.#accounts.canSendFor(account)
  }

  impersonate(account: Address, isOn: boolean): void {
    this.#accounts.impersonate(account, isOn)
  }

  impersonateAll(isOn: boolean): void {
    this.#accounts.impersonateAll(isOn)
  }

  mint(account: Address, missingBase: () => Promise<bigint>): Promise<void> {
    return this.#inTurn(async () => {
      const amountBase = await missingBase()
      if (amountBase === 0n) return
      const minting = {
        rpcUrl: this.#node().rpcUrl,
        accounts: this.#accounts,
        operators: this.#operators,
        retainPpm: this.#genesis.params.issuance.retainPpm,
      }
      await mintTo(minting, account, amountBase).catch((error: unknown): never => {
        throw error instanceof ClientError ? refuse(error.message) : error
      })
    })
  }

  links(): LinkControl | string {
    return this.#links
  }

  drop(id?: TxId): number {
    return this.#nodes().reduce((sum, node) => sum + node.dropTransactions(id), 0)
  }

  get #intervalMs(): number {
    return Math.max(1, this.#genesis.params.providers.minBlockIntervalMs)
  }

  #node(): RunningNode {
    const [first] = this.#nodes()
    if (first === undefined) throw refuse('no validator of this devnet runs')
    return first
  }
}

interface Snapshot {
  readonly height: number
  readonly nowMs: number
}

type Going = ReturnType<LocalValidator['restartAfter']>

interface Wanted {
  readonly height: number
  readonly timestampMs: number
}

const refuse = (message: string): RpcError => new RpcError(RPC_CODE.refused, message)
const seconds = (ms: number): string => `${ms / 1_000}`

/** Refuses a moment that no block could have: validators that are shown it halt. */
function mustBeWithin(ms: number): number {
  if (ms <= TIME_MS_MAX) return ms
  throw refuse(`the clock goes to ${seconds(TIME_MS_MAX)} at most, here ${seconds(ms)}`)
}

/** Resolves once the node has this block. */
function reaches(node: RunningNode, wanted: Wanted): Promise<void> {
  const isThere = (): boolean => {
    const { height, timestampMs } = node.tip()
    return height >= wanted.height && timestampMs >= wanted.timestampMs
  }
  if (isThere()) return Promise.resolve()
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      stop()
      reject(
        refuse(`block ${wanted.height} was not final within ${STALLED_MS} ms: do enough validators run?`),
      )
    }, STALLED_MS)
    const stop = node.onFinalized(() => {
      if (!isThere()) return
      clearTimeout(timer)
      stop()
      resolve()
    })
  })
}
