// Proves an epoch's validator set from genesis or a checkpoint, with one proof per epoch.
// Owns: the walk. Not: the proofs' rules (base/protocol/epochProof.ts), whom to ask (node/sync/peerAsker.ts).
import { equalBytes } from '../../base/bytes.ts'
import type { Hash32 } from '../../base/ids.ts'
import type { BlockCheckpoint } from '../../base/protocol/checkpoint.ts'
import {
  checkValidatorSet,
  type EpochProof,
  epochProofSchema,
  verifyEpochProof,
} from '../../base/protocol/epochProof.ts'
import { type TrustedSet, trustedSet } from '../../base/protocol/finalityProof.ts'
import { epochAbove, type Header, openBlock } from '../../base/protocol/header.ts'
import { type ValidatorSet, validatorSetHash, validatorSetSchema } from '../../base/protocol/validators.ts'
import type { RangeProtocol } from '../../p2p/rangeProtocol.ts'
import type { SnapshotProtocol } from '../../p2p/snapshotProtocol.ts'
import { InvalidDataError, type PeerAsker } from './peerAsker.ts'

export interface TrustOptions {
  readonly genesisHash: Hash32
  readonly genesisSet: ValidatorSet
  readonly checkpoint: BlockCheckpoint | undefined
  readonly snapshots: Pick<SnapshotProtocol, 'epochProofs' | 'validatorSet'>
  readonly sync: Pick<RangeProtocol, 'fetchRange'>
  readonly asker: PeerAsker
}

/** Proven sets by epoch, with their proofs. */
export class TrustWalk {
  readonly #options: TrustOptions
  readonly #start: TrustedSet
  #reached: TrustedSet
  /** Of consecutive epochs from the start's. */
  readonly proofs: EpochProof[] = []

  constructor(options: TrustOptions, start: TrustedSet) {
    this.#options = options
    this.#start = start
    this.#reached = start
  }

  static fromGenesis(options: TrustOptions): TrustWalk {
    const { genesisHash, genesisSet: set } = options
    return new TrustWalk(options, trustedSet({ genesisHash, epoch: 0, height: 0, set }))
  }

  /** Starts from the checkpoint's header and set; undefined when no peer has them. */
  static async fromCheckpoint(
    options: TrustOptions,
    checkpoint: BlockCheckpoint,
  ): Promise<TrustWalk | undefined> {
    const header = await options.asker.askAny(async (peer) => {
      const [item] = await options.sync.fetchRange(peer, checkpoint.height, 1)
      // Pruned, or not there yet: no lie.
      if (item === undefined) return undefined
      const block = openBlock(item.block)
      // Not the operator's chain: this peer is useless.
      if (!equalBytes(block.hash, checkpoint.hash))
        throw new InvalidDataError('its chain lacks the checkpoint')
      return block.header
    })
    return header === undefined ? undefined : TrustWalk.#from(options, header)
  }

  static async #from(options: TrustOptions, header: Header): Promise<TrustWalk | undefined> {
    const { genesisHash, genesisSet, asker, snapshots } = options
    const epoch = epochAbove(header)
    const setHash = header.endsEpoch ? header.nextSetHash! : header.setHash
    const fits = (set: ValidatorSet): boolean => equalBytes(validatorSetHash(set), setHash)
    const set = fits(genesisSet)
      ? genesisSet
      : await asker.askAny(async (peer) => {
          const given = validatorSetSchema.decode(await snapshots.validatorSet(peer, epoch))
          if (!fits(given)) throw new InvalidDataError(`not the validator set of epoch ${epoch}`)
          const wrong = checkValidatorSet(given)
          if (wrong !== undefined) throw new InvalidDataError(wrong.reason)
          return given
        })
    if (set === undefined) return undefined
    return new TrustWalk(options, trustedSet({ genesisHash, epoch, height: header.height, set }))
  }

  /** The first epoch whose set is trusted. */
  get firstEpoch(): number {
    return this.#start.epoch
  }

  /** The set that signs in `epoch`; undefined when it is before the start or peers cannot prove it. */
  async setOf(epoch: number): Promise<TrustedSet | undefined> {
    const { asker, snapshots } = this.#options
    while (this.#reached.epoch < epoch) {
      const before = this.#reached.epoch
      await asker.askAny(async (peer) => {
        // A peer asked before may have proven some epochs and then lied: the next one continues there.
        const from = this.#reached.epoch
        const encoded = await snapshots.epochProofs(peer, from)
        for (const [i, bytes] of encoded.entries()) {
          if (this.#reached.epoch >= epoch) break
          // Proven by another walk meanwhile.
          if (from + i < this.#reached.epoch) continue
          this.#extend(epochProofSchema.decode(bytes))
        }
        return this.#reached.epoch > before ? true : undefined
      })
      if (this.#reached.epoch === before) return undefined
    }
    return this.#trustedAt(epoch)
  }

  #extend(proof: EpochProof): void {
    const verified = verifyEpochProof(this.#reached, proof)
    if (!verified.ok) throw new InvalidDataError(verified.failure.reason)
    this.proofs.push(proof)
    this.#reached = verified.value.next
  }

  #trustedAt(epoch: number): TrustedSet | undefined {
    if (epoch === this.#reached.epoch) return this.#reached
    if (epoch < this.#start.epoch) return undefined
    const last = this.proofs[epoch - this.#start.epoch - 1]
    if (last === undefined) return this.#start
    // The last change before the epoch made its set.
    const changed = this.proofs
      .slice(0, epoch - this.#start.epoch)
      .findLast(({ nextSet }) => nextSet !== undefined)
    const set = changed?.nextSet ?? this.#start.set
    const { genesisHash } = this.#start
    return trustedSet({ genesisHash, epoch, height: last.header.height, set })
  }
}
