// `devnet.json`, which a running devnet writes next to its folders for scripts: process ids and addresses.
import { existsSync, lstatSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { OperatorError } from '../base/errors.ts'
import { isWholeNumber } from '../base/integers.ts'
import { PUBLIC, writeDurablySync } from '../storage/durableFile.ts'
import { isPortFree } from './ports.ts'

export const STATUS_FILE = 'devnet.json'
const STATUS_BYTES_MAX = 64 * 1024

export interface DevnetStatus {
  readonly pid: number
  /** JSON-RPC of the devnet itself; absent without links. */
  readonly controlUrl?: string
  readonly nodes: readonly {
    readonly index: number
    /** Null while it is down. */
    readonly pid: number | null
    readonly dir: string
    readonly rpcUrl: string
    readonly p2pPort: number
    readonly peerId: string
  }[]
}

export function writeDevnetStatus(dataDir: string, status: DevnetStatus): void {
  writeDurablySync(join(dataDir, STATUS_FILE), `${JSON.stringify(status, null, 2)}\n`, PUBLIC)
}

/** Reads a running devnet's status file. Throws OperatorError when the file is something else. */
export function readDevnetStatus(dataDir: string): DevnetStatus {
  const file = join(dataDir, STATUS_FILE)
  if (isStatusFile(file)) return JSON.parse(readFileSync(file, 'utf8'))
  throw new OperatorError(`${file} is not the devnet's: move it away, or choose another data directory`)
}

/** Removes the file if a devnet wrote it. */
export function removeDevnetStatus(dataDir: string): void {
  const file = join(dataDir, STATUS_FILE)
  if (isStatusFile(file)) rmSync(file)
}

/** Two devnets in one directory would overwrite each other's configuration before LevelDB's lock stops them. */
export async function checkUnused(dataDir: string): Promise<void> {
  if (!existsSync(join(dataDir, STATUS_FILE))) return
  for (const { rpcUrl } of readDevnetStatus(dataDir).nodes) {
    const port = Number(new URL(rpcUrl).port)
    if (port === 0 || (await isPortFree(port))) continue
    throw new OperatorError(
      `${dataDir} is used by a devnet on ${rpcUrl}: stop it or choose another data directory`,
    )
  }
}

function isStatusFile(file: string): boolean {
  try {
    if (!lstatSync(file).isFile() || lstatSync(file).size > STATUS_BYTES_MAX) return false
    const status = JSON.parse(readFileSync(file, 'utf8')) as Partial<DevnetStatus> | null
    if (!Number.isSafeInteger(status?.pid) || !Array.isArray(status?.nodes) || status.nodes.length === 0)
      return false
    return status.nodes.every(
      (node: Partial<DevnetStatus['nodes'][number]> | null) =>
        Number.isSafeInteger(node?.index) &&
        typeof node?.dir === 'string' &&
        typeof node.peerId === 'string' &&
        isWholeNumber(node.p2pPort, 1, 65_535) &&
        /^http:\/\/127\.0\.0\.1:\d{1,5}$/.test(String(node.rpcUrl)),
    )
  } catch {
    return false
  }
}
