// Freezes of accounts: placed and lifted by governance, appealed against once, ended by their expiry. Not: what a freeze stops
// (debits.ts), who decides (governance).
import { assert } from '../../../base/assert.ts'
import { equalBytes } from '../../../base/bytes.ts'
import { type Address, ZERO_ADDRESS, ZERO_HASH } from '../../../base/ids.ts'
import type { ActionArgs } from '../../../base/moduleDefinition.ts'
import { isSystemAddress } from '../../../base/moduleDefinition.ts'
import type { ActionContext, WriteContext } from '../../context.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import {
  type complianceSchema,
  FREEZES_MAX,
  FREEZES_PER_ACCOUNT_MAX,
  type Freeze,
  type FreezeOrder,
} from './schema.ts'
import { complianceParams, complianceTables, events, fail } from './tables.ts'

/** Freezes ended by their expiry in one block; the others no longer stop anything either. */
const ENDED_PER_BLOCK_MAX = 16
const NONE = { nextId: 1, pausedUntilMs: 0, freezes: [] }

export function getStatus(state: StateReader) {
  return complianceTables.status.get(state, {}) ?? NONE
}

export function setStatus(state: StateWriter, change: Partial<ReturnType<typeof getStatus>>): void {
  complianceTables.status.set(state, {}, { ...getStatus(state), ...change })
}

/** Ids of the freezes of an account, expired ones of the last moments included. */
export function freezesOf(state: StateReader, account: Address): readonly number[] {
  return complianceTables.frozen.get(state, { account })?.freezes ?? []
}

export function getFreeze(state: StateReader, id: number): Freeze | undefined {
  return complianceTables.freeze.get(state, { id })
}

export type FreezeRefusal =
  | { readonly code: 'AccountRefused' }
  | { readonly code: 'AssetMisplaced' }
  | { readonly code: 'ExpiryOutOfRange'; readonly earliest: number; readonly latest: number }
  | { readonly code: 'TooManyFreezes'; readonly maximum: number }

/** Unix seconds of the earliest and the latest end of what begins now. */
export function expiryRange(nowMs: number, longestMs: number) {
  return { earliest: Math.floor(nowMs / 1000) + 1, latest: Math.floor((nowMs + longestMs) / 1000) }
}

/** Why an account cannot be frozen in this way now, or undefined. */
export function refuseFreeze(ctx: WriteContext, order: FreezeOrder): FreezeRefusal | undefined {
  const { account, scope, asset, expires } = order
  if (isSystemAddress(account) || equalBytes(account, ZERO_ADDRESS)) return { code: 'AccountRefused' }
  if (scope !== 'asset' && asset !== 0) return { code: 'AssetMisplaced' }
  const range = expiryRange(ctx.block.timestampMs, complianceParams.get(ctx.state).freezeMaxMs)
  if (expires < range.earliest || expires > range.latest) return { code: 'ExpiryOutOfRange', ...range }
  if (freezesOf(ctx.state, account).length >= FREEZES_PER_ACCOUNT_MAX)
    return { code: 'TooManyFreezes', maximum: FREEZES_PER_ACCOUNT_MAX }
  if (getStatus(ctx.state).freezes.length >= FREEZES_MAX)
    return { code: 'TooManyFreezes', maximum: FREEZES_MAX }
  return undefined
}

/** Freezes an account; false if that has become impossible. */
export function placeFreeze(ctx: WriteContext, order: FreezeOrder): boolean {
  if (refuseFreeze(ctx, order) !== undefined) return false
  const { state } = ctx
  const { account, scope, asset, caseHash, expires } = order
  const { nextId: id, freezes } = getStatus(state)
  const expiresMs = expires * 1000
  complianceTables.freeze.set(
    state,
    { id },
    {
      ...{ account, scope, asset, caseHash, expiresMs },
      sinceMs: ctx.block.timestampMs,
      appealHash: ZERO_HASH,
      appealedMs: 0,
    },
  )
  complianceTables.frozen.set(state, { account }, { freezes: [...freezesOf(state, account), id] })
  setStatus(state, { nextId: id + 1, freezes: [...freezes, { id, expiresMs }] })
  events.AccountFrozen(ctx, { freeze: id, account, scope, asset, caseHash, expires })
  return true
}

/** Ends a freeze before its expiry; false when it has ended. */
export function liftFreeze(ctx: WriteContext, id: number): boolean {
  if (getFreeze(ctx.state, id) === undefined) return false
  endFreeze(ctx, id, 'lifted')
  return true
}

function endFreeze(ctx: WriteContext, id: number, reason: 'lifted' | 'expired'): void {
  const { state } = ctx
  const { account } = complianceTables.freeze.mustGet(state, { id })
  const others = freezesOf(state, account).filter((other) => other !== id)
  complianceTables.freeze.delete(state, { id })
  if (others.length === 0) complianceTables.frozen.delete(state, { account })
  else complianceTables.frozen.set(state, { account }, { freezes: others })
  const { freezes } = getStatus(state)
  assert(
    freezes.some((entry) => entry.id === id),
    'the status lists every freeze',
  )
  setStatus(state, { freezes: freezes.filter((entry) => entry.id !== id) })
  events.FreezeEnded(ctx, { freeze: id, account, reason })
}

/** Removes freezes whose time is over, a bounded number per block. */
export function endExpired(ctx: WriteContext): void {
  const due = getStatus(ctx.state).freezes.filter(({ expiresMs }) => expiresMs <= ctx.block.timestampMs)
  for (const { id } of due.slice(0, ENDED_PER_BLOCK_MAX)) endFreeze(ctx, id, 'expired')
}

export function appeal(
  ctx: ActionContext,
  { freeze: id, appealHash }: ActionArgs<typeof complianceSchema, 'appeal'>,
) {
  const freeze = getFreeze(ctx.state, id)
  if (freeze === undefined || freeze.expiresMs <= ctx.block.timestampMs)
    return fail.UnknownFreeze({ freeze: id })
  if (!equalBytes(freeze.account, ctx.sender)) return fail.NotFrozenAccount({ freeze: id })
  if (freeze.appealedMs > 0) return fail.AlreadyAppealed({ freeze: id })
  if (equalBytes(appealHash, ZERO_HASH)) return fail.EmptyHash({})
  // After this point the action must succeed.
  complianceTables.freeze.set(ctx.state, { id }, { ...freeze, appealHash, appealedMs: ctx.block.timestampMs })
  events.FreezeAppealed(ctx, { freeze: id, account: ctx.sender, appealHash })
  return undefined
}
