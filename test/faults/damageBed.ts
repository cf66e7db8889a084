// Data directories to damage: a stopped validator's with everything in it, an older copy of it, one of another chain.
// Owns: making them. Not: the damage (damages.ts).

import { cpSync } from 'node:fs'
import { join } from 'node:path'
import type { Subject } from '../../base/protocol/vote.ts'
import { ChainMaker } from '../../bench/chainMaker.ts'
import { DEVELOPMENT_PASSWORD } from '../../devnet/directories.ts'
import { developmentGenesis } from '../../devnet/genesisOptions.ts'
import { developmentAccounts, developmentValidator } from '../../genesis/devKeys.ts'
import { type Genesis, genesisHash, genesisValidators } from '../../genesis/schema.ts'
import { DEFAULT_CONFIG } from '../../node/config.ts'
import { writeNodeDir } from '../../node/nodeDir.ts'
import { createKeys } from '../../node/nodeKeys.ts'
import { nodePaths } from '../../node/nodePaths.ts'
import { writeSnapshot } from '../../node/sync/snapshotWriter.ts'
import { storeOperatorKey } from '../../signer/operatorKey.ts'
import { openLocalSigner } from '../../signer/signerDir.ts'
import { Journal } from '../../storage/journal.ts'

const VALIDATORS = 4
const BLOCK_TIME_MS = 250
/** Views above the tip in which the validator has voted. */
const VOTED_VIEWS = 3
const PRUNED_KEEP = 64

export interface Bed {
  readonly sound: string
  readonly older: string
  readonly other: string
}

export interface BedOptions {
  /** Blocks of the older copy, and as many again. */
  readonly blocks: number
  readonly isPruned: boolean
}

/** All three under `root`, stopped in order. */
export async function makeBed(root: string, options: BedOptions): Promise<Bed> {
  const bed = { sound: join(root, 'sound'), older: join(root, 'older'), other: join(root, 'other') }
  const genesisOf = (windowMs: number): Genesis =>
    developmentGenesis({ validators: VALIDATORS, blockTimeMs: BLOCK_TIME_MS, windowMs })
  await makeNode(bed.sound, { ...options, genesis: genesisOf(60_000), index: 0 })
  cpSync(bed.sound, bed.older, { recursive: true })
  await growNode(bed.sound, { ...options, genesis: genesisOf(60_000), transactionsPerBlock: 0 })
  await makeNode(bed.other, { ...options, genesis: genesisOf(120_000), index: 1 })
  return bed
}

async function makeNode(
  dir: string,
  options: BedOptions & { readonly genesis: Genesis; readonly index: number },
): Promise<void> {
  const { genesis, index, isPruned } = options
  const pruning = { keepBlocks: isPruned ? PRUNED_KEEP : 0 }
  writeNodeDir(dir, genesis, { ...DEFAULT_CONFIG, pruning })
  createKeys({
    dataDir: dir,
    password: DEVELOPMENT_PASSWORD,
    isValidator: true,
    given: developmentValidator(index),
    cost: 'light',
  })
  const { secretKey } = developmentAccounts()[index]!
  storeOperatorKey(dir, { secret: secretKey, password: DEVELOPMENT_PASSWORD, cost: 'light' })
  await growNode(dir, { ...options, transactionsPerBlock: 4 })
}

/** One run of the node: more blocks, votes above them, a snapshot. */
async function growNode(
  dir: string,
  options: BedOptions & { readonly genesis: Genesis; readonly transactionsPerBlock: number },
): Promise<void> {
  const { genesis, blocks, isPruned, transactionsPerBlock } = options
  const paths = nodePaths(dir)
  const history = isPruned ? { store: { historyHeightsMax: PRUNED_KEEP } } : {}
  const maker = await ChainMaker.open({
    dir: paths.chain,
    genesis,
    validators: VALIDATORS,
    blockTimeMs: BLOCK_TIME_MS,
    ...history,
  })
  try {
    await maker.grow({ blocks, transactionsPerBlock })
    const { header, hash } = maker.store.tip()!
    if (isPruned) await maker.store.pruneBlocks(header.height - PRUNED_KEEP, header.height)
    await vote(dir, genesis, header.view)
    const target = join(paths.snapshots, String(header.height))
    const { signal } = new AbortController()
    await writeSnapshot({ dir: target, header, blockHash: hash, pieces: maker.store.statePieces(), signal })
  } finally {
    await maker.close()
  }
}

async function vote(dataDir: string, genesis: Genesis, finalView: number): Promise<void> {
  const hash = genesisHash(genesis)
  const { consensusSecret } = developmentValidator(dataDir.endsWith('other') ? 1 : 0)
  const subjects = Array.from(
    { length: VOTED_VIEWS },
    (_, i): Subject => ({ kind: 'nullify', epoch: 0, view: finalView + 1 + i }),
  )
  const journal = await Journal.open({ dir: nodePaths(dataDir).journal, genesisHash: hash })
  for (const subject of subjects) journal.append({ kind: 'intent', body: { epoch: 0, subject } })
  await journal.sync()
  const signer = await openLocalSigner({
    dataDir,
    genesisHash: hash,
    genesisSet: genesisValidators(genesis),
    secretKey: consensusSecret,
    forceMoved: false,
  })
  await signer.beginEpoch(0, async () => [])
  signer.raiseFloor(0, finalView)
  await signer.sign(0, subjects)
  await signer.close()
  await journal.close()
}
