// The steps of `suanli rollback`: finds the height, refuses a running node. Not: the writes (storage/rollback.ts).
import { concatBytes } from '../../base/bytes.ts'
import { OperatorError } from '../../base/errors.ts'
import type { Hash32 } from '../../base/ids.ts'
import { decodeRecord } from '../../consensus/records.ts'
import { genesisHash } from '../../genesis/schema.ts'
import { loadConfig } from '../../node/config.ts'
import { genesisFile, parseGenesis } from '../../node/nodeDir.ts'
import { nodePaths } from '../../node/nodePaths.ts'
import { openChainStore } from '../../storage/chainStore.ts'
import { ClosedMark } from '../../storage/closedMark.ts'
import { cutDamagedLog } from '../../storage/levelRepair.ts'
import { encodeFrame } from '../../storage/recordFile.ts'
import { type RollbackResult, rollbackChain } from '../../storage/rollback.ts'
import { createSegment, listSegments, readSegment } from '../../storage/segments.ts'
import { StoreError } from '../../storage/types.ts'
import { refusingRunning } from '../offlineNode.ts'
import { resyncAdvice } from './chainCheck.ts'

/** Give exactly one of `to` and `blocks`. Throws OperatorError or StoreError and then changes nothing. */
export async function rollbackNode(
  dataDir: string,
  options: { readonly to?: number | undefined; readonly blocks?: number | undefined },
): Promise<RollbackResult & { readonly refusalsForgotten: number }> {
  const { to, blocks } = options
  if ((to === undefined) === (blocks === undefined)) {
    throw new OperatorError('give either --to HEIGHT or --blocks COUNT')
  }
  const { chain, journal } = nodePaths(dataDir)
  const historyHeightsMax = loadConfig(dataDir).historyHeights
  return refusingRunning(dataDir, async () => {
    const height = to ?? (await tipHeight(chain)) - blocks!
    if (height < 0) throw new OperatorError(`there are not ${blocks} blocks to remove`)
    const result = await rollbackChain(chain, { height, historyHeightsMax })
    const refusals = await forgetRefusals(journal, genesisHash(parseGenesis(genesisFile(dataDir))))
    return { ...result, refusalsForgotten: refusals }
  })
}

/** Cuts the log of a damaged database in front of the damage. Throws OperatorError or StoreError and then changes nothing. */
export async function cutNode(
  dataDir: string,
  others: { readonly to?: number | undefined; readonly blocks?: number | undefined },
): Promise<{
  readonly file: string
  readonly damage: string
  readonly toHeight: number
  readonly kept: string
}> {
  if (others.to !== undefined || others.blocks !== undefined) {
    throw new OperatorError('--before-damage finds its height itself: leave --to and --blocks out')
  }
  const { damage, tip, kept } = await cutDamagedLog(nodePaths(dataDir).chain).catch((error: unknown) => {
    if (!(error instanceof StoreError) || error.code !== 'Corrupt') throw error
    throw new OperatorError(`${error.message}. Nothing was changed. What is left: ${resyncAdvice(dataDir)}`)
  })
  return { file: damage.file, damage: damage.reason, toHeight: tip.height, kept }
}

/**
 * Removes the journal's refusals by execution on the rolled-back state, so that those blocks are executed again. Votes,
 * certificates and blocks stay. Resolves with the number of records removed.
 */
export async function forgetRefusals(dir: string, genesis: Hash32): Promise<number> {
  let count = 0
  const mark = await ClosedMark.read(dir)
  for (const { path } of await listSegments(dir, 'journal')) {
    const { frames } = await readSegment(path, genesis)
    const kept = frames.filter(({ payload }) => {
      const record = decodeRecord(payload)
      return record.kind !== 'verdict' || record.body.verdict === 'valid'
    })
    if (kept.length === frames.length) continue
    await mark.remove()
    count += frames.length - kept.length
    const body = concatBytes(...kept.map(({ epoch, payload }) => encodeFrame(epoch, payload)))
    await (await createSegment(path, genesis, body)).close()
  }
  return count
}

async function tipHeight(dir: string): Promise<number> {
  const store = await openChainStore(dir)
  try {
    return store.tip()?.height ?? 0
  } finally {
    await store.close()
  }
}
