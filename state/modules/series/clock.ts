// The clocks of series: windows, without those that began with a stale price (ECONOMY §5). One for each settlement asset with
// live series, so that a stale feed moves all their dates without a look at any of them.
import { mustExist } from '../../../base/assert.ts'
import type { WriteContext } from '../../context.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { priceIn, runningWindow } from './external.ts'
import type { Clock } from './schema.ts'
import { SERIES_ASSETS_MAX } from './shapes.ts'
import { seriesTables } from './tables.ts'

function clocksOf(state: StateReader): readonly Clock[] {
  return seriesTables.clocks.get(state, {})?.assets ?? []
}

function put(state: StateWriter, assets: readonly Clock[]): void {
  if (assets.length > 0) seriesTables.clocks.set(state, {}, { assets })
  else if (seriesTables.clocks.has(state, {})) seriesTables.clocks.delete(state, {})
}

/** All clocks; at most `SERIES_ASSETS_MAX`. */
export function getClocks(state: StateReader): readonly Clock[] {
  return clocksOf(state)
}

/** Windows that an asset's clock has stood still. */
export function stoppedOf(state: StateReader, asset: number): number {
  return clocksOf(state).find((clock) => clock.asset === asset)?.stoppedWindows ?? 0
}

/** What an asset's clock shows. */
export function timeOf(state: StateReader, asset: number): number {
  return runningWindow(state) - stoppedOf(state, asset)
}

/** The window that has, or will have, a time of an asset's clock, if it does not stand still again. */
export function windowOf(state: StateReader, asset: number, time: number): number {
  return time + stoppedOf(state, asset)
}

/** Whether a further series may be sold in an asset. */
export function hasClockRoom(state: StateReader, asset: number): boolean {
  const clocks = clocksOf(state)
  return clocks.length < SERIES_ASSETS_MAX || clocks.some((clock) => clock.asset === asset)
}

/** Counts a live series. */
export function enterClock(state: StateWriter, asset: number): void {
  const clocks = clocksOf(state)
  const known = clocks.find((clock) => clock.asset === asset)
  const others = clocks.filter((clock) => clock !== known)
  put(state, [...others, { asset, stoppedWindows: known?.stoppedWindows ?? 0, live: (known?.live ?? 0) + 1 }])
}

/** Forgets a series that is not live any more; a clock without series ends. */
export function leaveClock(state: StateWriter, asset: number): void {
  const clocks = clocksOf(state)
  const known = mustExist(
    clocks.find((clock) => clock.asset === asset),
    'a live series has a clock',
  )
  const others = clocks.filter((clock) => clock !== known)
  put(state, known.live === 1 ? others : [...others, { ...known, live: known.live - 1 }])
}

/** At a window's end, after the oracle's: clocks of assets whose price is stale stand still in the window that begins. */
export function onWindowEnd(ctx: WriteContext): void {
  const { state } = ctx
  const clocks = clocksOf(state)
  const isStale = ({ asset }: Clock): boolean => priceIn(state, asset)?.staleSince !== undefined
  if (!clocks.some(isStale)) return
  put(
    state,
    clocks.map((clock) => (isStale(clock) ? { ...clock, stoppedWindows: clock.stoppedWindows + 1 } : clock)),
  )
}
