// Executes each block once, keeps it until it is final or abandoned, and commits final blocks.
// Owns: the finalized head, recent trees, the order of commits. Not: rules (state/execute.ts), disk (storage/).
import { assert } from '../../base/assert.ts'
import { bytesKey, equalBytes, toHex } from '../../base/bytes.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import type { Hash32 } from '../../base/ids.ts'
import { hasOwnBody, type SealedBlock } from '../../base/protocol/header.ts'
import { PROTOCOL_VERSION } from '../../base/protocol/version.ts'
import type { Certificate } from '../../base/protocol/vote.ts'
import {
  type BlockTemplate,
  type BuiltBlock,
  buildSteps,
  type ExecutedBlock,
  executeSteps,
  type ParentView,
  type Rejection,
} from '../../state/execute.ts'
import type { Steps } from '../../state/steps.ts'
import { type KeyProof, proveKey } from '../../state/tree/proof.ts'
import { TreeVersion } from '../../state/tree/tree.ts'
import { protocolVersionOf } from '../../state/versions.ts'
import type { StateKey, StateReader } from '../../state/view.ts'
import type { StateComparison } from '../../storage/stateCompare.ts'
import { planTakeBack } from '../../storage/takeBack.ts'
import { inTurns } from '../../storage/turns.ts'
import { type ChainStore, type ChainTip, StoreError } from '../../storage/types.ts'
import {
  type FinalizedEvent,
  type GenesisBlock,
  type HeadView,
  type Importer,
  ImporterError,
  type ImporterOptions,
  type ImportResult,
} from './importerTypes.ts'
import { PastTrees } from './pastTrees.ts'
import { tellSteps } from './tell.ts'
import { UnfinalizedBlocks } from './unfinalizedBlocks.ts'

/** Finalized heights whose trees are kept for proofs. */
const PROOF_HEIGHTS = 64
/** Blocks being prepared or executed at once. */
const RUNNING_MAX = 256
/** Rejected blocks whose verdicts are cached. */
const REJECTED_MAX = 1024

const VALID: ImportResult = { kind: 'valid' }
/** Says nothing about the block of this hash: another body is the right one. */
const WRONG_BODY: ImportResult = {
  kind: 'invalid',
  code: 'WrongBody',
  detail: 'the transactions are not those of the header',
}

interface Head extends HeadView {
  readonly tree: TreeVersion
}

/** Opens the chain at the store's tip, or commits genesis into an empty store. Throws ImporterError GenesisMismatch. */
export async function openImporter(store: ChainStore, options: ImporterOptions): Promise<Importer> {
  if (store.tip() === undefined) {
    const tree = await commitGenesis(store, options.genesis)
    return new BlockImporter(store, options, tree)
  }
  const stored = store.blockAt(0)
  if (stored === undefined || !equalBytes(stored.hash, options.genesis.block.hash)) {
    const has = stored === undefined ? 'no block 0' : toHex(stored.hash)
    throw new ImporterError(
      'GenesisMismatch',
      `the data directory belongs to another chain: it has ${has}, genesis is ${toHex(options.genesis.block.hash)}`,
    )
  }
  return new BlockImporter(store, options, await store.loadTree())
}

async function commitGenesis(store: ChainStore, genesis: GenesisBlock): Promise<TreeVersion> {
  const empty = TreeVersion.empty()
  const tree = empty.update(genesis.changes)
  empty.release()
  assert(
    equalBytes(tree.rootHash, genesis.block.header.stateRoot),
    'genesis state has the root of its header',
  )
  await store.commit([
    { block: genesis.block, receipts: [], senders: [], systemLogs: [], changes: genesis.changes },
  ])
  return tree
}

class BlockImporter implements Importer {
  readonly #store: ChainStore
  readonly #options: ImporterOptions
  readonly #unfinalized = new UnfinalizedBlocks()
  /** By the SHA-256 of the whole block: its own hash covers the header alone. */
  readonly #running = new Map<string, Promise<ImportResult>>()
  /** By block hash; the verdict is for the whole block with this SHA-256. */
  readonly #rejected = new Map<string, { readonly whole: Hash32; readonly verdict: ImportResult }>()
  /** Trees of the head and of the provable heights below it, oldest first. */
  readonly #trees = new Map<number, TreeVersion>()
  readonly #pastTrees: PastTrees
  readonly #listeners = new Set<(event: FinalizedEvent) => void>()
  #head: Head
  /** The last execution; blocks are executed one after another. */
  #executing: Promise<unknown> = Promise.resolve()
  readonly #builds = new Set<Promise<unknown>>()
  /** The last call of `finalize`; the next one waits for it. */
  #commits: Promise<void> = Promise.resolve()
  #savedHeight = -1

