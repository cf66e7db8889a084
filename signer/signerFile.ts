// A signer's record on disk: numbered segments and the mark beside them. Owns: whether what is found is whole, durable
// appends, rotation. Not: what the records mean (signerRecords.ts), what may be signed (localSigner.ts).
import { type FileHandle, open } from 'node:fs/promises'
import { concatBytes, equalBytes, toHex } from '../base/bytes.ts'
import { SchemaError } from '../base/field.ts'
import type { Hash32 } from '../base/ids.ts'
import { encodeFrame, type Frame, type Scan, scanFrames } from '../storage/recordFile.ts'
import {
  createSegment,
  listSegments,
  readSegment,
  removeSegment,
  type SegmentFile,
  segmentPath,
  setAside,
} from '../storage/segments.ts'
import { BATCH_BYTES_MAX, chainHash, type Mark, MarkFile, readMark } from './signerMark.ts'
import { encodeState, type FlagState, type Restored, restoreState, segmentHead } from './signerRecords.ts'

export const SIGNER_PREFIX = 'signer'
/** Older segments are kept only for audits of signed votes; a restart needs the last one. */
const SEGMENTS_KEPT = 16

/** Whose record it is. */
export interface RecordOwner {
  readonly genesisHash: Hash32
  readonly publicKey: Uint8Array
}

/** What a signer's folder holds. `lost`: some records cannot be trusted, so flags are missing. */
export type FolderState =
  | { readonly kind: 'none'; readonly sequence: number }
  | {
      readonly kind: 'lost'
      readonly sequence: number
      /** What is wrong, for the operator. */
      readonly reason: string
      /** The damaged segment, if there is one. */
      readonly path: string | undefined
      /** It is whole as its first state was written, but the mark that follows was not: as a first start leaves it. */
      readonly isUnmarked: boolean
      /** What its readable part says: a lower bound. */
      readonly rest: Restored
    }
  | {
      readonly kind: 'found'
      readonly sequence: number
      readonly path: string
      readonly state: FlagState
      /** Where appending goes on; undefined when a new segment must be started first. */
      readonly tail: { readonly bytes: number; readonly count: number; readonly chain: Hash32 } | undefined
    }

const bytesOf = (frame: Frame): Uint8Array => encodeFrame(frame.epoch, frame.payload)

/** Reads a signer's folder, without changing it. Throws SegmentError when the folder belongs to another chain. */
export async function readFolder(dir: string, owner: RecordOwner): Promise<FolderState> {
  const last = (await listSegments(dir, SIGNER_PREFIX)).at(-1)
  const mark = await readMark(dir)
  const marked = typeof mark === 'string' ? 0 : mark.sequence
  const sequence = Math.max(last?.sequence ?? 0, marked)
  if (last === undefined) {
    if (mark === 'none') return { kind: 'none', sequence }
    return nothingOf(sequence, 'its file is missing', undefined)
  }
  const scan = await readSegment(last.path, owner.genesisHash)
  try {
    return judge({ last, scan, mark, owner, sequence })
  } catch (error) {
    if (!(error instanceof SchemaError)) throw error
    return nothingOf(sequence, `a record is malformed: ${error.message}`, last.path)
  }
}

function nothingOf(sequence: number, reason: string, path: string | undefined): FolderState {
  return { kind: 'lost', sequence, reason, path, isUnmarked: false, rest: restoreState([]) }
}

