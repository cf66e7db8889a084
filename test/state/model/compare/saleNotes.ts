// What became of purchases and series in a block, in words, so that a run's end shows whether each outcome really occurred.
import { outstandingOf } from '../sales.ts'
import type { SeriesState, World } from '../world.ts'
import type { RealChain } from './realChain.ts'

interface Known {
  readonly state: SeriesState
  readonly waitingBase: bigint
  readonly isShort: boolean
  readonly opensAt: number
}

export class SaleNotes {
  readonly #series = new Map<number, Known>()
  readonly #settled = new Set<number>()

  /** What is new since the last call. */
  next(real: RealChain, world: World): readonly string[] {
    const notes: string[] = []
    for (const series of world.sales.series.values()) {
      const { id, kind, state, failReason, opensAt } = series
      const waitingBase = outstandingOf(world, series)
      const isShort = series.lockShortSince !== undefined
      const before = this.#series.get(id)
      this.#series.set(id, { state, waitingBase, isShort, opensAt })
      if (before === undefined) continue
      const why = state === 'failed' && before.state !== 'failed' ? ` (${failReason})` : ''
      if (before.state !== state) notes.push(`${kind} series: ${before.state} to ${state}${why}`)
      if (isShort && !before.isShort) notes.push('forward series: lock too small')
      if (!isShort && before.isShort && state !== 'failed') notes.push('forward series: lock mended')
      if (opensAt > before.opensAt) notes.push('series: dates moved by a stale price')
      if (['delivering', 'blocked'].includes(state) && waitingBase < before.waitingBase && waitingBase > 0n)
        notes.push('forward series: fewer receipts wait, by coins or refunds')
    }
    for (const { id, amountBase, outcome } of world.sales.purchases.values()) {
      if (outcome === undefined || this.#settled.has(id)) continue
      this.#settled.add(id)
      const { filledBase } = outcome
      const how = filledBase === 0n ? 'refunded' : filledBase < amountBase ? 'filled in part' : 'filled'
      const info = real.query<{ readonly reason: string } | undefined>('series', 'purchase', { id })
      notes.push(`purchase ${how}: ${info?.reason ?? 'gone'}`)
    }
    return notes
  }
}
