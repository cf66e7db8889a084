// Command over the chain of a devnet in one process: its clock, its blocks, its keys. Owns: what JSON-RPC's dev methods and
// `createDevnet`'s do. Not: the validators (localValidator.ts), the methods' form (rpc/dev/).
import { gunzipSync, gzipSync } from 'node:zlib'
import { equalBytes, toHex } from '../base/bytes.ts'
import { signHash } from '../base/crypto/secp256k1.ts'
import { ExpectedError, errorText, OperatorError } from '../base/errors.ts'
import type { Address, Hash32, TxId } from '../base/ids.ts'
import { minBigint, PPM } from '../base/units.ts'
import { privateKeyAccount } from '../client/accounts/account.ts'
import { encodeCall, transfer } from '../client/calls.ts'
import { type ChainClient, createClient } from '../client/chainClient.ts'
import { ClientError } from '../client/clientError.ts'
import { httpTransport } from '../client/transports/http.ts'
import { type DevelopmentAccount, developmentAccounts, developmentValidator } from '../genesis/devKeys.ts'
import { type Genesis, genesisHash } from '../genesis/schema.ts'
import type { WantedBlocks } from '../node/application.ts'
import { DEFAULT_CONFIG } from '../node/config.ts'
import type { RunningNode } from '../node/node.ts'
import { linesOf, readStateFile } from '../node/stateFile.ts'
import { type DevControl, STATE_BYTES_MAX } from '../rpc/dev/control.ts'
import type { LinkControl } from '../rpc/dev/linkTypes.ts'
import { RPC_CODE, RpcError } from '../rpc/errors.ts'
import { issuanceSchema } from '../state/modules/issuance/schema.ts'
import { signTransaction, type TransactionFields } from '../state/transaction.ts'
import type { DevClock } from './devClock.ts'
import type { Granter } from './granter.ts'
import { readLoadableState, replaceState, type StateLines } from './loadState.ts'
import type { LocalValidator } from './localValidator.ts'
import { takeBack } from './takeBack.ts'

/** A block that nobody makes within this long means that the chain stands still. */
const STALLED_MS = 30_000
/** The year 5138: beyond it the timestamps of blocks would leave the integers that are exact. */
const TIME_MS_MAX = 100_000_000_000_000
/** Blocks that one window's end may bring before the next window is ended all the same. */
const BLOCKS_PER_WINDOW_MAX = 1_000
const SNAPSHOTS_MAX = 1_000
/** Of a state file in an answer or a request: its text, and what travels of it. */
const DUMP_CHARS_MAX = 256 * 1024 * 1024
const DUMP_BYTES_MAX = STATE_BYTES_MAX
const TOO_LONG =
  'the state is too long for an answer: suanli export state writes the file of a stopped validator'
/** How far back a revert goes. */
const REACH_BLOCKS = DEFAULT_CONFIG.historyHeights - 1

