// Accepted vouchers and metered lines on disk. Owns: keys, the check that a store is of this chain, what is dropped when.
// LevelDB gives the checksums, the synced log whose torn tail is passed over, and the compaction. Not: when a write must be
// there (the meter and its callers).
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { equalBytes, toHex, utf8 } from '../../base/bytes.ts'
import { errorText } from '../../base/errors.ts'
import { GroupCommit, type Operation } from './groupCommit.ts'
import { type AssignmentId, type Standing, type StoredLine, standingRecord, storedLine } from './records.ts'
import { GatewayStoreError } from './storeError.ts'

const LAYOUT = 1
const META = 'meta'
/** Lines of one assignment that are kept; older ones are dropped, and their sum stays. */
export const LINES_KEPT = 65_536
/** Standings that are loaded: more than any provider has assignments in the windows it keeps. */
const STANDINGS_MAX = 1_000_000
/** Elements of one read or one batch of removals. */
const PIECE = 1_024

const fixed = (value: number, digits: number): string => value.toString(16).padStart(digits, '0')
const idKey = ({ redemptionId, assignment }: AssignmentId): string =>
  `${fixed(redemptionId, 14)}/${fixed(assignment, 8)}`
const standingKey = (id: AssignmentId): string => `standing/${idKey(id)}`
const lineKey = (id: AssignmentId, index: number): string => `line/${idKey(id)}/${fixed(index, 14)}`

type Level = ClassicLevel<string, Uint8Array>

interface Range {
  readonly gt?: string
  readonly gte?: string
  readonly lt: string
  readonly limit: number
}

interface Owner {
  readonly genesis: Uint8Array
  /** The provider's account. */
  readonly provider: Uint8Array
}

export class GatewayStore {
  readonly #level: Level
  readonly #commit: GroupCommit

  private constructor(level: Level) {
    this.#level = level
    this.#commit = new GroupCommit((operations) => level.batch([...operations], { sync: true }))
  }

  /** Opens or creates the store in a folder. Throws GatewayStoreError. */
  static async open(folder: string, owner: Owner): Promise<GatewayStore> {
    const path = join(folder, 'meter')
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const level = new ClassicLevel<string, Uint8Array>(path, {
      valueEncoding: 'view',
      writeBufferSize: 4 * 1_048_576,
      cacheSize: 4 * 1_048_576,
    })
    try {
      await level.open()
    } catch (error) {
      const cause = (error as { cause?: { code?: string; message?: string } }).cause
      if (cause?.code === 'LEVEL_LOCKED') {
        throw new GatewayStoreError('Locked', `${folder} is in use by another gateway`, { cause: error })
      }
      throw new GatewayStoreError('Corrupt', `${path} cannot be opened: ${cause?.message ?? String(error)}`, {
        cause: error,
      })
    }
    const store = new GatewayStore(level)
    try {
      await store.#own(folder, owner)
    } catch (error) {
      await level.close()
      throw damaged(error)
    }
    return store
  }

  async #own(folder: string, { genesis, provider }: Owner): Promise<void> {
    const mine = utf8(JSON.stringify({ layout: LAYOUT, genesis: toHex(genesis), provider: toHex(provider) }))
    const found = await this.#level.get(META)
    if (found === undefined) await this.#level.put(META, mine, { sync: true })
    else if (!equalBytes(found, mine)) {
      throw new GatewayStoreError(
        'Foreign',
        `${folder} belongs to another chain, provider or version: use another dataDir`,
      )
    }
  }

  /** Why nothing is written any more; undefined while it is. */
  get failure(): Error | undefined {
    return this.#commit.failure
  }

  get batches(): number {
    return this.#commit.batches
  }

  /** All standings. Throws GatewayStoreError `Corrupt`. */
  async standings(): Promise<readonly Standing[]> {
    return this.#all({ gt: 'standing/', lt: 'standing0', limit: STANDINGS_MAX }, standingRecord.decode)
  }

  /** Resolves once the standing, and the line if there is one, survive a power loss. */
  write(standing: Standing, stored?: StoredLine): Promise<void> {
    const operations: Operation[] = [
      { type: 'put', key: standingKey(standing), value: standingRecord.encode(standing) },
    ]
    if (stored !== undefined) {
      const { sequence } = stored.line
      operations.push({ type: 'put', key: lineKey(standing, sequence), value: storedLine.encode(stored) })
      if (sequence > LINES_KEPT)
        operations.push({ type: 'del', key: lineKey(standing, sequence - LINES_KEPT) })
    }
    return this.#commit.put(operations)
  }

  /** Lines of an assignment from a number on, oldest first. */
  async lines(id: AssignmentId, from: number, limit: number): Promise<readonly StoredLine[]> {
    const range = { gte: lineKey(id, from), lt: `line/${idKey(id)}0`, limit }
    return this.#all(range, storedLine.decode)
  }

  async #all<T>(range: Range, decode: (bytes: Uint8Array) => T): Promise<readonly T[]> {
    const found: T[] = []
    try {
      for await (const [key, value] of this.#level.iterator(range)) found.push(read(key, value, decode))
    } catch (error) {
      throw damaged(error)
    }
    return found
  }

  /** Forgets an assignment. */
  async remove(id: AssignmentId): Promise<void> {
    for (;;) {
      const keys = await this.#level
        .keys({ gte: `line/${idKey(id)}/`, lt: `line/${idKey(id)}0`, limit: PIECE })
        .all()
      if (keys.length === 0) break
      await this.#commit.put(keys.map((key) => ({ type: 'del', key })))
    }
    await this.#commit.put([{ type: 'del', key: standingKey(id) }])
  }

  async close(): Promise<void> {
    await this.#commit.settled()
    await this.#level.close()
  }
}

/** What LevelDB says of a file that it cannot read. */
function damaged(error: unknown): unknown {
  if (error instanceof GatewayStoreError) return error
  return new GatewayStoreError('Corrupt', `the store cannot be read: ${errorText(error)}`, { cause: error })
}

function read<T>(key: string, value: Uint8Array, decode: (bytes: Uint8Array) => T): T {
  try {
    // LevelDB gives Buffers, whose slices would share memory.
    return decode(Uint8Array.from(value))
  } catch (cause) {
    throw new GatewayStoreError('Corrupt', `the record ${key} is damaged`, { cause })
  }
}
