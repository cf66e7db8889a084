// The recovery files this node accepted, in `recovery/` of its data directory, and the hashes it may accept from peers.
// Owns: files, trusted hashes, lookups. Not: the rules (base/protocol/recoveryRules.ts), making files (cli/recovery/).
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { bytesKey, equalBytes, toHex } from '../../base/bytes.ts'
import { ExpectedError } from '../../base/errors.ts'
import { type Json, SchemaError } from '../../base/field.ts'
import type { Hash32 } from '../../base/ids.ts'
import {
  RECOVERY_FILE_BYTES_MAX,
  type Recovery,
  type RecoveryFile,
  recoveryFileSchema,
  recoveryHash,
} from '../../base/protocol/recovery.ts'
import { checkRecoveryFile, type RecoveryFault } from '../../base/protocol/recoveryRules.ts'
import { makeFolder, readText, writeDurably } from '../../storage/durableFile.ts'

export const RECOVERY_FOLDER = 'recovery'
/** Recoveries of one chain that a node keeps. */
const RECOVERIES_MAX = 64

export interface AcceptedRecovery {
  readonly file: RecoveryFile
  readonly recovery: Recovery
  readonly hash: Hash32
  /** Canonical bytes, as served to peers. */
  readonly bytes: Uint8Array
}

/** A recovery file that cannot be used; `message` names the file and the reason. */
export class RecoveryError extends ExpectedError {
  readonly code = 'RecoveryRefused'
  readonly rule: RecoveryFault['rule'] | 'format'
  constructor(rule: RecoveryError['rule'], message: string) {
    super(message)
    this.name = 'RecoveryError'
    this.rule = rule
  }
}

/** Result of offering a peer's file. */
export type Offered =
  | { readonly kind: 'known' | 'accepted'; readonly recovery: Recovery }
  /** Acceptable, but the operator has not decided to trust it. */
  | { readonly kind: 'untrusted'; readonly recovery: Recovery; readonly hash: Hash32 }
  | { readonly kind: 'refused'; readonly reason: string }

/** Reads a recovery file made by `suanli recovery`; throws RecoveryError when it is not one. */
export function readRecoveryFile(path: string): RecoveryFile {
  const text = readText(path)
  try {
    if (text.length > 4 * RECOVERY_FILE_BYTES_MAX) throw new SchemaError('the file is too large')
    return recoveryFileSchema.fromJson(JSON.parse(text) as Json)
  } catch (cause) {
    if (cause instanceof SchemaError || cause instanceof SyntaxError) {
      throw new RecoveryError('format', `${path} is not a recovery file: ${cause.message}`)
    }
    throw cause
  }
}

/** Deterministic text, so that operators can compare files as well as hashes. */
export function recoveryFileText(file: RecoveryFile): string {
  return `${JSON.stringify(recoveryFileSchema.toJson(file), null, 2)}\n`
}

export class RecoveryBook {
  readonly #dir: string
  readonly #genesisHash: Hash32
  readonly #trusted: readonly Hash32[]
  /** By epoch, ascending. */
  #accepted: readonly AcceptedRecovery[] = []
  /** By the floor's hash: the highest epoch. */
  readonly #byFloor = new Map<string, AcceptedRecovery>()
  readonly #listeners = new Set<(recovery: Recovery) => void>()

  private constructor(dir: string, genesisHash: Hash32, trusted: readonly Hash32[]) {
    this.#dir = dir
    this.#genesisHash = genesisHash
    this.#trusted = trusted
  }

  /** Reads and checks every accepted file; throws RecoveryError for a damaged one. None if the directory is missing. */
  static open(options: {
    readonly dir: string
    readonly genesisHash: Hash32
    /** Recovery hashes that may be accepted from peers. */
    readonly trusted?: readonly Hash32[]
  }): RecoveryBook {
    const { dir, genesisHash, trusted = [] } = options
    const book = new RecoveryBook(dir, genesisHash, trusted)
    const names = existsSync(dir) ? readdirSync(dir).filter((name) => /^recovery-\d+\.json$/.test(name)) : []
    for (const name of names) {
      const file = readRecoveryFile(join(dir, name))
      const wrong = checkRecoveryFile(file, genesisHash)
      if (wrong !== undefined) throw new RecoveryError(wrong.rule, `${join(dir, name)}: ${wrong.reason}`)
      book.#note(file)
    }
    return book
  }