function judge(found: {
  readonly last: SegmentFile
  readonly scan: Scan
  readonly mark: Mark | 'none' | 'damaged'
  readonly owner: RecordOwner
  readonly sequence: number
}): FolderState {
  const { last, scan, mark, owner, sequence } = found
  const { path } = last
  const { frames, validBytes } = scan
  const lost = (reason: string): FolderState => ({
    kind: 'lost',
    sequence,
    reason,
    path,
    isUnmarked: false,
    rest: restoreState(frames),
  })
  if (scan.damage === 'corrupt') return lost('bytes in its middle changed')
  const head = segmentHead(frames)
  if (head === undefined) {
    // A file of a build that kept no mark: its loss can be noticed only by its contents.
    if (frames.length === 0 || mark !== 'none') return lost('it is cut, or another file is in its place')
    const state = restoreState(frames)
    return state.isLost
      ? lost('an earlier build found it lost')
      : { kind: 'found', sequence, path, state, tail: undefined }
  }
  if (head.sequence !== last.sequence) return lost(`the file is that of number ${head.sequence}`)
  if (!equalBytes(head.publicKey, owner.publicKey)) {
    return lost(`the file is that of key ${toHex(head.publicKey)}`)
  }
  if (frames.length < head.count)
    return lost(`it is cut: ${frames.length} of its first ${head.count} records`)
  if (mark === 'damaged') return lost('its mark is damaged')
  if (mark === 'none') {
    const isUnmarked = frames.length === head.count && scan.damage === 'none' && sequence === 1
    const reason = 'its mark is missing'
    return { kind: 'lost', sequence, reason, path, isUnmarked, rest: restoreState(frames) }
  }
  const whole = completed(frames, mark, last.sequence)
  if (typeof whole === 'string') return lost(whole)
  const isTidy = scan.damage === 'none' && whole.length === frames.length && mark.sequence === last.sequence
  const tail = { bytes: validBytes, count: frames.length, chain: chainHash(frames.map(bytesOf)) }
  return { kind: 'found', sequence, path, state: restoreState(whole), tail: isTidy ? tail : undefined }
}

/**
 * The segment's records together with those that only the mark has; the reason when they do not fit it. Records beyond
 * the mark were never acknowledged and bind all the same.
 */
function completed(frames: readonly Frame[], mark: Mark, sequence: number): readonly Frame[] | string {
  // A new segment is whole before the mark names it.
  if (mark.sequence === sequence - 1) return frames
  if (mark.sequence !== sequence) return `its mark is that of number ${mark.sequence}`
  const { count, chain, batch } = mark
  if (frames.length >= count) {
    const fits = equalBytes(chainHash(frames.slice(0, count).map(bytesOf)), chain)
    return fits ? frames : 'an older or another copy is in its place'
  }
  const repeated = scanFrames(batch, 0).frames
  const all = [...frames, ...repeated.slice(repeated.length - (count - frames.length))]
  const fits = all.length === count && equalBytes(chainHash(all.map(bytesOf)), chain)
  return fits ? all : `it is cut: ${frames.length} of ${count} records`
}

/** The open record; one writer at a time. */
export class SignerFile {
  readonly #dir: string
  readonly #owner: RecordOwner
  #segment: FileHandle
  #mark: MarkFile
  #sequence: number
  #bytes: number
  #count: number
  #chain: Hash32

  private constructor(
    place: { readonly dir: string; readonly owner: RecordOwner; readonly sequence: number },
    files: { readonly segment: FileHandle; readonly mark: MarkFile },
    tail: { readonly bytes: number; readonly count: number; readonly chain: Hash32 },
  ) {
    this.#dir = place.dir
    this.#owner = place.owner
    this.#sequence = place.sequence
    this.#segment = files.segment
    this.#mark = files.mark
    this.#bytes = tail.bytes
    this.#count = tail.count
    this.#chain = tail.chain
  }

  /** Starts a segment with `state` above what was found; durable when it resolves. */
  static async start(
    dir: string,
    owner: RecordOwner,
    { sequence: below, state }: { readonly sequence: number; readonly state: FlagState },
  ): Promise<SignerFile> {
    const sequence = below + 1
    const { segment, tail } = await createState(dir, owner, sequence, state)
    const mark = await MarkFile.create(dir, { sequence, ...markOf(tail) })
    return new SignerFile({ dir, owner, sequence }, { segment, mark }, tail)
  }

