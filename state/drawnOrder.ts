// Drawn order (ECONOMY §8): entries of a block are settled at the start of the first later block that a proposer of
// another legal group made (with one group in the set: of the next block), in the order of SHA256(mix ‖ txId ‖ index),
// mix being that later block's, so that whoever ordered the entries could not know their order.
// Owns: the order, and the cursors when one block cannot take all. Not: what an entry means (the modules).
import { assert } from '../base/assert.ts'
import { compareBytes, concatBytes, u32be } from '../base/bytes.ts'
import { sha256 } from '../base/crypto/hash.ts'
import type { Hash32 } from '../base/ids.ts'
import type { ActionContext, ReadContext, WriteContext } from './context.ts'
import { isOtherGroup, isOwnGroup, proposerOf } from './modules/providers/proposers.ts'
import { eachItem, type Recount } from './recount.ts'
import type { Table } from './table.ts'
import type { StateReader } from './view.ts'

interface Drawn {
  readonly height: number
  /** Its place among the entries of its block, in the order in which they came. */
  readonly index: number
  readonly txId: Hash32
}

interface Queue {
  readonly tail: number
  readonly head: number
  readonly drawn: number
  readonly roundHead: number
  readonly roundTail: number
  readonly waiting: number
  readonly height: number
  readonly added: number
  readonly proposer: number
}

/** The tables of a definition that spreads `drawRecords` (recordShapes.ts) into its records. */
export interface DrawTables<E extends Drawn> {
  readonly drawEntry: Table<{ readonly number: number }, E>
  readonly drawRound: Table<{ readonly round: number }, { readonly until: number; readonly mix: Hash32 }>
  readonly drawQueue: Table<object, Queue>
}

export interface DrawnOrder<E extends Drawn> {
  /** Appends an entry of the running transaction. The module bounds how many may wait. */
  add(ctx: ActionContext, payload: Omit<E, keyof Drawn>): void
  /**
   * To be called in `beginBlock`: draws what may be drawn, then settles entries in their order while `mayGoOn`; the rest
   * follows in later blocks, in the same order and before any later entry. `settle` counts its own steps, and `mayGoOn`
   * ends with them. Besides it reads each block's entries once per call, which the gas of that block bounds.
   */
  drain(ctx: WriteContext, mayGoOn: () => boolean, settle: (ctx: WriteContext, entry: E) => void): void
  /** Entries not yet settled. */
  waiting(state: StateReader): number
  /** By full recount: the entries are those that the cursors say. A reason when not. */
  recount(ctx: ReadContext): Recount
}

const EMPTY: Queue = {
  tail: 0,
  head: 0,
  drawn: 0,
  roundHead: 0,
  roundTail: 0,
  waiting: 0,
  height: 0,
  added: 0,
  proposer: 0,
}

interface Numbered<E> {
  readonly number: number
  readonly entry: E
}

function rankOf(mix: Hash32, { txId, index }: Drawn): Uint8Array {
  return sha256(concatBytes(mix, txId, u32be(index)))
}

function readQueue<E extends Drawn>({ drawQueue }: DrawTables<E>, state: StateReader): Queue {
  return drawQueue.get(state, {}) ?? EMPTY
}

/** Gives entries their order, once this block's proposer may: all that have none, since no two groups made them. */
function draw<E extends Drawn>(tables: DrawTables<E>, ctx: WriteContext): Queue {
  const queue = readQueue(tables, ctx.state)
  if (queue.drawn === queue.tail || !isOtherGroup(ctx, queue.proposer)) return queue
  const { roundTail, tail } = queue
  tables.drawRound.set(ctx.state, { round: roundTail }, { until: tail, mix: ctx.block.mix })
  const after = { ...queue, drawn: tail, roundTail: roundTail + 1 }
  tables.drawQueue.set(ctx.state, {}, after)
  return after
}

