// Minting and retiring. Not: the limits (limits.ts), how coins and liabilities move (ledger.ts).
import type { Address } from '../../../base/ids.ts'
import type { ActionArgs } from '../../../base/moduleDefinition.ts'
import { minBigint } from '../../../base/units.ts'
import type { ActionContext, WriteContext } from '../../context.ts'
import { coinsAt, memberOf, refuseBurn } from './external.ts'
import { getLiability, issueCoins, lowerLiability, takeSnapshot } from './ledger.ts'
import { checkMint, lockOf } from './limits.ts'
import type { issuanceSchema } from './schema.ts'
import { events, fail, issuanceTables } from './tables.ts'

type Args<A extends keyof (typeof issuanceSchema)['actions']> = ActionArgs<typeof issuanceSchema, A>

/** Mints a genesis balance: the whole mint rule, but no lock (ECONOMY §4). Returns the broken rule, if any. */
export function mintAtGenesis(
  ctx: WriteContext,
  mint: { readonly provider: number; readonly to: Address; readonly amountBase: bigint },
) {
  const refusal = checkMint(ctx.state, mint)
  if (refusal !== undefined) return refusal
  issueCoins(ctx, { ...mint, lockedBase: 0n })
  takeSnapshot(ctx, mint.provider)
  return undefined
}

/** Stops all minting, after a broken invariant or by order, until governance lifts it. Redemption continues. */
export function stopMinting(ctx: WriteContext, reason: string): void {
  if (issuanceTables.stop.has(ctx.state, {})) return
  issuanceTables.stop.set(ctx.state, {}, { reason, height: ctx.block.height })
  events.MintingWasStopped(ctx, { reason })
}

export function mint(ctx: ActionContext, args: Args<'mint'>) {
  const provider = memberOf(ctx.state, ctx.sender)
  if (provider === undefined) return fail.NotProvider({ sender: ctx.sender })
  const wanted = { provider, ...args }
  const refusal = checkMint(ctx.state, wanted)
  if (refusal !== undefined) return refusal
  // After this point the action must succeed.
  issueCoins(ctx, { ...wanted, lockedBase: lockOf(ctx.state, args.amountBase) })
  return undefined
}

export function retire(ctx: ActionContext, args: Args<'retire'>) {
  const provider = memberOf(ctx.state, ctx.sender)
  if (provider === undefined) return fail.NotProvider({ sender: ctx.sender })
  if (args.amountBase === 0n) return fail.ZeroAmount({})
  const { liabilityBase } = getLiability(ctx.state, provider)
  const burnedBase = minBigint(args.amountBase, liabilityBase)
  if (burnedBase === 0n) return fail.NothingToRetire({ provider })
  const balanceBase = coinsAt(ctx.state, ctx.sender)
  if (balanceBase < burnedBase) return fail.InsufficientCoins({ balanceBase, neededBase: burnedBase })
  const refused = refuseBurn(ctx, { from: ctx.sender, amountBase: burnedBase })
  if (refused !== undefined) return refused
  // After this point the action must succeed.
  const remainingBase = lowerLiability(ctx, { provider, from: ctx.sender, amountBase: burnedBase })
  events.Retired(ctx, { provider, amountBase: burnedBase, liabilityBase: remainingBase })
  return undefined
}
