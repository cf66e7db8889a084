// Execution as a pure function of parent and block (ARCHITECTURE, "Two boundaries"). READ FIRST in state/.
// Owns: header rules and building blocks. Not: the engine (engine.ts), comparing timestamps with a clock (consensus).
import { assert } from '../base/assert.ts'
import { equalBytes } from '../base/bytes.ts'
import type { AnyField } from '../base/field.ts'
import type { Address, Hash32, TxId } from '../base/ids.ts'
import type { Lane } from '../base/lanes.ts'
import {
  epochAbove,
  type Header,
  headerFees,
  headerSchema,
  type SealedBlock,
  sealBlock,
} from '../base/protocol/header.ts'
import {
  BLOCK_BYTES_MAX,
  BLOCK_OVERHEAD_BYTES,
  BLOCK_TXS_MAX,
  TX_OVERHEAD_BYTES,
} from '../base/protocol/limits.ts'
import { merkleRoot } from '../base/protocol/merkle.ts'
import type { Receipt } from '../base/protocol/receipt.ts'
import { type ValidatorSet, validatorSetHash } from '../base/protocol/validators.ts'
import type { ChainConfig } from './chain.ts'
import type { Log } from './context.ts'
import { type BlockFacts, BlockRun, type Finding } from './engine.ts'
import { providersParams } from './modules/providers/tables.ts'
import { isBoundaryNext, validatorSet } from './modules/providers/validatorSet.ts'
import type { Overlay } from './overlay.ts'
import { encodeReceipts, receiptsRoot } from './receipt.ts'
import { decidingSet, recoveryMismatch } from './recovery.ts'
import { runSteps, type Steps } from './steps.ts'
import { type DecodedTransaction, decodeTransaction, type Transaction } from './transaction.ts'
import type { StateReader, TreeView } from './view.ts'

/** What a child executes on: a finalized head or an executed block above it. */
export interface ParentView {
  readonly header: Header
  readonly hash: Hash32
  readonly state: StateReader
  readonly tree: TreeView
}

export interface ExecutedBlock {
  readonly block: SealedBlock
  /** The block's writes on top of its parent's state. */
  readonly overlay: Overlay
  /** The caller releases it. */
  readonly tree: TreeView
  /** Ids of the transactions, in block order, like all lists below. */
  readonly ids: readonly TxId[]
  readonly receipts: readonly Receipt[]
  /** The canonical bytes of each receipt. */
  readonly receiptBytes: readonly Uint8Array[]
  /** Signer of each transaction. */
  readonly senders: readonly Address[]
  /** Logs of the modules' beginBlock and endBlock. */
  readonly systemLogs: readonly Log[]
  /** Broken invariants below severity halt; to be logged and counted. */
  readonly findings: readonly Finding[]
}

export const REJECTION_CODES = [
  'WrongParent',
  'WrongHeader',
  'BadTimestamp',
  'UnknownProposer',
  'TooLarge',
  'BadEnvelope',
  'BadSignature',
  'InvalidTransaction',
  'WrongResult',
] as const
export type RejectionCode = (typeof REJECTION_CODES)[number]

/** Why a block is invalid; nothing of it is kept. `detail` names the field or the transaction. */
export interface Rejection {
  readonly code: RejectionCode
  readonly detail: string
}

export interface ExecuteOptions {
  readonly chain: ChainConfig
  /** Recovers or looks up the signer; undefined when the signature is invalid. */
  senderOf(transaction: Transaction): Address | undefined
  /** A cache of decoded envelopes; without it every envelope is decoded here. */
  decode?(raw: Uint8Array): DecodedTransaction
}

export interface Candidate {
  readonly transaction: Transaction
  readonly sender: Address
}

export interface BlockTemplate extends BlockFacts {
  /** In order of preference; one sender's in nonce order. */
  readonly candidates: Iterable<Candidate> | ((hasRoom: (lane: Lane) => boolean) => Iterable<Candidate>)
  /** Most gas to use; the block's own limits apply too. */
  readonly gasBudget: number
  /** Most bytes of the encoded block. */
  readonly bytesBudget: number
}

