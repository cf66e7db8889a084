// Minting and retiring. Not: the limits (limits.ts), how coins and liabilities move (ledger.ts).
import type { Address } from '../../../base/ids.ts'
import type { ActionArgs } from '../../../base/moduleDefinition.ts'
import { minBigint } from '../../../base/units.ts'
import type { ActionContext, WriteContext } from '../../context.ts'
import { coinSupply, coinsAt, lockAddress, memberIds, memberOf, refuseBurn } from './external.ts'
import { getLiability, getTotals, issueCoins, lowerLiability, setLiability, takeSnapshot } from './ledger.ts'
import { checkMint } from './limits.ts'
import { burnLocked, lockOf } from './locks.ts'
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
  issueCoins(ctx, { ...mint, lockedBase: 0n, floorBase: 0n })
  takeSnapshot(ctx, mint.provider)
  return undefined
}

/**
 * Stops all minting, after a broken invariant or by order of governance, until governance lifts it. A broken invariant
 * takes back a decision to lift. Redemption continues.
 */
export function stopMinting(
  ctx: WriteContext,
  reason: string,
  kind: 'invariant' | 'governance' = 'invariant',
): void {
  const known = issuanceTables.stop.get(ctx.state, {})
  if (known !== undefined) {
    if (known.lifting) issuanceTables.stop.set(ctx.state, {}, { ...known, lifting: false })
    return
  }
  issuanceTables.stop.set(ctx.state, {}, { kind, reason, height: ctx.block.height, lifting: false })
  events.MintingWasStopped(ctx, { reason })
}

/**
 * Lets minting begin again once the next recount is complete and holds: governance calls it. False when nothing is
 * stopped.
 */
export function resumeMinting(ctx: WriteContext): boolean {
  const stop = issuanceTables.stop.get(ctx.state, {})
  if (stop === undefined) return false
  issuanceTables.stop.set(ctx.state, {}, { ...stop, lifting: true })
  return true
}

/** Ends a stop that governance has decided to lift; the caller has just formed all sums anew. */
export function liftStop(ctx: WriteContext): void {
  const stop = issuanceTables.stop.get(ctx.state, {})
  if (stop?.lifting !== true) return
  let sumBase = 0n
  for (const provider of memberIds(ctx.state)) sumBase += getLiability(ctx.state, provider).liabilityBase
  const { liabilitiesBase, orphanBase } = getTotals(ctx.state)
  // It stays stopped if the books still do not add up.
  if (sumBase !== liabilitiesBase || coinSupply(ctx.state) !== liabilitiesBase + orphanBase) return
  issuanceTables.stop.delete(ctx.state, {})
  events.MintingWasResumed(ctx, { reason: stop.reason })
}

export function mint(ctx: ActionContext, args: Args<'mint'>) {
  const provider = memberOf(ctx.state, ctx.sender)
  if (provider === undefined) return fail.NotProvider({ sender: ctx.sender })
  const wanted = { provider, ...args }
  const refusal = checkMint(ctx.state, wanted)
  if (refusal !== undefined) return refusal
  // After this point the action must succeed.
  issueCoins(ctx, { ...wanted, ...lockOf(ctx.state, args.amountBase) })
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

/**
 * Burns locked coins of a provider against its own liability, as a default would: whoever leaves needs no others for it, and
 * those that leave together do not wait for one another's locks (docs/decisions/locked-coins-can-be-retired.md).
 */
export function retireLocked(ctx: ActionContext, args: Args<'retireLocked'>) {
  const { state, sender } = ctx
  const provider = memberOf(state, sender)
  if (provider === undefined) return fail.NotProvider({ sender })
  if (args.amountBase === 0n) return fail.ZeroAmount({})
  const { liabilityBase, lockedBase } = getLiability(state, provider)
  const amountBase = minBigint(args.amountBase, liabilityBase)
  if (amountBase === 0n) return fail.NothingToRetire({ provider })
  if (lockedBase < amountBase) return fail.InsufficientLock({ provider, lockedBase, neededBase: amountBase })
  const refused = refuseBurn(ctx, { from: sender, amountBase })
  if (refused !== undefined) return refused
  // After this point the action must succeed.
  const remainingBase = lowerLiability(ctx, { provider, from: lockAddress(provider), amountBase })
  const after = burnLocked(state, provider, { liability: getLiability(state, provider), amountBase })
  setLiability(state, provider, after)
  events.Retired(ctx, { provider, amountBase, liabilityBase: remainingBase })
  events.LockRetired(ctx, { provider, amountBase, lockedBase: after.lockedBase })
  return undefined
}
