// A stopped node's data directory, opened for commands that look at it or repair it. Owns: opening and closing.
// Not: running a node (node.ts). A directory that a node is using is refused by the store's lock.
import { join } from 'node:path'
import { OperatorError } from '../base/errors.ts'
import { decodeRecord, type JournalRecord } from '../consensus/records.ts'
import { buildGenesis } from '../genesis/build.ts'
import type { Genesis } from '../genesis/schema.ts'
import { openImporter } from '../node/chain/importer.ts'
import type { Importer } from '../node/chain/importerTypes.ts'
import { loadConfig } from '../node/config.ts'
import { genesisFile, parseGenesis } from '../node/nodeDir.ts'
import { RECOVERY_FOLDER, RecoveryBook } from '../node/recovery/recoveries.ts'
import { type FlagState, restoreState, SIGNER_PREFIX } from '../signer/signerRecords.ts'
import type { ChainConfig } from '../state/chain.ts'
import { recoverSender } from '../state/transaction.ts'
import { openChainStore } from '../storage/chainStore.ts'
import { listSegments, readSegment } from '../storage/segments.ts'
import { type ChainStore, StoreError } from '../storage/types.ts'

export interface OfflineNode {
  readonly dataDir: string
  readonly genesis: Genesis
  readonly chain: ChainConfig
  readonly book: RecoveryBook
  readonly store: ChainStore
  readonly importer: Importer
  /** Every readable record, oldest first; the files stay as they are. */
  readonly journal: readonly JournalRecord[]
  /** The record of signed votes; undefined when there is none or it is damaged. */
  readonly signer: FlagState | undefined
  close(): Promise<void>
}

/** Paths that these commands use; the same as node.ts `nodePaths`, without loading the network. */
export function offlinePaths(dataDir: string) {
  return {
    chain: join(dataDir, 'chain'),
    journal: join(dataDir, 'journal'),
    signer: join(dataDir, 'signer'),
    recovery: join(dataDir, RECOVERY_FOLDER),
  }
}

/** Opens the chain as a start would, without network and consensus. Throws OperatorError while the node runs. */
export async function openOffline(dataDir: string): Promise<OfflineNode> {
  const genesis = parseGenesis(genesisFile(dataDir))
  const config = loadConfig(dataDir)
  const paths = offlinePaths(dataDir)
  const built = buildGenesis(genesis)
  built.tree.release()
  const { genesisHash: hash } = built.chain
  const book = RecoveryBook.open({ dir: paths.recovery, genesisHash: hash })
  const chain: ChainConfig = { ...built.chain, recoveryOn: (floor) => book.on(floor) }
  const store = await refusingRunning(dataDir, () =>
    openChainStore(paths.chain, { historyHeightsMax: config.historyHeights }),
  )
  try {
    const importer = await openImporter(store, { chain, genesis: built, senderOf: recoverSender })
    return {
      dataDir,
      genesis,
      chain,
      book,
      store,
      importer,
      journal: await readJournal(paths.journal, hash),
      signer: await readSignerState(paths.signer, hash),
      async close() {
        await importer.close()
        await store.close()
      },
    }
  } catch (error) {
    await store.close()
    throw error
  }
}

/** A running node holds its store: says so instead of naming the lock. */
export async function refusingRunning<T>(dataDir: string, open: () => Promise<T>): Promise<T> {
  try {
    return await open()
  } catch (error) {
    if (error instanceof StoreError && error.code === 'Locked') {
      throw new OperatorError(`${dataDir} is in use: stop the node first`)
    }
    throw error
  }
}

/** Every record that can be read, without mending anything. Throws SegmentError when the files are another chain's. */
export async function readJournal(dir: string, genesis: Uint8Array): Promise<readonly JournalRecord[]> {
  const records: JournalRecord[] = []
  for (const { path } of await listSegments(dir, 'journal')) {
    const { frames } = await readSegment(path, genesis)
    for (const { payload } of frames) records.push(decodeRecord(payload))
  }
  return records
}

/** What the signer's newest file says, without mending it; undefined when there is none or it is damaged. */
export async function readSignerState(dir: string, genesis: Uint8Array): Promise<FlagState | undefined> {
  const last = (await listSegments(dir, SIGNER_PREFIX)).at(-1)
  if (last === undefined) return undefined
  const { damage, frames } = await readSegment(last.path, genesis)
  return damage === 'corrupt' || frames.length === 0 ? undefined : restoreState(frames)
}
