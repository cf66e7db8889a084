// Invariants of capacity (ECONOMY §12): 4 hours, 5 devices, and the cached sums against a full recount.
import type { ReadContext } from '../../context.ts'
import { eachEntry, eachItem, type Recount } from '../../recount.ts'
import type { Invariant } from '../../rules.ts'
import type { StateKey, StateReader } from '../../view.ts'
import { isCounted } from './counted.ts'
import { memberIds } from './external.ts'
import { getGroup, groupIdsOf, knownGroupOf, ratedHours } from './groups.ts'
import { getLot, lotIdsOf } from './lots.ts'
import { addSums, NO_SUMS, sumsOfGroup } from './measures.ts'
import { addDevices, runsFrom } from './runs.ts'
import type { LotGroup, Run } from './schema.ts'
import { getCount, getMeasures, isRecounting, pledgedSums } from './sums.ts'
import { capacityTables } from './tables.ts'
import { currentWindow } from './windows.ts'

/** Why the bookings of a group break a rule, or undefined. */
function checkBooked(state: StateReader, key: StateKey, group: LotGroup): string | undefined {
  const current = currentWindow(state)
  const { next } = getCount(state)
  // A recount under way has not counted its cut yet.
  if (next !== undefined && !isCounted(state, next, { key, group })) return undefined
  for (const { windowIndex, hours } of group.booked) {
    const rated = ratedHours(state, group, windowIndex)
    // A cut at the start of the running window leaves its bookings as they are: nothing can be booked in it any more.
    if (windowIndex > current && hours > rated && !group.overbooked)
      return `provider ${group.provider} window ${windowIndex}: ${hours} hours booked of ${rated}`
  }
  return undefined
}

const hoursInvariant: Invariant = {
  id: '4 hours',
  severity: 'stopMinting',
  doc: 'Hours of a lot group booked ahead never exceed what it has, except for what is being returned after a cut.',
  checkChanges(changes, _parent, ctx) {
    for (const [key, stored] of changes) {
      if (stored === undefined || !key.startsWith(capacityTables.group.prefix)) continue
      const broken = checkBooked(ctx.state, key, capacityTables.group.decode(stored))
      if (broken !== undefined) return broken
    }
    return undefined
  },
  recount: ({ state }) =>
    capacityTables.group.each((group, key) => {
      const ended = group.booked.find(({ windowIndex }) => windowIndex < getCount(state).windowIndex)
      return ended === undefined
        ? checkBooked(state, key, group)
        : `bookings of window ${ended.windowIndex}, which has ended, are kept`
    }),
}

const devicesInvariant: Invariant = {
  id: '5 devices',
  severity: 'stopMinting',
  doc: 'Registered devices are in exactly one lot; the lists of lots are complete.',
  *recount({ state }) {
    const owned = new Map<string, number>()
    let count = 0
    const shared = yield* capacityTables.lot.each((lot) => {
      count++
      const root = capacityTables.deviceRoot.get(state, { root: lot.deviceRoot })
      if (root === undefined) return 'a lot has no registered devices'
      const key = capacityTables.deviceRoot.key({ root: lot.deviceRoot })
      if (owned.has(key)) return `lots ${owned.get(key)} and ${root.lot} share devices`
      owned.set(key, root.lot)
      return undefined
    })
    if (shared !== undefined) return shared
    let roots = 0
    yield* eachEntry(capacityTables.deviceRoot.prefix, () => {
      roots++
      return undefined
    })
    if (roots !== count) return `${count} lots, ${roots} device roots`
    let listed = 0
    for (const provider of memberIds(state)) {
      const stray = yield* eachItem(lotIdsOf(state, provider), (id) => {
        listed++
        return getLot(state, id)?.provider === provider
          ? undefined
          : `lot ${id} is listed under provider ${provider}`
      })
      if (stray !== undefined) return stray
    }
    return listed === count ? undefined : `${count} lots, ${listed} listed`
  },
}

