// What a provider does with its hardware: it pledges what it buys, has it audited, lists services, and gives notice of what
// is old. Not: how much it buys (fleetPlan.ts), coins (issuing.ts).
import { utf8 } from '../../base/bytes.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import { ZERO_HASH } from '../../base/ids.ts'
import type { ReadContext } from '../../state/context.ts'
import { getGroup } from '../../state/modules/capacity/groups.ts'
import { standingOf } from '../../state/modules/capacity/measures.ts'
import { capacityQueries } from '../../state/modules/capacity/queries.ts'
import { ALL_SERVICES, capacitySchema, type Lot } from '../../state/modules/capacity/schema.ts'
import { getMeasures } from '../../state/modules/capacity/sums.ts'
import { SERVICES, type Service } from '../../state/modules/catalogue/schema.ts'
import { redemptionSchema } from '../../state/modules/redemption/schema.ts'
import { passAudit } from './audits.ts'
import { act, type Call } from './chain.ts'
import { boughtBy, FLEET_CLASSES, firstAge, firstFleet, LIFE_DAYS } from './fleetPlan.ts'
import type { WorldStock } from './stock.ts'
import type { Operator } from './wallets.ts'

/** Fewer devices than this are not worth a listing of their own. */
const LISTED_MIN = 4

type OwnLot = Lot & { readonly id: number }

/** Names of classes and their ids on the chain, which begin at 1. */
export interface Classes {
  readonly names: readonly string[]
}

export const classIdOf = ({ names }: Classes, name: string): number => names.indexOf(name) + 1
const nameOf = ({ names }: Classes, id: number): string => names[id - 1]!

export interface FleetTerms {
  readonly operator: Operator
  readonly stock: WorldStock
  readonly classes: Classes
  /** Day of the replay at which window 0 begins. */
  readonly firstDay: number
}

export class Fleet {
  readonly #terms: FleetTerms
  /** Class that each service is listed with. */
  readonly #listed = new Map<Service, number>()
  /** Lot groups that have counted: their devices are given up once they count no more. */
  readonly #haveCounted = new Set<number>()
  /** Devices ever pledged, by class. */
  readonly #pledged: Map<string, number>
  #pledges = 0

  constructor(terms: FleetTerms) {
    this.#terms = terms
    const { stock, firstDay: day, operator } = terms
    const first = firstFleet({ stock, day, share: operator.share })
    this.#pledged = new Map(first.map(({ classId, devices }) => [classId, devices]))
  }

  #lots(ctx: ReadContext): readonly OwnLot[] {
    return capacityQueries.lots(ctx, { provider: this.#terms.operator.id })
  }

  /** Pledges what has been bought since the last time, a lot for each class. */
  pledge(day: number): readonly Call[] {
    const { operator, stock, classes, firstDay } = this.#terms
    return FLEET_CLASSES.flatMap((name) => {
      const classId = classIdOf(classes, name)
      const bought = boughtBy(stock, { classId: name, day, share: operator.share })
      const devices = bought - (this.#pledged.get(name) ?? 0)
      if (devices < 1) return []
      this.#pledged.set(name, bought)
      const deviceRoot = sha256(utf8(`suanli replay ${operator.name} ${++this.#pledges}`))
      const firstWindow = day - firstDay + 1
      const terms = { deviceRoot, region: operator.region, services: ALL_SERVICES, firstWindow }
      return [act(operator, capacitySchema, 'pledge', { classId, devices, ...terms })]
    })
  }

  /** Lets every pending lot pass its audit. */
  audit(ctx: ReadContext): readonly Call[] {
    return this.#lots(ctx)
      .filter(({ status }) => status === 'pending')
      .map(({ id }) => passAudit(id))
  }

  /** Notes which lot groups count. */
  watch(ctx: ReadContext): void {
    for (const id of new Set(this.#lots(ctx).flatMap(({ group }) => group ?? []))) {
      if (this.#countsTo(ctx, id) >= 0) this.#haveCounted.add(id)
    }
  }

  #countsTo(ctx: ReadContext, id: number): number {
    const group = getGroup(ctx.state, id)
    return group === undefined ? -1 : standingOf(group, getMeasures(ctx.state)).countsTo
  }

  /**
   * Gives notice of what is too old, or has ceased to count. All at once: a provider under notice cannot mint for K windows,
   * so that it looks through its lots once a year.
   */
  giveNotice(ctx: ReadContext, day: number): readonly Call[] {
    const { operator } = this.#terms
    return this.#lots(ctx)
      .filter(
        (lot) => lot.status === 'attested' && lot.lastWindow === undefined && this.#isDue(ctx, lot, day),
      )
      .map(({ id }) => act(operator, capacitySchema, 'giveNotice', { lot: id }))
  }

  #isDue(ctx: ReadContext, lot: OwnLot, day: number): boolean {
    const { classes, firstDay } = this.#terms
    const isFirst = lot.firstWindow === 0
    const age = day - firstDay - lot.firstWindow + (isFirst ? firstAge(nameOf(classes, lot.classId)) : 0)
    if (age >= LIFE_DAYS) return true
    return lot.group !== undefined && this.#haveCounted.has(lot.group) && this.#countsTo(ctx, lot.group) < 0
  }

  /** Lists training and fine-tuning with the best class it has, inference with the least: old devices serve that longest. */
  list(ctx: ReadContext): readonly Call[] {
    const { operator } = this.#terms
    return SERVICES.flatMap((service) => {
      const classId = this.#bestFor(ctx, service)
      if (classId === undefined || this.#listed.get(service) === classId) return []
      this.#listed.set(service, classId)
      const terms = { endpoint: `https://${operator.name}.example`, bonusPpm: 0n, region: operator.region }
      const hashes = { runtimeHash: ZERO_HASH, tariffHash: ZERO_HASH }
      return [act(operator, redemptionSchema, 'list', { service, classId, ...terms, ...hashes })]
    })
  }

  #bestFor(ctx: ReadContext, service: Service): number | undefined {
    const devices = new Map<number, { devices: number; ratingPpm: bigint }>()
    for (const lot of this.#lots(ctx)) {
      if (lot.status !== 'attested' || lot.lastWindow !== undefined) continue
      const known = devices.get(lot.classId)?.devices ?? 0
      devices.set(lot.classId, { devices: known + lot.devices, ratingPpm: lot.ratings[service] })
    }
    const ranked = [...devices]
      .filter(([, held]) => held.devices >= LISTED_MIN)
      .sort(([, a], [, b]) => (a.ratingPpm === b.ratingPpm ? 0 : a.ratingPpm < b.ratingPpm ? -1 : 1))
    return (service === 'infer' ? ranked[0] : ranked.at(-1))?.[0]
  }
}
