// Catching up by ranges of blocks: executes what peers serve and commits only what a certificate covers.
// Owns: verification of ranges, serving them. Not: the wire (p2p/sync.ts), when to sync (consensus).
import { equalBytes } from '../base/bytes.ts'
import { bls } from '../base/crypto/bls.ts'
import { SchemaError } from '../base/field.ts'
import type { Hash32 } from '../base/ids.ts'
import { openBlock, type SealedBlock } from '../base/protocol/header.ts'
import type { Recovery } from '../base/protocol/recovery.ts'
import type { ValidatorSet } from '../base/protocol/validators.ts'
import { type Certificate, certificateSchema, certificateSigners, voteBytes } from '../base/protocol/vote.ts'
import type { RangeItem, RangeVerdict, Sync, SyncSource } from '../p2p/sync.ts'
import { decidingSet, recoveryMisfit } from '../state/modules/providers/recovery.ts'
import type { Importer } from './importerTypes.ts'
import type { RecoveryBook } from './recoveries.ts'
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
export function syncSourceOf(store: ChainStore, recoveries?: Pick<RecoveryBook, 'above'>): SyncSource {
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
        const recovery = recoveries?.above(height)?.bytes
        items.push({
          block,
          ...(certificate === undefined ? {} : { certificate: certificateSchema.encode(certificate) }),
          ...(recovery === undefined ? {} : { recovery }),
        })
        // A recovery file may be as large as many blocks.
        if (recovery !== undefined) break
      }
      return items
    },
  }
}

export interface BlockSyncOptions {
  readonly importer: Importer
  readonly genesisHash: Hash32
  readonly sync: Sync
  /** Where the chain goes on by a recovery instead of a certificate; absent: nowhere. */
  readonly recoveries?: Pick<RecoveryBook, 'on' | 'offer'>
  /** The chain goes on by a recovery that the operator has not decided about. */
  readonly onUntrusted?: (recovery: Recovery, hash: Hash32) => void
}

/** A range ends here: `waits` for the operator, else the peer gave what is not valid. */
type Refusal = { readonly reason: string } | { readonly waits: true }

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
        const refusal =
          (await this.#offer(item, block)) ?? (await this.#take(block, item.certificate, next, target))
        if (refusal !== undefined) {
          this.#open = this.#open.filter((open) => open.header.height < next)
          if (typeof refusal === 'string') return { accept: false, reason: refusal }
          if ('reason' in refusal) return { accept: false, reason: refusal.reason }
          return next > fromHeight ? { accept: true, nextHeight: next } : { accept: false, waits: true }
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

  /** A recovery file beside the first block of its epoch; accepted only when the operator named its hash. */
  async #offer({ recovery: bytes }: RangeItem, block: SealedBlock): Promise<Refusal | undefined> {
    const { importer, recoveries, onUntrusted } = this.#options
    if (bytes === undefined || recoveries === undefined) return undefined
    const { parentHash } = block.header
    const parent = importer.parentView(parentHash)
    if (parent === undefined) return { reason: `parent of block ${block.header.height} is not held` }
    const offered = await recoveries.offer(bytes, (recovery) =>
      equalBytes(recovery.floor.hash, parentHash)
        ? recoveryMisfit(parent.state, recovery)
        : 'its floor is another block',
    )
    if (offered.kind === 'refused') return { reason: offered.reason }
    if (offered.kind === 'untrusted') {
      onUntrusted?.(offered.recovery, offered.hash)
      return { waits: true }
    }
    await this.#finalizeFloor(parentHash)
    return undefined
  }

  /** The floor of an accepted recovery is final by that file, whatever certificate it has. */
  async #finalizeFloor(hash: Hash32): Promise<boolean> {
    const { importer, recoveries } = this.#options
    const recovery = recoveries?.on(hash)
    if (recovery === undefined || this.#open.length === 0) return false
    const { certificate } = recovery
    await importer.finalize(
      this.#open.map((open) => open.hash),
      certificate?.subject.kind === 'finalize' ? certificate : undefined,
    )
    this.#open = []
    return true
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
    const { recoveries } = this.#options
    const set = decidingSet({ recoveryOn: (floor) => recoveries?.on(floor) }, parent)
    const verdict = await importer.execute(block)
    if (verdict.kind !== 'valid') {
      return `block ${height} is ${verdict.kind}${'detail' in verdict ? `: ${verdict.detail}` : ''}`
    }
    this.#open.push(block)
    const { hash } = block
    if (await this.#finalizeFloor(hash)) return undefined
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
