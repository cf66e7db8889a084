// Calls: an action of a module, or a transfer of coins, ready to be sent. Owns: encoding. Not: the modules there are
// (modules.ts), sending (chainClient.ts).
import { encodeAbi } from '../base/abi.ts'
import { concatBytes } from '../base/bytes.ts'
import type { Address } from '../base/ids.ts'
import type { Lane } from '../base/lanes.ts'
import { isLive, type ModuleDef, moduleAddress } from '../base/moduleDefinition.ts'
import { PROTOCOL_VERSION } from '../base/protocol/version.ts'
import { selectorOf } from '../base/selector.ts'
import { parseAddress } from './accounts/account.ts'
import { ClientError } from './clientError.ts'
import { type InputOf, readInput } from './input.ts'

/** What an account sends: coins, an action of a module, or both. */
export interface Call {
  readonly to: Address
  /** Coins to send, base units. */
  readonly valueBase: bigint
  readonly data: Uint8Array
  /** Block space and base fee that it uses; undefined for a call of calls, which uses theirs. */
  readonly lane: Lane | undefined
}

/** Coins attached to a payable action, base units. */
export interface CallOptions {
  readonly valueBase?: bigint
}

type ActionFields<D extends ModuleDef, A extends keyof D['actions']> = InputOf<D['actions'][A]['args']>
type Arguments<T> = keyof T extends never
  ? readonly [args?: T, options?: CallOptions]
  : readonly [args: T, options?: CallOptions]

/** A module: one function for each action, and its definition for queries and events. */
export type NativeModule<D extends ModuleDef = ModuleDef> = {
  readonly [A in keyof D['actions'] & string]: (...given: Arguments<ActionFields<D, A>>) => Call
} & { readonly definition: D }

/**
 * Encodes an action from its arguments by name. Throws ClientError `input` for an unknown action or argument, or a value out
 * of its bounds.
 *
 * @example
 * encodeCall(schemas.redemption, 'cancel', { id: 7 }).lane // 'redemption'
 */
export function encodeCall(
  definition: ModuleDef,
  action: string,
  args: { readonly [name: string]: unknown },
  { valueBase = 0n }: CallOptions = {},
): Call {
  const declared = Object.hasOwn(definition.actions, action) ? definition.actions[action] : undefined
  if (declared === undefined || !isLive(declared, PROTOCOL_VERSION)) {
    throw new ClientError('input', `${definition.name} has no action ${action}`)
  }
  if (valueBase !== 0n && declared.payable !== true) {
    throw new ClientError('input', `${definition.name}.${action} takes no coins`)
  }
  const values = readInput(declared.args, args)
  const entries = Object.entries(declared.args)
  const data = concatBytes(
    selectorOf(action, declared.args),
    encodeAbi(
      entries.map(([, field]) => field.abi!),
      entries.map(([name, field]) => field.toAbi(values[name])),
    ),
  )
  const lane = declared.composite === true ? undefined : (declared.lane ?? definition.lane ?? 'general')
  return { to: moduleAddress(definition), valueBase, data, lane }
}

/**
 * The functions of a module, from its definition.
 *
 * @example
 * const { cancel } = nativeModule(schemas.redemption)
 * cancel({ id: 7 }).data.length // 36
 */
export function nativeModule<D extends ModuleDef>(definition: D): NativeModule<D> {
  const functions = Object.keys(definition.actions).map((action) => [
    action,
    (args: { readonly [name: string]: unknown } = {}, options: CallOptions = {}) =>
      encodeCall(definition, action, args, options),
  ])
  return { ...Object.fromEntries(functions), definition } as NativeModule<D>
}

/**
 * A plain transfer of coins, base units.
 *
 * @example
 * const call = transfer('0x70997970C51812dc3A010C7d01b50e0d17dc79C8', parseCoins('1.5')!)
 */
export function transfer(to: Address | string, valueBase: bigint): Call {
  return { to: parseAddress(to), valueBase, data: new Uint8Array(), lane: 'general' }
}
