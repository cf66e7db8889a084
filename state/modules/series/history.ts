// Which purchases of an account are in the state, and when purchases and series that are over leave it.
// Not: when they are over (purchases.ts, endings.ts).
import { assert } from '../../../base/assert.ts'
import type { Address } from '../../../base/ids.ts'
import type { WriteContext } from '../../context.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { getTotals, updateTotals } from './books.ts'
import { closeReceipts, runningWindow } from './external.ts'
import type { Purchase } from './schema.ts'
import { type Budget, takeAct } from './steps.ts'
import { seriesParams, seriesTables } from './tables.ts'

const NOTHING = { count: 0, newest: 0 }

export function buyerOf(state: StateReader, buyer: Address) {
  return seriesTables.buyer.get(state, { buyer }) ?? NOTHING
}

function setNeighbour(state: StateWriter, id: number, change: Partial<Purchase>): void {
  if (id === 0) return
  const purchase = seriesTables.purchase.mustGet(state, { id })
  seriesTables.purchase.set(state, { id }, { ...purchase, ...change })
}

/** Lists a purchase as the newest of its buyer. Returns the next older one; 0: none. */
export function enterBuyer(state: StateWriter, id: number, buyer: Address): number {
  const known = buyerOf(state, buyer)
  setNeighbour(state, known.newest, { newer: id })
  seriesTables.buyer.set(state, { buyer }, { count: known.count + 1, newest: id })
  return known.newest
}

function removePurchase(state: StateWriter, id: number): void {
  const { newer, older, buyer, state: outcome } = seriesTables.purchase.mustGet(state, { id })
  assert(outcome !== 'waiting', 'only a settled purchase leaves the state')
  setNeighbour(state, newer, { older })
  setNeighbour(state, older, { newer })
  seriesTables.purchase.delete(state, { id })
  const { count, newest } = seriesTables.buyer.mustGet(state, { buyer })
  if (count === 1) seriesTables.buyer.delete(state, { buyer })
  else seriesTables.buyer.set(state, { buyer }, { count: count - 1, newest: newest === id ? older : newest })
}

function removeSeries(ctx: WriteContext, id: number): void {
  const { state: at, kind, waitingCount } = seriesTables.series.mustGet(ctx.state, { id })
  assert(at === 'ended' && waitingCount === 0, 'only a series of which nothing is left leaves the state')
  seriesTables.series.delete(ctx.state, { id })
  if (kind === 'forward') closeReceipts(ctx, id)
}

/** Removes what was over `tailWindows` ago. */
export function removeHistory(ctx: WriteContext, budget: Budget): void {
  const { state } = ctx
  const { tailWindows } = seriesParams.get(state)
  const current = runningWindow(state)
  for (;;) {
    const { closedHead, closedTail } = getTotals(state)
    if (closedHead === closedTail) return
    const { purchase, series, window } = seriesTables.closed.mustGet(state, { index: closedHead })
    if (window + tailWindows > current || !takeAct(budget, 'remove')) return
    seriesTables.closed.delete(state, { index: closedHead })
    updateTotals(state, { closedHead: closedHead + 1 })
    if (purchase > 0) removePurchase(state, purchase)
    else removeSeries(ctx, series)
  }
}