  /** Goes on where a tidy record ends; starts a segment after any other. */
  static async resume(
    dir: string,
    owner: RecordOwner,
    found: Extract<FolderState, { kind: 'found' }>,
  ): Promise<SignerFile> {
    const { sequence, path, state, tail } = found
    if (tail === undefined) return SignerFile.start(dir, owner, { sequence, state })
    const segment = await open(path, 'a')
    const mark = await MarkFile.create(dir, { sequence, ...markOf(tail) })
    return new SignerFile({ dir, owner, sequence }, { segment, mark }, tail)
  }

  /** Bytes of the present segment. */
  get bytes(): number {
    return this.#bytes
  }

  /** Appends records; durable, in segment and mark, when it resolves. After a rejection the content is unknown. */
  async append(records: readonly Uint8Array[]): Promise<void> {
    let batch: Uint8Array[] = []
    let batchBytes = 0
    for (const record of records) {
      if (batchBytes + record.length > BATCH_BYTES_MAX) {
        await this.#appendBatch(batch)
        batch = []
        batchBytes = 0
      }
      batch.push(record)
      batchBytes += record.length
    }
    if (batch.length > 0) await this.#appendBatch(batch)
  }

  async #appendBatch(records: readonly Uint8Array[]): Promise<void> {
    const batch = concatBytes(...records)
    const chain = chainHash(records, this.#chain)
    const count = this.#count + records.length
    // Both at once: either alone is enough to restore the batch, and no signature leaves before both are durable.
    await Promise.all([
      this.#appendSegment(batch),
      this.#mark.write({ sequence: this.#sequence, count, chain, batch }),
    ])
    this.#bytes += batch.length
    this.#count = count
    this.#chain = chain
  }

  async #appendSegment(batch: Uint8Array): Promise<void> {
    await this.#segment.appendFile(batch)
    await this.#segment.datasync()
  }

  /** Starts the next segment with `state` and drops segments that even audits no longer need. */
  async rotate(state: FlagState): Promise<void> {
    const sequence = this.#sequence + 1
    const { segment, tail } = await createState(this.#dir, this.#owner, sequence, state)
    const mark = await MarkFile.create(this.#dir, { sequence, ...markOf(tail) })
    await this.#segment.close()
    await this.#mark.close()
    this.#segment = segment
    this.#mark = mark
    this.#sequence = sequence
    this.#bytes = tail.bytes
    this.#count = tail.count
    this.#chain = tail.chain
    const old = (await listSegments(this.#dir, SIGNER_PREFIX)).slice(0, -SEGMENTS_KEPT)
    for (const each of old) await removeSegment(each.path)
  }

  async close(): Promise<void> {
    await this.#segment.close()
    await this.#mark.close()
  }
}

const markOf = ({ count, chain }: { readonly count: number; readonly chain: Hash32 }) => ({
  count,
  chain,
  batch: new Uint8Array(0),
})

async function createState(dir: string, owner: RecordOwner, sequence: number, state: FlagState) {
  const records = encodeState(state, { sequence, publicKey: owner.publicKey })
  const body = concatBytes(...records)
  const path = segmentPath(dir, SIGNER_PREFIX, sequence)
  const segment = await createSegment(path, owner.genesisHash, body)
  return { segment, tail: { bytes: body.length, count: records.length, chain: chainHash(records) } }
}

/** Writes `state` above what was found, for commands; durable when it resolves. */
export async function writeRecord(
  dir: string,
  owner: RecordOwner,
  above: { readonly sequence: number; readonly state: FlagState },
): Promise<void> {
  const file = await SignerFile.start(dir, owner, above)
  await file.close()
}

/** Renames a damaged segment for a diagnosis. */
export async function setLostAside(found: FolderState): Promise<void> {
  if (found.kind === 'lost' && found.path !== undefined) await setAside(found.path)
}
