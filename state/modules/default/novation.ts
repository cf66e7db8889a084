// Handing liability over by agreement (ECONOMY §9, exit): one provider offers it with a payment, the other accepts exactly that.
// Owns: offers and their payments. Not: what moves with the liability (issuance), or liability that must be assumed (assumption.ts).
import type { ActionArgs } from '../../../base/moduleDefinition.ts'
import type { ActionContext, WriteContext } from '../../context.ts'
import type { StateReader } from '../../view.ts'
import { escrows, escrowUnits, payFrom } from './escrows.ts'
import {
  getMember,
  isAsset,
  liabilityOf,
  memberOf,
  operatorOf,
  proceedsWithoutRoom,
  refuseTakeover,
  storeCoverage,
  takeOver,
} from './external.ts'
import type { defaultSchema } from './schema.ts'
import { defaultTables, events, fail } from './tables.ts'

type Args<A extends keyof (typeof defaultSchema)['actions']> = ActionArgs<typeof defaultSchema, A>

/** What a provider offers to another, or undefined. */
export function novationOf(state: StateReader, from: number) {
  return defaultTables.novation.get(state, { from })
}

export function offerNovation(ctx: ActionContext, offer: Args<'offerNovation'>) {
  const { state, sender } = ctx
  const { to, amountBase, asset, paymentBase } = offer
  const from = memberOf(state, sender)
  if (from === undefined) return fail.NotProvider({ sender })
  if (getMember(state, to) === undefined) return fail.UnknownProvider({ provider: to })
  if (to === from) return fail.SameProvider({ provider: to })
  if (amountBase === 0n) return fail.ZeroAmount({})
  if (getMember(state, from)?.status === 'defaulted') return fail.HasDefaulted({ provider: from })
  const open = novationOf(state, from)
  if (open !== undefined) return fail.NovationOpen({ to: open.to })
  const { liabilityBase } = liabilityOf(state, from)
  if (amountBase > liabilityBase) return fail.LiabilityTooSmall({ provider: from, liabilityBase })
  if (!isAsset(state, asset)) return fail.UnknownAsset({ asset })
  const refusal = escrowUnits(ctx, {
    asset,
    from: sender,
    to: escrows.novation(from),
    amountBase: paymentBase,
  })
  if (refusal?.code === 'InsufficientFunds') {
    const { balanceBase, neededBase } = refusal
    return asset === 0
      ? fail.InsufficientCoins({ balanceBase, neededBase })
      : fail.InsufficientAsset({ asset, balanceBase, neededBase })
  }
  if (refusal !== undefined) return refusal.code === 'UnknownAsset' ? fail.UnknownAsset({ asset }) : refusal
  // After this point the action must succeed.
  defaultTables.novation.set(state, { from }, offer)
  events.NovationOffered(ctx, { from, ...offer })
  return undefined
}

/** Ends a provider's offer, if it has one, and pays its payment back. */
export function refundNovation(ctx: WriteContext, from: number): void {
  const open = novationOf(ctx.state, from)
  if (open === undefined) return
  const { to, asset, paymentBase: amountBase } = open
  defaultTables.novation.delete(ctx.state, { from })
  payFrom(ctx, escrows.novation(from), { asset, amountBase, to: operatorOf(ctx.state, from) })
  events.NovationWithdrawn(ctx, { from, to })
}

export function withdrawNovation(ctx: ActionContext) {
  const from = memberOf(ctx.state, ctx.sender)
  if (from === undefined) return fail.NotProvider({ sender: ctx.sender })
  if (novationOf(ctx.state, from) === undefined) return fail.NoNovation({ from })
  // After this point the action must succeed.
  refundNovation(ctx, from)
  return undefined
}

export function acceptNovation(ctx: ActionContext, terms: Args<'acceptNovation'>) {
  const { state, sender } = ctx
  const { from, amountBase, asset, paymentBase } = terms
  const to = memberOf(state, sender)
  if (to === undefined) return fail.NotProvider({ sender })
  const open = novationOf(state, from)
  // Terms that have changed since they were read are no consent.
  const isSame =
    open !== undefined &&
    open.amountBase === amountBase &&
    open.asset === asset &&
    open.paymentBase === paymentBase
  if (!isSame) return fail.NoNovation({ from })
  if (open.to !== to) return fail.NotOffered({ to: open.to })
  const { liabilityBase } = liabilityOf(state, from)
  if (amountBase > liabilityBase) return fail.LiabilityTooSmall({ provider: from, liabilityBase })
  const refusal = refuseTakeover(state, { from, to, amountBase })
  if (refusal !== undefined) return refusal
  const full = proceedsWithoutRoom(state, { from, to })
  if (full !== undefined) return fail.LocksFull({ provider: to, asset: full })
  // After this point the action must succeed.
  defaultTables.novation.delete(state, { from })
  takeOver(ctx, { from, to, amountBase })
  payFrom(ctx, escrows.novation(from), { asset, amountBase: paymentBase, to: sender })
  storeCoverage(ctx)
  events.NovationAccepted(ctx, { from, to, amountBase })
  return undefined
}
