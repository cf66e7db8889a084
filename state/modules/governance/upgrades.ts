// Upgrades of the rules at a height (ARCHITECTURE, "Versions"): signals of members, proposals, the change itself. Not: carrying the
// state over (state/upgrade.ts), a node without the version (node/watch/upgradeWatch.ts).
import type { ActionArgs } from '../../../base/moduleDefinition.ts'
import type { ActionContext, WriteContext } from '../../context.ts'
import type { StateReader } from '../../view.ts'
import { changeVersion, rulesVersion } from './external.ts'
import { openProposal, proposerOf, voterOf, votersOf } from './proposals.ts'
import type { governanceSchema, Upgrade } from './schema.ts'
import { events, fail, governanceParams, governanceTables } from './tables.ts'
import { votesNeeded } from './voting.ts'

type Args<A extends keyof (typeof governanceSchema)['actions']> = ActionArgs<typeof governanceSchema, A>

/** The agreed change of version; undefined when there is none. */
export function scheduledUpgrade(state: StateReader): Upgrade | undefined {
  return governanceTables.scheduledUpgrade.get(state, {})
}

/** What each validator has signalled, by id. */
export function signalsOf(state: StateReader) {
  return votersOf(state).flatMap((provider) => {
    const signal = governanceTables.signal.get(state, { provider })
    return signal === undefined ? [] : [{ provider, ...signal }]
  })
}

/** Voters that must have signalled a version: as many as approve it. */
export function signalsNeeded(state: StateReader): number {
  return votesNeeded(votersOf(state).length, governanceParams.get(state).approvalPpm)
}

/** The first height at which an agreed change can still take effect: the block before it makes the change. */
const earliestHeight = (ctx: WriteContext): number => ctx.block.height + 1

function refuseUpgrade(ctx: WriteContext, { version, height }: Upgrade) {
  const current = rulesVersion(ctx.state)
  if (version <= current) return { code: 'VersionNotNewer', current } as const
  const earliest = earliestHeight(ctx)
  if (height < earliest) return { code: 'HeightTooSoon', earliest } as const
  const signalled = signalsOf(ctx.state).filter((signal) => signal.version >= version).length
  const needed = signalsNeeded(ctx.state)
  return signalled < needed ? ({ code: 'TooFewSignals', signalled, needed } as const) : undefined
}

export function proposeUpgrade(ctx: ActionContext, upgrade: Args<'proposeUpgrade'>) {
  const proposer = proposerOf(ctx)
  if ('refused' in proposer) return proposer.refused
  const { version, height } = upgrade
  const refusal = refuseUpgrade(ctx, upgrade)
  switch (refusal?.code) {
    case 'VersionNotNewer':
      return fail.VersionNotNewer({ version, current: refusal.current })
    case 'HeightTooSoon':
      return fail.HeightTooSoon({ height, earliest: refusal.earliest })
    case 'TooFewSignals':
      return fail.TooFewSignals({ version, signalled: refusal.signalled, needed: refusal.needed })
  }
  // After this point the action must succeed.
  openProposal(ctx, { kind: 'upgrade', provider: 0, proposer: proposer.id, upgrade })
  return undefined
}

export function signalVersion(ctx: ActionContext, { version }: Args<'signalVersion'>) {
  const provider = voterOf(ctx)
  if (provider === undefined) return fail.NotValidator({ sender: ctx.sender })
  const known = governanceTables.signal.get(ctx.state, { provider })
  if (known?.version === version) return fail.SignalUnchanged({ version })
  // After this point the action must succeed.
  governanceTables.signal.set(ctx.state, { provider }, { version, signalledMs: ctx.block.timestampMs })
  events.VersionSignalled(ctx, { provider, version })
  return undefined
}

/** Agrees on a change, in place of an earlier one; false when its height has passed or signals were taken back. */
export function scheduleUpgrade(ctx: WriteContext, upgrade: Upgrade): boolean {
  if (refuseUpgrade(ctx, upgrade) !== undefined) return false
  governanceTables.scheduledUpgrade.set(ctx.state, {}, upgrade)
  events.UpgradeScheduled(ctx, upgrade)
  return true
}

/** In the last block of the old version: the next one is of the new. */
export function upgradeWhenDue(ctx: WriteContext): void {
  const upgrade = scheduledUpgrade(ctx.state)
  if (upgrade === undefined || ctx.block.height + 1 < upgrade.height) return
  governanceTables.scheduledUpgrade.delete(ctx.state, {})
  changeVersion(ctx, upgrade.version)
  events.VersionChanged(ctx, upgrade)
}
