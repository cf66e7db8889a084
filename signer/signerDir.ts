// A local signer's folder in a data directory: who may open it, and how its record moves.
// Owns: the lock, the marks in keys/, export and import. Not: the flags (localSigner.ts), the file format (signerFlags.ts).
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { toHex } from '../base/bytes.ts'
import { bls } from '../base/crypto/bls.ts'
import type { Bls } from '../base/crypto/types.ts'
import { OperatorError } from '../base/errors.ts'
import type { Hash32 } from '../base/ids.ts'
import type { ValidatorSet } from '../base/protocol/validators.ts'
import { OwnVotes } from '../consensus/ownVotes.ts'
import { makeFolder, writeDurablySync, writeNewDurablySync } from '../storage/durableFile.ts'
import { isFreshKey, isImportedKey, markKeyUsed } from './keyFiles.ts'
import { LocalSigner, type SignerOptions } from './localSigner.ts'
import { type FolderState, readFolder, setLostAside, writeRecord } from './signerFile.ts'
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
import type { FlagState } from './signerRecords.ts'
import { LOSS_NONCE_BYTES } from './signerTrust.ts'

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

export interface OpenSignerOptions extends Pick<SignerOptions, 'onRefused' | 'onUnproven' | 'onLost'> {
  readonly dataDir: string
  readonly genesisHash: Hash32
  readonly secretKey: Uint8Array
  /** Signs although the record was exported: the operator asserts that the copy will never be used. */
  readonly forceMoved: boolean
  readonly genesisSet: ValidatorSet
  /** Default: the fastest there is. */
  readonly bls?: Bls
}

/** Opens a data directory's signer for one process. Throws OperatorError when it is in use or was moved away. */
export async function openLocalSigner(options: OpenSignerOptions): Promise<LocalSigner> {
  const { dataDir, forceMoved, ...rest } = options
  const dir = signerFolder(dataDir)
  const release = await lockSigner(dir)
  try {
    const moved = isMoved(dataDir)
    if (moved && !forceMoved) {
      const { movedAt, out } = mustReadMoved(dataDir)
      throw new OperatorError(
        `the record of this key was exported at ${movedAt} (${out}): it signs on another machine now. ` +
          'Starting it here as well makes it sign twice. `suanli signer import` brings the record back',
      )
    }
    const publicKey = bls.publicKey(options.secretKey)
    const signer = await LocalSigner.open({
      bls,
      ...rest,
      dir,
      create: isFreshKey(dataDir),
      isForeign: isForeignRecord(dataDir, publicKey),
      onRecorded: () => noteRecord(dataDir, publicKey),
      onClosed: release,
    })
    if (moved) rmSync(movedFile(dataDir))
    return signer
  } catch (error) {
    await release()
    throw error
  }
}

/** The folder's state for this key; `none` when the record belongs to another key. */
async function readOwnFolder({ dataDir, genesisHash, publicKey }: SignerOwner): Promise<FolderState> {
  const found = await readFolder(signerFolder(dataDir), { genesisHash, publicKey })
  return isForeignRecord(dataDir, publicKey) ? { kind: 'none', sequence: found.sequence } : found
}

