// Session keys: keys that may sign some actions for an account, up to a time and an amount (WALLETS §1).
// Owns: adding, removing, what they spent. Not: checking signatures (authority.ts).
import { equalBytes } from '../../../base/bytes.ts'
import { type Address, ZERO_ADDRESS } from '../../../base/ids.ts'
import { type ActionArgs, isSystemAddress } from '../../../base/moduleDefinition.ts'
import type { ActionContext } from '../../context.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { type accountsSchema, SESSION_KEYS_MAX } from './schema.ts'
import { findLiveSignable } from './signedActions.ts'
import { ACCOUNTS_ADDRESS, accountsTables, events, fail } from './tables.ts'
import { secondsOf } from './time.ts'

type AddArgs = ActionArgs<typeof accountsSchema, 'addSessionKey'>

function keysOf(state: StateReader, account: Address): readonly Address[] {
  return accountsTables.sessionKeys.get(state, { account })?.keys ?? []
}

function setKeys(state: StateWriter, account: Address, keys: readonly Address[]): void {
  if (keys.length === 0) accountsTables.sessionKeys.delete(state, { account })
  else accountsTables.sessionKeys.set(state, { account }, { keys })
}

/** The first listed action that no session key may sign. What changes the account's keys is never left to a key. */
function unsignable(ctx: ActionContext, actions: AddArgs['actions']) {
  const { modules, protocolVersion } = ctx.block
  const definitions = modules.map(({ definition }) => definition)
  return actions.find(
    ({ to, selector }) =>
      equalBytes(to, ACCOUNTS_ADDRESS) ||
      findLiveSignable(definitions, { to, selector, protocolVersion }) === undefined,
  )
}

export function addSessionKey(ctx: ActionContext, args: AddArgs) {
  const { state, sender: account } = ctx
  const { key, actions, spendMax, validBefore } = args
  const nowS = secondsOf(ctx.block)
  if (equalBytes(key, account) || equalBytes(key, ZERO_ADDRESS) || isSystemAddress(key)) {
    return fail.InvalidSessionKey({ key })
  }
  if (validBefore <= nowS) return fail.SessionExpired({ key, validBefore })
  if (actions.length === 0) return fail.NoSessionActions({})
  const refused = unsignable(ctx, actions)
  if (refused !== undefined) return fail.NotSignable({ to: refused.to, selector: refused.selector })
  const keys = keysOf(state, account)
  const expired = keys.filter(
    (known) => accountsTables.sessionKey.mustGet(state, { account, key: known }).validBefore <= nowS,
  )
  const others = keys.filter((known) => !expired.includes(known) && !equalBytes(known, key))
  if (others.length >= SESSION_KEYS_MAX) return fail.TooManySessionKeys({ max: SESSION_KEYS_MAX })
  // After this point the action must succeed.
  for (const known of expired) accountsTables.sessionKey.delete(state, { account, key: known })
  accountsTables.sessionKey.set(
    state,
    { account, key },
    { actions, spendMaxBase: spendMax, spentBase: 0n, validBefore },
  )
  setKeys(state, account, [...others, key])
  events.SessionKeyAdded(ctx, { account, key, spendMaxBase: spendMax, validBefore })
  return undefined
}

export function removeSessionKey(
  ctx: ActionContext,
  { key }: ActionArgs<typeof accountsSchema, 'removeSessionKey'>,
) {
  const { state, sender: account } = ctx
  if (!accountsTables.sessionKey.has(state, { account, key })) return fail.UnknownSessionKey({ key })
  // After this point the action must succeed.
  accountsTables.sessionKey.delete(state, { account, key })
  const { keys } = accountsTables.sessionKeys.mustGet(state, { account })
  setKeys(
    state,
    account,
    keys.filter((known) => !equalBytes(known, key)),
  )
  events.SessionKeyRemoved(ctx, { account, key })
  return undefined
}

/** The keys of an account, expired ones too, in the order of their adding. */
export function sessionKeysOf(state: StateReader, account: Address) {
  return keysOf(state, account).map((key) => ({
    key,
    ...accountsTables.sessionKey.mustGet(state, { account, key }),
  }))
}
