// Makes a damaged chain database whole again by cutting its log in front of the damage: writes are in the order of the
// commits, so what is before it is an earlier state of the chain. Owns: the copy, the cut, the proof, the exchange.
// Not: finding damage (levelCheck.ts), rolling an intact chain back (rollback.ts).
import { existsSync } from 'node:fs'
import { copyFile, link, mkdir, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { openChainStore } from './chainStore.ts'
import { databaseDir } from './database.ts'
import { syncFolder, truncateDurably } from './durableFile.ts'
import { findLevelDamage, type LevelDamage } from './levelCheck.ts'
import { type ChainTip, StoreError } from './types.ts'

/** Logs that one database can have at a time, with a margin. */
const CUTS_MAX = 8

export interface CutResult {
  readonly damage: LevelDamage
  readonly tip: ChainTip
  /** The damaged database, kept for a diagnosis; the node does not need it. */
  readonly kept: string
}

/**
 * Cuts the log of the database in `dir` in front of its damage, if the state that remains has the root of its block.
 * Changes nothing when it throws: StoreError Corrupt when cutting does not help. The node must be stopped.
 */
export async function cutDamagedLog(dir: string): Promise<CutResult> {
  const damaged = databaseDir(dir)
  const damage = await findLevelDamage(damaged, { tables: true })
  if (damage === undefined)
    throw new StoreError('Corrupt', `the files of ${damaged} are whole: there is nothing to cut`)
  if (damage.cutAt === undefined) {
    throw new StoreError(
      'Corrupt',
      `${join(damaged, damage.file)} ${damage.reason}: no log can be cut to mend that`,
    )
  }
  const trial = join(dir, 'cut')
  await rm(trial, { recursive: true, force: true })
  try {
    await copyDatabase(damaged, databaseDir(trial))
    await cutAll(databaseDir(trial))
    const tip = await provenTip(trial)
    const kept = freeName(dir)
    // A crash between the two leaves no database, and the next start syncs.
    await rename(damaged, kept)
    await rename(databaseDir(trial), damaged)
    for (const name of ['tree.cache', 'closed']) await rm(join(dir, name), { force: true })
    await syncFolder(dir)
    return { damage, tip, kept }
  } finally {
    await rm(trial, { recursive: true, force: true })
  }
}

/** Tables never change after they are written, so the copy may share them. */
async function copyDatabase(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true })
  for (const name of await readdir(from)) {
    if (/\.(?:ldb|sst)$/.test(name)) await link(join(from, name), join(to, name))
    else if (name !== 'LOCK') await copyFile(join(from, name), join(to, name))
  }
}

async function cutAll(path: string): Promise<void> {
  for (let i = 0; i < CUTS_MAX; i++) {
    const damage = await findLevelDamage(path, { tables: true })
    if (damage === undefined) return
    const { file, reason, cutAt } = damage
    if (cutAt === undefined) throw new StoreError('Corrupt', `${file} ${reason} as well`)
    await truncateDurably(join(path, file), cutAt)
    // Later logs continue what is now gone.
    const isLater = (name: string): boolean =>
      /^\d+\.log$/.test(name) && Number.parseInt(name, 10) > Number.parseInt(file, 10)
    for (const name of (await readdir(path)).filter(isLater)) await rm(join(path, name))
  }
}

async function provenTip(dir: string): Promise<ChainTip> {
  const store = await openChainStore(dir)
  try {
    const tip = store.tip()
    if (tip === undefined) throw new StoreError('Corrupt', 'no block is left in front of the damage')
    const tree = await store.loadTree()
    tree.release()
    return tip
  } finally {
    await store.close()
  }
}

function freeName(dir: string): string {
  for (let i = 1; ; i++) {
    const path = join(dir, `damaged-${i}`)
    if (!existsSync(path)) return path
  }
}
