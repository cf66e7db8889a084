// Implements consensus's `Application` port (consensus/ports.ts) on pool, proposer, importer and store.
// Owns: when there is work, epochs from state. Not: execution (state/), votes (consensus/).
import { assert } from '../base/assert.ts'
import { bytesKey, toHex } from '../base/bytes.ts'
import type { Address, Hash32 } from '../base/ids.ts'
import type { Lane, PerLane } from '../base/lanes.ts'
import type { EpochStep } from '../base/protocol/epochStep.ts'
import { epochAbove, type SealedBlock } from '../base/protocol/header.ts'
import { BLOCK_BYTES_MAX } from '../base/protocol/limits.ts'
import { recoverySet } from '../base/protocol/recoveryRules.ts'
import type { Certificate } from '../base/protocol/vote.ts'
import type { Application, ApplicationTip, BuildRequest, Clock } from '../consensus/ports.ts'
import type { EpochStart, Misbehaviour, Verdict } from '../consensus/types.ts'
import type { ChainConfig } from '../state/chain.ts'
import type { ParentView } from '../state/execute.ts'
import { nextBaseFees } from '../state/fees.ts'
import { dueAtMs, hasWork } from '../state/hooks.ts'
import { getAccount } from '../state/modules/accounts/ledger.ts'
import { accountsParams } from '../state/modules/accounts/tables.ts'
import { previousSet } from '../state/modules/providers/pastSets.ts'
import { providersParams, providersTables } from '../state/modules/providers/tables.ts'
import { decidingSet, recoveryMismatch } from '../state/recovery.ts'
import { TRANSFER_GAS } from '../state/transaction.ts'
import type { StateReader } from '../state/view.ts'
import { setAfter } from '../storage/epochProofs.ts'
import type { ChainStore } from '../storage/types.ts'
import { BlockPace } from './blockPace.ts'
import type { Importer } from './chain/importerTypes.ts'
import type { NodeLogger } from './logging.ts'
import { type Includable, LOAD_MIN, type Mempool } from './pool/mempool.ts'
import { epochSteps } from './recovery/epochSteps.ts'
import { type RecoveryBook, RecoveryError } from './recovery/recoveries.ts'
import type { BlockSync } from './sync/blockSync.ts'
import { WallTimer } from './wallTimer.ts'

/** Halve a block's budget at most this often; beyond that build empty blocks. */
const HALVINGS_MAX = 20
/** Do not wait for more transactions once the pool fills this many blocks. */
const FULL_BLOCKS = 2

/** Blocks that a devnet asks for although nothing else needs them. */
export interface WantedBlocks {
  /** Up to this height blocks are wanted. */
  readonly height: () => number
  /** Called whenever `height` or the clock was set. Returns the unsubscriber. */
  readonly onChange: (listener: () => void) => () => void
}

export interface ApplicationOptions {
  readonly chain: ChainConfig
  readonly store: ChainStore
  readonly importer: Importer
  readonly mempool: Mempool
  readonly blockSync: BlockSync
  /** Accepted recoveries. */
  readonly recoveries: Pick<RecoveryBook, 'all'>
  readonly clock: Clock
  /** Under load, build no earlier than this after the parent's timestamp: fewer, fuller blocks cost less. */
  readonly buildDelayUnderLoadMs: number
  readonly wantedBlocks?: WantedBlocks
  readonly shareWith: (validator: number) => void
  readonly onMisbehaviour: (misbehaviour: Misbehaviour) => void
  readonly logger: NodeLogger
}

export class NodeApplication implements Application {
  readonly #options: ApplicationOptions
  readonly #listeners = new Set<() => void>()
  readonly #unsubscribe: () => void
  readonly #unsubscribeWanted: (() => void) | undefined
  #isNotifying = false
  readonly #windowTimer: WallTimer
  readonly #pace: BlockPace
  /** Nobody else pays for this validator's blocks. */
  #isAlone = false

