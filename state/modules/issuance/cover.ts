// Coverage kept as sums: each provider's figures are in them once, and move when that provider changes (ECONOMY §3).
// Owns: the sums, what of each provider is in them, and the rankings. Not: the formulas (coverage.ts), limits (limits.ts).
import { assert } from '../../../base/assert.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import {
  type Backer,
  type Coverage,
  coverageOf,
  figuresOf,
  type GroupSums,
  NO_GROUP,
  unreserved,
} from './coverage.ts'
import {
  capacityOf,
  changedOutside,
  clearChangedOutside,
  coverNOf,
  isSuspendedGroup,
  lastRecount,
  legalGroupOf,
  memberIds,
} from './external.ts'
import { getLiability, getTotals } from './ledger.ts'
import { RANKED, Ranking } from './ranking.ts'
import type { CoverRecord, Share } from './schema.ts'
import { changedLiabilities, issuanceTables } from './tables.ts'

const NO_COVER: CoverRecord = {
  pass: 0,
  coverN: 0,
  unreservedBase: 0n,
  capacityBase: 0n,
  lastingBase: 0n,
  suspendedGroups: 0,
}
const NO_SHARE = { capacityBase: 0n, lastingBase: 0n, liabilityBase: 0n, reservedBase: 0n }

/** A provider as coverage sees it now. */
export function backerOf(state: StateReader, id: number): Backer {
  const { capacityBase, lastingBase, reservedBase } = capacityOf(state, id)
  const group = issuanceTables.share.get(state, { provider: id })?.group ?? legalGroupOf(state, id)
  return {
    id,
    group,
    capacityBase,
    lastingBase,
    reservedBase,
    liabilityBase: getLiability(state, id).liabilityBase,
    suspended: isSuspendedGroup(state, group),
  }
}

/**
 * The sums of coverage on top of a state, with the providers that have changed since they were stored counted in. Reading
 * costs as much as has changed. After a recount of capacity they are formed anew from all providers.
 */
export class Cover {
  readonly #state: StateReader
  readonly #isNew: boolean
  #cover: CoverRecord
  readonly #shares = new Map<number, Share>()
  readonly #groups = new Map<number, GroupSums>()
  readonly #rankings: { readonly [R in keyof typeof RANKED]: Ranking }

  constructor(state: StateReader) {
    this.#state = state
    const stored = issuanceTables.cover.get(state, {})
    const pass = lastRecount(state).pass
    this.#isNew = (stored?.pass ?? 0) !== pass
    const coverN = this.#isNew ? coverNOf(state) : (stored?.coverN ?? 0)
    this.#cover = this.#isNew ? { ...NO_COVER, pass, coverN } : (stored ?? NO_COVER)
    const options = { count: coverN + 1, isNew: this.#isNew }
    this.#rankings = {
      exposure: new Ranking(state, { ...options, ranking: RANKED.exposure }),
      lasting: new Ranking(state, { ...options, ranking: RANKED.lasting }),
      burden: new Ranking(state, { ...options, ranking: RANKED.burden }),
    }
    for (const id of this.#isNew ? memberIds(state) : this.#changed()) this.#count(backerOf(state, id))
    for (const [group, sums] of this.#groups) {
      const figures = figuresOf(sums)
      this.#rankings.exposure.set(group, figures.exposureBase)
      this.#rankings.lasting.set(group, figures.lastingBase)
      this.#rankings.burden.set(group, figures.burdenBase)
    }
  }

  #changed(): ReadonlySet<number> {
    return new Set([...changedOutside(this.#state), ...changedLiabilities.list(this.#state)])
  }

  /** The legal group's sums as they stand in this view. */
  group(group: number): GroupSums {
    const known = this.#groups.get(group)
    if (known !== undefined) return known
    if (this.#isNew) return NO_GROUP
    return issuanceTables.groupSums.get(this.#state, { group }) ?? NO_GROUP
  }

  /** Replaces what the sums have of a provider by its present figures. */
  #count(backer: Backer): void {
    const { id, group, capacityBase, lastingBase, liabilityBase, reservedBase } = backer
    const before = this.#isNew
      ? NO_SHARE
      : (issuanceTables.share.get(this.#state, { provider: id }) ?? NO_SHARE)
    const old = this.group(group)
    const sums: GroupSums = {
      capacityBase: old.capacityBase + capacityBase - before.capacityBase,
      lastingBase: old.lastingBase + lastingBase - before.lastingBase,
      liabilityBase: old.liabilityBase + liabilityBase - before.liabilityBase,
      reservedBase: old.reservedBase + reservedBase - before.reservedBase,
      suspended: backer.suspended,
    }
    const counted = (g: GroupSums): bigint => (g.suspended ? 0n : g.capacityBase)
    const cover = this.#cover
    this.#cover = {
      ...cover,
      unreservedBase: cover.unreservedBase + unreserved(backer) - unreserved(before),
      capacityBase: cover.capacityBase + counted(sums) - counted(old),
      lastingBase: cover.lastingBase + lastingBase - before.lastingBase,
      suspendedGroups: cover.suspendedGroups + Number(sums.suspended) - Number(old.suspended),
    }
    assert(this.#cover.capacityBase >= 0n && this.#cover.unreservedBase >= 0n, 'the sums cover each share')
    this.#groups.set(group, sums)
    this.#shares.set(id, { group, capacityBase, lastingBase, liabilityBase, reservedBase })
  }

  get coverN(): number {
    return this.#cover.coverN
  }

  coverage(): Coverage {
    const { liabilitiesBase, orphanBase } = getTotals(this.#state)
    const { unreservedBase, capacityBase, lastingBase, suspendedGroups, coverN } = this.#cover
    const { exposure, lasting, burden } = this.#rankings
    return coverageOf(
      {
        liabilitiesBase,
        orphanBase,
        unreservedBase,
        capacityBase,
        lastingBase,
        suspendedGroups,
        topExposures: exposure.top(),
        topLasting: lasting.top(),
        topBurdens: burden.top(),
      },
      coverN,
    )
  }

  /** Whether the stored sums differ from these. */
  get hasChanged(): boolean {
    return this.#isNew || this.#shares.size > 0
  }

  /** Stores what has changed, and forgets who had. */
  store(state: StateWriter): void {
    issuanceTables.cover.set(state, {}, this.#cover)
    for (const [provider, share] of this.#shares) issuanceTables.share.set(state, { provider }, share)
    for (const [group, sums] of this.#groups) issuanceTables.groupSums.set(state, { group }, sums)
    for (const ranking of Object.values(this.#rankings)) ranking.store(state)
    clearChangedOutside(state)
    changedLiabilities.clear(state)
  }
}
