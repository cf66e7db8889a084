// Attestors, the credentials that they issue, and assets that require one. Not: where it is required (debits.ts).
import { bytesKey, equalBytes } from '../../../base/bytes.ts'
import { type Address, ZERO_ADDRESS } from '../../../base/ids.ts'
import { type ActionArgs, isSystemAddress } from '../../../base/moduleDefinition.ts'
import { nameFault } from '../../../base/names.ts'
import type { ActionContext, ReadContext, WriteContext } from '../../context.ts'
import type { StateReader } from '../../view.ts'
import { expiryRange } from './freezes.ts'
import {
  ATTESTORS_MAX,
  type Attestor,
  type AttestorChange,
  CREDENTIALS_MAX,
  type Credential,
  type complianceSchema,
  type Requirement,
  type RequirementChange,
} from './schema.ts'
import { complianceParams, complianceTables, events, fail } from './tables.ts'

type Args<A extends keyof (typeof complianceSchema)['actions']> = ActionArgs<typeof complianceSchema, A>

export function getAttestors(state: StateReader): readonly Attestor[] {
  return complianceTables.attestors.get(state, {})?.attestors ?? []
}

function attestorAt(state: StateReader, account: Address): Attestor | undefined {
  return getAttestors(state).find((attestor) => equalBytes(attestor.account, account))
}

/** Lower-case letters, digits and hyphens, as `kyc-person`: no two names may look alike. */
const isSchemaName = (name: string): boolean => /^[a-z0-9][a-z0-9-]*$/.test(name)

export type AttestorRefusal =
  | { readonly code: 'NothingToChange' }
  | { readonly code: 'UnknownAttestor'; readonly account: Address }
  /** Nobody's key, or named twice. */
  | { readonly code: 'AccountRefused'; readonly account: Address }
  | { readonly code: 'NameRefused'; readonly name: string }
  | { readonly code: 'SchemaRefused'; readonly schema: string }
  | { readonly code: 'TooManyAttestors'; readonly maximum: number }

/** Why a change of attestors is impossible, or undefined. */
export function refuseAttestors(
  state: StateReader,
  { appoint, dismiss }: AttestorChange,
): AttestorRefusal | undefined {
  if (appoint.length === 0 && dismiss.length === 0) return { code: 'NothingToChange' }
  const unknown = dismiss.find((account) => attestorAt(state, account) === undefined)
  if (unknown !== undefined) return { code: 'UnknownAttestor', account: unknown }
  const named = new Set<string>()
  for (const account of [...dismiss, ...appoint.map((attestor) => attestor.account)]) {
    const isNobody = isSystemAddress(account) || equalBytes(account, ZERO_ADDRESS)
    if (isNobody || named.has(bytesKey(account))) return { code: 'AccountRefused', account }
    named.add(bytesKey(account))
  }
  for (const { name, schemas } of appoint) {
    if (nameFault(name) !== undefined) return { code: 'NameRefused', name }
    const wrong = schemas.find((schema, i) => !isSchemaName(schema) || schemas.indexOf(schema) !== i)
    if (schemas.length === 0 || wrong !== undefined) return { code: 'SchemaRefused', schema: wrong ?? '' }
  }
  const added = appoint.filter(({ account }) => attestorAt(state, account) === undefined).length
  return getAttestors(state).length - dismiss.length + added > ATTESTORS_MAX
    ? { code: 'TooManyAttestors', maximum: ATTESTORS_MAX }
    : undefined
}

/** Appoints and dismisses attestors; false if that has become impossible. What a dismissed one has issued counts no more. */
export function changeAttestors(ctx: WriteContext, change: AttestorChange): boolean {
  if (refuseAttestors(ctx.state, change) !== undefined) return false
  const { appoint, dismiss } = change
  const replaced = new Set([...dismiss, ...appoint.map(({ account }) => account)].map(bytesKey))
  const kept = getAttestors(ctx.state).filter(({ account }) => !replaced.has(bytesKey(account)))
  complianceTables.attestors.set(ctx.state, {}, { attestors: [...kept, ...appoint] })
  for (const account of dismiss) events.AttestorDismissed(ctx, { attestor: account })
  for (const { account, name, schemas } of appoint)
    events.AttestorAppointed(ctx, { attestor: account, name, schemas })
  return true
}

