// After an unclean stop, compares the stored state with its tree beside running; signing waits for it (CONSENSUS §5).
// Owns: when it runs, the log lines, the halt. Not: the comparison (storage/stateCompare.ts), the gate (signingGuard.ts).
import { errorText } from '../../base/errors.ts'
import type { ChainStore } from '../../storage/types.ts'
import type { Importer } from '../chain/importerTypes.ts'
import type { NodeLogger } from '../logging.ts'

export interface StoreCheckOptions {
  readonly store: Pick<ChainStore, 'isStateTrusted' | 'lossAtOpen'>
  readonly importer: Pick<Importer, 'compareState'>
  readonly onDamage: (reason: string) => void
  readonly logger: NodeLogger
}

export interface StoreCheck {
  /** True once the state is known to be the chain's, false when it is not or the check was stopped. */
  readonly checked: Promise<boolean>
  /** Stops a running comparison. */
  close(): Promise<void>
}

/** Call it before the first commit; returns at once. */
export function startStoreCheck(options: StoreCheckOptions): StoreCheck {
  const { store, logger } = options
  const loss = store.lossAtOpen()
  if (loss !== undefined) {
    logger.error({ loss }, 'the disk lost a part of the chain since the last stop: check it')
  }
  const stop = new AbortController()
  const checked = store.isStateTrusted() ? Promise.resolve(true) : compare(options, stop.signal)
  return {
    checked,
    async close() {
      stop.abort()
      await checked
    },
  }
}

async function compare(options: StoreCheckOptions, signal: AbortSignal): Promise<boolean> {
  const { importer, onDamage, logger } = options
  const startedMs = performance.now()
  logger.info({}, 'the last stop was not orderly: comparing the stored state with its root before signing')
  try {
    const result = await importer.compareState(signal)
    if (result === undefined) return false
    const { entries, difference } = result
    const tookMs = Math.round(performance.now() - startedMs)
    if (difference === undefined) {
      logger.info({ entries, tookMs }, 'the stored state has its root: this node may sign')
      return true
    }
    onDamage(`the stored state differs from its root: ${difference}`)
  } catch (error) {
    onDamage(`the stored state cannot be read: ${errorText(error)}`)
  }
  return false
}