/** A candidate left out of the block, and why; full blocks and early nonces are retryable. */
export interface Skipped {
  readonly hash: TxId
  readonly reason: string
  /** In words, with the lane and its base fee where they decide. */
  readonly detail: string
}

/** Most candidates skipped in one build; the rest waits for the next block. */
const SKIPPED_MAX = 4096

/** Hashes of sets by their lists: a list read from state never changes, and each block names the same set again. */
const setHashes = new WeakMap<ValidatorSet['validators'], Hash32>()

function setHashOf(set: ValidatorSet): Hash32 {
  const known = setHashes.get(set.validators)
  if (known !== undefined) return known
  const hash = validatorSetHash(set)
  setHashes.set(set.validators, hash)
  return hash
}

/** The parts of a header that parent and proposer decide before any transaction runs. */
function headerBefore(chain: ChainConfig, run: BlockRun, parent: ParentView, facts: BlockFacts) {
  const { block, params } = run
  return {
    version: params.protocolVersion,
    epoch: facts.epoch,
    view: facts.view,
    height: block.height,
    parentHash: parent.hash,
    timestampMs: facts.timestampMs,
    proposer: facts.proposer,
    randaoReveal: facts.randaoReveal,
    mix: block.mix,
    gasLimit: params.blockGasLimit,
    ...headerFees(run.baseFees),
    setHash: setHashOf(decidingSet(chain, parent)),
    endsEpoch: isBoundaryNext(parent.state, {
      height: block.height,
      parentEndsEpoch: parent.header.endsEpoch || chain.recoveryOn?.(parent.hash) !== undefined,
    }),
  }
}

/** Gas of the transactions run in one step, 2 to 3 ms of transfers. */
const GAS_PER_STEP = 1_000_000
/** Candidates looked at in one step, however few of them fit. */
const CANDIDATES_PER_STEP = 256
/** Receipts encoded in one step. */
const RECEIPTS_PER_STEP = 256

/** Results that exist only once a run is concluded. */
type Outcome = Pick<ExecutedBlock, 'tree' | 'ids' | 'receiptBytes'>

/** Ends the block and computes the header fields that follow from its execution. */
function* concludeRun(
  run: BlockRun,
  parent: ParentView,
  before: ReturnType<typeof headerBefore>,
  ids: readonly TxId[],
): Steps<{ readonly header: Header; readonly outcome: Outcome }> {
  const isLarge = run.gasUsed > GAS_PER_STEP
  if (isLarge) yield
  yield* run.finish()
  if (isLarge) yield
  const receiptBytes: Uint8Array[] = []
  for (let from = 0; from < run.receipts.length; from += RECEIPTS_PER_STEP) {
    if (from > 0) yield
    receiptBytes.push(...encodeReceipts(run.receipts.slice(from, from + RECEIPTS_PER_STEP)))
  }
  const receipts = receiptsRoot(run.receipts, run.systemLogs, receiptBytes)
  const transactionsRoot = merkleRoot(ids)
  if (isLarge) yield
  // Nothing is yielded after the tree is made, so that it always reaches the caller, who releases it.
  const tree = yield* parent.tree.updateSteps(run.overlay.changes())
  const header: Header = {
    ...before,
    stateRoot: tree.rootHash,
    receiptsRoot: receipts,
    transactionsRoot,
    gasUsed: run.gasUsed,
    laneGas: laneGasOf(run),
    reserve: run.reserve,
    ...(before.endsEpoch ? { nextSetHash: validatorSetHash(validatorSet(run.overlay)) } : {}),
  }
  return { header, outcome: { tree, ids, receiptBytes } }
}

function laneGasOf({ laneGas }: BlockRun): Header['laneGas'] {
  const { redemption, service, proof } = laneGas
  return { redemption, service, proof }
}

/** Name of the first field in `names` where the headers differ. */
function firstDifference(names: readonly string[], actual: Header, expected: object): string | undefined {
  for (const name of names) {
    const field = headerSchema.fields[name] as AnyField
    const text = (source: object): string => {
      const value = (source as Record<string, unknown>)[name]
      return value === undefined ? 'absent' : JSON.stringify(field.toJson(value))
    }
    if (text(actual) !== text(expected)) return `${name} is ${text(actual)}, expected ${text(expected)}`
  }
  return undefined
}

