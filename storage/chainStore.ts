// The finalized chain on disk, in one LevelDB.
// Owns: commits and reads. Not: key bytes (layout.ts), past states (history.ts), the tree's file (treeCache.ts).
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { assert } from '../base/assert.ts'
import { equalBytes, readU64be, toHex, u64be } from '../base/bytes.ts'
import type { Hash32, TxId } from '../base/ids.ts'
import { type EpochProof, epochProofSchema } from '../base/protocol/epochProof.ts'
import { decodeBlock, headerHash, type SealedBlock } from '../base/protocol/header.ts'
import { type Certificate, certificateSchema } from '../base/protocol/vote.ts'
import type { Steps } from '../state/steps.ts'
import { TreeVersion } from '../state/tree/tree.ts'
import type { StateKey, StateReader } from '../state/view.ts'
import { ClosedMark } from './closedMark.ts'
import { fillCommitSteps } from './commitBatch.ts'
import { type CommitPlan, KEYS_PER_STEP, planCommit } from './commitPlan.ts'
import { type Database, openDatabase, plain } from './database.ts'
import { EpochRuns } from './epochRuns.ts'
import { History, PastState } from './history.ts'
import {
  BASE_KEY,
  hashKey,
  LAYOUT_VERSION,
  META_KEY,
  numberKey,
  spaceRange,
  stateKeyBytes,
  stateKeyOf,
  storedReceiptsSchema,
  tipSchema,
} from './layout.ts'
import { loadTree } from './loadTree.ts'
import { pastPieces } from './pastPieces.ts'
import { entryPieces, pinState } from './pinnedState.ts'
import { fillPruned } from './pruning.ts'
import { ReadCache } from './readCache.ts'
import { ReverseDifference } from './reverseDifference.ts'
import { COMPARE_LIMITS, compareState, type StateComparison } from './stateCompare.ts'
import { fillTakeBack } from './takeBack.ts'
import { readTreeCacheHead, removeTreeCache, writeTreeCache } from './treeCache.ts'
import { inTurns } from './turns.ts'
import {
  type BlockReceipts,
  type ChainStore,
  type ChainStoreOptions,
  type ChainTip,
  type CommitBlock,
  type PinnedState,
  StoreError,
  type TakeBackPlan,
  type TxLocation,
} from './types.ts'

export const HISTORY_HEIGHTS_DEFAULT = 1024
const HISTORY_BYTES_DEFAULT = 256 * 1024 * 1024
const CACHE_ENTRIES_DEFAULT = 131_072
const CACHE_BYTES_MAX = 48 * 1024 * 1024
/** Of a piece when the state is streamed: whichever is reached first. */
const PIECE_LIMITS = { countMax: 2048, bytesMax: 16 * 1024 }
/** Replace `tree.cache` once it is this many heights old. */
const TREE_CACHE_HEIGHTS = 512
const TREE_CACHE_FILE = 'tree.cache'

/** Opens or creates the store in `dir`. Throws StoreError Locked, Corrupt or WrongVersion. */
export async function openChainStore(dir: string, options: ChainStoreOptions = {}): Promise<ChainStore> {
  await mkdir(dir, { recursive: true })
  const database = await openDatabase(dir)
  const mark = await ClosedMark.read(dir).catch(async (error: unknown) => {
    await database.close()
    throw error
  })
  return openChainStoreOn(database, dir, { ...options, mark })
}

type StoreOptions = ChainStoreOptions & {
  /** Shows whether the last user closed the store in order; absent for a database without files of its own. */
  readonly mark?: ClosedMark
}

/** Like `openChainStore`, on an open database; the tree cache goes into `dir`. */
export async function openChainStoreOn(
  database: Database,
  dir: string,
  options: StoreOptions = {},
): Promise<ChainStore> {
  const store = new LevelChainStore(dir, database, options)
  try {
    await store.start()
    return store
  } catch (error) {
    await store.close()
    throw error
  }
}