  constructor(store: ChainStore, options: ImporterOptions, tree: TreeVersion) {
    this.#store = store
    this.#options = options
    const tip = store.tip()
    assert(tip !== undefined, 'the store has a tip')
    this.#head = this.#headAt(tip, tree)
    this.#trees.set(tip.height, tree)
    this.#pastTrees = new PastTrees(store, () => {
      const [height, oldest] = this.#trees.entries().next().value!
      return { height, tree: oldest }
    })
  }

  head(): HeadView {
    return this.#head
  }

  pendingHead(): HeadView {
    const highest = this.#unfinalized.highest
    return highest === undefined ? this.#head : viewOf(highest)
  }

  parentView(hash: Hash32): ParentView | undefined {
    if (equalBytes(hash, this.#head.hash)) return this.#head
    const executed = this.#unfinalized.get(hash)
    return executed === undefined ? undefined : viewOf(executed)
  }

  executed(hash: Hash32): ExecutedBlock | undefined {
    return this.#unfinalized.get(hash)
  }

  unfinalizedCount(): number {
    return this.#unfinalized.count
  }

  async execute(block: SealedBlock): Promise<ImportResult> {
    const known = this.#knownVerdict(block)
    if (known !== undefined) return known
    const key = bytesKey(sha256(block.bytes))
    const running = this.#running.get(key)
    if (running !== undefined) return running
    if (this.#running.size >= RUNNING_MAX) return { kind: 'busy' }
    const result = this.#run(block).finally(() => this.#running.delete(key))
    this.#running.set(key, result)
    return result
  }

  /** The verdict if it needs no execution; undefined when the parent is available and there is room. */
  #knownVerdict(block: SealedBlock): ImportResult | undefined {
    const { header, hash } = block
    const executed = this.#unfinalized.get(hash)
    if (executed !== undefined) return isSame(executed.block.bytes, block) ? VALID : WRONG_BODY
    const rejected = this.#rejected.get(bytesKey(hash))
    if (rejected !== undefined)
      return equalBytes(rejected.whole, sha256(block.bytes)) ? rejected.verdict : WRONG_BODY
    const headHeight = this.#head.header.height
    if (this.parentView(header.parentHash) !== undefined) {
      const depth = header.height - headHeight
      return this.#unfinalized.hasRoom(depth, block.transactions.length) ? undefined : { kind: 'busy' }
    }
    if (header.height <= headHeight) {
      const height = this.#store.heightOf(hash)
      if (height === undefined) return { kind: 'stale' }
      const stored = this.#store.blockBytesAt(height)
      return stored === undefined || isSame(stored, block) ? VALID : WRONG_BODY
    }
    return header.height === headHeight + 1 ? { kind: 'stale' } : { kind: 'unknownParent' }
  }

  async #run(block: SealedBlock): Promise<ImportResult> {
    await this.#options.prepare?.(block)
    const run = this.#executing.then(() => this.#executeNow(block))
    this.#executing = run.catch(() => {})
    return run
  }

  async #executeNow(block: SealedBlock): Promise<ImportResult> {
    // The head may have moved while senders were being recovered and other blocks executed.
    const known = this.#knownVerdict(block)
    if (known !== undefined) return known
    const parent = this.#holdParent(block.header.parentHash)
    assert(parent !== undefined, 'the parent is available')
    if (this.#isBeyond(parent)) {
      parent.tree.release()
      return { kind: 'unsupported' }
    }
    try {
      const result = await inTurns(executeSteps(parent, block, this.#options))
      return 'rejected' in result ? this.#reject(block, result.rejected) : this.adopt(result.executed)
    } finally {
      parent.tree.release()
    }
  }

  /** Whether children are of a version that this build would execute by the wrong rules. */
  #isBeyond({ state }: Pick<ParentView, 'state'>): boolean {
    return protocolVersionOf(state) > (this.#options.chain.versionMax ?? PROTOCOL_VERSION)
  }

  /** Like `parentView`, for several turns: the caller releases the tree. */
  #holdParent(hash: Hash32): ParentView | undefined {
    const parent = this.parentView(hash)
    return parent === undefined ? undefined : { ...parent, tree: treeVersion(parent.tree).retain() }
  }

  #reject(block: SealedBlock, rejection: Rejection): ImportResult {
    const { code, detail } = rejection
    // The hash is not marked as rejected.
    if (!hasOwnBody(block)) return WRONG_BODY
    const verdict: ImportResult = { kind: code === 'WrongResult' ? 'mismatch' : 'invalid', code, detail }
    this.#options.onRefused?.(block, { kind: verdict.kind, detail })
    this.#rejected.set(bytesKey(block.hash), { whole: sha256(block.bytes), verdict })
    if (this.#rejected.size > REJECTED_MAX) this.#rejected.delete(this.#rejected.keys().next().value!)
    return verdict
  }

  async build(parentHash: Hash32, template: BlockTemplate): Promise<BuiltBlock | undefined> {
    const parent = this.#holdParent(parentHash)
    if (parent === undefined) return undefined
    if (this.#isBeyond(parent)) {
      parent.tree.release()
      return undefined
    }
    const build = this.#buildOn(parent, template)
    this.#builds.add(build)
    return build.finally(() => this.#builds.delete(build))
  }

  async #buildOn(parent: ParentView, template: BlockTemplate): Promise<BuiltBlock | undefined> {
    try {
      const built = await inTurns(buildSteps(parent, template, this.#options))
      // The same block may have come back from a peer and been executed meanwhile.
      const { hash } = built.executed.block
      return this.adopt(built.executed).kind === 'valid' && this.#unfinalized.get(hash) !== undefined
        ? built
        : undefined
    } finally {
      parent.tree.release()
    }
  }

  adopt(executed: ExecutedBlock): ImportResult {
    const held = this.#unfinalized.get(executed.block.hash)
    if (held === executed) return VALID
    const known = this.#knownVerdict(executed.block)
    if (known !== undefined) {
      executed.tree.release()
      return known
    }
    // The parent may have become the head since: its overlay is no longer needed below this one.
    if (equalBytes(executed.block.header.parentHash, this.#head.hash))
      executed.overlay.rebase(this.#head.state)
    this.#unfinalized.add(executed)
    return VALID
  }

  finalize(path: readonly Hash32[], certificate?: Certificate): Promise<void> {
    const commit = this.#commits.then(() => this.#commitPath(path, certificate))
    // A failed commit rejects only its own caller; later calls report their own errors.
    this.#commits = commit.catch(() => {})
    return commit
  }

  async #commitPath(path: readonly Hash32[], certificate: Certificate | undefined): Promise<void> {
    const executed = this.#connectedPath(path)
    const last = executed.at(-1)
    if (last === undefined) return
    const events = executed.map((item): FinalizedEvent => {
      const { header, hash } = item.block
      const isCertified = item === last && certificate !== undefined
      return { height: header.height, hash, executed: item, ...(isCertified ? { certificate } : {}) }
    })
    await this.#store.commit(
      events.map(({ executed: item, certificate: own }) => ({
        block: item.block,
        ids: item.ids,
        receipts: item.receipts,
        receiptBytes: item.receiptBytes,
        senders: item.senders,
        systemLogs: item.systemLogs,
        changes: item.overlay.changes(),
        ...(own === undefined ? {} : { certificate: own }),
      })),
    )
    const retired = this.#advance(executed)
    await inTurns(tellSteps(events, this.#listeners))
    this.#saveTreeWhenDue()
    await inTurns(releaseSteps(retired))
  }

  /** The part of the path above the head; checks that it continues the head. */
  #connectedPath(path: readonly Hash32[]): readonly ExecutedBlock[] {
    const executed: ExecutedBlock[] = []
    let parent = this.#head.hash
    for (const hash of path) {
      const item = this.#unfinalized.get(hash)
      if (item === undefined) {
        if (executed.length === 0 && this.#store.heightOf(hash) !== undefined) continue
        throw new ImporterError('NotExecuted', `block ${toHex(hash)} is final but was not executed here`)
      }
      if (!equalBytes(item.block.header.parentHash, parent)) {
        throw new ImporterError('NotConnected', `block ${toHex(hash)} does not continue the finalized chain`)
      }
      executed.push(item)
      parent = hash
    }
    return executed
  }

  /** Moves head, trees and forks to the store's new tip, the end of `path`, within one turn; returns the trees to free. */
  #advance(path: readonly ExecutedBlock[]): readonly TreeVersion[] {
    const tip = this.#store.tip()
    assert(tip !== undefined, 'the store has a tip')
    for (const { block, tree } of path) this.#trees.set(block.header.height, treeVersion(tree))
    this.#head = this.#headAt(tip, treeVersion(path.at(-1)!.tree))
    this.#unfinalized.advance({
      head: tip.hash,
      path: path.map(({ block }) => block.hash),
      state: this.#head.state,
    })
    const retired: TreeVersion[] = []
    for (const [height, tree] of this.#trees) {
      if (height > tip.height - PROOF_HEIGHTS) break
      this.#trees.delete(height)
      retired.push(tree)
    }
    return retired
  }

  #headAt(tip: ChainTip, tree: TreeVersion): Head {
    assert(equalBytes(tree.rootHash, tip.header.stateRoot), 'the tree of the tip')
    const state = this.#store.stateAt(tip.height)
    assert(state !== undefined, 'the state of the tip is available')
    return { header: tip.header, hash: tip.hash, state, tree }
  }

  #saveTreeWhenDue(): void {
    if (!this.#store.isTreeCacheDue()) return
    this.#saveTree().catch((error) => this.#options.onWarning?.('tree.cache was not written', error))
  }

  async #saveTree(): Promise<void> {
    const { header, tree } = this.#head
    await this.#store.saveTree(tree, header.height)
    this.#savedHeight = header.height
  }

  onFinalized(listener: (event: FinalizedEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  stateAt(height: number): StateReader | undefined {
    return this.#store.stateAt(height)
  }

  prove(key: StateKey, height: number): KeyProof | undefined {
    const tree = this.#trees.get(height)
    const state = this.#store.stateAt(height)
    return tree === undefined || state === undefined ? undefined : proveKey(tree, key, state)
  }

  provePast(key: StateKey, height: number): Promise<KeyProof | undefined> {
    const known = this.prove(key, height)
    if (known !== undefined) return Promise.resolve(known)
    return this.#pastTrees.with(height, (tree) => {
      const state = this.#store.stateAt(height)
      return state === undefined ? undefined : proveKey(tree, key, state)
    })
  }

  proofHeightMin(): number {
    return this.#trees.keys().next().value ?? this.#head.header.height
  }

  takeBack(height: number): Promise<void> {
    const step = this.#commits.then(() => this.#takeBack(height))
    this.#commits = step.catch(() => {})
    return step
  }

  async #takeBack(height: number): Promise<void> {
    await Promise.allSettled([...this.#running.values(), ...this.#builds])
    const plan = await inTurns(planTakeBack(this.#store, height))
    const tree =
      this.#trees.get(height)?.retain() ?? (await inTurns(this.#head.tree.updateSteps(plan.changes)))
    if (!equalBytes(tree.rootHash, plan.tip.header.stateRoot)) {
      tree.release()
      throw new StoreError('Corrupt', `the differences do not lead back to the state root of block ${height}`)
    }
    await this.#store.takeBack(plan)
    const retired = [...this.#trees].filter(([at]) => at >= height)
    for (const [at] of retired) this.#trees.delete(at)
    this.#trees.set(height, tree)
    this.#head = this.#headAt(plan.tip, tree)
    this.#unfinalized.clear()
    this.#rejected.clear()
    this.#savedHeight = -1
    await this.#pastTrees.forgetFrom(height)
    await inTurns(releaseSteps(retired.map(([, each]) => each)))
  }

  compareState(signal: AbortSignal): Promise<StateComparison | undefined> {
    return this.#store.compareState(this.#head.tree, signal)
  }

  async close(): Promise<void> {
    await this.#commits
    await this.#pastTrees.close()
    await Promise.allSettled([...this.#running.values(), ...this.#builds])
    if (this.#savedHeight !== this.#head.header.height) {
      await this.#saveTree().catch((error) => this.#options.onWarning?.('tree.cache was not written', error))
    }
    this.#unfinalized.clear()
    for (const tree of this.#trees.values()) await inTurns(tree.releaseSteps())
    this.#trees.clear()
  }
}

/** Whether these are the bytes of the whole block. */
function isSame(bytes: Uint8Array, block: SealedBlock): boolean {
  return bytes === block.bytes || equalBytes(bytes, block.bytes)
}

function viewOf(executed: ExecutedBlock): ParentView {
  const { block, overlay, tree } = executed
  return { header: block.header, hash: block.hash, state: overlay, tree }
}

/** Frees versions one per step: each holds the nodes of one block's changes. */
function* releaseSteps(trees: readonly TreeVersion[]): Steps<void> {
  for (const [i, tree] of trees.entries()) {
    if (i > 0) yield
    yield* tree.releaseSteps()
  }
}

function treeVersion(tree: ExecutedBlock['tree']): TreeVersion {
  assert(tree instanceof TreeVersion, "the tree derives from the importer's own")
  return tree
}
