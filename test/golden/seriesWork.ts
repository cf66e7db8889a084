// Times of what primary sales leave to the beginning and end of blocks, measured on states of the recorded chain: settling a
// purchase, looking at a live series, what a look leads to, removing what is over. Not: the actions themselves (gasTable.ts).
import { percentile } from '../../bench/statistics.ts'
import { newBlockWork, Walk } from '../../state/blockWork.ts'
import type { WriteContext } from '../../state/context.ts'
import type { BlockRun } from '../../state/engine.ts'
import type { ParentView } from '../../state/execute.ts'
import { issuanceTables } from '../../state/modules/issuance/tables.ts'
import { getTotals, isLive } from '../../state/modules/series/books.ts'
import { memberIds, runningWindow } from '../../state/modules/series/external.ts'
import { removeHistory } from '../../state/modules/series/history.ts'
import { purchasesWaiting, settlePurchases } from '../../state/modules/series/purchases.ts'
import type { Series } from '../../state/modules/series/schema.ts'
import type { Budget } from '../../state/modules/series/steps.ts'
import { sweep } from '../../state/modules/series/sweep.ts'
import { seriesTables } from '../../state/modules/series/tables.ts'
import type { Overlay } from '../../state/overlay.ts'
import type { StateReader } from '../../state/view.ts'

const RUNS = 15
const WARM_UP_RUNS = 5
/** More than any act has. */
const ALL_STEPS = 1_000_000_000
/** All series of the recorded chain have lower numbers. */
const NUMBERS = 32
/** A window that the recorded chain does not reach. */
const NEVER = 1_000_000
const DEAR = 10n ** 20n

/** Acts of the walks, and the looks that lead to something. */
export const MEASURED = [
  'settle',
  'settleAll',
  'look',
  'judge',
  'convert',
  'fail',
  'complete',
  'remove',
] as const
type Measured = (typeof MEASURED)[number]

interface Act {
  /** Sets the state up; not measured. */
  readonly prepare?: (state: Overlay) => void
  readonly run: (ctx: WriteContext, budget: Budget) => void
  readonly count?: number
  /** Whether that is what it did. */
  readonly isDone: (state: StateReader) => boolean
}

type TreeTime = (run: BlockRun, parent: ParentView, keysBefore: ReadonlySet<string>) => number

/** One series is to be looked at next, as if it were so. */
function looked(id: number, series: Series): Pick<Act, 'prepare' | 'run'> {
  return {
    prepare: (state) => {
      seriesTables.series.set(state, { id }, series)
      const member = memberIds(state).indexOf(series.provider)
      seriesTables.sweep.set(state, {}, { window: runningWindow(state), member, next: id })
    },
    run: sweep,
  }
}

const stateOf = (state: StateReader, id: number): Series | undefined => seriesTables.series.get(state, { id })

export class SeriesWork {
  readonly #times = new Map<Measured, number[]>()
  readonly #treeTime: TreeTime

  constructor(treeTime: TreeTime) {
    this.#treeTime = treeTime
  }

  /** Median microseconds of an act, and of how many; undefined when the recorded chain has none. */
  of(name: Measured): { readonly samples: number; readonly microseconds: number } | undefined {
    const times = this.#times.get(name)
    return times === undefined ? undefined : { samples: times.length, microseconds: percentile(times, 50) }
  }

  /** Measures what the state before a block lets do; `make` begins the block anew. */
  measure(parent: ParentView, make: () => BlockRun): void {
    const { state } = parent
    const waiting = purchasesWaiting(state)
    if (waiting > 0)
      this.#time(parent, make, 'settle', {
        run: settlePurchases,
        isDone: (after) => purchasesWaiting(after) < waiting,
      })
    if (waiting > 1)
      this.#time(parent, make, 'settleAll', {
        run: settlePurchases,
        count: waiting,
        isDone: (after) => purchasesWaiting(after) === 0,
      })
    this.#timeRemoval(parent, make)
    for (let id = 1; id < NUMBERS; id++) {
      const series = stateOf(state, id)
      if (series !== undefined && isLive(series)) this.#timeLooks(parent, make, id, series)
    }
  }

  #timeRemoval(parent: ParentView, make: () => BlockRun): void {
    const { closedHead, closedTail } = getTotals(parent.state)
    if (closedHead === closedTail) return
    this.#time(parent, make, 'remove', {
      prepare: (state) => {
        const index = closedHead
        seriesTables.closed.set(
          state,
          { index },
          { ...seriesTables.closed.mustGet(state, { index }), window: 0 },
        )
      },
      run: removeHistory,
      isDone: (after) => getTotals(after).closedHead > closedHead,
    })
  }

  #timeLooks(parent: ParentView, make: () => BlockRun, id: number, series: Series): void {
    const waiting: Series = { ...series, stopped: true, dueAt: NEVER }
    const isSame = (after: StateReader): boolean => stateOf(after, id)?.coinsBase === series.coinsBase
    this.#time(parent, make, 'look', {
      ...looked(id, series),
      isDone: (after) => stateOf(after, id)?.state === series.state && isSame(after),
    })
    this.#time(parent, make, 'convert', {
      ...looked(id, waiting),
      isDone: (after) => !isSame(after),
    })
    this.#time(parent, make, 'complete', {
      ...looked(id, waiting),
      isDone: (after) => ['converted', 'ended'].includes(stateOf(after, id)?.state ?? '') && isSame(after),
    })
    if (series.kind === 'immediate' || series.faceBase === 0n) return
    const held = looked(id, { ...waiting, state: 'delivering' })
    this.#time(parent, make, 'judge', {
      run: held.run,
      prepare: (state) => {
        held.prepare?.(state)
        issuanceTables.stop.set(state, {}, { kind: 'governance', reason: '', height: 0, lifting: false })
      },
      isDone: (after) => stateOf(after, id)?.state === 'delivering' && isSame(after),
    })
    // So dear that no lock is enough.
    const onSale = {
      state: 'selling',
      stopped: false,
      closesAt: NEVER,
      capBase: 2n * series.capBase,
    } as const
    this.#time(parent, make, 'fail', {
      ...looked(id, { ...series, ...onSale, lockShortSince: 0, startPriceBase: DEAR }),
      isDone: (after) => ['failed', 'ended'].includes(stateOf(after, id)?.state ?? ''),
    })
  }

  /** Times an act, its keys of the tree included, where it does what it is to do. */
  #time(parent: ParentView, make: () => BlockRun, name: Measured, act: Act): void {
    const found: number[] = []
    for (let round = -WARM_UP_RUNS; round < RUNS; round++) {
      const run = make()
      const { overlay: state, block } = run
      act.prepare?.(state)
      const keysBefore = new Set(state.changes().keys())
      // One act, and no more.
      const budget: Budget = { left: act.count ?? 1, walk: new Walk(newBlockWork(), ALL_STEPS) }
      const start = performance.now()
      act.run({ state, block, emit: () => {} }, budget)
      const microseconds = (performance.now() - start) * 1_000
      if (!act.isDone(state)) return
      if (round >= 0) found.push((microseconds + this.#treeTime(run, parent, keysBefore)) / (act.count ?? 1))
    }
    this.#times.set(name, [...(this.#times.get(name) ?? []), Math.min(...found)])
  }
}
