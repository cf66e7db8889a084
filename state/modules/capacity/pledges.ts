// Pledging, attesting and giving notice of lots. Not: the records of lots (lots.ts).
import { assert } from '../../../base/assert.ts'
import type { ActionArgs } from '../../../base/moduleDefinition.ts'
import type { ActionContext, WriteContext } from '../../context.ts'
import { memberOf } from './external.ts'
import { knownGroupOf } from './groups.ts'
import { addLot, checkPledge, endLot, getLot, markAttested, type Pledge } from './lots.ts'
import { countAhead } from './recount.ts'
import type { capacitySchema } from './schema.ts'
import { fail } from './tables.ts'
import { currentWindow } from './windows.ts'

type Args<A extends keyof (typeof capacitySchema)['actions']> = ActionArgs<typeof capacitySchema, A>

/** Pledges a lot, e.g. in genesis, which may name the running window. Returns the lot's id or the refusal. */
export function pledgeLot(ctx: WriteContext, pledge: Pledge) {
  const refusal = checkPledge(ctx.state, pledge, currentWindow(ctx.state))
  if (refusal !== undefined) return { refusal }
  return { lot: addLot(ctx, pledge) }
}

/**
 * A passed audit or an attestation: the lot counts with the share `auditPpm` from the next recount on, which is at the
 * running window's end; genesis has none before its own and names the first window that counts. Governance names the last.
 */
export function attestLot(
  ctx: WriteContext,
  attestation: {
    readonly lot: number
    readonly auditPpm: bigint
    readonly countsFrom?: number
    readonly lastWindow?: number
  },
): void {
  const pledged = getLot(ctx.state, attestation.lot)
  assert(pledged !== undefined, 'the lot exists')
  const group = pledged.group ?? knownGroupOf(ctx.state, pledged)
  if (group !== undefined) countAhead(ctx, group)
  // Its last window may have ended with that.
  if (getLot(ctx.state, attestation.lot) === undefined) return
  const countsFrom = attestation.countsFrom ?? currentWindow(ctx.state) + 1
  markAttested(ctx, { ...attestation, countsFrom })
}

export function pledge(ctx: ActionContext, args: Args<'pledge'>) {
  const provider = memberOf(ctx.state, ctx.sender)
  if (provider === undefined) return fail.NotProvider({ sender: ctx.sender })
  const wanted = { provider, ...args }
  const refusal = checkPledge(ctx.state, wanted, currentWindow(ctx.state) + 1)
  if (refusal !== undefined) return refusal
  // After this point the action must succeed.
  addLot(ctx, wanted)
  return undefined
}

export function giveNotice(ctx: ActionContext, args: Args<'giveNotice'>) {
  const provider = memberOf(ctx.state, ctx.sender)
  if (provider === undefined) return fail.NotProvider({ sender: ctx.sender })
  const lot = getLot(ctx.state, args.lot)
  if (lot === undefined) return fail.UnknownLot({ lot: args.lot })
  if (lot.provider !== provider) return fail.NotLotProvider({ lot: args.lot, provider: lot.provider })
  // An attestation that has ended is not removed before its recount.
  const isLimited = lot.renewable && (lot.lastWindow ?? 0) >= currentWindow(ctx.state)
  if (lot.lastWindow !== undefined && !isLimited)
    return fail.NoticeAlreadyGiven({ lot: args.lot, lastWindow: lot.lastWindow })
  // After this point the action must succeed.
  if (lot.group !== undefined) countAhead(ctx, lot.group)
  endLot(ctx, args.lot)
  return undefined
}
