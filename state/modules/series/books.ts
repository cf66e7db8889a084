// The records of series: reading and storing them, which are live, and numbers. Not: what changes them.
import { assert } from '../../../base/assert.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { enterClock, leaveClock } from './clock.ts'
import { runningWindow } from './external.ts'
import type { Series, SeriesTotals } from './schema.ts'
import { LIVE_MAX, type SeriesState } from './shapes.ts'
import { seriesTables } from './tables.ts'

const NONE: SeriesTotals = { nextSeries: 1, nextPurchase: 1, closedHead: 0, closedTail: 0 }
const LIVE_STATES: readonly SeriesState[] = ['selling', 'delivering', 'blocked']

export function getTotals(state: StateReader): SeriesTotals {
  return seriesTables.totals.get(state, {}) ?? NONE
}

export function updateTotals(state: StateWriter, change: Partial<SeriesTotals>): void {
  seriesTables.totals.set(state, {}, { ...getTotals(state), ...change })
}

export function getSeries(state: StateReader, id: number): Series | undefined {
  return seriesTables.series.get(state, { id })
}

/** Live series of a provider, ascending; at most `LIVE_MAX`. */
export function liveOf(state: StateReader, provider: number): readonly number[] {
  return seriesTables.live.get(state, { provider })?.series ?? []
}

export function isLive({ state }: Pick<Series, 'state'>): boolean {
  return LIVE_STATES.includes(state)
}

/** Stores a series; one that stops being live leaves the lists, one that ends waits for its removal. */
export function putSeries(state: StateWriter, id: number, after: Series): void {
  const before = getSeries(state, id)
  seriesTables.series.set(state, { id }, after)
  const { provider, asset } = after
  const live = liveOf(state, provider)
  if (before === undefined) {
    assert(isLive(after) && live.length < LIVE_MAX, 'a new series is live, and there is room')
    seriesTables.live.set(state, { provider }, { series: [...live, id] })
    enterClock(state, asset)
    return
  }
  if (isLive(before) && !isLive(after)) {
    const series = live.filter((other) => other !== id)
    if (series.length === 0) seriesTables.live.delete(state, { provider })
    else seriesTables.live.set(state, { provider }, { series })
    leaveClock(state, asset)
  }
  if (before.state !== 'ended' && after.state === 'ended') noteClosed(state, { purchase: 0, series: id })
}

/** Appends to the list of what is over and leaves the state `tailWindows` later. */
export function noteClosed(
  state: StateWriter,
  entry: { readonly purchase: number; readonly series: number },
): void {
  const { closedTail } = getTotals(state)
  const window = runningWindow(state)
  seriesTables.closed.set(state, { index: closedTail }, { ...entry, window })
  updateTotals(state, { closedTail: closedTail + 1 })
}
