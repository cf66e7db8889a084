// A minimal application for simulations: transactions are 8-byte numbers, the state is their running hash. Pure functions
// shared by all simulated nodes, with one `SimStore` per node for durable data.
import { bytesKey, concatBytes, EMPTY_BYTES, equalBytes, toHex, u64be } from '../../base/bytes.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import type { Bls } from '../../base/crypto/types.ts'
import { type Hash32, ZERO_ADDRESS, ZERO_HASH } from '../../base/ids.ts'
import {
  epochAbove,
  evenFees,
  type Header,
  hasOwnBody,
  NO_LANE_GAS,
  type SealedBlock,
  sealBlock,
  transactionsRootOf,
} from '../../base/protocol/header.ts'
import { type Validator, type ValidatorSet, validatorSetHash } from '../../base/protocol/validators.ts'
import { type Certificate, nextMix } from '../../base/protocol/vote.ts'
import type { BuildOrder, EpochStart, Verdict } from '../../consensus/types.ts'

const RESERVE = {
  supplyBase: 0n,
  liabilitiesBase: 0n,
  capacityBase: 0n,
  lockedInRedemptionBase: 0n,
  anchor: 0n,
  shortfallBase: 0n,
}
export const BLOCK_TXS = 50
const NEW_RULES = u64be(2)

/** Height of genesis 0; a block is a boundary iff its height is a multiple of `epochBlocks`. */
export interface ChainRules {
  readonly genesis: SealedBlock
  readonly genesisHash: Hash32
  readonly epochBlocks: number
  /** From this height on the state root is computed differently; 0 = never, as on nodes of the old version. */
  readonly activationHeight: number
  /** The set of an epoch; every node computes the same. */
  setOf(epoch: number): ValidatorSet
}

/** `key` counts the keys of one validator, which is otherwise the same. */
export function makeValidator(
  index: number,
  bls: Bls,
  key = 0,
): { validator: Validator; secretKey: Uint8Array } {
  const seed = key === 0 ? u64be(index + 1) : concatBytes(u64be(index + 1), u64be(key))
  const secretKey = bls.keygen(sha256(seed))
  const operator = sha256(concatBytes(u64be(7), u64be(index))).slice(0, 20)
  const peerId = sha256(u64be(1000 + index))
  return { validator: { id: index + 1, operator, consensusKey: bls.publicKey(secretKey), peerId }, secretKey }
}

export function makeRules(options: {
  setOf: (epoch: number) => ValidatorSet
  epochBlocks: number
  timestampMs: number
  activationHeight?: number
}): ChainRules {
  const { setOf, epochBlocks, timestampMs } = options
  const genesisHash = sha256(u64be(42))
  const header: Header = {
    version: 1,
    epoch: 0,
    view: 0,
    height: 0,
    parentHash: ZERO_HASH,
    timestampMs,
    proposer: ZERO_ADDRESS,
    randaoReveal: EMPTY_BYTES,
    mix: genesisHash,
    stateRoot: sha256(u64be(0)),
    receiptsRoot: ZERO_HASH,
    transactionsRoot: ZERO_HASH,
    gasUsed: 0,
    gasLimit: 1,
    ...evenFees(0n),
    laneGas: NO_LANE_GAS,
    reserve: RESERVE,
    setHash: validatorSetHash(setOf(1)),
    endsEpoch: true,
    nextSetHash: validatorSetHash(setOf(1)),
  }
  const genesis = sealBlock({ header, transactions: [] })
  return { genesis, genesisHash, epochBlocks, activationHeight: options.activationHeight ?? 0, setOf }
}

function postRoot(rules: ChainRules, parent: SealedBlock, transactions: readonly Uint8Array[]): Hash32 {
  const isNew = rules.activationHeight > 0 && parent.header.height + 1 >= rules.activationHeight
  const parts = [parent.header.stateRoot, ...transactions]
  return sha256(concatBytes(...(isNew ? [...parts, NEW_RULES] : parts)))
}

const setHashes = new WeakMap<ValidatorSet, Hash32>()

function hashOfSet(set: ValidatorSet): Hash32 {
  const known = setHashes.get(set)
  if (known !== undefined) return known
  const hash = validatorSetHash(set)
  setHashes.set(set, hash)
  return hash
}

/** The header fields that execution determines. */
function outcome(rules: ChainRules, parent: SealedBlock, epoch: number, transactions: readonly Uint8Array[]) {
  const height = parent.header.height + 1
  const endsEpoch = height % rules.epochBlocks === 0
  return {
    height,
    stateRoot: postRoot(rules, parent, transactions),
    transactionsRoot: transactionsRootOf(transactions),
    setHash: hashOfSet(rules.setOf(epoch)),
    endsEpoch,
    ...(endsEpoch ? { nextSetHash: hashOfSet(rules.setOf(epoch + 1)) } : {}),
  }
}

