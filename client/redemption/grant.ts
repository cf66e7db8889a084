// An access grant: what a provider gives the holder of an assignment, sealed to its client key (ECONOMY §6, GATEWAY §1).
// Owns: its bytes, and what a grant may say. Not: the primitives (hpke.ts), the comparison with chain and tariff (redeemer.ts).
import { concatBytes, u32be, u64be, utf8, utf8Text } from '../../base/bytes.ts'
import { errorText } from '../../base/errors.ts'
import type { Infer } from '../../base/field.ts'
import type { Hash32 } from '../../base/ids.ts'
import { isWholeNumber } from '../../base/integers.ts'
import { message, t } from '../../base/schema.ts'
import { parseBase64Url, toBase64Url } from './base64.ts'
import { grantSuite, TAG_BYTES, X25519_BYTES, x25519PublicKey } from './hpke.ts'
import { RedeemError } from './redeemError.ts'

/** As much as the chain takes. */
export const GRANT_SEALED_BYTES_MAX = 1024
const SEALED_BYTES_MIN = X25519_BYTES + TAG_BYTES
const BASE_URL_BYTES_MAX = 512
const API_KEY_BYTES = 32
/** Shown of a grant that is not sealed. */
const PLAIN_CHARS_MAX = 120

const grantMessage = message('Grant', {
  /** Where `/v1/chat/completions` and `/suanli/v1/…` begin: `https://gpu.example/`, without the `v1`. */
  baseUrl: t.text(BASE_URL_BYTES_MAX),
  /** The API key: as text, base64url of it. */
  apiKey: t.fixed(API_KEY_BYTES),
  /** SHA-256 of the certificate's DER bytes, of a provider that no authority vouches for. */
  certificate: t.optional(t.hash),
  tariffHash: t.hash,
  validFromMs: t.u64,
  validUntilMs: t.u64,
})

export type Grant = Infer<typeof grantMessage>

/** Which assignment of which chain a grant is for: it opens for no other. */
export interface GrantFor {
  readonly genesis: Hash32
  readonly redemptionId: number
  readonly assignment: number
}

const TAG = utf8('suanli/grant/v1')

function infoOf({ genesis, redemptionId, assignment }: GrantFor): Uint8Array {
  return concatBytes(TAG, genesis, u64be(redemptionId), u32be(assignment))
}

/** A grant that is a text says something to people; sealed bytes are none. */
function plainText(sealed: Uint8Array): string {
  const isText = sealed.length > 0 && sealed.every((byte) => byte >= 0x20 && byte < 0x7f)
  return isText ? `. It says: ${utf8Text(sealed.subarray(0, PLAIN_CHARS_MAX))}` : ''
}

/** The URL of a base URL, or RedeemError `grantContent`. */
function checkBaseUrl(text: string): void {
  const bad = (reason: string): RedeemError =>
    new RedeemError('grantContent', `the grant's base URL ${reason}`, { path: 'baseUrl' })
  let url: URL
  try {
    url = new URL(text)
  } catch {
    throw bad('is no URL')
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw bad('is neither http nor https')
  if (url.username !== '' || url.password !== '') throw bad('holds a user name or password')
  if (url.search !== '' || url.hash !== '' || text.endsWith('?') || text.endsWith('#'))
    throw bad('has a query or a fragment')
}

function checkGrant(grant: Grant): void {
  const reason = grantMessage.check(grant)
  if (reason !== undefined) {
    const [path = ''] = reason.split(':')
    throw new RedeemError('grantContent', `grant: ${reason}`, { path })
  }
  checkBaseUrl(grant.baseUrl)
  if (grant.validFromMs >= grant.validUntilMs) {
    throw new RedeemError('grantContent', 'the grant ends before it begins', { path: 'validUntilMs' })
  }
}

/** A path below the base URL: `endpointOf('https://gpu.example/a', '/v1/models')`. */
export function endpointOf(baseUrl: string, path: string): string {
  return `${baseUrl.replace(/\/+$/, '')}/${path.replace(/^\/+/, '')}`
}

/** The API key as `Authorization: Bearer` carries it. */
export function apiKeyText(apiKey: Uint8Array): string {
  return toBase64Url(apiKey)
}

/** Undefined for what is no API key. */
export function parseApiKey(text: string): Uint8Array | undefined {
  const bytes = text.length > 64 ? undefined : parseBase64Url(text)
  return bytes?.length === API_KEY_BYTES ? bytes : undefined
}

/** The public client key of a 32-byte secret, as `redemption.request` takes it. Throws RedeemError `clientKey`. */
export function clientKeyOf(secret: Uint8Array): Uint8Array {
  if (secret.length !== X25519_BYTES) throw new RedeemError('clientKey', 'the client secret is not 32 bytes')
  return x25519PublicKey(secret)
}

/** What `redemption.grant` posts: the encapsulated key, then the ciphertext. Throws RedeemError. */
export async function sealGrant(
  to: GrantFor & { readonly clientKey: Uint8Array },
  grant: Grant,
): Promise<Uint8Array> {
  checkGrant(grant)
  if (to.clientKey.length !== X25519_BYTES) {
    throw new RedeemError('clientKey', `the client key is ${to.clientKey.length} bytes, not ${X25519_BYTES}`)
  }
  const plaintext = grantMessage.encode(grant)
  let sealed: Uint8Array
  try {
    const key = await grantSuite.DeserializePublicKey(to.clientKey)
    const { encapsulatedSecret, ciphertext } = await grantSuite.Seal(key, plaintext, { info: infoOf(to) })
    sealed = concatBytes(encapsulatedSecret, ciphertext)
  } catch (cause) {
    throw new RedeemError('clientKey', 'nothing can be sealed for the client key', { cause })
  }
  if (sealed.length > GRANT_SEALED_BYTES_MAX) {
    throw new RedeemError('grantSize', `a sealed grant of ${sealed.length} bytes: at most 1,024`)
  }
  return sealed
}

/** Opens what `redemption.grant` posted. Throws RedeemError: `grantSize`, `grantSealed` or `grantContent`. */
export async function openGrant(
  by: GrantFor & { readonly clientSecret: Uint8Array },
  sealed: Uint8Array,
): Promise<Grant> {
  if (!isWholeNumber(sealed.length, SEALED_BYTES_MIN, GRANT_SEALED_BYTES_MAX)) {
    throw new RedeemError(
      'grantSize',
      `the grant is ${sealed.length} bytes; a sealed one is ${SEALED_BYTES_MIN} to ${GRANT_SEALED_BYTES_MAX}${plainText(sealed)}`,
    )
  }
  if (by.clientSecret.length !== X25519_BYTES)
    throw new RedeemError('clientKey', 'the client secret is not 32 bytes')
  let plaintext: Uint8Array
  try {
    const key = await grantSuite.DeserializePrivateKey(by.clientSecret)
    const enc = sealed.subarray(0, X25519_BYTES)
    plaintext = await grantSuite.Open(key, enc, sealed.subarray(X25519_BYTES), { info: infoOf(by) })
  } catch (cause) {
    throw new RedeemError(
      'grantSealed',
      `the grant does not open: it is junk, or sealed for another key, redemption, assignment or chain${plainText(sealed)}`,
      { cause },
    )
  }
  let grant: Grant
  try {
    grant = grantMessage.decode(plaintext)
  } catch (cause) {
    throw new RedeemError('grantContent', `the grant cannot be read: ${errorText(cause)}`, { cause })
  }
  checkGrant(grant)
  return grant
}
