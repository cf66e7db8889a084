// Rules of capacity: pledge, notice, and the end of a window. The book of hours is in book.ts, lots are in lots.ts.
import { mustExist } from '../../../base/assert.ts'
import type { ActionArgs } from '../../../base/moduleDefinition.ts'
import type { ActionContext, ReadContext, WriteContext } from '../../context.ts'
import { failuresOf, implement } from '../../rules.ts'
import { applyAnchor } from '../oracle/anchor.ts'
import { providerByOperator, providerIds } from '../providers/members.ts'
import {
  getMeasures,
  getSummary,
  getTotalCapacity,
  getWindow,
  perishWindow,
  recountProvider,
  windowCoins,
} from './book.ts'
import { capacityInvariants } from './invariants.ts'
import {
  addLot,
  checkPledge,
  endLot,
  getLot,
  lotIdsOf,
  markAttested,
  type Pledge,
  removeEndedLots,
} from './lots.ts'
import { coinsOfHours } from './rating.ts'
import { capacitySchema } from './schema.ts'
import { advanceClock, currentWindow, getClock } from './windows.ts'

const fail = failuresOf(capacitySchema)

/** Pledges a lot, e.g. in genesis, which may name the running window. Returns the lot's id or the refusal. */
export function pledgeLot(ctx: WriteContext, pledge: Pledge) {
  const refusal = checkPledge(ctx.state, pledge, currentWindow(ctx.state))
  if (refusal !== undefined) return { refusal }
  return { lot: addLot(ctx, pledge) }
}

/** A passed audit: the lot counts with the share `auditPpm`, from the next window on unless genesis says earlier. */
export function attestLot(
  ctx: WriteContext,
  attestation: { readonly lot: number; readonly auditPpm: bigint; readonly countsFrom?: number },
): void {
  const countsFrom = attestation.countsFrom ?? currentWindow(ctx.state) + 1
  const lot = markAttested(ctx, { lot: attestation.lot, auditPpm: attestation.auditPpm, countsFrom })
  recountProvider(ctx, lot.provider)
}

function pledge(ctx: ActionContext, args: ActionArgs<typeof capacitySchema, 'pledge'>) {
  const provider = providerByOperator(ctx.state, ctx.sender)
  if (provider === undefined) return fail.NotProvider({ sender: ctx.sender })
  const wanted = { provider, ...args }
  const refusal = checkPledge(ctx.state, wanted, currentWindow(ctx.state) + 1)
  if (refusal !== undefined) return refusal
  // After this point the action must succeed.
  addLot(ctx, wanted)
  return undefined
}

function giveNotice(ctx: ActionContext, args: ActionArgs<typeof capacitySchema, 'giveNotice'>) {
  const provider = providerByOperator(ctx.state, ctx.sender)
  if (provider === undefined) return fail.NotProvider({ sender: ctx.sender })
  const lot = getLot(ctx.state, args.lot)
  if (lot === undefined) return fail.UnknownLot({ lot: args.lot })
  if (lot.provider !== provider) return fail.NotLotProvider({ lot: args.lot, provider: lot.provider })
  if (lot.lastWindow !== undefined)
    return fail.NoticeAlreadyGiven({ lot: args.lot, lastWindow: lot.lastWindow })
  // After this point the action must succeed.
  endLot(ctx, args.lot)
  recountProvider(ctx, provider)
  return undefined
}

/** ECONOMY §3, causes at a window's end: what was not used perishes, then the anchor drifts, then haircuts apply. */
function endBlock(ctx: WriteContext): void {
  const ended = advanceClock(ctx)
  if (ended === undefined) return
  const providers = providerIds(ctx.state)
  for (const provider of providers) {
    perishWindow(ctx.state, { provider, windowIndex: ended })
    if (getSummary(ctx.state, provider).noticeUntil !== undefined) removeEndedLots(ctx, provider)
  }
  applyAnchor(ctx, ended + 1)
  for (const provider of providers) recountProvider(ctx, provider)
}

function windowsOf(ctx: ReadContext, provider: number) {
  const measures = getMeasures(ctx.state)
  const { counts } = getSummary(ctx.state, provider)
  return measures.growth.map((_growth, k) => {
    const windowIndex = measures.windowIndex + k
    const hours = getWindow(ctx.state, { provider, windowIndex })
    const free = hours.ratedHours > hours.reservedHours ? hours.ratedHours - hours.reservedHours : 0n
    return {
      windowIndex,
      ...hours,
      freeBase: counts ? coinsOfHours(free, measures.anchor) : 0n,
      countedBase: counts ? windowCoins(hours, k, measures) : 0n,
    }
  })
}

export const capacityModule = implement(capacitySchema, {
  actions: { pledge, giveNotice },
  queries: {
    clock: (ctx) => getClock(ctx.state),
    lot: (ctx, { id }) => {
      const lot = getLot(ctx.state, id)
      return lot === undefined ? undefined : { id, ...lot }
    },
    lots: (ctx, { provider }) =>
      lotIdsOf(ctx.state, provider).map((id) => ({
        id,
        ...mustExist(getLot(ctx.state, id), 'listed lot exists'),
      })),
    summary: (ctx, { provider }) => ({ provider, ...getSummary(ctx.state, provider) }),
    windows: (ctx, { provider }) => windowsOf(ctx, provider),
    totals: (ctx) => ({
      capacityBase: getTotalCapacity(ctx.state),
      summaries: providerIds(ctx.state).map((provider) => ({
        provider,
        capacityBase: getSummary(ctx.state, provider).capacityBase,
      })),
    }),
  },
  endBlock,
  invariants: capacityInvariants,
})
