// Epochs of a small validator set as signers see them: boundaries and transactions that its keys made final.
// Owns: making them. Not: a chain, whose blocks would have to execute.
import { bls } from '../../base/crypto/bls.ts'
import { keccak256 } from '../../base/crypto/hash.ts'
import { type Hash32, type TxId, ZERO_ADDRESS, ZERO_HASH } from '../../base/ids.ts'
import type { EpochStep } from '../../base/protocol/epochStep.ts'
import { evenFees, type Header, headerHash, NO_LANE_GAS, type Reserve } from '../../base/protocol/header.ts'
import { merkleProof, merkleRoot } from '../../base/protocol/merkle.ts'
import { type Receipt, receiptSchema } from '../../base/protocol/receipt.ts'
import type { ReceiptProof } from '../../base/protocol/receiptProof.ts'
import { type ValidatorSet, validatorSetHash } from '../../base/protocol/validators.ts'
import { type Certificate, type Subject, signersBitmap, voteBytes } from '../../base/protocol/vote.ts'
import type { EpochEvidence } from '../../consensus/ports.ts'

/** Views and heights of an epoch's last block. */
const BLOCKS_PER_EPOCH = 10
const NO_RESERVE: Reserve = {
  supplyBase: 0n,
  liabilitiesBase: 0n,
  capacityBase: 0n,
  lockedInRedemptionBase: 0n,
  anchor: 0n,
  shortfallBase: 0n,
}

/** A set of keys from their secrets, in order, ids from 1. */
export function setOfSecrets(secrets: readonly Uint8Array[]): ValidatorSet {
  return {
    validators: secrets.map((secret, i) => ({
      id: i + 1,
      operator: new Uint8Array(20).fill(i + 1),
      consensusKey: bls.publicKey(secret),
      peerId: Uint8Array.of(i),
    })),
  }
}

/** One set that decides every epoch, all of whose members sign. */
export class EpochChain {
  readonly set: ValidatorSet
  readonly #genesisHash: Hash32
  readonly #secrets: readonly Uint8Array[]

  constructor(genesisHash: Hash32, secrets: readonly Uint8Array[]) {
    this.#genesisHash = genesisHash
    this.#secrets = secrets
    this.set = setOfSecrets(secrets)
  }

  /** F of a header by all members. */
  certify(header: Header): Certificate {
    const { epoch, view } = header
    const subject: Subject = {
      kind: 'finalize',
      epoch,
      view,
      parentView: view - 1,
      digest: headerHash(header),
    }
    const message = voteBytes(this.#genesisHash, subject)
    const signature = bls.aggregate(this.#secrets.map((secret) => bls.sign(secret, message)))!
    const all = this.#secrets.map((_, i) => i)
    return { subject, bitmap: signersBitmap(all, all.length), signature }
  }

  /** The last block of an epoch, `nextSet` in its post-state. */
  header(epoch: number, more: Partial<Header> = {}): Header {
    return {
      version: 1,
      epoch,
      view: BLOCKS_PER_EPOCH,
      height: (epoch + 1) * BLOCKS_PER_EPOCH,
      parentHash: ZERO_HASH,
      timestampMs: 1_700_000_000_000 + epoch,
      proposer: ZERO_ADDRESS,
      randaoReveal: new Uint8Array(0),
      mix: ZERO_HASH,
      stateRoot: ZERO_HASH,
      receiptsRoot: ZERO_HASH,
      transactionsRoot: ZERO_HASH,
      gasUsed: 0,
      gasLimit: 1,
      ...evenFees(0n),
      laneGas: NO_LANE_GAS,
      reserve: NO_RESERVE,
      setHash: validatorSetHash(this.set),
      endsEpoch: false,
      nextSetHash: undefined,
      ...more,
    }
  }

  /** The step that ends `epoch`. */
  boundary(epoch: number, nextSet: ValidatorSet = this.set): EpochStep {
    const changes = nextSet !== this.set
    const header = this.header(epoch, { endsEpoch: true, nextSetHash: validatorSetHash(nextSet) })
    const proof = { header, certificate: this.certify(header), nextSet: changes ? nextSet : undefined }
    return { boundary: proof, recovery: undefined }
  }

  /** Evidence that leads to exactly this epoch. */
  leadTo(epoch: number): EpochEvidence {
    return async (from) => (from < epoch ? [this.boundary(epoch - 1)] : [])
  }

  /** Proof that a block of `epoch` contains this transaction alone. */
  show(transaction: Uint8Array, epoch: number): ReceiptProof {
    const id: TxId = new Uint8Array(keccak256(transaction))
    const receipt: Receipt = {
      type: 2,
      succeeded: true,
      cumulativeGasUsed: 21_000,
      gasUsed: 21_000,
      effectiveGasPrice: 1n,
      logs: [],
      failure: new Uint8Array(0),
      lane: 'general',
    }
    const leaves = [receiptSchema.encode(receipt), new Uint8Array(0)]
    const header = this.header(epoch, {
      height: (epoch + 1) * BLOCKS_PER_EPOCH - 1,
      transactionsRoot: merkleRoot([id]),
      receiptsRoot: merkleRoot(leaves),
    })
    return {
      finality: { header, path: [], certificate: this.certify(header) },
      index: 0,
      count: 1,
      transactionPath: merkleProof([id], 0),
      receipt,
      receiptPath: merkleProof(leaves, 0),
    }
  }
}