/** Checks that need neither the engine nor the transactions. */
function checkPlace(chain: ChainConfig, parent: ParentView, block: SealedBlock): Rejection | undefined {
  const { header } = block
  const above = parent.header
  if (!equalBytes(header.parentHash, parent.hash)) {
    return { code: 'WrongParent', detail: 'parentHash is not the hash of the parent' }
  }
  const recovery = chain.recoveryOn?.(parent.hash)
  const mismatch = recovery === undefined ? undefined : recoveryMismatch(parent.state, recovery)
  if (mismatch !== undefined) return { code: 'WrongHeader', detail: mismatch }
  const epoch = epochAbove(above, recovery)
  if (header.epoch !== epoch)
    return { code: 'WrongHeader', detail: `epoch is ${header.epoch}, expected ${epoch}` }
  const viewMin = above.epoch < epoch ? 1 : above.view + 1
  if (header.view < viewMin) {
    return { code: 'WrongHeader', detail: `view is ${header.view}, expected at least ${viewMin}` }
  }
  const { minBlockIntervalMs } = providersParams.get(parent.state)
  const earliestMs = above.timestampMs + Math.max(1, minBlockIntervalMs)
  if (header.timestampMs < earliestMs) {
    return {
      code: 'BadTimestamp',
      detail: `timestampMs is ${header.timestampMs}, expected at least ${earliestMs}`,
    }
  }
  if (block.bytes.length > BLOCK_BYTES_MAX || block.transactions.length > BLOCK_TXS_MAX) {
    return {
      code: 'TooLarge',
      detail: `${block.bytes.length} bytes, ${block.transactions.length} transactions`,
    }
  }
  const members = decidingSet(chain, parent).validators
  if (!members.some((v) => equalBytes(v.operator, header.proposer))) {
    return { code: 'UnknownProposer', detail: 'proposer is not an operator of the validator set' }
  }
  return undefined
}

/**
 * Executes a received block on its parent and checks every field of its header. Pure: never changes the parent.
 * Consensus checks proposer and reveal against the view, and the timestamp against the clock.
 * Throws AssertionFailed when an invariant of severity halt is broken (ECONOMY §12).
 */
export function executeBlock(parent: ParentView, block: SealedBlock, options: ExecuteOptions): Execution {
  return runSteps(executeSteps(parent, block, options))
}

export type Execution = { readonly executed: ExecutedBlock } | { readonly rejected: Rejection }

/** `executeBlock` in steps, because a full block takes longer than a turn should. The parent's tree must stay held. */
export function* executeSteps(
  parent: ParentView,
  block: SealedBlock,
  options: ExecuteOptions,
): Steps<Execution> {
  const misplaced = checkPlace(options.chain, parent, block)
  if (misplaced !== undefined) return { rejected: misplaced }
  const run = new BlockRun(options.chain, parent, block.header)
  const before = headerBefore(options.chain, run, parent, block.header)
  const wrong = firstDifference(Object.keys(before), block.header, before)
  if (wrong !== undefined) return { rejected: { code: 'WrongHeader', detail: wrong } }
  run.begin()
  const applied = yield* applyAll(run, block, options)
  if ('rejected' in applied) return applied
  const { header, outcome } = yield* concludeRun(run, parent, before, applied.ids)
  const differs = firstDifference(Object.keys(headerSchema.fields), block.header, header)
  if (differs !== undefined) {
    outcome.tree.release()
    return { rejected: { code: 'WrongResult', detail: differs } }
  }
  return { executed: executedOf(run, block, outcome) }
}

/**
 * Executes a block without comparing the results with its header, for diagnosis.
 * The caller releases the tree. Throws as `executeBlock` does.
 */
export function recomputeBlock(
  parent: ParentView,
  block: SealedBlock,
  options: ExecuteOptions,
): { readonly header: Header; readonly executed: ExecutedBlock } | { readonly rejected: Rejection } {
  const run = new BlockRun(options.chain, parent, block.header)
  const before = headerBefore(options.chain, run, parent, block.header)
  run.begin()
  const applied = runSteps(applyAll(run, block, options))
  if ('rejected' in applied) return applied
  const { header, outcome } = runSteps(concludeRun(run, parent, before, applied.ids))
  return { header, executed: executedOf(run, block, outcome) }
}

