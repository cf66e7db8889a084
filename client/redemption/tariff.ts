// A provider's tariff (GATEWAY §2): its canonical JSON, its hash, and what a usage costs. Amounts are base units.
// Owns: the only arithmetic of prices, for both sides. Not: whether a price is par (parity.ts).
import { utf8, utf8Text } from '../../base/bytes.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import type { Json } from '../../base/field.ts'
import type { Hash32 } from '../../base/ids.ts'
import { AMOUNT_MAX, maxBigint, mulDivCeil } from '../../base/units.ts'
import { SERVICES, type Service } from '../../state/modules/catalogue/schema.ts'
import { RedeemError } from './redeemError.ts'
import { checkUsage, type Usage } from './usage.ts'

export const TARIFF_VERSION = 1
export const TARIFF_BYTES_MAX = 65_536
export const TARIFF_MODELS_MAX = 256
/** Bytes of a model's name. */
export const MODEL_BYTES_MAX = 128
/** Tokens that a price is for. */
const TOKENS = 1_000n
/** Milliseconds that the price of a device-second is for. */
const SECOND_MS = 1_000n

/** Prices of a model that is charged by tokens or pieces. What has no price is not served. */
export interface ModelPrices {
  /** Base units per 1,000 tokens. */
  readonly promptBase?: bigint
  /** Of prompt tokens that the backend had cached; default: as `promptBase`. */
  readonly cachedPromptBase?: bigint
  readonly completionBase?: bigint
  readonly embeddingBase?: bigint
  /** Base units per piece. */
  readonly imageBase?: bigint
  readonly audioBase?: bigint
  /** The model of the catalogue's references that this one is as heavy as; default: the one of the same name. */
  readonly reference?: string
}

export interface Tariff {
  /** Least cost of a request that is charged at all, base units. */
  readonly minimumBase: bigint
  readonly models: ReadonlyMap<string, ModelPrices>
  /** Base units per device-second of jobs, by service. */
  readonly deviceSecondBase: ReadonlyMap<Service, bigint>
}

/** The prices of a model, in the order of the documents. */
export const PRICES = [
  'promptBase',
  'cachedPromptBase',
  'completionBase',
  'embeddingBase',
  'imageBase',
  'audioBase',
] as const satisfies readonly (keyof ModelPrices)[]

type Members = { readonly [name: string]: Json }

function bad(path: string, expected: string): RedeemError {
  return new RedeemError('tariff', `tariff: ${path}: expected ${expected}`, { path })
}

function objectOf(json: Json | undefined, path: string, known?: readonly string[]): Members {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw bad(path, 'an object')
  for (const name of Object.keys(json)) {
    if (known !== undefined && !known.includes(name))
      throw new RedeemError(
        'tariff',
        `tariff: ${path === '' ? '' : `${path}.`}${name.slice(0, 100)}: unknown field`,
        { path: path === '' ? name : `${path}.${name}` },
      )
  }
  return json as Members
}

function amountOf(json: Json | undefined, path: string): bigint {
  const value = typeof json === 'string' && /^(0|[1-9]\d{0,38})$/.test(json) ? BigInt(json) : undefined
  if (value === undefined || value > AMOUNT_MAX) throw bad(path, 'base units as a decimal string')
  return value
}

/** Names go into headers and logs. */
function isName(text: string): boolean {
  return text !== '' && utf8(text).length <= MODEL_BYTES_MAX && !/[\p{Cc}\p{Surrogate}]/u.test(text)
}

function modelOf(json: Json | undefined, path: string): ModelPrices {
  const members = objectOf(json, path, [...PRICES, 'reference'])
  const { reference } = members
  if (reference !== undefined && (typeof reference !== 'string' || !isName(reference)))
    throw bad(`${path}.reference`, 'the name of a model')
  const prices = Object.fromEntries(
    PRICES.filter((name) => members[name] !== undefined).map((name) => [
      name,
      amountOf(members[name], `${path}.${name}`),
    ]),
  )
  if (Object.keys(prices).length === 0) throw bad(path, 'at least one price')
  if (prices.cachedPromptBase !== undefined && prices.promptBase === undefined)
    throw bad(`${path}.promptBase`, 'a price, as there is one for cached prompts')
  return { ...prices, ...(reference === undefined ? {} : { reference }) }
}

/** The tariff of a JSON value. Throws RedeemError `tariff`, whose `path` names the field. */
export function tariffOf(json: Json): Tariff {
  const top = objectOf(json, '', ['version', 'minimumBase', 'models', 'deviceSecondBase'])
  if (top.version !== TARIFF_VERSION) throw bad('version', `${TARIFF_VERSION}`)
  const models = Object.entries(objectOf(top.models ?? {}, 'models'))
  if (models.length > TARIFF_MODELS_MAX) throw bad('models', `at most ${TARIFF_MODELS_MAX}`)
  for (const [name] of models) {
    if (!isName(name)) throw bad('models', `names of 1 to ${MODEL_BYTES_MAX} printable bytes`)
  }
  const jobs = objectOf(top.deviceSecondBase ?? {}, 'deviceSecondBase', SERVICES)
  const services = SERVICES.filter((service) => jobs[service] !== undefined)
  if (models.length === 0 && services.length === 0)
    throw bad('models', 'a model, or a price of device-seconds')
  return {
    minimumBase: amountOf(top.minimumBase, 'minimumBase'),
    models: new Map(models.map(([name, value]) => [name, modelOf(value, `models.${name}`)])),
    deviceSecondBase: new Map(
      services.map((service) => [service, amountOf(jobs[service], `deviceSecondBase.${service}`)]),
    ),
  }
}

