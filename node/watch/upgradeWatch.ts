// An upgrade of the rules that this build does not have: warns from the decision on, and halts consensus before its height.
// Owns: both. Not: deciding it (state/modules/governance/upgrades.ts), refusing the blocks (chain/importer.ts).
import { scheduledUpgrade } from '../../state/modules/governance/upgrades.ts'
import { protocolVersionOf } from '../../state/versions.ts'
import type { HeadView, Importer } from '../chain/importerTypes.ts'
import type { NodeLogger } from '../logging.ts'

/** A warning is repeated at most this often; the newest height is in each. */
const REPEAT_MS = 600_000

export interface UpgradeWatchOptions {
  readonly importer: Pick<Importer, 'head' | 'onFinalized'>
  /** Newest version of the rules that this build executes. */
  readonly versionMax: number
  /** Stops taking part in consensus; called once. */
  readonly halt: (reason: string) => void
  readonly nowMs: () => number
  readonly logger: Pick<NodeLogger, 'warn' | 'info'>
}

/** Runs until it is closed. */
export function startUpgradeWatch(options: UpgradeWatchOptions): { close(): void } {
  const { importer, versionMax, halt, nowMs, logger } = options
  let told: { readonly height: number; readonly atMs: number } | undefined
  let isHalted = false
  const look = ({ header, state }: HeadView): void => {
    const version = protocolVersionOf(state)
    if (version > versionMax && !isHalted) {
      isHalted = true
      halt(
        `block ${header.height + 1} is the first of version ${version} of the rules, and this build executes versions up to ${versionMax}`,
      )
    }
    const next = scheduledUpgrade(state)
    if (next === undefined || isHalted) return
    const { height } = next
    if (told?.height === height && (next.version <= versionMax || nowMs() < told.atMs + REPEAT_MS)) return
    told = { height, atMs: nowMs() }
    const fields = { version: next.version, height, blocksLeft: height - header.height - 1, versionMax }
    if (next.version <= versionMax) logger.info(fields, 'the rules get a new version, which this build has')
    else
      logger.warn(
        fields,
        'the rules get a version that this build does not have: it halts before that block. Install a build that has it',
      )
  }
  look(importer.head())
  const stop = importer.onFinalized(() => look(importer.head()))
  return { close: stop }
}