/** The credentials of an account that count now. */
export function credentialsOf(ctx: ReadContext, subject: Address): readonly Credential[] {
  const known = complianceTables.credentials.get(ctx.state, { subject })?.credentials ?? []
  return known.filter(({ attestor, schema, expiresMs }) => {
    if (expiresMs <= ctx.block.timestampMs) return false
    return attestorAt(ctx.state, attestor)?.schemas.includes(schema) === true
  })
}

export function getRequirement(state: StateReader, asset: number): Requirement | undefined {
  return complianceTables.requirement.get(state, { asset })
}

/** Whether a requirement names a credential that somebody may attest, or ends one. */
export function isAttestable(state: StateReader, schema: string): boolean {
  return schema === '' || getAttestors(state).some(({ schemas }) => schemas.includes(schema))
}

/** Sets which credential recipients of an asset need from now on. The caller has checked that the asset exists. */
export function setRequirement(
  ctx: WriteContext,
  change: RequirementChange & { readonly issuer: Address },
): void {
  const { asset, schema, level, issuer } = change
  if (schema === '') complianceTables.requirement.delete(ctx.state, { asset })
  else complianceTables.requirement.set(ctx.state, { asset }, { schema, level, issuer })
  events.RequirementSet(ctx, { asset, schema, level: schema === '' ? 0 : level })
}

function write(ctx: WriteContext, subject: Address, credentials: readonly Credential[]): void {
  if (credentials.length === 0) complianceTables.credentials.delete(ctx.state, { subject })
  else complianceTables.credentials.set(ctx.state, { subject }, { credentials })
}

export function attest(ctx: ActionContext, { subject, schema, level, expires }: Args<'attest'>) {
  const attestor = attestorAt(ctx.state, ctx.sender)
  if (attestor === undefined) return fail.NotAttestor({ sender: ctx.sender })
  if (!attestor.schemas.includes(schema)) return fail.SchemaNotAllowed({ schema })
  if (isSystemAddress(subject) || equalBytes(subject, ZERO_ADDRESS)) return fail.SubjectRefused({ subject })
  const range = expiryRange(ctx.block.timestampMs, complianceParams.get(ctx.state).credentialMaxMs)
  if (expires < range.earliest || expires > range.latest) return fail.ExpiryOutOfRange({ expires, ...range })
  // Those that no longer count make room.
  const others = credentialsOf(ctx, subject).filter(
    (known) => known.schema !== schema || !equalBytes(known.attestor, ctx.sender),
  )
  if (others.length >= CREDENTIALS_MAX) return fail.TooManyCredentials({ maximum: CREDENTIALS_MAX })
  // After this point the action must succeed.
  const issuedMs = ctx.block.timestampMs
  write(ctx, subject, [
    ...others,
    { schema, attestor: ctx.sender, level, issuedMs, expiresMs: expires * 1000 },
  ])
  events.CredentialIssued(ctx, { subject, attestor: ctx.sender, schema, level, expires })
  return undefined
}

export function revoke(ctx: ActionContext, { subject, schema }: Args<'revoke'>) {
  if (attestorAt(ctx.state, ctx.sender) === undefined) return fail.NotAttestor({ sender: ctx.sender })
  const known = credentialsOf(ctx, subject)
  const others = known.filter((one) => one.schema !== schema || !equalBytes(one.attestor, ctx.sender))
  if (others.length === known.length) return fail.UnknownCredential({ subject, schema })
  // After this point the action must succeed.
  write(ctx, subject, others)
  events.CredentialRevoked(ctx, { subject, attestor: ctx.sender, schema })
  return undefined
}
