// Opens a stopped node's data directory for commands that inspect or repair it. Owns: opening and closing.
// Not: running a node (node/node.ts). The store's lock refuses a directory that a node is using.
import { OperatorError } from '../base/errors.ts'
import { decodeRecord, type JournalRecord } from '../consensus/records.ts'
import { buildGenesis } from '../genesis/build.ts'
import type { Genesis } from '../genesis/schema.ts'
import type { Importer } from '../node/chain/importerTypes.ts'
import { loadConfig } from '../node/config.ts'
import { genesisFile, parseGenesis } from '../node/nodeDir.ts'
import { nodePaths } from '../node/nodePaths.ts'
import { openChain } from '../node/openChain.ts'
import type { Mempool } from '../node/pool/mempool.ts'
import { RecoveryBook } from '../node/recovery/recoveries.ts'
import { consensusPublicKey, hasConsensusKey } from '../signer/keyFiles.ts'
import { readFolder } from '../signer/signerFile.ts'
import type { FlagState } from '../signer/signerRecords.ts'
import type { ChainConfig } from '../state/chain.ts'
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
  readonly mempool: Mempool
  /** Every readable record, oldest first; the files are not changed. */
  readonly journal: readonly JournalRecord[]
  /** The record of signed votes; undefined when there is none or it is damaged. */
  readonly signer: FlagState | undefined
  close(): Promise<void>
}

/** Opens the chain as a start would, without network and consensus. Throws OperatorError while the node runs. */
export async function openOffline(dataDir: string): Promise<OfflineNode> {
  const genesis = parseGenesis(genesisFile(dataDir))
  const config = loadConfig(dataDir)
  const paths = nodePaths(dataDir)
  const built = buildGenesis(genesis)
  built.tree.release()
  const { genesisHash } = built.chain
  const book = RecoveryBook.open({ dir: paths.recovery, genesisHash })
  const opened = await openChain({
    genesis: built,
    recoveries: book,
    openStore: () =>
      refusingRunning(dataDir, () =>
        openChainStore(paths.chain, { historyHeightsMax: config.historyHeights }),
      ),
  })
  try {
    const { chain, store, importer, mempool } = opened
    return {
      dataDir,
      genesis,
      chain,
      book,
      store,
      importer,
      mempool,
      journal: await readJournal(paths.journal, genesisHash),
      signer: await readSignerState(dataDir, genesisHash),
      close: () => opened.close(),
    }
  } catch (error) {
    await opened.close()
    throw error
  }
}

/** Turns the store's Locked error into one that says the node is running. */
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

/** Every readable record, without repairing anything. Throws SegmentError when the files belong to another chain. */
export async function readJournal(dir: string, genesis: Uint8Array): Promise<readonly JournalRecord[]> {
  const records: JournalRecord[] = []
  for (const { path } of await listSegments(dir, 'journal')) {
    const { frames } = await readSegment(path, genesis)
    for (const { payload } of frames) records.push(decodeRecord(payload))
  }
  return records
}

/** State in the signer's newest file, without repairing it; undefined when there is none or it is damaged. */
export async function readSignerState(
  dataDir: string,
  genesisHash: Uint8Array,
): Promise<FlagState | undefined> {
  if (!hasConsensusKey(dataDir)) return undefined
  const owner = { genesisHash, publicKey: consensusPublicKey(dataDir) }
  const found = await readFolder(nodePaths(dataDir).signer, owner)
  return found.kind === 'found' ? found.state : undefined
}
