// Maps the model's blocks, votes and certificates to real ones: one real block per list of steps, signatures of the
// stand-in scheme. Shared by all nodes of a replay. Not: the nodes (replayNode.ts).
import { assert, mustExist } from '../../base/assert.ts'
import { equalBytes, toHex, u64be } from '../../base/bytes.ts'
import type { SealedBlock } from '../../base/protocol/header.ts'
import type { Validator, ValidatorSet } from '../../base/protocol/validators.ts'
import {
  type Certificate,
  leaderPermutation,
  randaoBytes,
  type Subject,
  signersBitmap,
  type Vote,
  type VoteKind,
  voteBytes,
} from '../../base/protocol/vote.ts'
import { blockSubject, nullifySubject } from '../../consensus/subject.ts'
import type { ConsensusParameters, EpochStart } from '../../consensus/types.ts'
import { buildBlock, type ChainRules, makeRules, makeValidator } from '../support/simChain.ts'
import { standInBls as bls } from '../support/standInBls.ts'
import type { ModelBlock, ModelSubject } from './itf.ts'

export const T0 = 1_700_000_000_000

/** Matches the model's abstractions: no back-off (20 s is its cap), no heartbeat, timestamps always timely. */
export const PARAMETERS: ConsensusParameters = {
  deltaMs: 10,
  minBlockIntervalMs: 0,
  heartbeatMs: 1_000_000_000_000,
  precisionMs: 0,
  messageDelayMs: 1_000_000_000_000,
  buildMs: 20_000,
  verifyMs: 10,
}

/** The constants of a model instance that a replay needs. */
export interface ModelShape {
  readonly nodes: number
  /** Epoch e has sets[(e − 1) mod length], in leader order. */
  readonly sets: readonly (readonly number[])[]
  readonly epochBlocks: number
}

const KINDS: Readonly<Record<string, VoteKind>> = { N: 'notarize', U: 'nullify', F: 'finalize' }
const LETTERS = { notarize: 'N', nullify: 'U', finalize: 'F' } as const

export class ReplayChain {
  readonly shape: ModelShape
  readonly rules: ChainRules
  readonly #made: readonly { validator: Validator; secretKey: Uint8Array }[]
  readonly #blocks = new Map<string, SealedBlock>()
  readonly #lists = new Map<string, ModelBlock>()
  readonly #floors = new Map<number, SealedBlock>()

  constructor(shape: ModelShape) {
    this.shape = shape
    this.#made = Array.from({ length: shape.nodes }, (_, i) => makeValidator(i, bls))
    const set = { validators: this.#made.map((m) => m.validator) }
    this.rules = makeRules({ setOf: () => set, epochBlocks: shape.epochBlocks, timestampMs: T0 })
    this.#keep([], this.rules.genesis)
    this.#floors.set(1, this.rules.genesis)
  }

  #keep(list: ModelBlock, block: SealedBlock): SealedBlock {
    this.#blocks.set(list.join('.'), block)
    this.#lists.set(toHex(block.hash), list)
    return block
  }

  /** The real block of a list of steps; twins differ by a transaction. */
  block(list: ModelBlock): SealedBlock {
    const known = this.#blocks.get(list.join('.'))
    if (known !== undefined) return known
    const step = mustExist(list.at(-1), 'genesis is known')
    const [epoch, view, twin] = [Math.floor(step / 1000), Math.floor(step / 10) % 100, step % 10]
    const parent = this.block(list.slice(0, -1))
    const leader = this.#made[this.members(epoch)[view % this.members(epoch).length]!]!
    const randao = randaoBytes(this.rules.genesisHash, epoch, parent.header.height + 1)
    const order = {
      epoch,
      view,
      parent,
      timestampMs: parent.header.timestampMs + 1,
      halvings: 0,
      emptyOnly: false,
      proposer: leader.validator.operator,
      randaoReveal: bls.sign(leader.secretKey, randao),
    }
    return this.#keep(list, buildBlock(this.rules, order, twin === 0 ? [] : [u64be(twin)]))
  }

