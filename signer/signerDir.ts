// A local signer's folder in a data directory: who may open it, and how its record moves.
// Owns: the lock, the marks in keys/, export and import. Not: the flags (localSigner.ts), the file format (signerFlags.ts).
import { existsSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { toHex } from '../base/bytes.ts'
import { bls } from '../base/crypto/bls.ts'
import { OperatorError } from '../base/errors.ts'
import type { Hash32 } from '../base/ids.ts'
import { OwnVotes } from '../consensus/ownVotes.ts'
import { writeDurablySync, writeNewDurablySync } from '../storage/durableFile.ts'
import { isFreshKey, isImportedKey, markKeyUsed } from './keyFiles.ts'
import { LocalSigner, type SignerOptions } from './localSigner.ts'
import {
  coversFlags,
  FLAGS_BYTES_MAX,
  type FlagsRecord,
  flagsChecksum,
  flagsRecord,
  flagsText,
  mergeFlags,
  parseFlags,
} from './signerFlags.ts'
import { lockSigner } from './signerLock.ts'
import { type FlagState, type FolderState, readFolder, writeState } from './signerRecords.ts'

export const signerFolder = (dataDir: string): string => join(dataDir, 'signer')
/** Exists while this key's record is on another machine. */
const movedFile = (dataDir: string): string => join(dataDir, 'keys', 'consensus.moved.json')

/** Names the key whose record the folder holds. */
const keyTag = (dataDir: string): string => join(signerFolder(dataDir), 'key')

/** Whether the folder's record belongs to a key that was in `keys/` before. */
function isForeignRecord(dataDir: string, publicKey: Uint8Array): boolean {
  const tag = keyTag(dataDir)
  return existsSync(tag) && readFileSync(tag, 'utf8').trim() !== toHex(publicKey)
}

/** Marks the folder's record as this key's: from now on its loss must be noticed. */
function noteRecord(dataDir: string, publicKey: Uint8Array): void {
  const tag = keyTag(dataDir)
  if (!existsSync(tag) || isForeignRecord(dataDir, publicKey)) writeDurablySync(tag, `${toHex(publicKey)}\n`)
  markKeyUsed(dataDir)
}

/** Whose record it is. */
export interface SignerOwner {
  readonly dataDir: string
  readonly genesisHash: Hash32
  readonly publicKey: Uint8Array
}

export interface OpenSignerOptions {
  readonly dataDir: string
  readonly genesisHash: Hash32
  readonly secretKey: Uint8Array
  /** Signs although the record was exported: the operator asserts that the copy will never be used. */
  readonly forceMoved: boolean
  readonly nowMs?: () => number
  readonly onRefused?: SignerOptions['onRefused']
}

/** Opens a data directory's signer for one process. Throws OperatorError when it is in use or was moved away. */
export async function openLocalSigner(options: OpenSignerOptions): Promise<LocalSigner> {
  const { dataDir, genesisHash, secretKey, forceMoved, nowMs, onRefused } = options
  const dir = signerFolder(dataDir)
  const release = await lockSigner(dir)
  try {
    const moved = readMoved(dataDir)
    if (moved !== undefined && !forceMoved) {
      throw new OperatorError(
        `the record of this key was exported at ${moved.movedAt} (${moved.out}): it signs on another machine now. ` +
          'Starting it here as well makes it sign twice. `suanli signer import` brings the record back',
      )
    }
    const publicKey = bls.publicKey(secretKey)
    const signer = await LocalSigner.open({
      dir,
      genesisHash,
      secretKey,
      bls,
      create: isFreshKey(dataDir),
      isForeign: isForeignRecord(dataDir, publicKey),
      onRecorded: () => noteRecord(dataDir, publicKey),
      onClosed: release,
      ...(nowMs === undefined ? {} : { nowMs }),
      ...(onRefused === undefined ? {} : { onRefused }),
    })
    if (moved !== undefined) rmSync(movedFile(dataDir))
    return signer
  } catch (error) {
    await release()
    throw error
  }
}

/** The folder's state for this key; `none` when the record belongs to another key. */
async function readOwnFolder({ dataDir, genesisHash, publicKey }: SignerOwner): Promise<FolderState> {
  const found = await readFolder(signerFolder(dataDir), genesisHash)
  return isForeignRecord(dataDir, publicKey) ? { kind: 'none', sequence: found.sequence } : found
}

const NEVER_SIGNED: FlagState = { epoch: 0, lostAtMs: undefined, votes: new OwnVotes() }

/** Summary of an export. */
export interface Exported {
  readonly epoch: number
  readonly floor: number
  readonly votes: number
  readonly checksum: string
}

/**
 * Writes the record to a new file and marks this directory as moved, so that it refuses to sign from now on. Safe to
 * repeat, since a moved key signs nothing. Throws OperatorError without a sound record or when the file exists.
 */
export async function exportFlags(owner: SignerOwner, out: string, nowMs: number): Promise<Exported> {
  const { dataDir, genesisHash, publicKey } = owner
  const dir = signerFolder(dataDir)
  if (existsSync(out)) throw new OperatorError(`${out} exists already`)
  const release = await lockSigner(dir)
  try {
    const found = await readOwnFolder(owner)
    if (found.kind === 'lost')
      throw new OperatorError(`${dir} is damaged: there is no sound record to export`)
    const isUnused = isFreshKey(dataDir) || readMoved(dataDir)?.unused === true
    if (found.kind === 'none' && !isUnused) {
      throw new OperatorError(`${dir} has no record of what this key has signed`)
    }
    // A key that has never signed gets an empty record; without one it would observe on the new machine.
    const state = found.kind === 'found' ? found.state : NEVER_SIGNED
    const record = flagsRecord(state, { genesisHash, publicKey, exportedAtMs: nowMs })
    const checksum = flagsChecksum(record)
    // Write the mark first: a crash in between leaves a signer that refuses, not two that sign.
    const movedAt = new Date(nowMs).toISOString()
    writeDurablySync(
      movedFile(dataDir),
      `${JSON.stringify({ movedAt, out, checksum, unused: found.kind === 'none' }, null, 2)}\n`,
    )
    markKeyUsed(dataDir)
    writeNewDurablySync(out, flagsText(record))
    return { epoch: record.epoch, floor: record.floor, votes: record.signed.length, checksum }
  } finally {
    await release()
  }
}

/** Result of an import. `changed` is false when this directory already had everything. */
export interface Imported {
  readonly changed: boolean
  readonly epoch: number
  readonly floor: number
  readonly votes: number
  readonly observing: boolean
}

/**
 * Merges a record: union of the flags, highest floor, later epoch; nothing is ever lowered. Throws OperatorError when
 * the record belongs to another key or chain, contradicts this directory's, or would replace one that was lost here.
 */
export async function importFlags(owner: SignerOwner, file: string): Promise<Imported> {
  const { dataDir, genesisHash } = owner
  const dir = signerFolder(dataDir)
  if (statSync(file).size > FLAGS_BYTES_MAX) throw new OperatorError(`${file} is too long for a record`)
  const record = parseFlags(readFileSync(file, 'utf8'), owner)
  const release = await lockSigner(dir)
  try {
    const moved = readMoved(dataDir)
    if (moved !== undefined && moved.checksum === flagsChecksum(record)) {
      throw new OperatorError(
        'this directory exported this very record: votes signed since are not in it. Export it again where ' +
          'it signed last, or, if it never signed elsewhere, start with --force-moved-signer',
      )
    }
    const found = await readOwnFolder(owner)
    const mayBegin = found.kind === 'none' && (isFreshKey(dataDir) || isImportedKey(dataDir))
    if (found.kind !== 'found' && !mayBegin) {
      throw new OperatorError(
        `the record in ${dir} is lost, and an older one must not take its place: start without it; the ` +
          'signer observes until the next epoch',
      )
    }
    const own = found.kind === 'found' ? found.state : undefined
    const merged = mergeFlags(own, record)
    if (moved !== undefined && merged.kind !== 'contradiction') refuseOlder(moved, record, own)
    if (merged.kind === 'contradiction') {
      const { fault, first } = merged.fault
      throw new OperatorError(
        `the record and ${dir} contradict each other (${fault} in epoch ${first.epoch} view ${first.view}): this key has ` +
          'signed on two machines. Keep both for the other members; nothing was changed',
      )
    }
    const state = merged.kind === 'state' ? merged.state : own!
    if (merged.kind === 'state') {
      mkdirSync(dir, { recursive: true, mode: 0o700 })
      const { file: handle } = await writeState(dir, { genesisHash, sequence: found.sequence + 1, state })
      await handle.close()
    }
    noteRecord(dataDir, owner.publicKey)
    rmSync(movedFile(dataDir), { force: true })
    return {
      changed: merged.kind === 'state',
      epoch: state.epoch,
      floor: state.votes.floor,
      votes: state.votes.subjects().length,
      observing: state.lostAtMs !== undefined,
    }
  } finally {
    await release()
  }
}

/** A record that lifts the mark must be newer than the exported one: another machine has signed since. */
function refuseOlder(moved: Moved, record: FlagsRecord, own: FlagState | undefined): void {
  const isOlder = record.exportedAtMs < Date.parse(moved.movedAt)
  if (!isOlder && (own === undefined || coversFlags(record, own))) return
  throw new OperatorError(
    `the record is older than the one exported from here at ${moved.movedAt}: votes signed since are not in ` +
      'it. Export it again where it signed last',
  )
}

interface Moved {
  readonly movedAt: string
  readonly out: string
  readonly checksum: string
  /** The key had never signed when it was exported. */
  readonly unused: boolean
}

function readMoved(dataDir: string): Moved | undefined {
  if (!existsSync(movedFile(dataDir))) return undefined
  try {
    return JSON.parse(readFileSync(movedFile(dataDir), 'utf8'))
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause
    // The mark counts even when its text is truncated.
    return { movedAt: 'an unknown time', out: 'interrupted', checksum: '', unused: false }
  }
}
