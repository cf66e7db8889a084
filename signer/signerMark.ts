// The mark beside a signer's record: how many records it must hold, and the hash over all of them. A record that was cut
// cleanly, replaced by an older copy or swapped with another file no longer fits it. Not: the record (signerFile.ts).
import { type FileHandle, open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { assert } from '../base/assert.ts'
import { concatBytes } from '../base/bytes.ts'
import { sha256 } from '../base/crypto/hash.ts'
import { SchemaError } from '../base/field.ts'
import { type Hash32, ZERO_HASH } from '../base/ids.ts'
import { message, t } from '../base/schema.ts'
import { createDurably } from '../storage/durableFile.ts'
import { encodeFrame, frameAt } from '../storage/recordFile.ts'

/** Two slots, written in turn: while one is being written the other still counts. */
const SLOT_BYTES = 32 * 1024
const SLOTS = 2
/** Longest batch of records that a slot can repeat. */
export const BATCH_BYTES_MAX = SLOT_BYTES - 1024

const markSchema = message('SignerMark', {
  /** The segment. */
  sequence: t.u64,
  /** Records in it. */
  count: t.u64,
  /** `chainHash` over them. */
  chain: t.hash,
  /**
   * The last records, as they were appended. Segment and mark become durable at the same time; after a power loss between
   * the two, the mark can complete the segment.
   */
  batch: t.bytes(BATCH_BYTES_MAX),
})
export type Mark = ReturnType<typeof markSchema.decode>

const markPath = (dir: string): string => join(dir, 'mark')

/** Hash over a run of records, continued from `before`. */
export function chainHash(frames: readonly Uint8Array[], before: Hash32 = ZERO_HASH): Hash32 {
  let chain = before
  for (const frame of frames) chain = sha256(concatBytes(chain, frame))
  return chain
}

function encodeSlot(mark: Mark): Uint8Array {
  const frame = encodeFrame(mark.sequence, markSchema.encode(mark))
  assert(frame.length <= SLOT_BYTES, 'a mark fits its slot')
  return frame
}

/** The newest mark; `damaged` when there is a file without a readable one. */
export async function readMark(dir: string): Promise<Mark | 'none' | 'damaged'> {
  let bytes: Uint8Array
  try {
    bytes = new Uint8Array(await readFile(markPath(dir)))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'none'
    throw error
  }
  let newest: Mark | undefined
  for (let slot = 0; slot < SLOTS; slot++) {
    const mark = markIn(bytes.subarray(slot * SLOT_BYTES, (slot + 1) * SLOT_BYTES))
    if (mark !== undefined && (newest === undefined || isNewer(mark, newest))) newest = mark
  }
  return newest ?? 'damaged'
}

const isNewer = (a: Mark, b: Mark): boolean =>
  a.sequence > b.sequence || (a.sequence === b.sequence && a.count > b.count)

function markIn(slot: Uint8Array): Mark | undefined {
  const frame = frameAt(slot, 0)
  if (frame === undefined) return undefined
  try {
    return markSchema.decode(frame.payload)
  } catch (error) {
    if (error instanceof SchemaError) return undefined
    throw error
  }
}

/** The mark's open file. */
export class MarkFile {
  readonly #file: FileHandle
  #slot: number

  private constructor(file: FileHandle, slot: number) {
    this.#file = file
    this.#slot = slot
  }

  /** A new file with this mark alone; durable when it resolves. */
  static async create(dir: string, mark: Mark): Promise<MarkFile> {
    const slots = new Uint8Array(SLOTS * SLOT_BYTES)
    slots.set(encodeSlot(mark))
    const written = await createDurably(markPath(dir), (file) => file.writeFile(slots))
    await written.close()
    return new MarkFile(await open(markPath(dir), 'r+'), 1)
  }

  /** Durable when it resolves. */
  async write(mark: Mark): Promise<void> {
    const bytes = encodeSlot(mark)
    await this.#file.write(bytes, 0, bytes.length, this.#slot * SLOT_BYTES)
    await this.#file.datasync()
    this.#slot = (this.#slot + 1) % SLOTS
  }

  close(): Promise<void> {
    return this.#file.close()
  }
}
