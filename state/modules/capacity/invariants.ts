// Invariants of capacity (ECONOMY §12): 4 hours, 5 devices, and the cached sums against a full recount.
import type { ReadContext } from '../../context.ts'
import { eachEntry, eachItem, type Recount } from '../../recount.ts'
import type { Invariant } from '../../rules.ts'
import { getMeasures, getSummary, getTotalCapacity, getWindow, ratedWindows, summarize } from './book.ts'
import { memberIds } from './external.ts'
import { getLot, lotIdsOf } from './lots.ts'
import type { Lot } from './schema.ts'
import { capacityTables } from './tables.ts'
import { providerWindowOf } from './windows.ts'

function recountHours(ctx: ReadContext): Recount {
  const { windowIndex, horizon } = getMeasures(ctx.state)
  return capacityTables.window.each((hours, key) => {
    const at = providerWindowOf(key)
    if (at.windowIndex < windowIndex) return `window ${at.windowIndex} has ended but is kept`
    if (at.windowIndex > windowIndex + horizon) return `window ${at.windowIndex} lies beyond the horizon`
    if (hours.reservedHours > hours.ratedHours)
      return `provider ${at.provider} window ${at.windowIndex}: ${hours.reservedHours} reserved of ${hours.ratedHours}`
    return undefined
  })
}

const hoursInvariant: Invariant = {
  id: '4 hours',
  severity: 'stopMinting',
  doc: 'Reserved hours never exceed rated hours; windows that have ended count nothing.',
  checkChanges(changes) {
    for (const [key, stored] of changes) {
      if (stored === undefined || !key.startsWith(capacityTables.window.prefix)) continue
      const hours = capacityTables.window.decode(stored)
      if (hours.reservedHours > hours.ratedHours)
        return `${hours.reservedHours} hours reserved of ${hours.ratedHours}`
    }
    return undefined
  },
  recount: recountHours,
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

const summaryInvariant: Invariant = {
  id: 'capacity.summary',
  severity: 'stopMinting',
  doc: 'Cached capacity equals a recount from lots and reservations.',
  *recount({ state }) {
    const measures = getMeasures(state)
    let total = 0n
    for (const provider of memberIds(state)) {
      const lots: Lot[] = []
      yield* eachItem(lotIdsOf(state, provider), (id) => {
        lots.push(capacityTables.lot.mustGet(state, { id }))
        return undefined
      })
      const rated = ratedWindows(state, lots, measures)
      yield undefined
      const summary = getSummary(state, provider)
      const windows: ReturnType<typeof getWindow>[] = []
      const differs = yield* eachItem(rated, (expected) => {
        const k = windows.length
        const window = getWindow(state, { provider, windowIndex: measures.windowIndex + k })
        windows.push(window)
        return window.ratedHours === expected
          ? undefined
          : `provider ${provider}, ${k} ahead: ${window.ratedHours} rated, recount ${expected}`
      })
      if (differs !== undefined) return differs
      const sums = summarize((k) => windows[k]!, measures)
      const expected = summary.counts ? sums.capacityBase : 0n
      if (summary.capacityBase !== expected)
        return `provider ${provider}: capacity ${summary.capacityBase}, recount ${expected}`
      total += expected
    }
    const cached = getTotalCapacity(state)
    return cached === total ? undefined : `total capacity ${cached}, recount ${total}`
  },
}

export const capacityInvariants: readonly Invariant[] = [hoursInvariant, devicesInvariant, summaryInvariant]