function* applyAll(
  run: BlockRun,
  block: SealedBlock,
  options: ExecuteOptions,
): Steps<{ readonly ids: readonly TxId[] } | { readonly rejected: Rejection }> {
  const { chainId } = options.chain
  const ids: TxId[] = []
  let pauseAtGas = GAS_PER_STEP
  for (let index = 0; index < block.transactions.length; index++) {
    const raw = block.transactions[index]!
    const decoded = options.decode?.(raw) ?? decodeTransaction(raw, chainId)
    if ('failure' in decoded) {
      return { rejected: { code: 'BadEnvelope', detail: `transaction ${index}: ${decoded.failure.message}` } }
    }
    const { transaction } = decoded
    const sender = options.senderOf(transaction)
    if (sender === undefined) {
      return { rejected: { code: 'BadSignature', detail: `transaction ${index}: invalid signature` } }
    }
    const refusal = run.apply(transaction, sender)
    if (refusal !== undefined) {
      return {
        rejected: {
          code: 'InvalidTransaction',
          detail: `transaction ${index}: ${refusal.code}, ${refusal.detail}`,
        },
      }
    }
    ids.push(transaction.hash)
    if (run.gasUsed < pauseAtGas) continue
    pauseAtGas = run.gasUsed + GAS_PER_STEP
    yield
  }
  return { ids }
}

function executedOf(run: BlockRun, block: SealedBlock, outcome: Outcome): ExecutedBlock {
  const { overlay, receipts, senders, systemLogs, findings } = run
  return { block, overlay, ...outcome, receipts, senders, systemLogs, findings }
}

/**
 * Builds the next block from candidates; skips those that cannot be in it, with a reason each.
 * `executeBlock` computes the same result from the same bytes. The caller chooses a valid time and view.
 */
export function buildBlock(
  parent: ParentView,
  template: BlockTemplate,
  options: Pick<ExecuteOptions, 'chain'>,
): BuiltBlock {
  return runSteps(buildSteps(parent, template, options))
}

export interface BuiltBlock {
  readonly executed: ExecutedBlock
  readonly skipped: readonly Skipped[]
}

/** `buildBlock` in steps. The parent's tree must stay held, and the candidates must bear changes between two steps. */
export function* buildSteps(
  parent: ParentView,
  template: BlockTemplate,
  options: Pick<ExecuteOptions, 'chain'>,
): Steps<BuiltBlock> {
  const run = new BlockRun(options.chain, parent, template)
  const before = headerBefore(options.chain, run, parent, template)
  run.begin()
  const skipped: Skipped[] = []
  const taken: Transaction[] = []
  const bytesMax = Math.min(template.bytesBudget, BLOCK_BYTES_MAX)
  let bytes = BLOCK_OVERHEAD_BYTES
  let pauseAtGas = GAS_PER_STEP
  let looked = 0
  const { candidates } = template
  const offered = typeof candidates === 'function' ? candidates((lane) => run.hasRoom(lane)) : candidates
  for (const { transaction, sender } of offered) {
    if (taken.length >= BLOCK_TXS_MAX || skipped.length >= SKIPPED_MAX) break
    const size = transaction.raw.length + TX_OVERHEAD_BYTES
    const refusal =
      bytes + size > bytesMax
        ? { code: 'BlockBytesExceeded', detail: `${size} bytes do not fit` }
        : run.apply(transaction, sender, template.gasBudget)
    if (refusal === undefined) {
      taken.push(transaction)
      bytes += size
    } else skipped.push({ hash: transaction.hash, reason: refusal.code, detail: refusal.detail })
    if (run.gasUsed < pauseAtGas && ++looked % CANDIDATES_PER_STEP !== 0) continue
    pauseAtGas = run.gasUsed + GAS_PER_STEP
    yield
  }
  const { header, outcome } = yield* concludeRun(
    run,
    parent,
    before,
    taken.map((transaction) => transaction.hash),
  )
  const block = sealBlock({ header, transactions: taken.map((transaction) => transaction.raw) })
  assert(block.bytes.length <= bytesMax || taken.length === 0, 'the built block fits its budget')
  return { executed: executedOf(run, block, outcome), skipped }
}
