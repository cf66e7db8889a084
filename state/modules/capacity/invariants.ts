// Invariants of capacity (ECONOMY §12): 4 hours, 5 devices, and the cached sums against a full recount.
import type { ReadContext } from '../../context.ts'
import type { Invariant } from '../../rules.ts'
import type { FullState } from '../../view.ts'
import { getMeasures, getSummary, getTotalCapacity, getWindow, ratedWindows, summarize } from './book.ts'
import { memberIds } from './external.ts'
import { getLot, lotIdsOf } from './lots.ts'
import { capacityTables } from './tables.ts'
import { providerWindowOf } from './windows.ts'

function checkHours(full: FullState, ctx: ReadContext): string | undefined {
  const { windowIndex, horizon } = getMeasures(ctx.state)
  for (const [key, hours] of capacityTables.window.entries(full)) {
    const at = providerWindowOf(key)
    if (at.windowIndex < windowIndex) return `window ${at.windowIndex} has ended but is kept`
    if (at.windowIndex > windowIndex + horizon) return `window ${at.windowIndex} lies beyond the horizon`
    if (hours.reservedHours > hours.ratedHours)
      return `provider ${at.provider} window ${at.windowIndex}: ${hours.reservedHours} reserved of ${hours.ratedHours}`
  }
  return undefined
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
  recount: checkHours,
}

const devicesInvariant: Invariant = {
  id: '5 devices',
  severity: 'stopMinting',
  doc: 'Registered devices are in exactly one lot; the lists of lots are complete.',
  recount(full) {
    const owned = new Map<string, number>()
    let count = 0
    for (const lot of capacityTables.lot.values(full)) {
      count++
      const root = capacityTables.deviceRoot.get(full, { root: lot.deviceRoot })
      if (root === undefined) return 'a lot has no registered devices'
      const key = capacityTables.deviceRoot.key({ root: lot.deviceRoot })
      if (owned.has(key)) return `lots ${owned.get(key)} and ${root.lot} share devices`
      owned.set(key, root.lot)
    }
    let roots = 0
    for (const _root of capacityTables.deviceRoot.values(full)) roots++
    if (roots !== count) return `${count} lots, ${roots} device roots`
    let listed = 0
    for (const provider of memberIds(full)) {
      for (const id of lotIdsOf(full, provider)) {
        if (getLot(full, id)?.provider !== provider) return `lot ${id} is listed under provider ${provider}`
        listed++
      }
    }
    return listed === count ? undefined : `${count} lots, ${listed} listed`
  },
}

const summaryInvariant: Invariant = {
  id: 'capacity.summary',
  severity: 'stopMinting',
  doc: 'Cached capacity equals a recount from lots and reservations.',
  recount(full, ctx) {
    const measures = getMeasures(ctx.state)
    let total = 0n
    for (const provider of memberIds(full)) {
      const lots = lotIdsOf(full, provider).map((id) => capacityTables.lot.mustGet(full, { id }))
      const rated = ratedWindows(full, lots, measures)
      const summary = getSummary(full, provider)
      for (let k = 0; k <= measures.horizon; k++) {
        const { ratedHours } = getWindow(full, { provider, windowIndex: measures.windowIndex + k })
        if (ratedHours !== rated[k])
          return `provider ${provider}, ${k} ahead: ${ratedHours} rated, recount ${rated[k]}`
      }
      const sums = summarize(
        (k) => getWindow(full, { provider, windowIndex: measures.windowIndex + k }),
        measures,
      )
      const expected = summary.counts ? sums.capacityBase : 0n
      if (summary.capacityBase !== expected)
        return `provider ${provider}: capacity ${summary.capacityBase}, recount ${expected}`
      total += expected
    }
    const cached = getTotalCapacity(full)
    return cached === total ? undefined : `total capacity ${cached}, recount ${total}`
  },
}

export const capacityInvariants: readonly Invariant[] = [hoursInvariant, devicesInvariant, summaryInvariant]