class LevelChainStore implements ChainStore {
  readonly state: StateReader
  readonly #database: Database
  readonly #treeCachePath: string
  readonly #cache: ReadCache
  readonly #history: History
  readonly #epochs = new EpochRuns()
  #tip: ChainTip | undefined
  #blockHeightMin = 1
  /** Old values of the keys in the commit being written: reads stay at the tip until the commit is durable. */
  #covered: ReadonlyMap<StateKey, Uint8Array | undefined> | undefined
  #writing: Promise<void> | undefined
  #treeCacheHeight = 0
  #treeSaving: Promise<void> | undefined
  #failure: StoreError | undefined
  readonly #mark: ClosedMark | undefined
  #isStateTrusted = false
  #openedAt = ''

  constructor(dir: string, database: Database, options: StoreOptions) {
    this.#database = database
    this.#mark = options.mark
    this.#treeCachePath = join(dir, TREE_CACHE_FILE)
    this.#cache = new ReadCache({
      entriesMax: options.cacheEntriesMax ?? CACHE_ENTRIES_DEFAULT,
      bytesMax: CACHE_BYTES_MAX,
    })
    const bounds = {
      heightsMax: options.historyHeightsMax ?? HISTORY_HEIGHTS_DEFAULT,
      bytesMax: options.historyBytesMax ?? HISTORY_BYTES_DEFAULT,
    }
    this.#history = new History(bounds, (height) => {
      const bytes = this.#read(numberKey('difference', height))
      return bytes === undefined ? undefined : new ReverseDifference(bytes)
    })
    this.state = { get: (key) => this.#readState(key) }
  }

  async start(): Promise<void> {
    await this.#readTip()
    this.#openedAt = this.#describe()
  }

  /** For the mark of an orderly close. */
  #describe(): string {
    if (this.#tip === undefined) return 'no block'
    return `block ${this.#tip.height} ${toHex(this.#tip.hash)}, blocks from ${this.#blockHeightMin}`
  }

  async #readTip(): Promise<void> {
    const stored = this.#read(META_KEY)
    this.#isStateTrusted = stored === undefined
    if (stored === undefined) return
    const { layout, height, hash } = this.#decode('tip', () => tipSchema.decode(stored))
    if (layout !== LAYOUT_VERSION) {
      throw new StoreError('WrongVersion', `data layout ${layout}, this build reads ${LAYOUT_VERSION}`)
    }
    const block = this.blockAt(height)
    if (block === undefined || !equalBytes(block.hash, hash)) {
      throw new StoreError('Corrupt', `block ${height} is not the one the tip names`)
    }
    this.#tip = { height, hash, header: block.header }
    const base = this.#read(BASE_KEY)
    if (base !== undefined) this.#blockHeightMin = readU64be(base)
    this.#isStateTrusted = this.#mark?.said === this.#describe()
    await this.#history.noteStored(this.#database.iterator(spaceRange('size')), height)
    for await (const key of this.#database.keys(spaceRange('boundary'))) this.#epochs.note(readU64be(key, 1))
    this.#treeCacheHeight = (await readTreeCacheHead(this.#treeCachePath))?.height ?? 0
  }

  tip(): ChainTip | undefined {
    return this.#tip
  }

  isStateTrusted(): boolean {
    return this.#isStateTrusted
  }

  lossAtOpen(): string | undefined {
    const said = this.#mark?.said
    return said === undefined || said === this.#openedAt
      ? undefined
      : `the chain was closed at ${said} and is at ${this.#openedAt}`
  }

  async compareState(tree: TreeVersion, signal?: AbortSignal): Promise<StateComparison | undefined> {
    const held = tree.retain()
    try {
      const pieces = this.#entryPieces('', COMPARE_LIMITS, () => {
        assert(this.#tip !== undefined, 'a state to compare')
        assert(equalBytes(held.rootHash, this.#tip.header.stateRoot), 'the tree of the tip')
      })
      const result = await compareState(pieces, held, signal)
      if (result !== undefined) this.#isStateTrusted = result.difference === undefined
      return result
    } finally {
      held.release()
    }
  }

  async commit(blocks: readonly CommitBlock[]): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure
    assert(this.#writing === undefined, 'one commit at a time')
    this.#checkOpen()
    this.#writing = this.#commit(blocks)
    try {
      await this.#writing
    } finally {
      this.#writing = undefined
    }
  }

  async #commit(blocks: readonly CommitBlock[]): Promise<void> {
    const options = { blocks, tip: this.#tip, state: this.state, history: this.#history }
    const plan = await inTurns(planCommit(options))
    const batch = this.#database.batch()
    await inTurns(fillCommitSteps(batch, { plan, state: this.state }))
    this.#covered = plan.priors
    await this.#write(batch)
    // Still covered: readers see the new values together with the new tip.
    await inTurns(this.#cacheChanges(plan))
    for (const { height, difference } of plan.differences) {
      this.#history.note(height, difference.sizeBytes)
      this.#history.remember(height, difference)
    }
    this.#history.forget(plan.pruned)
    for (const { header } of plan.blocks.map(({ block }) => block)) {
      if (header.endsEpoch) this.#epochs.note(header.epoch)
    }
    this.#tip = plan.tip
    this.#covered = undefined
  }

  async takeBack(plan: TakeBackPlan): Promise<void> {
    assert(this.#writing === undefined && this.#failure === undefined, 'no commit meanwhile')
    this.#writing = this.#takeBack(plan)
    await this.#writing.finally(() => {
      this.#writing = undefined
    })
  }

  async #takeBack(plan: TakeBackPlan): Promise<void> {
    const { tip, blocks, current } = plan
    await this.#treeSaving?.catch(() => {})
    if (this.#treeCacheHeight > tip.height) await removeTreeCache(this.#treeCachePath)
    const batch = this.#database.batch()
    await inTurns(fillTakeBack(batch, plan))
    this.#covered = current
    await this.#write(batch)
    await inTurns(this.#cacheChanges(plan))
    this.#history.forgetAbove(tip.height)
    for (const { header } of blocks.toReversed()) if (header.endsEpoch) this.#epochs.forgetFrom(header.epoch)
    this.#treeCacheHeight = Math.min(this.#treeCacheHeight, tip.height)
    this.#tip = tip
    this.#covered = undefined
  }

  *#cacheChanges({ changes }: Pick<CommitPlan, 'changes'>): Steps<void> {
    let count = 0
    for (const [key, value] of changes) {
      this.#cache.set(key, value)
      if (++count % (2 * KEYS_PER_STEP) === 0) yield
    }
  }

  async #write(batch: ReturnType<Database['batch']>): Promise<void> {
    try {
      await this.#mark?.remove()
      await batch.write({ sync: true })
    } catch (error) {
      // The covered keys stay covered, so that no read sees half a commit.
      this.#failure = new StoreError('Write', `the commit was not written: ${String(error)}`, {
        cause: error,
      })
      throw this.#failure
    }
  }

  blockAt(height: number): SealedBlock | undefined {
    const bytes = this.blockBytesAt(height)
    return bytes === undefined ? undefined : this.#decode(`block ${height}`, () => decodeBlock(bytes))
  }

  blockBytesAt(height: number): Uint8Array | undefined {
    return this.#read(numberKey('block', height))
  }

  heightOf(hash: Hash32): number | undefined {
    const bytes = this.#read(hashKey('hash', hash))
    return bytes === undefined ? undefined : readU64be(bytes)
  }

  receiptsAt(height: number): BlockReceipts | undefined {
    const bytes = this.#read(numberKey('receipts', height))
    if (bytes === undefined) return undefined
    return this.#decode(`receipts ${height}`, () => storedReceiptsSchema.decode(bytes))
  }

  locateTransaction(id: TxId): TxLocation | undefined {
    const bytes = this.#read(hashKey('transaction', id))
    if (bytes === undefined) return undefined
    return { height: readU64be(bytes), index: new DataView(bytes.buffer, bytes.byteOffset).getUint32(8) }
  }

  certificateAt(height: number): Certificate | undefined {
    const bytes = this.#read(numberKey('certificate', height))
    if (bytes === undefined) return undefined
    return this.#decode(`certificate ${height}`, () => certificateSchema.decode(bytes))
  }

  headerAt(height: number): ChainTip | undefined {
    const block = this.blockAt(height)
    if (block !== undefined) return { height, hash: block.hash, header: block.header }
    // Below the stored blocks only boundary headers exist.
    const epoch = this.#epochs.find(height, (at) => this.boundaryHeightOf(at))
    const header = epoch === undefined ? undefined : this.epochProof(epoch)?.header
    return header === undefined ? undefined : { height, hash: headerHash(header), header }
  }

  blockHeightMin(): number {
    return this.#blockHeightMin
  }

  async pruneBlocks(
    belowHeight: number,
    countMax: number,
    isKept: (height: number) => boolean = () => false,
  ): Promise<number> {
    const from = this.#blockHeightMin
    const to = Math.min(belowHeight, this.#tip?.height ?? 0, from + countMax)
    if (to <= from) return 0
    this.#checkOpen()
    const batch = this.#database.batch()
    for (let height = from; height < to; height++) {
      if (!isKept(height)) fillPruned(batch, height, this.blockAt(height))
    }
    batch.put(BASE_KEY, u64be(to))
    // Raise the bound before deleting, so that no reader finds half a block.
    this.#blockHeightMin = to
    await this.#mark?.remove()
    await batch.write({ sync: true })
    return to - from
  }

  boundaryHeightOf(epoch: number): number | undefined {
    const bytes = this.#read(numberKey('boundary', epoch))
    return bytes === undefined ? undefined : readU64be(bytes)
  }

  epochProof(epoch: number): EpochProof | undefined {
    const bytes = this.#read(numberKey('epochProof', epoch))
    return bytes === undefined
      ? undefined
      : this.#decode(`epoch proof ${epoch}`, () => epochProofSchema.decode(bytes))
  }

  async certificateAtOrAbove(
    height: number,
  ): Promise<{ height: number; certificate: Certificate } | undefined> {
    const range = { gte: numberKey('certificate', height), lt: spaceRange('certificate').lt, limit: 1 }
    for await (const [key, bytes] of this.#database.iterator(range)) {
      const found = readU64be(key, 1)
      return {
        height: found,
        certificate: this.#decode(`certificate ${found}`, () => certificateSchema.decode(plain(bytes))),
      }
    }
    return undefined
  }

  stateAt(height: number): StateReader | undefined {
    const tip = this.#tip
    if (tip === undefined || height > tip.height || height < this.stateHeightMin()) return undefined
    const tipHeight = (): number => this.#tip!.height
    return new PastState({ height, history: this.#history, newest: this.state, tipHeight })
  }

  stateHeightMin(): number {
    const lowest = this.#history.heightMin
    return lowest === undefined ? (this.#tip?.height ?? 0) : lowest - 1
  }

  async pinState(): Promise<PinnedState> {
    await this.#betweenCommits()
    this.#checkOpen()
    return pinState(this.#database, this.#tip?.height ?? 0)
  }

  /** Resolves while no commit is being written: then the database holds the tip's state and nothing newer. */
  async #betweenCommits(): Promise<void> {
    while (this.#writing !== undefined && this.#failure === undefined) await this.#writing.catch(() => {})
  }

  statePieces(prefix: StateKey = ''): AsyncIterable<ReadonlyMap<StateKey, Uint8Array>> {
    return this.#pieces(prefix, () => {})
  }

  pastStatePieces(height: number): AsyncIterable<ReadonlyMap<StateKey, Uint8Array>> {
    return pastPieces({
      height,
      pieces: (onStart) => this.#pieces('', onStart),
      differenceAt: (at) => this.#history.at(at),
    })
  }

  differenceAt(height: number): ReverseDifference {
    return this.#history.at(height)
  }

  async *#pieces(
    prefix: StateKey,
    onStart: (height: number) => void,
  ): AsyncGenerator<ReadonlyMap<StateKey, Uint8Array>> {
    for await (const entries of this.#entryPieces(prefix, PIECE_LIMITS, onStart)) {
      yield new Map(entries.map(([key, value]) => [stateKeyOf(key), plain(value)]))
    }
  }

  /** Stored keys and values of the state as LevelDB gives them. */
  async *#entryPieces(
    prefix: StateKey,
    limits: { readonly countMax: number; readonly bytesMax: number },
    onStart: (height: number) => void,
  ): AsyncGenerator<[Uint8Array, Uint8Array][]> {
    // The iterator pins one version of the database; between commits that is the tip's.
    await this.#betweenCommits()
    yield* entryPieces(this.#database, { prefix, limits, onStart: () => onStart(this.#tip?.height ?? 0) })
  }

  async loadTree(): Promise<TreeVersion> {
    const tip = this.#tip
    if (tip === undefined) return TreeVersion.empty()
    const { tree, isRebuilt } = await loadTree({
      tip,
      cachePath: this.#treeCachePath,
      history: this.#history,
      state: this.state,
      stateHeightMin: this.stateHeightMin(),
      pieces: () => this.statePieces(),
    })
    if (isRebuilt) {
      this.#treeCacheHeight = 0
      this.#isStateTrusted = true
    }
    return tree
  }

  async saveTree(tree: TreeVersion, height: number): Promise<void> {
    await this.#treeSaving
    assert(this.#tip !== undefined && height <= this.#tip.height, 'the tree of a durable height')
    const held = tree.retain()
    this.#treeSaving = writeTreeCache(this.#treeCachePath, held, height).finally(() => {
      held.release()
      this.#treeSaving = undefined
    })
    await this.#treeSaving
    this.#treeCacheHeight = height
  }

  isTreeCacheDue(): boolean {
    if (this.#tip === undefined || this.#treeSaving !== undefined) return false
    const isOld = this.#tip.height - this.#treeCacheHeight >= TREE_CACHE_HEIGHTS
    return isOld || this.#treeCacheHeight < this.stateHeightMin()
  }

  async close(): Promise<void> {
    await this.#treeSaving?.catch(() => {})
    await this.#writing?.catch(() => {})
    await this.#database.close()
    // A state that nobody compared since an unclean stop stays so: only the next start's comparison ends that.
    if (this.#tip === undefined || !this.#isStateTrusted || this.#failure !== undefined) return
    await this.#mark?.write(this.#describe())
  }

  #readState(key: StateKey): Uint8Array | undefined {
    if (this.#covered?.has(key)) return this.#covered.get(key)
    const hit = this.#cache.get(key)
    if (hit !== undefined) return hit.value
    const value = this.#read(stateKeyBytes(key))
    this.#cache.set(key, value)
    return value
  }

  #read(key: Uint8Array): Uint8Array | undefined {
    this.#checkOpen()
    const value = this.#database.getSync(key)
    return value === undefined ? undefined : plain(value)
  }

  #checkOpen(): void {
    if (this.#database.status !== 'open') throw new StoreError('Closed', 'the chain store is closed')
  }

  #decode<T>(what: string, decode: () => T): T {
    try {
      return decode()
    } catch (error) {
      throw new StoreError('Corrupt', `stored ${what} is malformed`, { cause: error })
    }
  }
}
