// Finds damage in LevelDB's files before LevelDB opens them: what its paranoid checks would find, and missing files.
// The binding offers no paranoid checks, and without them an opening drops damaged writes and deletes the log that held
// them. Owns: the list of checks. Not: the formats (levelLog.ts, levelManifest.ts, levelTable.ts).
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { equalBytes, readU64be } from '../base/bytes.ts'
import { type LevelLog, readLevelLog } from './levelLog.ts'
import { type LevelManifest, readLevelManifest } from './levelManifest.ts'
import { checkLevelTable } from './levelTable.ts'

export interface LevelDamage {
  /** Name of the file in the database's folder. */
  readonly file: string
  readonly reason: string
  /** Set for a log whose writes before this byte are sound: cutting it there gives an earlier state of the database. */
  readonly cutAt?: number
}

interface Folder {
  readonly dir: string
  readonly names: ReadonlySet<string>
}

const logName = (number: number): string => `${String(number).padStart(6, '0')}.log`
const tableNames = (number: number): readonly string[] =>
  ['ldb', 'sst'].map((ending) => `${String(number).padStart(6, '0')}.${ending}`)

/**
 * The first damage of a closed database, or undefined. Reads MANIFEST and logs (a few MiB), and tables only if asked. A log
 * that ends in a torn write is sound: a crash leaves it so, and nothing durable was in it.
 */
export async function findLevelDamage(
  dir: string,
  options: { readonly tables: boolean },
): Promise<LevelDamage | undefined> {
  const names = await readdir(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  const folder: Folder = { dir, names: new Set(names) }
  const read = await readManifest(folder)
  if (read === undefined || 'file' in read) return read
  return (await checkTables(folder, read, options.tables)) ?? (await checkLogs(folder, read))
}

/** Undefined for a folder without a database. */
async function readManifest({ dir, names }: Folder): Promise<LevelManifest | LevelDamage | undefined> {
  if (!names.has('CURRENT')) {
    // LevelDB would begin a new database here and delete every file of this one.
    const left = [...names].find((name) => /^(MANIFEST-\d+|\d+\.(?:ldb|sst))$/.test(name))
    return left === undefined ? undefined : { file: 'CURRENT', reason: `is missing beside ${left}` }
  }
  const current = (await readFile(join(dir, 'CURRENT'))).toString('latin1')
  const name = /^(MANIFEST-\d{6,})\n$/.exec(current)?.[1]
  if (name === undefined) return { file: 'CURRENT', reason: 'does not name a MANIFEST' }
  if (!names.has(name)) return { file: name, reason: 'is missing' }
  const log = readLevelLog(new Uint8Array(await readFile(join(dir, name))))
  if (log.state === 'damaged') return { file: name, reason: `is damaged at byte ${log.validBytes}` }
  try {
    return readLevelManifest(log.records)
  } catch (error) {
    if (error instanceof RangeError) return { file: name, reason: `is malformed: ${error.message}` }
    throw error
  }
}

async function checkTables(
  { dir, names }: Folder,
  { tables }: LevelManifest,
  isThorough: boolean,
): Promise<LevelDamage | undefined> {
  for (const [number, size] of tables) {
    const file = tableNames(number).find((name) => names.has(name))
    if (file === undefined) return { file: tableNames(number)[0]!, reason: 'is missing' }
    const found = (await stat(join(dir, file))).size
    if (found !== size) return { file, reason: `has ${found} bytes instead of ${size}` }
    if (!isThorough) continue
    const reason = checkLevelTable(new Uint8Array(await readFile(join(dir, file))))
    if (reason !== undefined) return { file, reason: `is damaged: ${reason}` }
    await setImmediate()
  }
  return undefined
}

/** Every write has a number: a gap is a lost write, whatever file it was in. */
async function checkLogs(folder: Folder, manifest: LevelManifest): Promise<LevelDamage | undefined> {
  const { dir, names } = folder
  const { logNumber, previousLog, lastSequence } = manifest
  if (logNumber > 0 && !names.has(logName(logNumber)))
    return { file: logName(logNumber), reason: 'is missing' }
  const numbers = [...names].flatMap((name) => (/^\d+\.log$/.test(name) ? [Number.parseInt(name, 10)] : []))
  const live = numbers.filter((number) => number >= logNumber || number === previousLog).sort((a, b) => a - b)
  let next: number | undefined
  for (const [i, number] of live.entries()) {
    const file = [...names].find((name) => name.endsWith('.log') && Number.parseInt(name, 10) === number)!
    const log = readLevelLog(new Uint8Array(await readFile(join(dir, file))))
    const gap = gapOf(log, next, lastSequence)
    if (gap !== undefined && 'at' in gap) {
      return { file, reason: `misses writes before byte ${gap.at}`, cutAt: gap.at }
    }
    const isLost = log.state === 'damaged' || (log.state === 'torn' && i < live.length - 1)
    if (isLost) return { file, reason: `is damaged at byte ${log.validBytes}`, cutAt: log.validBytes }
    next = gap?.next ?? next
  }
  return undefined
}

/** The first write that does not follow the one before it, or the number that the next log begins with. */
function gapOf(
  { records, offsets }: LevelLog,
  expected: number | undefined,
  lastSequence: number,
): { readonly at: number } | { readonly next: number } | undefined {
  let next = expected
  for (const [i, record] of records.entries()) {
    const first = sequenceOf(record)
    // A log may begin with writes that a table already holds, never with later ones than it should.
    const isNext =
      next === undefined ? first !== undefined && first.number <= lastSequence + 1 : first?.number === next
    if (first === undefined || !isNext) return { at: offsets[i]! }
    next = first.number + first.count
  }
  return next === undefined ? undefined : { next }
}

/** number u64 ‖ count u32 of operations, little-endian. */
function sequenceOf(record: Uint8Array): { readonly number: number; readonly count: number } | undefined {
  if (record.length < 12) return undefined
  const number = record.slice(0, 8).reverse()
  if (number[0] !== 0 || (number[1]! & 0xe0) !== 0 || equalBytes(number, new Uint8Array(8))) return undefined
  const count = new DataView(record.buffer, record.byteOffset, record.byteLength).getUint32(8, true)
  return { number: readU64be(number), count }
}
