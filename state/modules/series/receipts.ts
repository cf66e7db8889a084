// What holders of receipts take (ECONOMY §4). All receipts of a series are alike: the same share of each has become coins, and
// the rest of each has the same refund. So a holder's part is its receipts over all receipts, whenever it comes; nobody gains
// by being first. Not: when receipts become coins (conversion.ts).
import { assert } from '../../../base/assert.ts'
import type { Address } from '../../../base/ids.ts'
import type { ActionArgs } from '../../../base/moduleDefinition.ts'
import { mulDivFloor } from '../../../base/units.ts'
import type { ActionContext, WriteContext } from '../../context.ts'
import { COIN_ASSET } from '../../ledger.ts'
import type { StateReader } from '../../view.ts'
import { getSeries, putSeries } from './books.ts'
import { complete, finishIfEmpty } from './endings.ts'
import { notePromised, payOut, receiptsOf, takeReceipts } from './external.ts'
import { outstandingOf } from './pricing.ts'
import type { Position, Series, seriesSchema } from './schema.ts'
import { events, fail, seriesTables } from './tables.ts'

type Args<A extends keyof (typeof seriesSchema)['actions']> = ActionArgs<typeof seriesSchema, A>

const NO_POSITION: Position = { faceBase: 0n, takenBase: 0n }

/** Receipts that a holder has handed in to a series that delivers, and the coins it has taken for them. */
export function positionOf(
  state: StateReader,
  at: { readonly series: number; readonly owner: Address },
): Position {
  return seriesTables.position.get(state, at) ?? NO_POSITION
}

/** What so many receipts of a series are, of which some coins were taken before. */
export interface Part {
  /** Their share of the coins, those taken included. */
  readonly shareBase: bigint
  readonly coinsBase: bigint
  readonly refundBase: bigint
  readonly compensationBase: bigint
}

/** The part of a series that so many of its receipts are; rounded down: those who stay gain, and the last one takes the rest. */
export function partOf(series: Series, { faceBase, takenBase }: Position): Part {
  const share = (wholeBase: bigint): bigint =>
    faceBase === 0n ? 0n : mulDivFloor(wholeBase, faceBase, series.faceBase)
  const shareBase = share(series.coinsBase)
  return {
    shareBase,
    coinsBase: shareBase - takenBase,
    refundBase: share(series.escrowBase),
    compensationBase: share(series.compensationBase),
  }
}

/** Whether receipts keep a claim to coins to come when their holder takes those that are there. */
export function isRunning({ state }: Pick<Series, 'state'>): boolean {
  return state === 'selling' || state === 'delivering' || state === 'blocked'
}

/** The receipts that a holder wants to hand in together with those that it has, or the failure. */
function gather(ctx: ActionContext, { series: id, amountBase }: Args<'claim'>) {
  const series = getSeries(ctx.state, id)
  if (series === undefined) return { failure: fail.UnknownSeries({ series: id }) }
  if (series.kind !== 'forward') return { failure: fail.NotForward({ series: id }) }
  const balanceBase = receiptsOf(ctx.state, { series: id, owner: ctx.sender })
  if (balanceBase < amountBase)
    return { failure: fail.InsufficientReceipts({ balanceBase, neededBase: amountBase }) }
  const known = positionOf(ctx.state, { series: id, owner: ctx.sender })
  return { series, whole: { ...known, faceBase: known.faceBase + amountBase } }
}

/** Takes receipts as tokens from the sender, and asserts that it has them; a freeze may refuse. */
function handIn(ctx: ActionContext, { series, amountBase }: Args<'claim'>) {
  const refusal = takeReceipts(ctx, { series, from: ctx.sender, amountBase })
  if (refusal === undefined) return undefined
  assert(refusal.code === 'DebitRefused', 'the balance was checked')
  return refusal
}

export function claim(ctx: ActionContext, args: Args<'claim'>) {
  const found = gather(ctx, args)
  if ('failure' in found) return found.failure
  const { series, whole } = found
  const isLeaving = !isRunning(series)
  const part = partOf(series, whole)
  if (whole.faceBase === 0n || (!isLeaving && part.coinsBase === 0n))
    return fail.NothingToClaim({ series: args.series })
  const refused = handIn(ctx, args)
  if (refused !== undefined) return refused
  // After this point the action must succeed.
  if (isLeaving) leave(ctx, args.series, series, whole)
  else collect(ctx, args.series, series, whole)
  return undefined
}

export function refund(ctx: ActionContext, args: Args<'refund'>) {
  const found = gather(ctx, args)
  if ('failure' in found) return found.failure
  const { series, whole } = found
  if (series.state !== 'blocked') return fail.RefundNotOpen({ series: args.series, state: series.state })
  if (whole.faceBase === 0n) return fail.NothingToClaim({ series: args.series })
  const refused = handIn(ctx, args)
  if (refused !== undefined) return refused
  // After this point the action must succeed.
  const { shareBase } = partOf(series, whole)
  notePromised(ctx.state, series.provider, shareBase - whole.faceBase)
  const after = leave(ctx, args.series, series, whole)
  if (outstandingOf(after) === 0n) complete(ctx, args.series, after)
  return undefined
}

/** Pays the coins that a holder's receipts have become so far; the receipts stay handed in, for those to come. */
function collect(ctx: ActionContext, id: number, series: Series, whole: Position): void {
  const { sender: owner, state } = ctx
  const { shareBase, coinsBase } = partOf(series, whole)
  seriesTables.position.set(state, { series: id, owner }, { ...whole, takenBase: shareBase })
  putSeries(state, id, { ...series, takenBase: series.takenBase + coinsBase })
  pay(ctx, id, series, { faceBase: whole.faceBase, coinsBase, refundBase: 0n, compensationBase: 0n })
}

/** Pays all that a holder's receipts are, and forgets them. Returns the series afterwards. */
function leave(ctx: ActionContext, id: number, series: Series, whole: Position): Series {
  const { sender: owner, state } = ctx
  const { shareBase, coinsBase, refundBase, compensationBase } = partOf(series, whole)
  if (seriesTables.position.has(state, { series: id, owner }))
    seriesTables.position.delete(state, { series: id, owner })
  const after: Series = {
    ...series,
    faceBase: series.faceBase - whole.faceBase,
    coinsBase: series.coinsBase - shareBase,
    takenBase: series.takenBase - whole.takenBase,
    escrowBase: series.escrowBase - refundBase,
    refundedBase: series.refundedBase + refundBase,
    compensationBase: series.compensationBase - compensationBase,
  }
  putSeries(state, id, after)
  pay(ctx, id, series, { faceBase: whole.faceBase, coinsBase, refundBase, compensationBase })
  finishIfEmpty(ctx, id)
  return after
}

function pay(
  ctx: WriteContext & { readonly sender: Address },
  id: number,
  { asset }: Series,
  due: Omit<Part, 'shareBase'> & { readonly faceBase: bigint },
): void {
  const { sender: owner } = ctx
  const { faceBase, coinsBase, refundBase, compensationBase } = due
  payOut(ctx, { series: id, asset: COIN_ASSET, to: owner, amountBase: coinsBase })
  payOut(ctx, { series: id, asset, to: owner, amountBase: refundBase + compensationBase })
  events.Claimed(ctx, { series: id, owner, receiptsBase: faceBase, coinsBase, refundBase, compensationBase })
}
