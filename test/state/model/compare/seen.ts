// What a run went through besides the outcomes of transactions, so that its end shows what was compared. Owns: the names.
import { counts } from '../capacity.ts'
import { isGivenUp } from '../prices.ts'
import type { World } from '../world.ts'

/** Events of the chain by module, counted as they come. */
export const COUNTED_EVENTS: readonly (readonly [string, string])[] = [
  ['backing', 'UnbondingHeld'],
  ['backing', 'Withdrawn'],
  ['default', 'BondUnlocks'],
  ['default', 'DepositsForfeited'],
  ['default', 'FaultPenalised'],
  ['default', 'FundEarmarked'],
  ['default', 'FundSpent'],
  ['default', 'LiabilityAssumed'],
  ['default', 'ValidatorAbsent'],
  ['issuance', 'CompensationReleased'],
  ['issuance', 'LockForfeited'],
  ['issuance', 'OrphansBurned'],
  ['oracle', 'AnchorMoved'],
  ['oracle', 'PriceRenewed'],
  ['oracle', 'ReporterAppointed'],
  ['oracle', 'ReporterDismissed'],
  ['oracle', 'ReportRefused'],
  ['market', 'Cleared'],
  ['providers', 'ProviderJailed'],
  ['providers', 'ProviderSuspended'],
]

/** Names each thing that a world has come to once: a default's end, a cure, who has left, what a window decided. */
export class Seen {
  readonly #known = new Set<string>()

  /** What is new since it was last asked. */
  since(world: World): readonly string[] {
    const names: string[] = []
    const once = (key: string, ...seen: readonly string[]): void => {
      if (this.#known.has(key)) return
      this.#known.add(key)
      names.push(...seen)
    }
    for (const known of world.failures.cases.values()) {
      const { provider, cause, stage, novatedBase, assumedBase, orphanedBase, aid, bids } = known
      once(`default ${provider}`, `defaults by ${cause}`)
      if (known.backingBurnedBase > 0n) once(`backers ${provider}`, 'defaults that burned coins of backers')
      if (stage === 'closing' || stage === 'closed')
        once(
          `rest ${provider}`,
          ...(novatedBase > 0n ? ['defaults in which bids took liability'] : []),
          ...(bids.filter(({ chosenBase }) => chosenBase > 0n).length > 1
            ? ['defaults in which several bids won']
            : []),
          ...(assumedBase > 0n ? ['defaults in which liability had to be assumed'] : []),
          ...(aid.length > 0 ? ['defaults in which the fund paid'] : []),
        )
      if (stage === 'closed')
        once(
          `end ${provider}`,
          ...(orphanedBase > 0n ? ['defaults that left orphans'] : ['defaults without orphans']),
        )
    }
    for (const { id, cure, status, tail } of world.providers.values()) {
      if (cure !== undefined) once(`cure ${id} ${cure.cause} ${cure.untilWindow}`, `cures by ${cure.cause}`)
      if (status === 'left') once(`left ${id}`, 'members that have left')
      if (tail !== undefined && status !== 'left') once(`tail ${id} ${tail.untilWindow}`, 'tails begun')
    }
    for (const asset of world.prices.keys())
      if (isGivenUp(world, asset)) once(`given up ${asset}`, 'prices given up')
    const decision = world.oracle.decisions.get(world.window - 1)
    if (decision !== undefined) once(`oracle ${world.window}`, `windows decided by the oracle: ${decision}`)
    return names
  }
}

/** How a chain ends. */
export const endOf = (world: World): string =>
  `chains that end with ${[...world.providers.values()].filter(counts).length} members serving`