/** The unsettled entries of the block that made the one at `head`, in their order, and where the next block's begin. */
function batchAt<E extends Drawn>(
  { drawEntry }: DrawTables<E>,
  state: StateReader,
  at: { readonly head: number; readonly until: number; readonly mix: Hash32 },
): { readonly batch: readonly Numbered<E>[]; readonly end: number } {
  const found: Numbered<E>[] = []
  let number = at.head
  for (; number < at.until; number++) {
    const entry = drawEntry.get(state, { number })
    // Settled in an earlier block, before some that came earlier.
    if (entry === undefined) continue
    if (found.length > 0 && entry.height !== found[0]!.entry.height) break
    found.push({ number, entry })
  }
  const ranked = found.map((item) => ({ item, rank: rankOf(at.mix, item.entry) }))
  ranked.sort((a, b) => compareBytes(a.rank, b.rank))
  return { batch: ranked.map(({ item }) => item), end: number }
}

function addEntry<E extends Drawn>(
  tables: DrawTables<E>,
  ctx: ActionContext,
  payload: Omit<E, keyof Drawn>,
): void {
  const queue = readQueue(tables, ctx.state)
  const { height } = ctx.block
  const { tail } = queue
  const isFirst = queue.drawn === tail
  const sharesDraw = isFirst || queue.height === height || isOwnGroup(ctx, queue.proposer)
  // A simulated call comes on top of entries that the next block will have drawn, and is thrown away.
  const isKept = ctx.block.isSimulated !== true
  assert(sharesDraw || !isKept, 'entries of two groups never wait for one draw: drain runs first')
  const index = queue.height === height ? queue.added : 0
  const entry = { ...payload, height, index, txId: ctx.txId as Uint8Array } as unknown as E
  tables.drawEntry.set(ctx.state, { number: tail }, entry)
  const proposer = isFirst ? proposerOf(ctx) : queue.proposer
  const { waiting } = queue
  tables.drawQueue.set(
    ctx.state,
    {},
    { ...queue, tail: tail + 1, waiting: waiting + 1, height, added: index + 1, proposer },
  )
}

function drainEntries<E extends Drawn>(
  tables: DrawTables<E>,
  ctx: WriteContext,
  mayGoOn: () => boolean,
  settle: (ctx: WriteContext, entry: E) => void,
): void {
  const { state } = ctx
  const before = draw(tables, ctx)
  let { head, roundHead, waiting } = before
  while (head < before.drawn && mayGoOn()) {
    const { until, mix } = tables.drawRound.mustGet(state, { round: roundHead })
    const { batch, end } = batchAt(tables, state, { head, until, mix })
    let settled = 0
    for (const { number, entry } of batch) {
      if (!mayGoOn()) break
      tables.drawEntry.delete(state, { number })
      settle(ctx, entry)
      settled++
    }
    waiting -= settled
    if (settled < batch.length) break
    head = end
    if (head < until) continue
    tables.drawRound.delete(state, { round: roundHead })
    roundHead++
  }
  if (waiting < before.waiting) tables.drawQueue.set(state, {}, { ...before, head, roundHead, waiting })
}

function* recountEntries<E extends Drawn>(tables: DrawTables<E>, state: StateReader): Recount {
  const { head, tail, drawn, waiting, roundHead, roundTail } = readQueue(tables, state)
  if (head > drawn || drawn > tail || roundHead > roundTail)
    return 'a cursor of the drawn order is beyond its end'
  let entries = 0
  yield* tables.drawEntry.each(() => {
    entries++
    return undefined
  })
  if (entries !== waiting) return `${entries} entries wait for their turn, the queue says ${waiting}`
  let from = head
  const rounds = Array.from({ length: roundTail - roundHead }, (_, i) => roundHead + i)
  const broken = yield* eachItem(rounds, (round) => {
    const until = tables.drawRound.get(state, { round })?.until ?? 0
    if (until <= from) return `round ${round} of the drawn order is empty`
    from = until
    return undefined
  })
  if (broken !== undefined) return broken
  return from === drawn ? undefined : `the rounds reach ${from}, ${drawn} entries are drawn`
}

/** `drawnOrderOf(tables)`. */
export function drawnOrderOf<E extends Drawn>(tables: DrawTables<E>): DrawnOrder<E> {
  return {
    add: (ctx, payload) => addEntry(tables, ctx, payload),
    drain: (ctx, mayGoOn, settle) => drainEntries(tables, ctx, mayGoOn, settle),
    waiting: (state) => readQueue(tables, state).waiting,
    recount: ({ state }) => recountEntries(tables, state),
  }
}
