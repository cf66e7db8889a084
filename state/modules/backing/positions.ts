// What an account has behind a provider: backing it, leaving it, and taking what is free and earned.
import type { Address } from '../../../base/ids.ts'
import type { ActionArgs } from '../../../base/moduleDefinition.ts'
import type { ActionContext, WriteContext } from '../../context.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { getMember, payCoins, payIncome, takeCoins } from './external.ts'
import { claimableOf, countWithdrawn, credit } from './income.ts'
import {
  earningOf,
  expectedWindow,
  getPool,
  getUnbonding,
  poolClock,
  setUnbonding,
  unitsFor,
  unitsOut,
  updatePool,
  worthOf,
} from './pools.ts'
import { BACKED_MAX, type backingSchema, type Position } from './schema.ts'
import { backingParams, backingTables, events, fail } from './tables.ts'

type Args<A extends keyof (typeof backingSchema)['actions']> = ActionArgs<typeof backingSchema, A>

interface At {
  readonly provider: number
  readonly account: Address
}

const NO_POSITION: Position = { unitsBase: 0n, incomes: [], unbondings: [] }

export function getPosition(state: StateReader, at: At): Position {
  return backingTables.position.get(state, at) ?? NO_POSITION
}

/** Providers with which an account has a position, ascending. */
export function backedBy(state: StateReader, account: Address): readonly number[] {
  return backingTables.account.get(state, { account })?.providers ?? []
}

function listPool(state: StateWriter, { provider, account }: At, isListed: boolean): void {
  const known = backedBy(state, account)
  if (known.includes(provider) === isListed) return
  const providers = isListed
    ? [...known, provider].sort((a, b) => a - b)
    : known.filter((id) => id !== provider)
  if (providers.length > 0) backingTables.account.set(state, { account }, { providers })
  else backingTables.account.delete(state, { account })
}

/** Stores a position; one with nothing in it is forgotten. */
function putPosition(state: StateWriter, at: At, position: Position): void {
  const { unitsBase, unbondings } = position
  // Without units nothing is earned: only what can be claimed is remembered.
  const incomes = unitsBase > 0n ? position.incomes : position.incomes.filter(({ owedBase }) => owedBase > 0n)
  const isEmpty = unitsBase === 0n && incomes.length === 0 && unbondings.length === 0
  if (!isEmpty) backingTables.position.set(state, at, { unitsBase, incomes, unbondings })
  else if (backingTables.position.has(state, at)) backingTables.position.delete(state, at)
  listPool(state, at, !isEmpty)
}

const BACKABLE = ['active', 'amortizing', 'curing']

export function back(ctx: ActionContext, { provider, amountBase }: Args<'back'>) {
  const { state, sender: account } = ctx
  const member = getMember(state, provider)
  if (member === undefined) return fail.UnknownProvider({ provider })
  const { status, removed } = member
  if (removed || !BACKABLE.includes(status)) return fail.NotBackable({ provider, status })
  const { minimumBase } = backingParams.get(state)
  if (amountBase < minimumBase) return fail.AmountTooSmall({ amountBase, minimumBase })
  const backed = backedBy(state, account)
  if (!backed.includes(provider) && backed.length >= BACKED_MAX)
    return fail.TooManyPools({ maximum: BACKED_MAX })
  const units = unitsFor(earningOf(getPool(state, provider)), amountBase)
  if (units === undefined) return fail.PoolLost({ provider })
  const refusal = takeCoins(ctx, { provider, from: account, amountBase })
  if (refusal?.code === 'DebitRefused') return refusal
  if (refusal?.code === 'InsufficientFunds') {
    const { balanceBase, neededBase } = refusal
    return fail.InsufficientCoins({ balanceBase, neededBase })
  }
  // After this point the action must succeed.
  const position = credit(state, provider, getPosition(state, { provider, account }))
  putPosition(state, { provider, account }, { ...position, unitsBase: position.unitsBase + units })
  const { backedBase, unitsBase } = getPool(state, provider)
  updatePool(state, provider, { backedBase: backedBase + amountBase, unitsBase: unitsBase + units })
  events.Backed(ctx, { provider, account, amountBase })
  return undefined
}

