// What `suanli rollback` does with a data directory: finds the height, refuses a running node. Not: the writes (stores/rollback.ts).
import { loadConfig } from '../config.ts'
import { OperatorError } from '../nodeDir.ts'
import { offlinePaths, refusingRunning } from '../recovery/offlineNode.ts'
import { openChainStore } from '../stores/chainStore.ts'
import { type RollbackResult, rollbackChain } from '../stores/rollback.ts'

/** Exactly one of `to` and `blocks` must be given. Throws OperatorError or StoreError and changes nothing then. */
export async function rollbackNode(
  dataDir: string,
  options: { readonly to?: number | undefined; readonly blocks?: number | undefined },
): Promise<RollbackResult> {
  const { to, blocks } = options
  if ((to === undefined) === (blocks === undefined)) {
    throw new OperatorError('say either --to HEIGHT or --blocks COUNT')
  }
  const { chain } = offlinePaths(dataDir)
  const historyHeightsMax = loadConfig(dataDir).historyHeights
  return refusingRunning(dataDir, async () => {
    const height = to ?? (await tipHeight(chain)) - blocks!
    if (height < 0) throw new OperatorError(`there are no ${blocks} blocks to take off`)
    return rollbackChain(chain, { height, historyHeightsMax })
  })
}

async function tipHeight(dir: string): Promise<number> {
  const store = await openChainStore(dir)
  try {
    return store.tip()?.height ?? 0
  } finally {
    await store.close()
  }
}