/**
 * Reads a tariff as a person or a provider writes it. Throws RedeemError `tariff`, whose `path` names the field.
 *
 * @example
 * const tariff = parseTariff('{"version":1,"minimumBase":"0","models":{"tiny":{"completionBase":"1000"}}}')
 * tariff.models.get('tiny')?.completionBase // 1000n
 */
export function parseTariff(text: string | Uint8Array): Tariff {
  const bytes = typeof text === 'string' ? utf8(text) : text
  if (bytes.length > TARIFF_BYTES_MAX) throw bad('', `at most ${TARIFF_BYTES_MAX} bytes`)
  let json: Json
  try {
    json = JSON.parse(typeof text === 'string' ? text : utf8Text(text)) as Json
  } catch (cause) {
    throw new RedeemError('tariff', 'tariff: no JSON', { path: '', cause })
  }
  return tariffOf(json)
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** JSON with sorted names and without spaces. Written by hand, as an object would put names like `7` first. */
function canonical(members: readonly (readonly [string, string | undefined])[]): string {
  const given = members.filter((entry): entry is readonly [string, string] => entry[1] !== undefined)
  return `{${[...given]
    .sort(byName)
    .map(([name, value]) => `${JSON.stringify(name)}:${value}`)
    .join(',')}}`
}

const quoted = (value: bigint | string | undefined): string | undefined =>
  value === undefined ? undefined : JSON.stringify(value.toString())

/** The canonical JSON, which is served and hashed: names sorted by UTF-16, no spaces, no empty groups. */
export function tariffText(tariff: Tariff): string {
  const models = [...tariff.models].map(([name, prices]): [string, string] => [
    name,
    canonical([...PRICES, 'reference' as const].map((field) => [field, quoted(prices[field])])),
  ])
  const jobs = [...tariff.deviceSecondBase].map(([service, base]): [string, string | undefined] => [
    service,
    quoted(base),
  ])
  return canonical([
    ['version', `${TARIFF_VERSION}`],
    ['minimumBase', quoted(tariff.minimumBase)],
    ['models', models.length === 0 ? undefined : canonical(models)],
    ['deviceSecondBase', jobs.length === 0 ? undefined : canonical(jobs)],
  ])
}

/** The hash that listing and grant name: SHA-256 of the canonical JSON. */
export function tariffHash(tariff: Tariff): Hash32 {
  return sha256(utf8(tariffText(tariff)))
}

/** `ft:BASE:…`, as OpenAI names a fine-tuned model. */
const FINE_TUNED = /^ft:([^:]+):/

/** The name whose prices a model has: its own, or for a fine-tuned one without prices of its own that of its base. */
export function pricedAs(tariff: Tariff, model: string): string {
  if (tariff.models.has(model)) return model
  return FINE_TUNED.exec(model)?.[1] ?? model
}

/** Undefined for a model that is not served. */
export function pricesOf(tariff: Tariff, model: string): ModelPrices | undefined {
  return tariff.models.get(pricedAs(tariff, model))
}

/** What was used, and of what: a model, or a job's device-seconds for a service. */
export type Priced = { readonly model: string } | { readonly service: Service }

function unpriced(path: string): RedeemError {
  return new RedeemError('unpriced', `the tariff has no price for ${path}`, { path })
}

/**
 * What a usage costs: every count at its price, rounded up once, at least the minimum; nothing for no usage. The provider
 * gains the rounding. Throws RedeemError `unpriced` or `usage`.
 */
export function costOf(tariff: Tariff, of: Priced, usage: Usage): bigint {
  checkUsage(usage)
  // Thousandths of a base unit, so that tokens and milliseconds are rounded together.
  let thousandths = 0n
  const add = (count: number, priceBase: bigint | undefined, factor: bigint, path: string): void => {
    if (count === 0) return
    if (priceBase === undefined) throw unpriced(path)
    thousandths += BigInt(count) * priceBase * factor
  }
  if ('service' in of) {
    add(usage.deviceMs, tariff.deviceSecondBase.get(of.service), 1n, `deviceSecondBase.${of.service}`)
    if (usage.promptTokens + usage.completionTokens + usage.embeddingTokens + usage.images + usage.audios > 0)
      throw new RedeemError('usage', 'usage: a job is charged by device-seconds alone')
  } else {
    const path = `models.${of.model}`
    const prices = pricesOf(tariff, of.model)
    if (prices === undefined) throw unpriced(path)
    const cachedBase = prices.cachedPromptBase ?? prices.promptBase
    add(usage.promptTokens - usage.cachedPromptTokens, prices.promptBase, 1n, `${path}.promptBase`)
    add(usage.cachedPromptTokens, cachedBase, 1n, `${path}.cachedPromptBase`)
    add(usage.completionTokens, prices.completionBase, 1n, `${path}.completionBase`)
    add(usage.embeddingTokens, prices.embeddingBase, 1n, `${path}.embeddingBase`)
    add(usage.images, prices.imageBase, TOKENS, `${path}.imageBase`)
    add(usage.audios, prices.audioBase, TOKENS, `${path}.audioBase`)
    if (usage.deviceMs > 0) throw unpriced(`${path}.deviceMs`)
  }
  const anything = usage.deviceMs + usage.promptTokens + usage.completionTokens + usage.embeddingTokens
  if (anything + usage.images + usage.audios === 0) return 0n
  return maxBigint(tariff.minimumBase, mulDivCeil(thousandths, 1n, SECOND_MS))
}
