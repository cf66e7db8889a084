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
  changedOutside,
  clearChangedOutside,
  coverNOf,
  isSuspendedGroup,
  lastRecount,
  legalGroupOf,
  memberIds,
  sumsAt,
} from './external.ts'
import { getLiability, getTotals } from './ledger.ts'
import { RANKED, Ranking } from './ranking.ts'
import type { CoverRecord, Share } from './schema.ts'
import { changedLiabilities, issuanceTables } from './tables.ts'

const NO_COVER: CoverRecord = {
  pass: 0,
  members: 0,
  inForce: false,
  coverN: 0,
  unreservedBase: 0n,
  capacityBase: 0n,
  lastingBase: 0n,
  suspendedGroups: 0,
}
const NO_SHARE = { capacityBase: 0n, lastingBase: 0n, liabilityBase: 0n, reservedBase: 0n }

/** The slot of a recount's sums: two take turns, so that those in force stay whole while the next ones grow. */
const slotOf = (pass: number): number => pass & 1

/** The sums in force, as they were last stored. */
export function storedCover(state: StateReader): CoverRecord | undefined {
  const { pass } = lastRecount(state)
  const stored = issuanceTables.cover.get(state, { slot: slotOf(pass) })
  return stored?.pass === pass ? stored : undefined
}

/** A provider as coverage sees it now, by a recount of capacity, the last complete one unless given. */
export function backerOf(state: StateReader, id: number, pass = lastRecount(state).pass): Backer {
  const { capacityBase, lastingBase, reservedBase } = sumsAt(state, { provider: id, pass })
  const known = issuanceTables.share.get(state, { provider: id, slot: slotOf(pass) })
  const group = known?.group ?? legalGroupOf(state, id)
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
 * costs as much as has changed. For each recount of capacity they are formed anew, member by member as it counts them; its
 * completion puts them into force.
 */
export class Cover {
  readonly #state: StateReader
  readonly #pass: number
  readonly #isInForce: boolean
  readonly #isStored: boolean
  #cover: CoverRecord
  readonly #shares = new Map<number, Share>()
  readonly #groups = new Map<number, GroupSums>()
  readonly #rankings: { readonly [R in keyof typeof RANKED]: Ranking }

  /** `ahead`: of the recount under way, instead of those in force. */
  constructor(state: StateReader, ahead?: { readonly pass: number; readonly members: number }) {
    this.#state = state
    const all = memberIds(state)
    const { pass, members } = ahead ?? { pass: lastRecount(state).pass, members: all.length }
    this.#pass = pass
    this.#isInForce = ahead === undefined
    const stored = issuanceTables.cover.get(state, { slot: slotOf(pass) })
    const known = stored?.pass === pass ? stored : undefined
    this.#isStored = known !== undefined
    this.#cover = known ?? { ...NO_COVER, pass, coverN: coverNOf(state) }
    const options = { count: this.#cover.coverN + 1, pass, slot: slotOf(pass) }
    this.#rankings = {
      exposure: new Ranking(state, { ...options, ranking: RANKED.exposure }),
      lasting: new Ranking(state, { ...options, ranking: RANKED.lasting }),
      burden: new Ranking(state, { ...options, ranking: RANKED.burden }),
    }
    const added = all.slice(this.#cover.members, members)
    const later = new Set(all.slice(this.#cover.members))
    for (const id of this.#changed()) if (!later.has(id)) this.#count(backerOf(state, id, pass))
    for (const id of added) this.#count(backerOf(state, id, pass))
    this.#cover = { ...this.#cover, members, inForce: this.#isInForce }
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
    const stored = issuanceTables.groupSums.get(this.#state, { group, slot: slotOf(this.#pass) })
    return stored?.pass === this.#pass ? stored : NO_GROUP
  }

  /** Replaces what the sums have of a provider by its present figures. */
  #count(backer: Backer): void {
    const { id, group, capacityBase, lastingBase, liabilityBase, reservedBase } = backer
    const pass = this.#pass
    const stored = issuanceTables.share.get(this.#state, { provider: id, slot: slotOf(pass) })
    const before = stored?.pass === pass ? stored : NO_SHARE
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
    this.#shares.set(id, { pass, group, capacityBase, lastingBase, liabilityBase, reservedBase })
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
    return this.#shares.size > 0 || (this.#isInForce && !this.#isStored)
  }

  /** Stores what has changed. */
  store(state: StateWriter): void {
    const pass = this.#pass
    const slot = slotOf(pass)
    issuanceTables.cover.set(state, { slot }, this.#cover)
    for (const [provider, share] of this.#shares) issuanceTables.share.set(state, { provider, slot }, share)
    for (const [group, sums] of this.#groups)
      issuanceTables.groupSums.set(state, { group, slot }, { ...sums, pass })
    for (const ranking of Object.values(this.#rankings)) ranking.store(state)
  }
}

/** Forgets who has changed, once all sums have it. */
export function forgetChanges(state: StateWriter): void {
  clearChangedOutside(state)
  changedLiabilities.clear(state)
}