export function buildBlock(
  rules: ChainRules,
  order: BuildOrder & { readonly proposer: Uint8Array; readonly randaoReveal: Uint8Array },
  pending: readonly Uint8Array[],
): SealedBlock {
  const { epoch, view, parent, timestampMs, proposer, randaoReveal } = order
  const budget = order.emptyOnly ? 0 : BLOCK_TXS >> Math.min(order.halvings, 10)
  const transactions = pending.slice(0, budget)
  const facts = outcome(rules, parent, epoch, transactions)
  const header: Header = {
    ...parent.header,
    ...facts,
    epoch,
    view,
    parentHash: parent.hash,
    timestampMs,
    proposer,
    randaoReveal,
    mix: nextMix(parent.header.mix, facts.height, randaoReveal),
  }
  if (!facts.endsEpoch) delete (header as { nextSetHash?: Hash32 }).nextSetHash
  return sealBlock({ header, transactions })
}

const verdicts = new WeakMap<ChainRules, Map<string, Verdict>>()

/** Depends only on the rules, the block and its parent, so it runs once for all nodes of a run. */
export function verifyBlock(rules: ChainRules, block: SealedBlock, parent: SealedBlock): Verdict {
  const known = verdicts.get(rules) ?? new Map<string, Verdict>()
  verdicts.set(rules, known)
  const key = bytesKey(block.hash) + bytesKey(parent.hash)
  const before = known.get(key)
  // The hash covers only the header; the transactions count only if they match its root.
  if (before !== undefined && hasOwnBody(block)) return before
  const verdict = execute(rules, block, parent)
  if (verdict === 'valid') known.set(key, verdict)
  return verdict
}

function execute(rules: ChainRules, block: SealedBlock, parent: SealedBlock): Verdict {
  const { header, transactions } = block
  const facts = outcome(rules, parent, header.epoch, transactions)
  // Consensus checks height, epoch, view, proposer, parent and time, as in the real application.
  if (header.endsEpoch !== facts.endsEpoch) return 'invalid'
  if (!equalBytes(header.transactionsRoot, facts.transactionsRoot)) return 'invalid'
  if (!equalBytes(header.setHash, facts.setHash)) return 'invalid'
  if (!equalBytes(header.mix, nextMix(parent.header.mix, header.height, header.randaoReveal)))
    return 'invalid'
  return equalBytes(header.stateRoot, facts.stateRoot) ? 'valid' : 'mismatch'
}

/** The blocks that one node has durably finalized; survives crashes. */
export class SimStore {
  readonly rules: ChainRules
  readonly #chain: SealedBlock[]
  readonly #certificates = new Map<number, Certificate>()
  readonly #boundaries = new Map<number, Certificate>()
  readonly #included = new Set<string>()
  readonly #byHash = new Map<string, SealedBlock>()

  constructor(rules: ChainRules) {
    this.rules = rules
    this.#chain = [rules.genesis]
    this.#byHash.set(toHex(rules.genesis.hash), rules.genesis)
  }

  get tip(): SealedBlock {
    return this.#chain.at(-1)!
  }

  get height(): number {
    return this.#chain.length - 1
  }

  at(height: number): SealedBlock | undefined {
    return this.#chain[height]
  }

  byHash(hash: Hash32): SealedBlock | undefined {
    return this.#byHash.get(toHex(hash))
  }

  tipCertificate(): Certificate | undefined {
    return this.#certificates.get(this.height)
  }

  boundary(epoch: number): Certificate | undefined {
    return this.#boundaries.get(epoch)
  }

  includes(transaction: Uint8Array): boolean {
    return this.#included.has(toHex(transaction))
  }

  /** Commits all blocks or none; skips known ones. */
  commit(path: readonly SealedBlock[], certificate: Certificate): void {
    for (const block of path) {
      if (block.header.height <= this.height) continue
      if (!equalBytes(block.header.parentHash, this.tip.hash))
        throw new Error('committed a block off the chain')
      this.#chain.push(block)
      this.#byHash.set(toHex(block.hash), block)
      for (const transaction of block.transactions) this.#included.add(toHex(transaction))
    }
    const last = path.at(-1)!
    this.#certificates.set(last.header.height, certificate)
    if (last.header.endsEpoch) this.#boundaries.set(last.header.epoch, certificate)
  }

  /** Restores an older copy: the chain up to a certified block at or below this height. */
  setBack(height: number): void {
    while (this.height > Math.max(0, height) || (this.height > 0 && !this.#certificates.has(this.height))) {
      const { header, hash, transactions } = this.#chain.pop()!
      this.#byHash.delete(toHex(hash))
      this.#certificates.delete(header.height)
      if (header.endsEpoch) this.#boundaries.delete(header.epoch)
      for (const transaction of transactions) this.#included.delete(toHex(transaction))
    }
  }

  /** The epoch a child of the tip belongs to. */
  epochStart(): EpochStart {
    const { tip, rules } = this
    const epoch = epochAbove(tip.header)
    let floor = tip
    while (!(floor.header.endsEpoch && floor.header.epoch === epoch - 1)) {
      floor = this.#chain[floor.header.height - 1]!
    }
    return { epoch, validators: rules.setOf(epoch), floor }
  }
}
