// The EIP-712 form of native actions (WALLETS §1): which struct a wallet signs for an action, and its digest.
// Owns: names and order of the members. Not: who may sign what (state/modules/accounts/signedActions.ts).
import { assert } from './assert.ts'
import { type TypedField, typedDataDigest } from './eip712.ts'
import type { AbiValue, Fields } from './field.ts'
import type { Address, Hash32 } from './ids.ts'

/** A signature is good for at most this long before its `validBefore`, seconds. */
export const SIGNED_VALIDITY_MAX_S = 86_400

/** Members around an action's own arguments; an argument of a signed action has none of these names. */
const FROM: TypedField = { name: 'from', type: { kind: 'address' } }
const VALID_BEFORE: TypedField = { name: 'validBefore', type: { kind: 'uint', bits: 64 } }
const NONCE: TypedField = { name: 'nonce', type: { kind: 'uint', bits: 256 } }

/** What the signer decides besides the action's arguments. */
export interface SignedTerms {
  /** The account that acts. */
  readonly from: Address
  /** Unix seconds before which the action must be in a block. */
  readonly validBefore: number
  /** Random: it tells equal actions apart. */
  readonly nonce: bigint
}

/** `request` → `Request`. */
export function primaryTypeOf(action: string): string {
  return action.slice(0, 1).toUpperCase() + action.slice(1)
}

/** Members of the struct: `from`, the action's arguments, `validBefore`, `nonce`. */
export function signedFields(args: Fields): readonly TypedField[] {
  const own = Object.entries(args).map(([name, field]): TypedField => {
    assert(field.abi !== undefined, `${name} has an ABI type`)
    return { name, type: field.abi }
  })
  return [FROM, ...own, VALID_BEFORE, NONCE]
}

/** Why an action cannot have a signed form, or undefined: structs are flat, and their members have different names. */
export function signedFormFault(args: Fields): string | undefined {
  const reserved = new Set([FROM, VALID_BEFORE, NONCE].map(({ name }) => name))
  for (const [name, field] of Object.entries(args)) {
    if (reserved.has(name)) return `${name} is a member of every signed action`
    const { abi } = field
    if (abi === undefined || abi.kind === 'array' || abi.kind === 'tuple') return `${name} is not flat`
  }
  return undefined
}

/** What a wallet signs for an action of the module at `module`; `args` are the decoded arguments. */
export function signedActionDigest(options: {
  readonly chainId: number
  readonly module: Address
  readonly action: string
  readonly fields: Fields
  readonly args: { readonly [name: string]: unknown }
  readonly terms: SignedTerms
}): Hash32 {
  const { chainId, module, action, fields, args, terms } = options
  const own = Object.entries(fields).map(([name, field]): AbiValue => field.toAbi(args[name]))
  return typedDataDigest({
    domain: { chainId, verifyingContract: module },
    primaryType: primaryTypeOf(action),
    fields: signedFields(fields),
    values: [terms.from, ...own, BigInt(terms.validBefore), terms.nonce],
  })
}
