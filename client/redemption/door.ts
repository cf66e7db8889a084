// Opens a provider's door: from the grant on the chain to a session whose tariff, prices and terms are checked (GATEWAY §1, §4).
// Owns: every check before the first request. Not: requests and vouchers (paidDoor.ts), when a door is due (redeemer.ts).
import { equalBytes } from '../../base/bytes.ts'
import type { Infer } from '../../base/field.ts'
import { type Address, type Hash32, ZERO_HASH } from '../../base/ids.ts'
import type { Service } from '../../state/modules/catalogue/schema.ts'
import { type DoorFetch, knock, readText } from './bodies.ts'
import { apiKeyText, endpointOf, type Grant } from './grant.ts'
import type { RedeemKeys } from './keys.ts'
import { abovePar, modelParity, type Parity, type ParTerms, type Reference } from './parity.ts'
import { RedeemError } from './redeemError.ts'
import { parseTariff, TARIFF_BYTES_MAX, type Tariff, tariffHash } from './tariff.ts'
import { PATHS, readWire, type Session, sessionInfo, WIRE_BYTES_MAX } from './wire.ts'

/** How far the provider's clock may be from the chain's before it is told. */
const CLOCK_TOLERANCE_MS = 5 * 60_000

/** The assignment as the chain has it. */
export interface AssignmentTerms extends ParTerms {
  readonly redemptionId: number
  readonly assignment: number
  readonly provider: number
  /** The provider's account. */
  readonly operator: Address
  readonly service: Service
  readonly classId: number
  readonly window: number
  readonly amountBase: bigint
  readonly grant: Uint8Array
  /** What the listing names; undefined when there is none, as an obliged provider needs none. */
  readonly tariffHash: Hash32 | undefined
}

export interface DoorOptions {
  readonly chainId: number
  readonly genesis: Hash32
  readonly keys: RedeemKeys
  readonly references: readonly Reference[]
  /** The chain's time, by its newest block. */
  readonly chainNowMs: number
  /** A fetch that takes only the given certificate; undefined where that cannot be checked, as in a page. */
  readonly fetchFor: (certificate: Hash32 | undefined) => DoorFetch | undefined
  /** Takes prices above par. */
  readonly isAboveParTaken: boolean
  /** Takes a base URL of a foreign host without TLS. */
  readonly isPlainTaken: boolean
  /** A model that has to be there. */
  readonly model?: string | undefined
  readonly timeoutMs: number
}

/** A door that is open. */
export interface Door {
  readonly terms: AssignmentTerms
  readonly grant: Grant
  readonly tariff: Tariff
  readonly session: Session
  readonly fetch: DoorFetch
  /** Of every model, whether its price is par. */
  readonly parity: ReadonlyMap<string, Parity>
  /** How far the provider's clock is ahead of the chain's; undefined within the tolerance. */
  readonly clockAheadMs: number | undefined
}

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/

function checkTransport({ baseUrl, certificate }: Grant, options: DoorOptions): DoorFetch {
  const url = new URL(baseUrl)
  if (url.protocol === 'http:' && !options.isPlainTaken && !LOOPBACK.test(url.hostname)) {
    throw new RedeemError(
      'grantContent',
      `${url.origin} has no TLS: the key and every prompt would be readable on the way`,
      { path: 'baseUrl' },
    )
  }
  const fetch = options.fetchFor(url.protocol === 'https:' ? certificate : undefined)
  if (fetch !== undefined) return fetch
  throw new RedeemError('certificate', 'the grant names a certificate, and this program cannot check one')
}

/** Opens and checks what the provider posted, before anything is asked of it. Throws RedeemError. */
export async function readGrant(terms: AssignmentTerms, options: DoorOptions): Promise<Grant> {
  const { redemptionId, assignment } = terms
  const grant = await options.keys.open({ genesis: options.genesis, redemptionId, assignment }, terms.grant)
  const listed = terms.tariffHash
  if (listed !== undefined && !equalBytes(listed, ZERO_HASH) && !equalBytes(listed, grant.tariffHash))
    throw new RedeemError('tariffHash', 'the grant names another tariff than the listing')
  return grant
}

function prices(tariff: Tariff, terms: AssignmentTerms, options: DoorOptions): ReadonlyMap<string, Parity> {
  const at = { classId: terms.classId, service: terms.service, terms, references: options.references }
  const [dear] = abovePar(tariff, at)
  if (dear !== undefined && !options.isAboveParTaken) {
    throw new RedeemError('abovePar', `${dear}: the price is more than 2 % above par`, { path: dear })
  }
  const { model } = options
  if (model !== undefined && !tariff.models.has(model))
    throw new RedeemError('unpriced', `the provider does not serve ${model}`, { path: `models.${model}` })
  return new Map([...tariff.models.keys()].map((name) => [name, modelParity(tariff, name, at)]))
}

/** The members in which a session must agree with the chain. */
function checkSession(session: Session, terms: AssignmentTerms, options: DoorOptions, grant: Grant): void {
  const same: Readonly<Record<string, boolean>> = {
    chainId: session.chainId === options.chainId,
    genesis: equalBytes(session.genesis, options.genesis),
    redemptionId: session.redemptionId === terms.redemptionId,
    assignment: session.assignment === terms.assignment,
    provider: equalBytes(session.provider, terms.operator),
    service: session.service === terms.service,
    amountBase: session.amountBase === terms.amountBase,
    tariffHash: equalBytes(session.tariffHash, grant.tariffHash),
  } satisfies Partial<Record<keyof Infer<typeof sessionInfo>, boolean>>
  const wrong = Object.keys(same).find((name) => same[name] === false)
  if (wrong !== undefined)
    throw new RedeemError('door', `the provider's session is another one: ${wrong} differs`, { path: wrong })
}

/** Knocks, and checks what answers. Throws RedeemError; `door` may pass, everything else is the provider's fault. */
export async function openDoor(terms: AssignmentTerms, options: DoorOptions): Promise<Door> {
  const grant = await readGrant(terms, options)
  const fetch = checkTransport(grant, options)
  const ask = async (path: string, init: RequestInit, bytesMax: number): Promise<string> => {
    const url = endpointOf(grant.baseUrl, path)
    const signal = AbortSignal.timeout(options.timeoutMs)
    const response = await knock(fetch, url, { ...init, signal, redirect: 'error' })
    const text = await readText(response, bytesMax)
    if (!response.ok) throw new RedeemError('door', `${url}: HTTP ${response.status}`)
    return text
  }
  const tariff = parseTariff(await ask(PATHS.tariff, {}, TARIFF_BYTES_MAX))
  if (!equalBytes(tariffHash(tariff), grant.tariffHash))
    throw new RedeemError('tariffHash', 'the provider serves another tariff than its grant names')
  const parity = prices(tariff, terms, options)
  const headers = { authorization: `Bearer ${apiKeyText(grant.apiKey)}` }
  const session = readWire(sessionInfo, await ask(PATHS.session, { headers }, WIRE_BYTES_MAX))
  checkSession(session, terms, options, grant)
  const aheadMs = session.nowMs - options.chainNowMs
  const clockAheadMs = Math.abs(aheadMs) > CLOCK_TOLERANCE_MS ? aheadMs : undefined
  return { terms, grant, tariff, session, fetch, parity, clockAheadMs }
}
