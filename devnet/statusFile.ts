// `devnet.json`, which a running devnet writes next to its folders for scripts: process ids and addresses.
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { OperatorError } from '../base/errors.ts'
import { PUBLIC, writeDurablySync } from '../storage/durableFile.ts'
import { isPortFree } from './ports.ts'

export const STATUS_FILE = 'devnet.json'

export interface DevnetStatus {
  readonly pid: number
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
  throw new OperatorError(`${file} is not the devnet's: move it away, or choose another --data-dir`)
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
    if (await isPortFree(Number(new URL(rpcUrl).port))) continue
    throw new OperatorError(
      `${dataDir} is used by a devnet on ${rpcUrl}: stop it or choose another --data-dir`,
    )
  }
}

function isStatusFile(file: string): boolean {
  try {
    const status = JSON.parse(readFileSync(file, 'utf8')) as Partial<DevnetStatus> | null
    return Number.isSafeInteger(status?.pid) && Array.isArray(status?.nodes)
  } catch {
    return false
  }
}
