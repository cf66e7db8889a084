// State and block overrides of simulated calls. Owns: which exist here, and parsing them. Not: the calls.
// Balances can be other ones; code and storage are an EVM's, and a rule's state is more than a slot.
import { AssertionFailed } from '../../base/assert.ts'
import type { Json } from '../../base/field.ts'
import type { Address, Hash32 } from '../../base/ids.ts'
import { Overlay } from '../../state/overlay.ts'
import { type BalanceOverride, overrideBalances } from '../../state/simulation.ts'
import type { StateReader, StateWriter } from '../../state/view.ts'
import { invalidParams, RPC_CODE, RpcError } from '../errors.ts'
import type { Param } from '../method.ts'
import { parseAddressJson, parseHashJson, parseUint } from '../params.ts'
import { type JsonObject, member, named, objectOf, parseAmount } from './callObject.ts'

/** Accounts in one set of overrides. */
const ACCOUNTS_MAX = 1_000

export interface BlockOverrides {
  readonly number?: number | undefined
  /** Seconds. */
  readonly time?: number | undefined
  readonly gasLimit?: number | undefined
  readonly feeRecipient?: Address | undefined
  readonly prevRandao?: Hash32 | undefined
  readonly baseFeePerGas?: bigint | undefined
}

function isEmpty(json: Json | undefined): boolean {
  if (json === undefined || json === null || json === '0x') return true
  return typeof json === 'object' && Object.keys(json).length === 0
}

const EVM_STATE = ['code', 'state', 'stateDiff', 'movePrecompileToAddress']

function parseAccount(address: Address, json: Json): BalanceOverride | undefined {
  const source = objectOf(json, 'an object of overrides')
  for (const name of EVM_STATE) {
    if (!isEmpty(source[name])) throw new Error(`${name} is not supported: there is no EVM, only balances`)
  }
  const balanceBase = member(source, 'balance', parseAmount)
  return balanceBase === undefined ? undefined : { address, balanceBase }
}

export function parseStateOverrides(json: Json): readonly BalanceOverride[] {
  const entries = Object.entries(objectOf(json, 'an object of accounts'))
  if (entries.length > ACCOUNTS_MAX) throw new Error(`at most ${ACCOUNTS_MAX} accounts`)
  return entries.flatMap(([address, account]) =>
    named(address.slice(0, 42), () => parseAccount(parseAddressJson(address), account as Json) ?? []),
  )
}

/** Members that only an EVM could read. */
const WITHOUT_EFFECT = new Set(['difficulty', 'blobBaseFee', 'coinbase', 'random'])
const NOT_SUPPORTED = ['withdrawals', 'beaconRoot']

export function parseBlockOverrides(json: Json): BlockOverrides {
  const source: JsonObject = objectOf(json, 'an object of block overrides')
  for (const name of NOT_SUPPORTED) {
    if (!isEmpty(source[name])) throw new Error(`${name} is not supported`)
  }
  return {
    number: member(source, 'number', parseUint),
    time: member(source, 'time', parseUint),
    gasLimit: member(source, 'gasLimit', parseUint),
    feeRecipient: member(source, 'feeRecipient', parseAddressJson),
    prevRandao: member(source, 'prevRandao', parseHashJson),
    baseFeePerGas: member(source, 'baseFeePerGas', parseAmount),
  }
}

/** Refuses every block override that could change the answer: a call runs at the height and time it has. */
function parseNoBlockOverrides(json: Json): undefined {
  const source = objectOf(json, 'an object of block overrides')
  for (const [name, value] of Object.entries(source)) {
    if (!WITHOUT_EFFECT.has(name) && !isEmpty(value)) {
      throw new Error(`${name.slice(0, 40)} is not supported here: use eth_simulateV1`)
    }
  }
  return undefined
}

export const stateOverridesParam: Param<readonly BalanceOverride[]> = {
  schema: { type: 'object' },
  required: true,
  parse: parseStateOverrides,
  absent: () => [],
}

export const noBlockOverridesParam: Param<undefined> = {
  schema: { type: 'object' },
  required: true,
  parse: parseNoBlockOverrides,
  absent: () => undefined,
}

/** Writes overrides; throws RpcError when the ledger cannot have them. */
export function mustOverride(state: StateWriter, overrides: readonly BalanceOverride[]): void {
  const reason = overrideBalances(state, overrides)
  if (reason !== undefined) throw invalidParams(reason)
}

/** The state with other balances; the state itself when there are none. */
export function withOverrides(state: StateReader, overrides: readonly BalanceOverride[]): StateReader {
  if (overrides.length === 0) return state
  const overlay = new Overlay(state)
  mustOverride(overlay, overrides)
  return overlay
}

/** Runs on a state that cannot happen on the chain: an assertion there is the caller's doing, not a fault of the node. */
export function onSupposedState<T>(isSupposed: boolean, run: () => T): T {
  try {
    return run()
  } catch (error) {
    if (!isSupposed || !(error instanceof AssertionFailed)) throw error
    throw new RpcError(RPC_CODE.refused, `the rules do not allow such a state: ${error.message}`)
  }
}
