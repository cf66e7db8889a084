// Rules of issuance: mint, retire, and what a window's end does to liabilities. Limits are in limits.ts.
import type { Address } from '../../../base/ids.ts'
import type { ActionArgs } from '../../../base/moduleDefinition.ts'
import { minBigint } from '../../../base/units.ts'
import type { ActionContext, ReadContext, WriteContext } from '../../context.ts'
import { eventsOf, failuresOf, implement } from '../../rules.ts'
import type { StateReader } from '../../view.ts'
import { getAccount } from '../accounts/ledger.ts'
import { capacityRevision } from '../capacity/book.ts'
import { currentWindow, windowEndedThisBlock } from '../capacity/windows.ts'
import { getProvider, providerByOperator, providerIds } from '../providers/members.ts'
import { issuanceInvariants } from './invariants.ts'
import {
  getLiability,
  getTotals,
  issueCoins,
  lowerLiability,
  markBondShort,
  releaseLock,
  takeSnapshot,
  turnWindow,
} from './ledger.ts'
import {
  checkMayMint,
  checkMint,
  getCoverage,
  getMintLimits,
  isBondShort,
  leastLimit,
  lockOf,
} from './limits.ts'
import { issuanceSchema } from './schema.ts'
import { issuanceParams, issuanceTables } from './tables.ts'

const events = eventsOf(issuanceSchema)
const fail = failuresOf(issuanceSchema)

/** A genesis balance: the whole mint rule, but nothing is locked (ECONOMY §4). Returns the broken rule, if any. */
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

/** Stops all minting until governance lifts it: a broken invariant, or an order. Redemption goes on. */
export function stopMinting(ctx: WriteContext, reason: string): void {
  if (issuanceTables.stop.has(ctx.state, {})) return
  issuanceTables.stop.set(ctx.state, {}, { reason, height: ctx.block.height })
  events.MintingWasStopped(ctx, { reason })
}

function mint(ctx: ActionContext, args: ActionArgs<typeof issuanceSchema, 'mint'>) {
  const provider = providerByOperator(ctx.state, ctx.sender)
  if (provider === undefined) return fail.NotProvider({ sender: ctx.sender })
  const wanted = { provider, ...args }
  const refusal = checkMint(ctx.state, wanted)
  if (refusal !== undefined) return refusal
  // After this point the action must succeed.
  issueCoins(ctx, { ...wanted, lockedBase: lockOf(ctx.state, args.amountBase) })
  return undefined
}

function retire(ctx: ActionContext, args: ActionArgs<typeof issuanceSchema, 'retire'>) {
  const provider = providerByOperator(ctx.state, ctx.sender)
  if (provider === undefined) return fail.NotProvider({ sender: ctx.sender })
  if (args.amountBase === 0n) return fail.ZeroAmount({})
  const { liabilityBase } = getLiability(ctx.state, provider)
  const burnedBase = minBigint(args.amountBase, liabilityBase)
  if (burnedBase === 0n) return fail.NothingToRetire({ provider })
  const { balanceBase } = getAccount(ctx.state, ctx.sender)
  if (balanceBase < burnedBase) return fail.InsufficientCoins({ balanceBase, neededBase: burnedBase })
  // After this point the action must succeed.
  const remainingBase = lowerLiability(ctx, { provider, from: ctx.sender, amountBase: burnedBase })
  events.Retired(ctx, { provider, amountBase: burnedBase, liabilityBase: remainingBase })
  return undefined
}

function endWindow(ctx: WriteContext, endedWindow: number): void {
  for (const provider of providerIds(ctx.state)) {
    releaseLock(ctx, provider, endedWindow)
    turnWindow(ctx, provider, endedWindow)
    const since = getLiability(ctx.state, provider).bondShortSince
    const short = isBondShort(ctx.state, provider)
    markBondShort(ctx.state, provider, short ? (since ?? endedWindow + 1) : undefined)
  }
}

/** Starts and ends the time to cure a shortfall (ECONOMY §3). */
function trackShortfall(ctx: WriteContext, shortfallBase: bigint): void {
  const cure = issuanceTables.cure.get(ctx.state, {})
  const windowIndex = currentWindow(ctx.state)
  if (shortfallBase > 0n && cure === undefined) {
    issuanceTables.cure.set(ctx.state, {}, { sinceWindow: windowIndex })
    events.ShortfallBegan(ctx, { windowIndex, shortfallBase })
  }
  if (shortfallBase === 0n && cure !== undefined) {
    issuanceTables.cure.delete(ctx.state, {})
    events.ShortfallCured(ctx, { windowIndex })
  }
}

function endBlock(ctx: WriteContext): void {
  const endedWindow = windowEndedThisBlock(ctx)
  if (endedWindow !== undefined) endWindow(ctx, endedWindow)
  const coverage = getCoverage(ctx.state)
  const issuanceRevision = getTotals(ctx.state).revision
  const capacityAt = capacityRevision(ctx.state)
  const stored = issuanceTables.coverage.get(ctx.state, {})
  if (stored?.issuanceRevision === issuanceRevision && stored.capacityRevision === capacityAt) return
  issuanceTables.coverage.set(ctx.state, {}, { ...coverage, issuanceRevision, capacityRevision: capacityAt })
  trackShortfall(ctx, coverage.shortfallBase)
}

function quotaOfProvider(state: StateReader, provider: number) {
  if (getProvider(state, provider) === undefined) return undefined
  const { shortfallBase, ...limits } = getMintLimits(state, provider)
  const blocked = checkMayMint(state, provider, shortfallBase)
  return {
    provider,
    mintableBase: blocked === undefined ? leastLimit(limits) : 0n,
    blocked: blocked?.code ?? '',
    ...limits,
  }
}

function coverageNow(ctx: ReadContext) {
  const cure = issuanceTables.cure.get(ctx.state, {})
  const { cureWindows } = issuanceParams.get(ctx.state)
  return {
    ...getCoverage(ctx.state),
    ...(cure === undefined
      ? {}
      : { shortSince: cure.sinceWindow, cureUntil: cure.sinceWindow + cureWindows }),
    stopReason: issuanceTables.stop.get(ctx.state, {})?.reason ?? '',
  }
}

export const issuanceModule = implement(issuanceSchema, {
  actions: { mint, retire },
  queries: {
    quota: (ctx, { provider }) => quotaOfProvider(ctx.state, provider),
    liability: (ctx, { provider }) => ({ provider, ...getLiability(ctx.state, provider) }),
    coverage: coverageNow,
  },
  endBlock,
  invariants: issuanceInvariants,
})
