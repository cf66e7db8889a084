// Signed actions: which struct calldata stands for, its digest and its signer (WALLETS §1). Pure functions of the bytes.
// Not: who may sign for whom (authority.ts), running the action (execute.ts).
import { recoverAddress } from '../../../base/address.ts'
import { EMPTY_BYTES, equalBytes } from '../../../base/bytes.ts'
import { withParity } from '../../../base/eip712.ts'
import { type Address, type Hash32, ZERO_ADDRESS, ZERO_HASH } from '../../../base/ids.ts'
import { isLive, isSystemAddress, type ModuleDef, moduleAddress } from '../../../base/moduleDefinition.ts'
import { type SignedTerms, signedActionDigest } from '../../../base/signedAction.ts'
import { type ActionEntry, actionEntryOf, decodeArguments, selectorNumber } from '../../abiTable.ts'
import type { PrecheckFacts } from '../../context.ts'
import { accountsSchema } from './schema.ts'

/** An action as `execute` carries it. */
export interface SignedAction extends SignedTerms {
  readonly to: Address
  readonly data: Uint8Array
}

/** A digest and whose key signed it; both zero when nothing can be signed so. */
export interface Signature {
  readonly digest: Hash32
  readonly signer: Address
}

const UNSIGNABLE: Signature = { digest: ZERO_HASH, signer: ZERO_ADDRESS }
const SIGNATURE_BYTES = 32 + 20

/** Signable actions of each definition by selector, of every version: selectors are never used again. */
const signable = new WeakMap<ModuleDef, ReadonlyMap<number, ActionEntry>>()

function signableOf(definition: ModuleDef): ReadonlyMap<number, ActionEntry> {
  const known = signable.get(definition)
  if (known !== undefined) return known
  const entries = Object.entries(definition.actions)
    .filter(([, def]) => def.signed === true)
    .map(([name]) => actionEntryOf(definition, name))
  const made = new Map(entries.map((entry) => [entry.selector, entry]))
  signable.set(definition, made)
  return made
}

/** The action that may be signed at an address, in any version. */
export function findSignable(
  definitions: Iterable<ModuleDef>,
  at: { readonly to: Address; readonly selector: Uint8Array },
): ActionEntry | undefined {
  if (!isSystemAddress(at.to)) return undefined
  const selector = selectorNumber(at.selector)
  if (selector === undefined) return undefined
  for (const definition of definitions)
    if (equalBytes(moduleAddress(definition), at.to)) return signableOf(definition).get(selector)
  return undefined
}

/** `findSignable` at one protocol version. */
export function findLiveSignable(
  definitions: Iterable<ModuleDef>,
  at: { readonly to: Address; readonly selector: Uint8Array; readonly protocolVersion: number },
): ActionEntry | undefined {
  const entry = findSignable(definitions, at)
  const { protocolVersion } = at
  if (entry === undefined || !isLive(entry.definition, protocolVersion)) return undefined
  return isLive(entry.def, protocolVersion) ? entry : undefined
}

/** The digest that a wallet signs for an action; undefined when the calldata names no signable action. */
export function digestOf(facts: PrecheckFacts, action: SignedAction): Hash32 | undefined {
  const entry = findSignable(facts.definitions, { to: action.to, selector: action.data })
  const args = entry === undefined ? undefined : decodeArguments(entry, action.data)
  if (entry === undefined || args === undefined) return undefined
  return signedActionDigest({
    chainId: facts.chainId,
    module: action.to,
    action: entry.name,
    fields: entry.def.args,
    args,
    terms: action,
  })
}

/** Digest and signer of one action. */
export function signatureOf(facts: PrecheckFacts, action: SignedAction, signature: Uint8Array): Signature {
  const digest = digestOf(facts, action)
  if (digest === undefined) return UNSIGNABLE
  return { digest, signer: recoverAddress(digest, withParity(signature)) ?? ZERO_ADDRESS }
}

const EXECUTE = actionEntryOf(accountsSchema, 'execute')

export function isExecute(data: Uint8Array): boolean {
  return selectorNumber(data) === EXECUTE.selector
}

/** The signatures of an `execute` call, one after the other: the costly part of it, done before the block runs. */
export function precheckExecute(data: Uint8Array, facts: PrecheckFacts): Uint8Array {
  const args = isExecute(data) ? decodeArguments(EXECUTE, data) : undefined
  if (args === undefined) return EMPTY_BYTES
  const actions = args.actions as readonly SignedAction[]
  const signatures = args.signatures as readonly Uint8Array[]
  if (actions.length !== signatures.length) return EMPTY_BYTES
  const out = new Uint8Array(actions.length * SIGNATURE_BYTES)
  actions.forEach((action, i) => {
    const { digest, signer } = signatureOf(facts, action, signatures[i]!)
    out.set(digest, i * SIGNATURE_BYTES)
    out.set(signer, i * SIGNATURE_BYTES + 32)
  })
  return out
}

/** One entry of `precheckExecute`. */
export function readSignature(prechecked: Uint8Array, index: number): Signature {
  const at = index * SIGNATURE_BYTES
  return { digest: prechecked.slice(at, at + 32), signer: prechecked.slice(at + 32, at + SIGNATURE_BYTES) }
}