/** The runs of each group, from its lots. */
function* runsOfLots({ state }: ReadContext, runs: Map<number, readonly Run[]>): Recount {
  return yield* capacityTables.lot.each((lot) => {
    if (lot.group === undefined) return lot.status === 'attested' ? 'an attested lot has no group' : undefined
    const group = getGroup(state, lot.group)
    if (group === undefined) return `a lot names group ${lot.group}, which does not exist`
    if (group.provider !== lot.provider || group.classId !== lot.classId || group.services !== lot.services)
      return `a lot is in group ${lot.group}, which is of another kind`
    const from = Math.max(lot.firstWindow, lot.countsFrom)
    const devicesPpm = BigInt(lot.devices) * lot.auditPpm
    runs.set(lot.group, addDevices(runs.get(lot.group) ?? [], { from, last: lot.lastWindow, devicesPpm }))
    return undefined
  })
}

const isSame = (a: readonly Run[], b: readonly Run[]): boolean =>
  a.length === b.length &&
  a.every((run, i) => run.fromWindow === b[i]!.fromWindow && run.devicesPpm === b[i]!.devicesPpm)

const groupsInvariant: Invariant = {
  id: 'capacity.groups',
  severity: 'stopMinting',
  doc: 'What a group has ahead is what its lots have; the lists and names of groups are complete.',
  *recount(ctx) {
    const { state } = ctx
    const runs = new Map<number, readonly Run[]>()
    const broken = yield* runsOfLots(ctx, runs)
    if (broken !== undefined) return broken
    const ahead = currentWindow(state) + 1
    let count = 0
    for (const provider of memberIds(state)) {
      const differs = yield* eachItem(groupIdsOf(state, provider), (id) => {
        count++
        const group = getGroup(state, id)
        if (group?.provider !== provider) return `group ${id} is listed under provider ${provider}`
        if (knownGroupOf(state, { ...group, ratings: group.pledged }) !== id) return `group ${id} has no name`
        const own = runsFrom(group.changed ? group.nextRuns : group.runs, ahead)
        return isSame(own.slice(1), runsFrom(runs.get(id) ?? [], ahead).slice(1)) &&
          own[0]?.devicesPpm === runsFrom(runs.get(id) ?? [], ahead)[0]?.devicesPpm
          ? undefined
          : `group ${id} has other devices ahead than its lots`
      })
      if (differs !== undefined) return differs
    }
    let stored = 0
    yield* eachEntry(capacityTables.group.prefix, () => {
      stored++
      return undefined
    })
    return stored === count ? undefined : `${stored} groups, ${count} listed`
  },
}

const sumsInvariant: Invariant = {
  id: 'capacity.sums',
  severity: 'stopMinting',
  doc: 'Cached sums equal a recount from lot groups and bookings, while no recount is under way.',
  *recount({ state }) {
    if (isRecounting(state)) return undefined
    const measures = getMeasures(state)
    for (const provider of memberIds(state)) {
      let sums = NO_SUMS
      yield* eachItem(groupIdsOf(state, provider), (id) => {
        const group = getGroup(state, id)
        if (group !== undefined) sums = addSums(sums, sumsOfGroup(state, group, measures))
        return undefined
      })
      yield undefined
      const cached = pledgedSums(state, provider)
      for (const name of ['capacityBase', 'lastingBase', 'reservedBase'] as const)
        if (cached[name] !== sums[name])
          return `provider ${provider}: ${name} ${cached[name]}, recount ${sums[name]}`
      if (cached.quarterBase.some((sum, q) => sum !== sums.quarterBase[q]))
        return `provider ${provider}: quarters ${cached.quarterBase}, recount ${sums.quarterBase}`
    }
    return undefined
  },
}

export const capacityInvariants: readonly Invariant[] = [
  hoursInvariant,
  devicesInvariant,
  groupsInvariant,
  sumsInvariant,
]