const NEVER_SIGNED: FlagState = { epoch: 0, loss: undefined, trusted: undefined, votes: new OwnVotes() }

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
    const moved = isMoved(dataDir) ? mustReadMoved(dataDir) : undefined
    const found = await readOwnFolder(owner)
    if (found.kind === 'lost')
      throw new OperatorError(`${dir}: the record is lost (${found.reason}): there is none to export`)
    const isUnused = isFreshKey(dataDir) || moved?.unused === true
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
    const moved = isMoved(dataDir) ? mustReadMoved(dataDir) : undefined
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
          'signer observes until an epoch that is proven to be later (docs/operations/keys.md)',
      )
    }
    const own = found.kind === 'found' ? found.state : undefined
    const merged = mergeFlags(own, record, new Uint8Array(randomBytes(LOSS_NONCE_BYTES)))
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
      makeFolder(dir, 0o700)
      await writeRecord(dir, { genesisHash, publicKey: owner.publicKey }, { sequence: found.sequence, state })
    }
    noteRecord(dataDir, owner.publicKey)
    rmSync(movedFile(dataDir), { force: true })
    return {
      changed: merged.kind === 'state',
      epoch: state.epoch,
      floor: state.votes.floor,
      votes: state.votes.subjects().length,
      observing: state.loss !== undefined,
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

const isMoved = (dataDir: string): boolean => existsSync(movedFile(dataDir))

/** When and where to the record was exported; undefined when it was not. Throws OperatorError when the mark is damaged. */
export function exportedTo(dataDir: string): { readonly movedAt: string; readonly out: string } | undefined {
  return isMoved(dataDir) ? mustReadMoved(dataDir) : undefined
}

/** Throws OperatorError when the mark is damaged: whether a record is older than the exported one is then unknown. */
function mustReadMoved(dataDir: string): Moved {
  const file = movedFile(dataDir)
  let json: unknown
  try {
    json = JSON.parse(readFileSync(file, 'utf8'))
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause
  }
  if (isMovedMark(json)) return json
  throw new OperatorError(
    `${file} is damaged, so it is not known which record was exported from here. If the key signs on another machine, ` +
      `leave it there. To sign here again: end that signer, move ${file} and ${signerFolder(dataDir)} away and start; ` +
      'the key then observes until an epoch that is proven to be later (docs/operations/keys.md)',
  )
}

function isMovedMark(json: unknown): json is Moved {
  if (json === null || typeof json !== 'object') return false
  const { movedAt, out, checksum, unused } = json as { readonly [name: string]: unknown }
  return (
    typeof movedAt === 'string' &&
    new Date(Date.parse(movedAt) || 0).toISOString() === movedAt &&
    typeof out === 'string' &&
    /^0x[0-9a-f]{64}$/.test(String(checksum)) &&
    typeof unused === 'boolean'
  )
}

export interface Resumed {
  readonly resumesAfterEpoch: number
}

/**
 * The operator's word that the lost record holds no vote of an epoch after `afterEpoch`: the key signs again from the
 * next epoch on. Throws OperatorError unless the record is lost.
 */
export async function resumeAfter(owner: SignerOwner, afterEpoch: number): Promise<Resumed> {
  const { dataDir, genesisHash, publicKey } = owner
  const dir = signerFolder(dataDir)
  const release = await lockSigner(dir)
  try {
    if (isMoved(dataDir)) throw new OperatorError('the record of this key was exported: it is not lost')
    const found = await readOwnFolder(owner)
    const rest = restOf(found)
    if (rest === undefined || (found.kind === 'none' && isFreshKey(dataDir))) {
      throw new OperatorError(`the record in ${dir} is not lost: there is nothing to resume`)
    }
    if (afterEpoch < rest.epoch) {
      throw new OperatorError(`the record reaches epoch ${rest.epoch}: the key may have signed in it`)
    }
    const { nonce } = rest.loss ?? { nonce: new Uint8Array(randomBytes(LOSS_NONCE_BYTES)) }
    const state: FlagState = {
      epoch: rest.epoch,
      loss: { nonce, resumeAfter: afterEpoch },
      trusted: rest.trusted,
      votes: new OwnVotes(),
    }
    makeFolder(dir, 0o700)
    await setLostAside(found)
    await writeRecord(dir, { genesisHash, publicKey }, { sequence: found.sequence, state })
    noteRecord(dataDir, publicKey)
    return { resumesAfterEpoch: afterEpoch }
  } finally {
    await release()
  }
}

/** What is left of a lost record; undefined when it is not lost. */
function restOf(found: FolderState): FlagState | undefined {
  if (found.kind === 'none') return NEVER_SIGNED
  if (found.kind === 'lost') return found.rest
  return found.state.loss === undefined ? undefined : found.state
}