export class DevChain implements DevControl, WantedBlocks {
  readonly accounts: readonly Address[]
  readonly #keys: readonly DevelopmentAccount[]
  readonly #clock: DevClock
  readonly #validators: readonly LocalValidator[]
  readonly #granter: () => Granter | undefined
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
    /** Undefined where nobody grants by itself. */
    readonly granter: () => Granter | undefined
    readonly validators: readonly LocalValidator[]
    /** Or why there are none. */
    readonly links: LinkControl | string
  }) {
    this.#clock = options.clock
    this.#validators = options.validators
    this.#granter = options.granter
    this.#genesis = options.genesis
    this.#links = options.links
    const operators = options.genesis.providers.map((_, i) => developmentValidator(i).operator)
    this.#keys = [...developmentAccounts(), ...operators]
    this.accounts = this.#keys.map(({ address }) => address)
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
    return this.#clock.nowMs()
  }

  aheadMs(): number {
    return this.#clock.aheadMs
  }

  setTimeMs(ms: number): void {
    const now = this.#clock.nowMs()
    if (ms < now)
      throw refuse(`the clock goes forward alone: it shows ${seconds(now)}, not before ${seconds(ms)}`)
    this.#clock.setTo(mustBeWithin(ms))
  }

  setNextTimestampMs(ms: number): void {
    const soonest = this.#node().tip().timestampMs + this.#intervalMs
    if (ms < soonest) {
      throw refuse(`the timestamp of the next block is ${seconds(soonest)} at least, here ${seconds(ms)}`)
    }
    // The clock stands until a block has its time: one that was under way has an earlier one.
    this.#clock.stopAt(mustBeWithin(ms))
    const node = this.#node()
    const stop = node.onFinalized(() => {
      if (node.tip().timestampMs < ms) return
      stop()
      this.#clock.run()
    })
  }

  mine({ count, intervalMs }: { readonly count: number; readonly intervalMs: number }): Promise<void> {
    return this.#inTurn(async () => {
      for (let i = 0; i < count; i++) await this.#mineOne(i === 0 ? 0 : intervalMs)
    })
  }

  async #mineOne(intervalMs: number): Promise<void> {
    const { height, timestampMs } = this.#node().tip()
    const atMs = mustBeWithin(timestampMs + Math.max(this.#intervalMs, intervalMs))
    if (this.#clock.nowMs() < atMs) this.#clock.setTo(atMs)
    await this.#until({ height: height + 1, timestampMs: this.#clock.nowMs() })
  }

  passWindows(count: number): Promise<void> {
    return this.#inTurn(async () => {
      for (let i = 0; i < count; i++) await this.#passWindow()
    })
  }

  /** Ends the running window, then makes blocks until nothing is left to do that needs one. */
  async #passWindow(): Promise<void> {
    await this.#granter()?.catchUp()
    const before = this.#node().tip()
    if (this.#clock.nowMs() < before.windowEndsAtMs) this.#clock.setTo(mustBeWithin(before.windowEndsAtMs))
    await this.#mineOne(0)
    for (let i = 0; i < BLOCKS_PER_WINDOW_MAX && this.#node().tip().hasWork; i++) await this.#mineOne(0)
  }

  snapshot(): Promise<number> {
    return this.#inTurn(async () => {
      await this.#granter()?.catchUp()
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
      for (const later of [...this.#snapshots.keys()]) if (later >= number) this.#snapshots.delete(later)
      const goBack = () => this.#goBack(snapshot)
      await (this.#granter()?.hold(goBack) ?? goBack())
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

  async dumpState(): Promise<Uint8Array> {
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
      await (this.#granter()?.hold(load) ?? load())
    })
  }

  /** Reads the whole file once: nothing is closed for one that is damaged or another chain's. */
  async #loadable(file: Uint8Array): Promise<{ readonly lines: StateLines; readonly timestampMs: number }> {
    try {
      const text = gunzipSync(file, { maxOutputLength: DUMP_CHARS_MAX }).toString('latin1')
      const lines: StateLines = () => linesOf([text])
      const { head } = await readLoadableState(lines, 'this state')
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

  /** A chain whose time was ahead of this machine's goes on from there. */
  catchUpClock(): void {
    const { timestampMs } = this.#node().tip()
    if (this.#clock.nowMs() < timestampMs) this.#clock.setTo(timestampMs)
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
    const done = this.#last.then(run)
    this.#last = done.catch(() => {})
    return done
  }

  sign(account: Address, digest: Hash32): Uint8Array | undefined {
    const key = this.#keyOf(account)
    return key === undefined ? undefined : signHash(digest, key.secretKey)
  }

  signTransaction(account: Address, fields: TransactionFields): Uint8Array | undefined {
    const key = this.#keyOf(account)
    return key === undefined ? undefined : signTransaction(fields, key.secretKey)
  }

  #keyOf(account: Address): DevelopmentAccount | undefined {
    return this.#keys.find(({ address }) => equalBytes(address, account))
  }

  mint(account: Address, missingBase: () => Promise<bigint>): Promise<void> {
    return this.#inTurn(async () => {
      const amountBase = await missingBase()
      if (amountBase === 0n) return
      await this.#mintNow(account, amountBase).catch((error: unknown): never => {
        throw error instanceof ClientError ? refuse(error.message) : error
      })
    })
  }

  /** An operator mints to itself and passes on exactly what is wanted: part of each mint stays locked. */
  async #mintNow(account: Address, amountBase: bigint): Promise<void> {
    const client = createClient(httpTransport(this.#node().rpcUrl))
    const mints = await this.#planMints(client, amountBase)
    // An account that takes no coins, such as a module's, is refused before anything is minted.
    await client.estimate(developmentValidator(0).operator.address, transfer(account, 0n))
    for (const { provider, mintedBase, passedBase } of mints) {
      const operator = privateKeyAccount(developmentValidator(provider - 1).operator.secretKey)
      const minting = encodeCall(issuanceSchema, 'mint', { to: operator.address, amountBase: mintedBase })
      await client.send(operator, minting)
      await client.send(operator, transfer(account, passedBase))
    }
  }

  /** Which providers mint how much. Throws before anything is minted when all together may not. */
  async #planMints(client: ChainClient, amountBase: bigint): Promise<readonly Mint[]> {
    const { retainPpm } = this.#genesis.params.issuance
    const mints: Mint[] = []
    let leftBase = amountBase
    let blocked = 'QuotaExceeded'
    for (let provider = 1; leftBase > 0n && provider <= this.#genesis.providers.length; provider++) {
      const limits = await client.query({ definition: issuanceSchema }, 'quota', { provider })
      if (limits === undefined || limits.blocked !== '') {
        blocked = limits?.blocked ?? blocked
        continue
      }
      const wantedBase = (leftBase * PPM + PPM - retainPpm - 1n) / (PPM - retainPpm)
      const mintedBase = minBigint(wantedBase, limits.mintableBase)
      const passedBase = minBigint(leftBase, (mintedBase * (PPM - retainPpm)) / PPM)
      if (passedBase === 0n) continue
      mints.push({ provider, mintedBase, passedBase })
      leftBase -= passedBase
    }
    if (leftBase === 0n) return mints
    throw refuse(
      `${blocked}: the providers may issue ${amountBase - leftBase} of these ${amountBase} base units`,
    )
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

/** What one operator mints to itself, and how much of it it passes on. */
interface Mint {
  readonly provider: number
  readonly mintedBase: bigint
  readonly passedBase: bigint
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
