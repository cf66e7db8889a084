// Verified evidence that the chain has not judged yet, one item per offender and epoch, kept on disk.
// Owns: what is held and for how long. Not: the rule (base/protocol/evidence.ts), sending and submitting (evidence.ts).
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { toHex } from '../../base/bytes.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import type { Bls } from '../../base/crypto/types.ts'
import type { Hash32 } from '../../base/ids.ts'
import {
  type EquivocationKind,
  EVIDENCE_BYTES_MAX,
  type Evidence,
  judgeEvidence,
  openEvidence,
} from '../../base/protocol/evidence.ts'
import type { ValidatorSet } from '../../base/protocol/validators.ts'
import { bitmapSigners } from '../../base/protocol/vote.ts'
import { writeDurably } from '../../storage/durableFile.ts'

/** Evidence held at once; one item convicts all its signers, so more items than members are hardly useful. */
export const EVIDENCE_HELD_MAX = 256
const FILE_NAME = /^([0-9a-f]{64})\.evidence$/

export interface HeldEvidence {
  readonly bytes: Uint8Array
  readonly kind: EquivocationKind
  readonly epoch: number
  readonly view: number
  /** Ids of the members it convicts, ascending. */
  readonly providers: readonly number[]
}

export interface EvidencePoolOptions {
  readonly dir: string
  readonly genesisHash: Hash32
  readonly bls: Pick<Bls, 'verifyAggregate'>
  /** The set of an epoch in the finalized state; undefined when it has not begun or ended too long ago. */
  readonly setOf: (epoch: number) => ValidatorSet | undefined
  /** Whether the chain has convicted this member for this epoch. */
  readonly isConvicted: (provider: number, epoch: number) => boolean
  readonly onFault: (error: unknown) => void
}

/** `added`: new and proven. `known`: nothing new. `unjudged`: its epoch's set is not available. */
export type EvidenceVerdict = 'added' | 'known' | 'unjudged' | 'refused'

export class EvidencePool {
  readonly #options: EvidencePoolOptions
  /** By file name. */
  readonly #held = new Map<string, HeldEvidence>()
  #writes: Promise<void> = Promise.resolve()

  private constructor(options: EvidencePoolOptions) {
    this.#options = options
  }

  /** Loads the evidence of an earlier run; removes files that no longer prove anything. */
  static open(options: EvidencePoolOptions): EvidencePool {
    mkdirSync(options.dir, { recursive: true, mode: 0o700 })
    const pool = new EvidencePool(options)
    for (const name of readdirSync(options.dir).sort()) {
      const file = join(options.dir, name)
      const bytes = FILE_NAME.test(name) ? new Uint8Array(readFileSync(file)) : undefined
      const isKept =
        bytes !== undefined && bytes.length <= EVIDENCE_BYTES_MAX && pool.#take(bytes) === 'added'
      if (!isKept) rmSync(file, { force: true })
    }
    return pool
  }

  /** All evidence waiting for the chain, oldest first. */
  held(): readonly HeldEvidence[] {
    return [...this.#held.values()]
  }

  /** Judges evidence from any source and keeps it if it convicts someone new. At most two pairing checks. */
  add(bytes: Uint8Array): EvidenceVerdict {
    const verdict = this.#take(bytes)
    if (verdict === 'added') {
      const path = join(this.#options.dir, fileName(bytes))
      this.#inOrder(() => writeDurably(path, bytes))
    }
    return verdict
  }

  #take(bytes: Uint8Array): EvidenceVerdict {
    const opened = openEvidence(bytes)
    if ('fault' in opened) return 'refused'
    const { epoch } = opened.evidence.first.subject
    const set = this.#options.setOf(epoch)
    if (set === undefined) return 'unjudged'
    // Checked before any pairing, so that repeated accusations are cheap.
    const accused = accusedBy(opened.evidence, set)
    if (accused.length > 0 && accused.every((provider) => this.#isSettled(provider, epoch))) return 'known'
    if (this.#held.size >= EVIDENCE_HELD_MAX) return 'known'
    const { genesisHash, bls } = this.#options
    const { verifyAggregate } = bls
    const judged = judgeEvidence({ bytes, genesisHash, set, verifyAggregate })
    if ('fault' in judged) return 'refused'
    const { kind, view } = judged.conviction
    this.#held.set(fileName(bytes), { bytes, kind, epoch, view, providers: accused })
    return 'added'
  }

  #isSettled(provider: number, epoch: number): boolean {
    if (this.#options.isConvicted(provider, epoch)) return true
    return this.held().some((item) => item.epoch === epoch && item.providers.includes(provider))
  }

  /** Drops evidence that the chain has judged or would no longer judge. */
  prune(): void {
    const { setOf, isConvicted, dir } = this.#options
    // Decode each epoch's set only once.
    const tooOld = new Map<number, boolean>()
    const isTooOld = (epoch: number): boolean => {
      const known = tooOld.get(epoch) ?? setOf(epoch) === undefined
      tooOld.set(epoch, known)
      return known
    }
    for (const [name, { epoch, providers }] of this.#held) {
      if (!providers.every((provider) => isConvicted(provider, epoch)) && !isTooOld(epoch)) continue
      this.#held.delete(name)
      this.#inOrder(async () => rmSync(join(dir, name), { force: true }))
    }
  }

  #inOrder(work: () => Promise<void>): void {
    this.#writes = this.#writes.then(work).catch((error: unknown) => this.#options.onFault(error))
  }

  /** Waits for pending writes. */
  async close(): Promise<void> {
    await this.#writes
  }
}

function fileName(bytes: Uint8Array): string {
  return `${toHex(sha256(bytes)).slice(2)}.evidence`
}

/** Members named on both sides; none when a bitmap has the wrong length. */
function accusedBy(evidence: Evidence, set: ValidatorSet): readonly number[] {
  const { validators } = set
  const first = bitmapSigners(evidence.first.bitmap, validators.length) ?? []
  const second = bitmapSigners(evidence.second.bitmap, validators.length) ?? []
  return first.filter((index) => second.includes(index)).map((index) => validators[index]!.id)
}