  constructor(options: ApplicationOptions) {
    this.#options = options
    this.#windowTimer = new WallTimer(options.clock, () => this.notifyWork())
    this.#pace = new BlockPace({ loadMin: LOAD_MIN, loadMs: options.buildDelayUnderLoadMs })
    this.#unsubscribe = options.importer.onFinalized(({ executed }) => {
      this.#pace.note(executed.block.header)
      this.#armWindowTimer()
    })
    this.#unsubscribeWanted = options.wantedBlocks?.onChange(() => this.notifyWork())
    this.#armWindowTimer()
  }

  async tip(): Promise<ApplicationTip> {
    const { importer, store } = this.#options
    const head = importer.head()
    const { height } = head.header
    const block = this.#blockAt(height)
    return {
      block,
      certificate: height === 0 ? undefined : store.certificateAt(height),
      epoch: this.#epochOf(block, head.state),
    }
  }

  #blockAt(height: number): SealedBlock {
    const block = this.#options.store.blockAt(height)
    if (block === undefined) throw new Error(`block ${height} is missing from the store`)
    return block
  }

  /** The epoch that a child of `block` belongs to. */
  #epochOf(block: SealedBlock, state: StateReader): EpochStart {
    const { chain } = this.#options
    const validators = decidingSet(chain, { hash: block.hash, state })
    this.#isAlone = validators.validators.length === 1
    const { header } = block
    const recovery = chain.recoveryOn?.(block.hash)
    if (recovery !== undefined) {
      const mismatch = recoveryMismatch(state, recovery)
      if (mismatch !== undefined)
        throw new RecoveryError('previousSet', `epoch ${recovery.epoch}: ${mismatch}`)
      return { epoch: recovery.epoch, validators, floor: block }
    }
    const epoch = epochAbove(header)
    const left = previousSet(state, epoch)
    const previous = left === undefined ? {} : { previous: left }
    if (header.endsEpoch) return { epoch, validators, floor: block, ...previous }
    const firstHeight = Math.max(1, providersTables.epoch.get(state, {})?.firstHeight ?? 1)
    return { epoch, validators, floor: this.#floorAt(firstHeight - 1), ...previous }
  }

  /** The boundary below an epoch; after pruning or state sync only its header is left, and only it is needed. */
  #floorAt(height: number): SealedBlock {
    const { store } = this.#options
    const block = store.blockAt(height)
    if (block !== undefined) return block
    const kept = store.headerAt(height)
    if (kept === undefined) throw new Error(`boundary ${height} is missing from the store`)
    return { header: kept.header, hash: kept.hash, transactions: [], bytes: new Uint8Array(0) }
  }

  async epochAfter(boundary: SealedBlock): Promise<EpochStart> {
    const { importer, store } = this.#options
    const head = importer.head()
    const { header } = boundary
    const state = bytesKey(head.hash) === bytesKey(boundary.hash) ? head.state : store.stateAt(header.height)
    if (state !== undefined) return this.#epochOf(boundary, state)
    // Range sync may have moved the head far past the boundary before consensus reached it.
    const recovery = this.#options.chain.recoveryOn?.(boundary.hash)
    if (recovery !== undefined) {
      return { epoch: recovery.epoch, validators: recoverySet(recovery), floor: boundary }
    }
    const validators = setAfter(store, header, decidingSet(this.#options.chain, head))
    if (validators === undefined) throw new Error(`the set after boundary ${header.height} is missing`)
    return { epoch: header.epoch + 1, validators, floor: boundary }
  }

  epochSteps(fromEpoch: number, epoch: number): Promise<readonly EpochStep[]> {
    return epochSteps({ store: this.#options.store, book: this.#options.recoveries }, fromEpoch, epoch)
  }

  async build(request: BuildRequest): Promise<SealedBlock | undefined> {
    const { importer, mempool, logger } = this.#options
    await this.#gather(request)
    const parent = importer.parentView(request.parent.hash)
    if (parent === undefined) return undefined
    const { blockGasLimit } = accountsParams.get(parent.state)
    const share = 2 ** Math.min(request.halvings, HALVINGS_MAX)
    const includable = {
      nonceAt: (address: Address) => getAccount(parent.state, address).nonce,
      baseFees: this.#baseFees(parent, request.timestampMs),
    }
    const candidates = request.emptyOnly
      ? []
      : (hasRoom: (lane: Lane) => boolean) => mempool.candidates(includable, hasRoom)
    const built = await importer.build(request.parent.hash, {
      epoch: request.epoch,
      view: request.view,
      timestampMs: request.timestampMs,
      proposer: request.proposer,
      randaoReveal: request.randaoReveal,
      candidates,
      gasBudget: Math.floor(blockGasLimit / share),
      bytesBudget: Math.floor(BLOCK_BYTES_MAX / share),
    })
    // Without its overlay this node could not finalize the block.
    if (built === undefined) return undefined
    const { executed, skipped } = built
    for (const finding of executed.findings) logger.error(finding, 'invariant violated')
    if (skipped.length > 0) {
      logger.debug(
        { height: executed.block.header.height, count: skipped.length },
        'transactions skipped for a later block',
      )
    }
    return executed.block
  }

  async verify(block: SealedBlock, _parent: SealedBlock): Promise<Verdict | undefined> {
    const { importer } = this.#options
    let verdict = await importer.execute(block)
    while (verdict.kind === 'busy') {
      // Finality makes room. Do not return a verdict now: it would be permanent.
      await new Promise<void>((resolve) => {
        const stop = importer.onFinalized(() => {
          stop()
          resolve()
        })
      })
      verdict = await importer.execute(block)
    }
    if (verdict.kind === 'valid') return 'valid'
    // Range sync was faster: the block is below a tip that the core will learn of.
    if (verdict.kind === 'stale') return undefined
    // A verdict is on the hash; consensus takes no other body under it (`openBlock`).
    assert(verdict.kind !== 'invalid' || verdict.code !== 'WrongBody', 'a block has its own body')
    const { height, view } = block.header
    const fields = { height, view, hash: toHex(block.hash), ...verdict }
    this.#options.logger.warn(fields, 'proposed block was not accepted')
    return verdict.kind === 'mismatch' ? 'mismatch' : 'invalid'
  }

  async finalize(path: readonly SealedBlock[], certificate: Certificate): Promise<void> {
    const { importer } = this.#options
    const above = path.filter((block) => block.header.height > importer.head().header.height)
    if (above.length === 0) return
    for (const block of above) {
      if (importer.executed(block.hash) !== undefined) continue
      // After a restart the journal still has the block, but its overlay is gone.
      const verdict = await importer.execute(block)
      if (verdict.kind !== 'valid') {
        throw new Error(
          `finalized block ${block.header.height} is ${verdict.kind} here: ${JSON.stringify(verdict)}`,
        )
      }
    }
    await importer.finalize(
      above.map((block) => block.hash),
      certificate,
    )
  }

  /** Waits while blocks follow each other quickly, within the time that the leader's timer leaves for building. */
  async #gather(request: BuildRequest): Promise<void> {
    const { importer, mempool, clock } = this.#options
    const parent = importer.parentView(request.parent.hash)
    if (parent === undefined || request.emptyOnly || request.halvings > 0) return
    if (this.#isAlone || this.#isDue(parent) || this.#isWanted(parent)) return
    // Those that no block can include are no load, however many there are.
    const pending = mempool.countIncludable(this.#includableOn(parent), LOAD_MIN)
    const { blockGasLimit } = accountsParams.get(parent.state)
    if (pending >= LOAD_MIN && mempool.size * TRANSFER_GAS >= FULL_BLOCKS * blockGasLimit) return
    const intervalMs = this.#pace.intervalMs(parent.header, pending)
    const waitMs = Math.min(intervalMs, parent.header.timestampMs + intervalMs - clock.nowMs())
    if (waitMs > 0) await new Promise<void>((resolve) => void clock.after(waitMs, resolve))
  }

  #baseFees(parent: Pick<ParentView, 'header' | 'state'>, timestampMs: number): PerLane<bigint> {
    const params = accountsParams.get(parent.state)
    return nextBaseFees(parent.header, Math.max(timestampMs, parent.header.timestampMs), params)
  }

  hasWork(parentBlock: SealedBlock): boolean {
    const { importer, mempool } = this.#options
    const parent = importer.parentView(parentBlock.hash)
    if (parent === undefined) return false
    if (this.#isDue(parent) || this.#isWanted(parent)) return true
    return mempool.hasIncludable(this.#includableOn(parent))
  }

  /** Whether the head needs a successor now. */
  hasWorkNow(): boolean {
    const { importer, mempool } = this.#options
    const head = importer.parentView(importer.head().hash)
    assert(head !== undefined, 'the head can have a child')
    return this.#isDue(head) || mempool.hasIncludable(this.#includableOn(head))
  }

  /** What a transaction must meet in a block on this parent, built now. */
  #includableOn(parent: ParentView): Includable {
    const { header, state } = parent
    const { minBlockIntervalMs } = providersParams.get(state)
    const timestampMs = Math.max(this.#options.clock.nowMs(), header.timestampMs + minBlockIntervalMs)
    return {
      nonceAt: (address: Address) => getAccount(state, address).nonce,
      baseFees: this.#baseFees(parent, timestampMs),
    }
  }

  /** Work due by the state alone: a window's end, a decision to execute, deferred requests, a set change. */
  #isDue({ header, state }: ParentView): boolean {
    const { modules } = this.#options.chain
    if (dueAtMs(modules, state) <= this.#options.clock.nowMs()) return true
    return hasWork(modules, state, { height: header.height + 1, parentEndsEpoch: header.endsEpoch })
  }

  #isWanted({ header }: Pick<ParentView, 'header'>): boolean {
    return header.height < (this.#options.wantedBlocks?.height() ?? 0)
  }

  onWork(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Notifies the driver that there may be work; calls in one turn of the event loop are merged. */
  notifyWork(): void {
    if (this.#isNotifying) return
    this.#isNotifying = true
    setImmediate(() => {
      this.#isNotifying = false
      for (const listener of this.#listeners) listener()
    })
  }

  /** Call once the head is an earlier block: what is due then is due earlier. */
  onTakenBack(): void {
    this.#armWindowTimer()
  }

  #armWindowTimer(): void {
    const { chain, importer } = this.#options
    this.#windowTimer.set(dueAtMs(chain.modules, importer.head().state))
  }

  shareTransactions(validator: number): void {
    this.#options.shareWith(validator)
  }

  async blockByHash(hash: Hash32): Promise<SealedBlock | undefined> {
    const { importer, store } = this.#options
    const executed = importer.executed(hash)
    if (executed !== undefined) return executed.block
    const height = store.heightOf(hash)
    return height === undefined ? undefined : store.blockAt(height)
  }

  async boundaryCertificate(epoch: number): Promise<Certificate | undefined> {
    const { store } = this.#options
    const height = store.boundaryHeightOf(epoch)
    if (height === undefined) return undefined
    return store.certificateAt(height) ?? store.epochProof(epoch)?.certificate
  }

  async syncTo(target: SealedBlock, certificate: Certificate): Promise<{ readonly reached: boolean }> {
    const { blockSync, importer, logger } = this.#options
    const from = importer.head().header.height
    logger.info({ from, to: target.header.height }, 'catching up')
    const reached = await blockSync.run({ block: target, certificate })
    const { height } = importer.head().header
    if (reached) logger.info({ height }, 'caught up')
    else
      logger.warn({ height, to: target.header.height }, 'not caught up: no peer gave the rest; trying again')
    return { reached }
  }

  reportMisbehaviour(misbehaviour: Misbehaviour): void {
    this.#options.onMisbehaviour(misbehaviour)
  }

  close(): void {
    this.#windowTimer.close()
    this.#unsubscribe()
    this.#unsubscribeWanted?.()
    this.#listeners.clear()
  }
}
