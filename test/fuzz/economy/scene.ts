// What an actor sees of the chain when it chooses its calls, and the moods of members. Owns: these readings. Not: what is chosen.
import { equalBytes } from '../../../base/bytes.ts'
import type { Address } from '../../../base/ids.ts'
import { getProvider, providerIds } from '../../../state/modules/providers/members.ts'
import type { Provider } from '../../../state/modules/providers/schema.ts'
import { getRedemption, getTotals } from '../../../state/modules/redemption/redemptions.ts'
import type { Redemption } from '../../../state/modules/redemption/schema.ts'
import { redemptionTables } from '../../../state/modules/redemption/tables.ts'
import { getSeries, getTotals as seriesTotals } from '../../../state/modules/series/books.ts'
import type { Series } from '../../../state/modules/series/schema.ts'
import type { Random } from '../../support/random.ts'
import type { EconomyChain } from './chain.ts'
import { numberOf } from './wallets.ts'

/** How a member or reporter behaves for a while. */
export type Mood = 'honest' | 'lazy' | 'silent' | 'liar'

export interface OpenAssignment {
  readonly id: number
  readonly assignment: number
  readonly provider: number
  readonly window: number
  readonly amountBase: bigint
  readonly voucheredBase: bigint
  readonly isGranted: boolean
  readonly owner: Address
}

export class Scene {
  readonly chain: EconomyChain
  readonly random: Random
  readonly moods = new Map<number, Mood>()
  /** Sealed bids and reports by who made them and for what. */
  readonly secrets = new Map<string, unknown>()

  constructor(chain: EconomyChain, random: Random) {
    this.chain = chain
    this.random = random
  }

  get window(): number {
    return this.chain.window
  }

  mood(number: number): Mood {
    return this.moods.get(number) ?? 'honest'
  }

  /** A number at or beside a limit, within 0 and 2^128 − 1. */
  near(limit: bigint): bigint {
    const { random } = this
    const offset = random.pick([0n, 0n, 0n, -1n, 1n, -(10n ** 15n), 10n ** 15n])
    const chosen = random.chance(0.3) ? (limit * BigInt(random.between(1, 100))) / 100n : limit + offset
    return chosen < 0n ? 0n : chosen
  }

  /** A window about the one named. */
  about(window: number): number {
    return Math.max(0, window + this.random.pick([0, 0, 0, 0, -1, 1]))
  }

  /** Ids of all members, and now and then of nobody. */
  someone(): number {
    return this.random.chance(0.04) ? this.random.pick([0, 99]) : this.random.pick(this.ids)
  }

  get ids(): readonly number[] {
    return providerIds(this.chain.full)
  }

  member(id: number): Provider {
    return getProvider(this.chain.full, id)!
  }

  /** Number of the wallet that operates a member. */
  operator(id: number): number {
    return numberOf(this.member(id).operator)!
  }

  redemptions(): readonly (readonly [id: number, redemption: Redemption])[] {
    const { full } = this.chain
    const found: [number, Redemption][] = []
    for (let id = 1; id < getTotals(full).nextId; id++) {
      const known = getRedemption(full, id)
      if (known !== undefined) found.push([id, known])
    }
    return found
  }

  assignments(): readonly OpenAssignment[] {
    const { full } = this.chain
    const found: OpenAssignment[] = []
    for (const [id, known] of this.redemptions()) {
      if (known.open.length === 0) continue
      for (let assignment = 1; assignment < known.nextAssignment; assignment++) {
        const at = redemptionTables.assignment.get(full, { id, assignment })
        if (at === undefined) continue
        const { provider, window, amountBase, voucheredBase, grantedAtMs } = at
        const isGranted = grantedAtMs > 0
        found.push({
          id,
          assignment,
          provider,
          window,
          amountBase,
          voucheredBase,
          isGranted,
          owner: known.owner,
        })
      }
    }
    return found
  }

  series(): readonly (readonly [id: number, series: Series])[] {
    const { full } = this.chain
    const found: [number, Series][] = []
    for (let id = 1; id < seriesTotals(full).nextSeries; id++) {
      const known = getSeries(full, id)
      if (known !== undefined) found.push([id, known])
    }
    return found
  }

  owns(number: number, owner: Address): boolean {
    const other = numberOf(owner)
    return other === number
  }

  isSame(a: Address, b: Address): boolean {
    return equalBytes(a, b)
  }
}
