// What the lots of a group have together, window by window, as runs of equal value. Pure. Not: what it is worth (rating.ts).
import { assert } from '../../../base/assert.ts'
import type { Run } from './schema.ts'

/** Devices times their audit shares in a window, ppm; 0 before the first run. */
export function devicesAt(runs: readonly Run[], windowIndex: number): bigint {
  let value = 0n
  for (const { fromWindow, devicesPpm } of runs) {
    if (fromWindow > windowIndex) break
    value = devicesPpm
  }
  return value
}

/** Adds devices, or removes them if negative, in the windows from `from` on, up to and including `last` if given. */
export function addDevices(
  runs: readonly Run[],
  change: { readonly from: number; readonly last?: number | undefined; readonly devicesPpm: bigint },
): readonly Run[] {
  const { from, last, devicesPpm } = change
  if (devicesPpm === 0n || (last !== undefined && last < from)) return runs
  const starts = new Set(runs.map(({ fromWindow }) => fromWindow).concat(from))
  if (last !== undefined) starts.add(last + 1)
  const out: { fromWindow: number; devicesPpm: bigint }[] = []
  for (const fromWindow of [...starts].sort((a, b) => a - b)) {
    const isInside = fromWindow >= from && (last === undefined || fromWindow <= last)
    const value = devicesAt(runs, fromWindow) + (isInside ? devicesPpm : 0n)
    assert(value >= 0n, 'no more devices leave a group than are in it')
    if (value !== (out.at(-1)?.devicesPpm ?? 0n)) out.push({ fromWindow, devicesPpm: value })
  }
  return out
}

/** The runs without those that ended before a window. */
export function runsFrom(runs: readonly Run[], windowIndex: number): readonly Run[] {
  const first = runs.findLastIndex(({ fromWindow }) => fromWindow <= windowIndex)
  const kept = first <= 0 ? runs : runs.slice(first)
  return kept.length > 0 && kept[0]!.fromWindow <= windowIndex && kept[0]!.devicesPpm === 0n
    ? kept.slice(1)
    : kept
}