  /** Accepted recoveries, ascending by epoch. */
  all(): readonly AcceptedRecovery[] {
    return this.#accepted
  }

  get latest(): AcceptedRecovery | undefined {
    return this.#accepted.at(-1)
  }

  /** The recovery whose epoch begins above this block; the highest epoch if there are several. */
  on(floor: Hash32): Recovery | undefined {
    return this.#byFloor.get(bytesKey(floor))?.recovery
  }

  /** The accepted recovery whose first block has this height. */
  above(height: number): AcceptedRecovery | undefined {
    return this.#accepted.findLast(({ recovery }) => recovery.floor.height + 1 === height)
  }

  has(hash: Hash32): boolean {
    return this.#accepted.some((known) => equalBytes(known.hash, hash))
  }

  /** Stores a complete file durably; the caller must have the operator's consent. Throws RecoveryError. */
  async accept(file: RecoveryFile): Promise<void> {
    const wrong = checkRecoveryFile(file, this.#genesisHash)
    if (wrong !== undefined) throw new RecoveryError(wrong.rule, wrong.reason)
    const { epoch } = file.recovery
    if (this.has(recoveryHash(file.recovery))) return
    if (this.#accepted.some(({ recovery }) => recovery.epoch === epoch)) {
      throw new RecoveryError('epoch', `another recovery to epoch ${epoch} was accepted before`)
    }
    if (this.#accepted.length >= RECOVERIES_MAX) {
      throw new RecoveryError('format', `a node keeps at most ${RECOVERIES_MAX} recoveries`)
    }
    makeFolder(this.#dir, 0o700)
    await writeDurably(join(this.#dir, `recovery-${epoch}.json`), recoveryFileText(file))
    this.#note(file)
    for (const listener of this.#listeners) listener(file.recovery)
  }

  /** Calls back when a file is accepted while the node runs. Returns the unsubscribe function. */
  onAccepted(listener: (recovery: Recovery) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /**
   * Accepts a peer's file if its hash is trusted. `mismatch` returns why it cannot follow the block it came with. Never
   * throws because of the peer.
   */
  async offer(bytes: Uint8Array, mismatch: (recovery: Recovery) => string | undefined): Promise<Offered> {
    let file: RecoveryFile
    try {
      if (bytes.length > RECOVERY_FILE_BYTES_MAX) throw new SchemaError('too large')
      file = recoveryFileSchema.decode(bytes)
    } catch (error) {
      if (!(error instanceof SchemaError)) throw error
      return { kind: 'refused', reason: `malformed recovery file: ${error.message}` }
    }
    const { recovery } = file
    const hash = recoveryHash(recovery)
    if (this.has(hash)) return { kind: 'known', recovery }
    const isTrusted = this.#trusted.some((pin) => equalBytes(pin, hash))
    const reason = mismatch(recovery) ?? checkRecoveryFile(file, this.#genesisHash)?.reason
    if (reason !== undefined) return { kind: 'refused', reason: `recovery ${toHex(hash)}: ${reason}` }
    if (!isTrusted) return { kind: 'untrusted', recovery, hash }
    await this.accept(file)
    return { kind: 'accepted', recovery }
  }

  #note(file: RecoveryFile): void {
    const { recovery } = file
    const accepted: AcceptedRecovery = {
      file,
      recovery,
      hash: recoveryHash(recovery),
      bytes: recoveryFileSchema.encode(file),
    }
    this.#accepted = [...this.#accepted, accepted].sort((a, b) => a.recovery.epoch - b.recovery.epoch)
    for (const known of this.#accepted) this.#byFloor.set(bytesKey(known.recovery.floor.hash), known)
  }
}
