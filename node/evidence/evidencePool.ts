// Verified evidence that the chain has not judged yet, one item per offender and epoch, kept on disk.
// Owns: what is held and for how long. Not: the rule (base/protocol/evidence.ts), sending and submitting (evidence.ts).
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { toHex } from '../../base/bytes.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import type { Bls } from '../../base/crypto/types.ts'
import type { Hash32 } from '../../base/ids.ts'
import {
  type EquivocationKind,
  EVIDENCE_BYTES_MAX,
  judgeEvidence,
  openEvidence,
} from '../../base/protocol/evidence.ts'
import type { ValidatorSet } from '../../base/protocol/validators.ts'
import { makeFolder, writeDurably } from '../../storage/durableFile.ts'
import type { KeysCheck, SignatureChecks } from '../verifier.ts'

/** Evidence held at once; one item convicts all its signers, so more items than members are hardly useful. */
export const EVIDENCE_HELD_MAX = 256
/** Proofs that are being verified; each peer waits for its own. */
const CHECKING_MAX = 1_024
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
  /** Not on the main thread. */
  readonly verifyAll: SignatureChecks['verifyAll']
  /** The set of an epoch in the finalized state; undefined when it has not begun or ended too long ago. */
  readonly setOf: (epoch: number) => ValidatorSet | undefined
  /** Whether the chain has convicted this member for this epoch. */
  readonly isConvicted: (provider: number, epoch: number) => boolean
  readonly onFault: (error: unknown) => void
}

/** `added`: new and proven. `known`: nothing new. `unjudged`: its epoch's set is not available, or there is no room. */
export type EvidenceVerdict = 'added' | 'known' | 'unjudged' | 'refused'

/** Evidence that holds if its signatures do. */
interface Candidate {
  readonly held: HeldEvidence
  readonly checks: readonly KeysCheck[]
}

export class EvidencePool {
  readonly #options: EvidencePoolOptions
  /** By file name. */
  readonly #held = new Map<string, HeldEvidence>()
  #checking = 0
  #writes: Promise<void> = Promise.resolve()

  private constructor(options: EvidencePoolOptions) {
    this.#options = options
  }

  /** Begins to load the evidence of an earlier run: `loaded`. */
  static open(options: EvidencePoolOptions): EvidencePool {
    makeFolder(options.dir, 0o700)
    const pool = new EvidencePool(options)
    pool.loaded = pool.#load(readdirSync(options.dir).sort())
    return pool
  }

  /** Resolves when the files of an earlier run are judged; pending for ever when the node stops before. */
  loaded: Promise<void> = Promise.resolve()

  /** All evidence waiting for the chain, oldest first. */
  held(): readonly HeldEvidence[] {
    return [...this.#held.values()]
  }

  /** Judges evidence from any source and keeps it if it convicts someone new. At most two pairing checks. */
  async add(bytes: Uint8Array): Promise<EvidenceVerdict> {
    const verdict = await this.#judge(bytes)
    const file = join(this.#options.dir, fileName(bytes))
    if (verdict === 'added') this.#inOrder(() => writeDurably(file, bytes))
    return verdict
  }

  async #judge(bytes: Uint8Array): Promise<EvidenceVerdict> {
    const candidate = this.#examine(bytes)
    if (typeof candidate === 'string') return candidate
    if (this.#checking >= CHECKING_MAX) return 'unjudged'
    this.#checking++
    const isSigned = await this.#options.verifyAll(candidate.checks).finally(() => this.#checking--)
    if (!isSigned) return 'refused'
    // Another proof against the same may have been quicker.
    const verdict = this.#verdictNow(candidate.held)
    if (verdict !== undefined) return verdict
    this.#held.set(fileName(bytes), candidate.held)
    return 'added'
  }

  /** One file after another; removes those that prove nothing new, and those that are more than were ever held. */
  async #load(names: readonly string[]): Promise<void> {
    for (const [i, name] of names.entries()) {
      const file = join(this.#options.dir, name)
      const isOurs = FILE_NAME.test(name) && i < EVIDENCE_HELD_MAX
      const bytes = isOurs ? new Uint8Array(readFileSync(file)) : new Uint8Array(0)
      const isProof = bytes.length > 0 && bytes.length <= EVIDENCE_BYTES_MAX
      const isKept = isProof && (this.#held.has(fileName(bytes)) || (await this.#judge(bytes)) === 'added')
      if (!isKept) rmSync(file, { force: true })
    }
  }

  /** Everything but the signatures, before any pairing, so that repeated accusations are cheap. */
  #examine(bytes: Uint8Array): EvidenceVerdict | Candidate {
    const opened = openEvidence(bytes)
    if ('fault' in opened) return 'refused'
    const { epoch } = opened.evidence.first.subject
    const set = this.#options.setOf(epoch)
    if (set === undefined) return 'unjudged'
    const checks: KeysCheck[] = []
    const verifyAggregate = (...[keys, message, signature]: Parameters<Bls['verifyAggregate']>): boolean => {
      checks.push({ keys, message, signature })
      return true
    }
    const judged = judgeEvidence({ bytes, genesisHash: this.#options.genesisHash, set, verifyAggregate })
    if ('fault' in judged) return 'refused'
    const { kind, view, culprits } = judged.conviction
    const providers = culprits.map((index) => set.validators[index]!.id)
    const held = { bytes, kind, epoch, view, providers }
    return this.#verdictNow(held) ?? { held, checks }
  }

  /** The verdict that needs no pairing. */
  #verdictNow({ providers, epoch }: HeldEvidence): EvidenceVerdict | undefined {
    if (providers.every((provider) => this.#isSettled(provider, epoch))) return 'known'
    return this.#held.size >= EVIDENCE_HELD_MAX ? 'unjudged' : undefined
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
