// A chain with only what light clients read: headers signed by real BLS keys, a state tree, receipts. Served through
// the methods of rpc/. Owns: building and serving it. Not: execution; nothing here is checked.
import { bytesKey, concatBytes, u32be, u64be, utf8 } from '../../base/bytes.ts'
import { bls } from '../../base/crypto/bls.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import type { Json } from '../../base/field.ts'
import { type Hash32, ZERO_ADDRESS, ZERO_HASH } from '../../base/ids.ts'
import type { EpochProof } from '../../base/protocol/epochProof.ts'
import { type TrustedSet, trustedSet } from '../../base/protocol/finalityProof.ts'
import { evenFees, type Header, headerHash, NO_LANE_GAS } from '../../base/protocol/header.ts'
import { merkleRoot } from '../../base/protocol/merkle.ts'
import type { Receipt } from '../../base/protocol/receipt.ts'
import {
  quorum,
  type Validator,
  type ValidatorSet,
  validatorSetHash,
} from '../../base/protocol/validators.ts'
import { type Certificate, type Subject, signersBitmap, voteBytes } from '../../base/protocol/vote.ts'
import type { Provider } from '../../client/provider.ts'
import type { Backend, Finality, FinalizedBlock } from '../../rpc/backend.ts'
import { type Method, methodTable } from '../../rpc/method.ts'
import { chainMethods } from '../../rpc/native/chain.ts'
import { proofMethods } from '../../rpc/native/proofs.ts'
import { accountsTables } from '../../state/modules/accounts/tables.ts'
import { MemoryState } from '../../state/overlay.ts'
import { receiptsRoot } from '../../state/receipt.ts'
import { proveKey } from '../../state/tree/proof.ts'
import { TreeVersion } from '../../state/tree/tree.ts'

const secrets = new Map<string, Uint8Array>()

/** Registers another secret for signing, e.g. a development validator's. */
export function rememberSecret(secret: Uint8Array): void {
  secrets.set(bytesKey(bls.publicKey(secret)), secret)
}

export function secretOf(consensusKey: Uint8Array): Uint8Array {
  return secrets.get(bytesKey(consensusKey))!
}

/** A deterministic validator for an id; its secret is kept for signing. */
export function validatorOf(id: number): Validator {
  const secret = bls.keygen(sha256(utf8(`light chain validator ${id}`)))
  const consensusKey = bls.publicKey(secret)
  secrets.set(bytesKey(consensusKey), secret)
  const tag = u32be(id)
  return { id, operator: concatBytes(new Uint8Array(16), tag), consensusKey, peerId: tag }
}

export function setOf(ids: readonly number[]): ValidatorSet {
  return { validators: [...ids].sort((a, b) => a - b).map(validatorOf) }
}

/** F (or another certificate) by these members; default: the first quorum. */
export function certify(
  genesisHash: Hash32,
  set: ValidatorSet,
  subject: Subject,
  signers = Array.from({ length: quorum(set.validators.length) }, (_, i) => i),
): Certificate {
  const message = voteBytes(genesisHash, subject)
  const shares = signers.map((i) => bls.sign(secretOf(set.validators[i]!.consensusKey), message))
  const bitmap = signersBitmap(signers, set.validators.length)
  return { subject, bitmap, signature: bls.aggregate(shares)! }
}

export function finalizes(header: Header): Subject {
  const { epoch, view } = header
  return { kind: 'finalize', epoch, view, parentView: view - 1, digest: headerHash(header) }
}

export interface Entry {
  readonly id: Uint8Array
  readonly receipt: Receipt
}

export function entryOf(name: string, succeeded: boolean): Entry {
  const id = sha256(utf8(name))
  const log = { address: ZERO_ADDRESS, topics: [id], data: utf8(name) }
  const receipt: Receipt = {
    type: 2,
    succeeded,
    cumulativeGasUsed: 21_000,
    gasUsed: 21_000,
    effectiveGasPrice: 7n,
    logs: [log],
    failure: succeeded ? new Uint8Array(0) : utf8('reason'),
    lane: 'general',
  }
  return { id, receipt }
}

interface Kept {
  readonly block: FinalizedBlock
  readonly state: MemoryState
  readonly tree: TreeVersion
}

export interface NextBlock {
  /** Balances that this block sets, by address. */
  readonly balances?: readonly (readonly [Uint8Array, bigint])[]
  readonly entries?: readonly Entry[]
  /** Makes the block a boundary to this set. */
  readonly nextSet?: ValidatorSet
  /** Default true; an uncertified block is final through a later one. */
  readonly isCertified?: boolean
  /** Header changes before hashing and signing. */
  readonly header?: Partial<Header>
}

export class LightChain {
  readonly genesisHash: Hash32
  readonly genesis: TrustedSet
  readonly proofs = new Map<number, EpochProof>()
  readonly certificates = new Map<number, Certificate>()
  readonly kept: Kept[] = []
  set: ValidatorSet
  epoch = 0
  readonly #methods: ReadonlyMap<string, Method>

  constructor(first: readonly number[] | TrustedSet) {
    const genesisHash: Hash32 = sha256(utf8('light chain'))
    this.genesis =
      'set' in first ? first : trustedSet({ genesisHash, epoch: 0, height: 0, set: setOf(first) })
    this.genesisHash = this.genesis.genesisHash
    this.set = this.genesis.set
    const backend = this.#backend()
    this.#methods = methodTable([...chainMethods(backend), ...proofMethods(backend)])
    this.#keep(this.#header({}), {})
  }

