// The doctor's check of the snapshots that this node serves: every chunk against its subtree, the whole against the root.
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { equalBytes } from '../../base/bytes.ts'
import { errorText } from '../../base/errors.ts'
import { snapshotManifestSchema } from '../../base/protocol/snapshot.ts'
import { openChunk } from '../../node/sync/chunkDownload.ts'
import { DATA_FILE, MANIFEST_FILE } from '../../node/sync/snapshotWriter.ts'
import { cutRoot } from '../../state/tree/cut.ts'
import type { ChainStore } from '../../storage/types.ts'
import { type Findings, moveAway } from './findings.ts'

export async function checkSnapshots(
  dir: string,
  store: Pick<ChainStore, 'headerAt'> | undefined,
  findings: Findings,
): Promise<void> {
  const names = await readdir(dir).catch(() => [])
  const heights = names.filter((name) => /^\d{1,15}$/.test(name)).map(Number)
  for (const height of heights.sort((a, b) => a - b)) {
    const path = join(dir, String(height))
    const wrong = await reasonAgainst(path, height, store).catch(errorText)
    if (wrong === undefined) findings.ok('snapshots', `the snapshot of block ${height} is whole`)
    else {
      const advice = moveAway(path, 'the node makes a new one when it is due')
      findings.bad('snapshots', `the snapshot of block ${height} cannot be used: ${wrong}`, advice)
    }
  }
}

async function reasonAgainst(
  path: string,
  height: number,
  store: Pick<ChainStore, 'headerAt'> | undefined,
): Promise<string | undefined> {
  const manifest = snapshotManifestSchema.decode(new Uint8Array(await readFile(join(path, MANIFEST_FILE))))
  if (manifest.height !== height) return `it is of block ${manifest.height}`
  const held = store?.headerAt(height)
  if (held !== undefined) {
    const { hash, header } = held
    const isOurs = equalBytes(hash, manifest.blockHash) && equalBytes(header.stateRoot, manifest.stateRoot)
    if (!isOurs) return 'it is of another chain'
  }
  const data = new Uint8Array(await readFile(join(path, DATA_FILE)))
  let at = 0
  for (const part of manifest.parts) {
    openChunk(data.subarray(at, at + part.bytes), part)
    at += part.bytes
    await setImmediate()
  }
  if (at !== data.length) return `its data has ${data.length} bytes instead of ${at}`
  const roots = manifest.parts.map(({ root }) => root)
  const splits = manifest.parts.slice(0, -1).map(({ split }) => split)
  const root = cutRoot(roots, splits)
  return root !== undefined && equalBytes(root, manifest.stateRoot)
    ? undefined
    : 'its parts do not have its root'
}
