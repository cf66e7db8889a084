// Catching up by ranges of blocks: executes what peers serve and commits only what a certificate covers.
// Owns: verification of ranges, serving them. Not: the wire (p2p/sync.ts), when to sync (consensus).
import { equalBytes } from '../base/bytes.ts'
import { bls } from '../base/crypto/bls.ts'
import { SchemaError } from '../base/field.ts'
import type { Hash32 } from '../base/ids.ts'
import { openBlock, type SealedBlock } from '../base/protocol/header.ts'
import type { ValidatorSet } from '../base/protocol/validators.ts'
import { type Certificate, certificateSchema, certificateSigners, voteBytes } from '../base/protocol/vote.ts'
import type { RangeItem, RangeVerdict, Sync, SyncSource } from '../p2p/sync.ts'
import { validatorSet } from '../state/modules/providers/validatorSet.ts'
import type { Importer } from './importerTypes.ts'
import type { ChainStore } from './stores/types.ts'
import { UNFINALIZED_HEIGHTS_MAX } from './unfinalized.ts'

/** Blocks executed ahead of a certificate: what one F can cover (CONSENSUS §4). */
const UNCERTIFIED_MAX = UNFINALIZED_HEIGHTS_MAX

/** Whether a certificate is an F of exactly this block by a quorum of this set. */
export function certifies(options: {
  readonly certificate: Certificate
  readonly hash: Hash32
  readonly set: ValidatorSet
  readonly epoch: number
  readonly genesisHash: Hash32
}): boolean {
  const { certificate, hash, set, epoch, genesisHash } = options
  const { subject } = certificate
  if (subject.kind !== 'finalize' || subject.epoch !== epoch) return false
  if (subject.digest === undefined || !equalBytes(subject.digest, hash)) return false
  const signers = certificateSigners(certificate, set.validators.length)
  if (signers === undefined) return false
  const keys = signers.map((i) => set.validators[i]!.consensusKey)
  return bls.verifyAggregate(keys, voteBytes(genesisHash, subject), certificate.signature)
}

/** What this node serves to others. */
export function syncSourceOf(store: ChainStore): SyncSource {
  return {
    status() {
      const tip = store.tip()
      if (tip === undefined) throw new Error('the store is empty')
      return { height: tip.height, hash: tip.hash }
    },
    range({ fromHeight, countMax, bytesMax }) {
      const items: RangeItem[] = []
      let bytes = 0
      for (let height = fromHeight; items.length < countMax; height++) {
        const block = store.blockBytesAt(height)
        if (block === undefined) break
        bytes += block.length
        if (bytes > bytesMax && items.length > 0) break
        const certificate = store.certificateAt(height)
        items.push(
          certificate === undefined
            ? { block }
            : { block, certificate: certificateSchema.encode(certificate) },
        )
      }
      return items
    },
  }
}

export interface BlockSyncOptions {
  readonly importer: Importer
  readonly genesisHash: Hash32
  readonly sync: Sync
}

interface Target {
  readonly block: SealedBlock
  readonly certificate: Certificate
}

export class BlockSync {
  readonly #options: BlockSyncOptions
  /** Executed blocks that no certificate covers yet, in order from the finalized head. */
  #open: SealedBlock[] = []

  constructor(options: BlockSyncOptions) {
    this.#options = options
  }

  /** Imports until `target` is final here or no peer has more. `target.certificate` was verified by the caller. */
  async run(target: Target, signal?: AbortSignal): Promise<boolean> {
    this.#open = []
    const { importer, sync } = this.#options
    const goal = target.block.header.height
    while (importer.head().header.height < goal) {
      const before = importer.head().header.height
      await sync.catchUp({
        fromHeight: before + 1,
        verify: (items, fromHeight) => this.#verify(items, fromHeight, target),
        ...(signal === undefined ? {} : { signal }),
      })
      this.#open = []
      if (importer.head().header.height === before) return false
    }
    return true
  }

  /** Imports whatever peers have that a certificate of theirs covers; for a node that hears no consensus. */
  async follow(signal: AbortSignal): Promise<void> {
    this.#open = []
    const { importer, sync } = this.#options
    await sync.catchUp({
      fromHeight: importer.head().header.height + 1,
      verify: (items, fromHeight) => this.#verify(items, fromHeight, undefined),
      signal,
    })
    this.#open = []
  }

  async #verify(
    items: readonly RangeItem[],
    fromHeight: number,
    target: Target | undefined,
  ): Promise<RangeVerdict> {
    let next = fromHeight
    try {
      for (const item of items) {
        const block = openBlock(item.block)
        const reason = await this.#take(block, item.certificate, next, target)
        if (reason !== undefined) {
          this.#open = this.#open.filter((open) => open.header.height < next)
          return { accept: false, reason }
        }
        next++
        // What lies beyond the target is left for consensus.
        if (target !== undefined && block.header.height >= target.block.header.height) break
      }
    } catch (error) {
      if (!(error instanceof SchemaError)) throw error
      return { accept: false, reason: `malformed block: ${error.message}` }
    }
    return { accept: true, nextHeight: next }
  }

  async #take(
    block: SealedBlock,
    certificateBytes: Uint8Array | undefined,
    height: number,
    target: Target | undefined,
  ): Promise<string | undefined> {
    const { importer, genesisHash } = this.#options
    const parentHash = this.#open.at(-1)?.hash ?? importer.head().hash
    if (block.header.height !== height) return `height ${block.header.height}, expected ${height}`
    if (!equalBytes(block.header.parentHash, parentHash)) return `block ${height} does not follow its parent`
    if (this.#open.length >= UNCERTIFIED_MAX) return `no certificate in ${UNCERTIFIED_MAX} blocks`
    const parent = importer.parentView(parentHash)
    if (parent === undefined) return `parent of block ${height} is not held`
    const set = validatorSet(parent.state)
    const verdict = await importer.execute(block)
    if (verdict.kind !== 'valid') {
      return `block ${height} is ${verdict.kind}${'detail' in verdict ? `: ${verdict.detail}` : ''}`
    }
    this.#open.push(block)
    const { hash } = block
    const known = target !== undefined && equalBytes(hash, target.block.hash) ? target.certificate : undefined
    const served = certificateBytes === undefined ? undefined : certificateSchema.decode(certificateBytes)
    const certificate = known ?? served
    if (certificate === undefined) return undefined
    if (
      known === undefined &&
      !certifies({ certificate, hash, set, epoch: block.header.epoch, genesisHash })
    ) {
      this.#open.pop()
      return `certificate of block ${height} is not valid`
    }
    await importer.finalize(
      this.#open.map((open) => open.hash),
      certificate,
    )
    this.#open = []
    return undefined
  }
}