  /** An independent copy, for a fork. */
  fork(): LightChain {
    const copy = new LightChain(this.genesis)
    copy.kept.length = 0
    copy.kept.push(...this.kept)
    for (const [epoch, proof] of this.proofs) copy.proofs.set(epoch, proof)
    for (const [height, certificate] of this.certificates) copy.certificates.set(height, certificate)
    Object.assign(copy, { set: this.set, epoch: this.epoch })
    return copy
  }

  get tip(): FinalizedBlock {
    return this.kept.at(-1)!.block
  }

  #header(next: NextBlock): Header {
    const parent = this.kept.at(-1)?.block.header
    const height = this.kept.length
    const entries = next.entries ?? []
    return {
      version: 1,
      epoch: this.epoch,
      view: height,
      height,
      parentHash: parent === undefined ? ZERO_HASH : headerHash(parent),
      timestampMs: 1_000 * height,
      proposer: ZERO_ADDRESS,
      randaoReveal: new Uint8Array(0),
      mix: sha256(u64be(height)),
      stateRoot: ZERO_HASH,
      receiptsRoot: receiptsRoot(
        entries.map(({ receipt }) => receipt),
        [],
      ),
      transactionsRoot: merkleRoot(entries.map(({ id }) => id)),
      gasUsed: 0,
      gasLimit: 1,
      ...evenFees(1n),
      laneGas: NO_LANE_GAS,
      reserve: {
        supplyBase: 10n ** 24n,
        liabilitiesBase: 9n,
        capacityBase: 8n,
        lockedInRedemptionBase: 7n,
        anchor: 6n,
        shortfallBase: 0n,
      },
      setHash: validatorSetHash(this.set),
      endsEpoch: next.nextSet !== undefined,
      ...(next.nextSet === undefined ? {} : { nextSetHash: validatorSetHash(next.nextSet) }),
    }
  }

  #keep(header: Header, next: NextBlock): FinalizedBlock {
    const state = new MemoryState()
    const last = this.kept.at(-1)
    if (last !== undefined) state.apply(new Map(last.state.entries('')))
    for (const [address, balanceBase] of next.balances ?? []) {
      accountsTables.account.set(state, { address }, { nonce: 3, balanceBase })
    }
    const tree = TreeVersion.empty().update(new Map(state.entries('')))
    const sealed = { ...header, stateRoot: tree.rootHash, ...next.header }
    const entries = next.entries ?? []
    const block: FinalizedBlock = {
      header: sealed,
      hash: headerHash(sealed),
      sizeBytes: 1_000,
      transactions: entries.map(({ id }) => ({ id, raw: id, sender: ZERO_ADDRESS })),
      receipts: entries.map(({ receipt }) => receipt),
      systemLogs: [],
    }
    this.kept.push({ block, state, tree })
    return block
  }

  add(next: NextBlock = {}): FinalizedBlock {
    const block = this.#keep(this.#header(next), next)
    const { header } = block
    if (next.isCertified !== false) {
      this.certificates.set(header.height, certify(this.genesisHash, this.set, finalizes(header)))
    }
    if (next.nextSet !== undefined) {
      const certificate = this.certificates.get(header.height)!
      const keeps = bytesKey(header.nextSetHash!) === bytesKey(header.setHash)
      this.proofs.set(header.epoch, { header, certificate, ...(keeps ? {} : { nextSet: next.nextSet }) })
      this.set = next.nextSet
      this.epoch = header.epoch + 1
    }
    return block
  }

  finalityOf(height: number): Finality | undefined {
    const certified = this.kept.findIndex((_, at) => at >= height && this.certificates.has(at))
    if (certified < 0) return undefined
    const headers = this.kept.slice(height + 1, certified + 1).map(({ block }) => block.header)
    return { certificate: this.certificates.get(certified)!, headers }
  }

  #backend(): Backend {
    const at = (height: number): Kept | undefined => this.kept[height]
    const backend: Partial<Backend> = {
      head: () => this.tip,
      blockByHeight: (height) => at(height)?.block,
      blockByHash: (hash) => this.kept.find(({ block }) => bytesKey(block.hash) === bytesKey(hash))?.block,
      finalityOf: async (height) => this.finalityOf(height),
      epochProof: (epoch) => this.proofs.get(epoch),
      blockHeightMin: () => 1,
      stateHeightMin: () => 0,
      stateAt: (selector) => {
        const kept = typeof selector === 'number' ? at(selector) : this.kept.at(-1)
        // Proofs need no context, and without execution there is none.
        return kept === undefined ? undefined : ({ ...kept.block, state: kept.state } as never)
      },
      prove: async (key, height) => {
        const { tree, state } = at(height)!
        return proveKey(tree, key, state)
      },
      locateTransaction: (id) => {
        for (const [height, { block }] of this.kept.entries()) {
          const index = block.transactions.findIndex((known) => bytesKey(known.id) === bytesKey(id))
          if (index >= 0) return { height, index }
        }
        return undefined
      },
    }
    return backend as Backend
  }

  /** Answers like a node; `alter` makes it lie. Answers pass through JSON text. */
  provider(
    name = 'provider',
    alter: (method: string, answer: Json) => Json = (_, answer) => answer,
  ): Provider {
    return {
      name,
      request: async (method, params) => {
        const answer = await this.#methods.get(method)!.invoke(params, { connection: undefined, client: '' })
        return alter(method, JSON.parse(JSON.stringify(answer)) as Json)
      },
    }
  }
}