  /** The steps of a real block made by a trace or a core. */
  list(digest: Uint8Array): ModelBlock {
    return mustExist(this.#lists.get(toHex(digest)), 'every block of a replay maps to a block of the model')
  }

  get blocks(): readonly ModelBlock[] {
    return [...this.#lists.values()]
  }

  isValid(digest: Uint8Array): boolean {
    return (this.list(digest).at(-1) ?? 0) % 10 !== 3
  }

  members(epoch: number): readonly number[] {
    const { sets } = this.shape
    return sets[(epoch - 1) % sets.length]!
  }

  key(node: number): Uint8Array {
    return this.#made[node]!.validator.consensusKey
  }

  /** Starts an epoch on its floor; two floors in one epoch violate agreement. */
  startEpoch(epoch: number, floor: SealedBlock): EpochStart {
    const known = this.#floors.get(epoch)
    assert(known === undefined || equalBytes(known.hash, floor.hash), 'an epoch has one floor')
    this.#floors.set(epoch, floor)
    return { epoch, floor, validators: this.#set(epoch) }
  }

  #order(epoch: number): readonly number[] {
    return leaderPermutation({
      genesisHash: this.rules.genesisHash,
      epoch,
      floorMix: mustExist(this.#floors.get(epoch), 'the epoch has started somewhere').header.mix,
      validatorCount: this.members(epoch).length,
    })
  }

  /** The set, ordered so that the core's leader order equals the model's. */
  #set(epoch: number): ValidatorSet {
    const validators: Validator[] = []
    this.#order(epoch).forEach((index, place) => {
      validators[index] = { ...this.#made[this.members(epoch)[place]!]!.validator, id: index + 1 }
    })
    return { validators }
  }

  /** A node's index in an epoch's set, or undefined. */
  indexOf(epoch: number, node: number): number | undefined {
    const place = this.members(epoch).indexOf(node)
    return place < 0 ? undefined : this.#order(epoch)[place]
  }

  nodeAt(epoch: number, index: number): number {
    return this.members(epoch)[this.#order(epoch).indexOf(index)]!
  }

  subject(s: ModelSubject): Subject {
    if (s.k === 'U') return nullifySubject(s.e, s.v)
    const kind = KINDS[s.k] as 'notarize' | 'finalize'
    return blockSubject(kind, { epoch: s.e, view: s.v, parentView: s.p, digest: this.block(s.b).hash })
  }

  /** A subject as one readable line; equal for equal signed bytes. */
  text(subject: Subject | ModelSubject): string {
    if ('k' in subject) return line(subject.k, subject.e, subject.v, subject.p, subject.b)
    const { kind, epoch, view, parentView, digest } = subject
    return line(LETTERS[kind], epoch, view, parentView ?? 0, digest === undefined ? [] : this.list(digest))
  }

  vote(node: number, subject: Subject): Vote {
    const signer = mustExist(this.indexOf(subject.epoch, node), 'only validators of the epoch sign')
    const message = voteBytes(this.rules.genesisHash, subject)
    return { subject, signer, signature: bls.sign(this.#made[node]!.secretKey, message) }
  }

  /** A certificate of exactly a quorum of `signers` (nodes of the model). */
  certificate(subject: Subject, signers: readonly number[]): Certificate {
    const count = this.members(subject.epoch).length
    const votes = signers
      .slice(0, count - Math.floor((count - 1) / 3))
      .map((node) => this.vote(node, subject))
      .sort((a, b) => a.signer - b.signer)
    const bitmap = signersBitmap(
      votes.map((vote) => vote.signer),
      count,
    )
    const signature = mustExist(bls.aggregate(votes.map((vote) => vote.signature)), 'a quorum signs')
    return { subject, bitmap, signature }
  }
}

function line(k: string, e: number, v: number, p: number, b: ModelBlock): string {
  const at = `${k}(${e},${v}`
  return k === 'U' ? `${at})` : `${at},${p},[${b.join(' ')}])`
}

export { bls }