export function unback(ctx: ActionContext, { provider, amountBase }: Args<'unback'>) {
  const { state, sender: account } = ctx
  if (amountBase === 0n) return fail.ZeroAmount({})
  const known = getPosition(state, { provider, account })
  const earning = earningOf(getPool(state, provider))
  const worthBase = worthOf(earning, known.unitsBase)
  if (amountBase > worthBase)
    return fail.InsufficientBacking({ provider, backedBase: worthBase, neededBase: amountBase })
  const { unbondingsMax, unbondWindows } = backingParams.get(state)
  const untilWindow = poolClock(state, provider) + 1 + unbondWindows
  const before = known.unbondings.find((entry) => entry.untilWindow === untilWindow)
  if (before === undefined && known.unbondings.length >= unbondingsMax)
    return fail.UnbondingsFull({ provider, maximum: unbondingsMax })
  const coins = getUnbonding(state, provider, untilWindow)
  const units = unitsFor(coins, amountBase)
  if (units === undefined) return fail.PoolLost({ provider })
  // After this point the action must succeed.
  const position = credit(state, provider, known)
  // Who takes all leaves no units behind that are worth nothing.
  const outBase = amountBase === worthBase ? known.unitsBase : unitsOut(earning, amountBase)
  const others = position.unbondings.filter((entry) => entry !== before)
  const entry = { untilWindow, unitsBase: (before?.unitsBase ?? 0n) + units }
  putPosition(
    state,
    { provider, account },
    {
      ...position,
      unitsBase: position.unitsBase - outBase,
      unbondings: [...others, entry].sort((a, b) => a.untilWindow - b.untilWindow),
    },
  )
  const pool = getPool(state, provider)
  updatePool(state, provider, {
    backedBase: pool.backedBase - amountBase,
    unitsBase: pool.unitsBase - outBase,
    unbondingBase: pool.unbondingBase + amountBase,
  })
  setUnbonding(
    state,
    { provider, untilWindow },
    { amountBase: coins.amountBase + amountBase, unitsBase: coins.unitsBase + units },
  )
  events.Unbacked(ctx, {
    ...{ provider, account, amountBase },
    untilWindow: expectedWindow(state, provider, untilWindow),
  })
  return undefined
}

/** Takes the unbondings that are over off the books. Returns what they are worth, and those that are left. */
function takeFree(state: StateWriter, provider: number, unbondings: Position['unbondings']) {
  const clock = poolClock(state, provider)
  let freeBase = 0n
  const left = unbondings.filter(({ untilWindow, unitsBase }) => {
    if (untilWindow > clock) return true
    const coins = getUnbonding(state, provider, untilWindow)
    const amountBase = worthOf(coins, unitsBase)
    freeBase += amountBase
    const after = { amountBase: coins.amountBase - amountBase, unitsBase: coins.unitsBase - unitsBase }
    setUnbonding(state, { provider, untilWindow }, after)
    return false
  })
  return { freeBase, left }
}

/** Units that a loss has made worthless; taken off when their owner next claims. */
function worthlessOf(state: StateReader, provider: number, { unitsBase }: Position): bigint {
  return getPool(state, provider).backedBase === 0n ? unitsBase : 0n
}

function payIncomes(ctx: WriteContext, { provider, account }: At, position: Position): void {
  for (const { asset, owedBase: amountBase } of position.incomes) {
    if (amountBase === 0n) continue
    countWithdrawn(ctx.state, { provider, asset }, amountBase)
    payIncome(ctx, { provider, asset, to: account, amountBase })
    events.IncomeClaimed(ctx, { provider, account, asset, amountBase })
  }
}

export function claim(ctx: ActionContext, { provider }: Args<'claim'>) {
  const { state, sender: account } = ctx
  const known = getPosition(state, { provider, account })
  const clock = poolClock(state, provider)
  const isAny =
    worthlessOf(state, provider, known) > 0n ||
    known.unbondings.some(({ untilWindow }) => untilWindow <= clock) ||
    claimableOf(state, provider, known).some(({ amountBase }) => amountBase > 0n)
  if (!isAny) return fail.NothingToClaim({ provider })
  // After this point the action must succeed.
  const position = credit(state, provider, known)
  const { freeBase, left } = takeFree(state, provider, position.unbondings)
  const goneBase = worthlessOf(state, provider, position)
  const { unitsBase, unbondingBase } = getPool(state, provider)
  updatePool(state, provider, {
    unitsBase: unitsBase - goneBase,
    unbondingBase: unbondingBase - freeBase,
  })
  putPosition(
    state,
    { provider, account },
    {
      unitsBase: position.unitsBase - goneBase,
      incomes: position.incomes.map((income) => ({ ...income, owedBase: 0n })),
      unbondings: left,
    },
  )
  payIncomes(ctx, { provider, account }, position)
  payCoins(ctx, { provider, to: account, amountBase: freeBase })
  if (freeBase > 0n) events.Withdrawn(ctx, { provider, account, amountBase: freeBase })
  return undefined
}
