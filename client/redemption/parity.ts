// Whether a tariff is par (GATEWAY §2): a coin buys as much as the device-hours it is redeemable for yield by a published
// measurement. Owns: that comparison. Not: the measurements (catalogue.references), the assignment's anchor and rating.
import { COIN, mulDivCeil, mulDivFloor, PPM } from '../../base/units.ts'
import type { Service } from '../../state/modules/catalogue/schema.ts'
import { PRICES, type Tariff } from './tariff.ts'

/** How far above par a price may be, ppm: measurements and rounding. */
export const PARITY_TOLERANCE_PPM = 20_000n
const HOUR_S = 3_600n
const TOKENS = 1_000n

/** What an assignment fixed: `A`, `R[c][s]`, and the listing's bonus above par. */
export interface ParTerms {
  /** The anchor, ppm. */
  readonly anchor: bigint
  /** Rating of the class for the service, ppm. */
  readonly rating: bigint
  readonly bonusPpm: bigint
}

/** A published throughput: `catalogue_references`. */
export interface Reference {
  readonly classId: number
  readonly model: string
  /** Tokens that one device of the class makes of the model in an hour. */
  readonly tokensPerHour: number
}

/** `abovePar`: by more than the tolerance; `unknown`: there is no measurement to compare with. */
export type Parity = 'par' | 'abovePar' | 'unknown'

/** Device-hours of the class that a coin is redeemable for, times PPM twice over `rating`: kept as a fraction. */
function coinHours({ anchor, rating, bonusPpm }: ParTerms): {
  readonly over: bigint
  readonly under: bigint
} {
  return { over: anchor * (PPM + bonusPpm), under: rating * PPM }
}

/** Tokens that a coin buys at par, rounded down. */
export function parTokensPerCoin(tokensPerHour: number, terms: ParTerms): bigint {
  const { over, under } = coinHours(terms)
  return mulDivFloor(BigInt(tokensPerHour), over, under)
}

/** Price of 1,000 tokens at par, base units, rounded up. */
export function parTokenPrice(tokensPerHour: number, terms: ParTerms): bigint {
  const { over, under } = coinHours(terms)
  return mulDivCeil(TOKENS * COIN, under, over * BigInt(tokensPerHour))
}

/** Price of a device-second at par, base units, rounded up. */
export function parDeviceSecondPrice(terms: ParTerms): bigint {
  const { over, under } = coinHours(terms)
  return mulDivCeil(COIN, under, over * HOUR_S)
}

function isAbove(priceBase: bigint, parBase: bigint): boolean {
  return priceBase * PPM > parBase * (PPM + PARITY_TOLERANCE_PPM)
}

/** The measurement that a model of a tariff is compared with. */
export function referenceOf(
  tariff: Tariff,
  model: string,
  classId: number,
  references: readonly Reference[],
): Reference | undefined {
  const named = tariff.models.get(model)?.reference ?? model
  return references.find((one) => one.classId === classId && one.model === named && one.tokensPerHour > 0)
}

/**
 * Every price of tokens of a model against par; a measurement counts tokens that are made, so a tariff whose prompts cost as
 * much as what is made of them is the dearest at par.
 */
export function modelParity(
  tariff: Tariff,
  model: string,
  options: { readonly classId: number; readonly terms: ParTerms; readonly references: readonly Reference[] },
): Parity {
  const prices = tariff.models.get(model)
  const reference = referenceOf(tariff, model, options.classId, options.references)
  if (prices === undefined || reference === undefined || options.terms.anchor === 0n) return 'unknown'
  const parBase = parTokenPrice(reference.tokensPerHour, options.terms)
  const perTokens = PRICES.filter((name) => name !== 'imageBase' && name !== 'audioBase')
  return perTokens.some((name) => isAbove(prices[name] ?? 0n, parBase)) ? 'abovePar' : 'par'
}

/** The price of a job's device-seconds against par. */
export function jobParity(tariff: Tariff, service: Service, terms: ParTerms): Parity {
  const priceBase = tariff.deviceSecondBase.get(service)
  if (priceBase === undefined || terms.anchor === 0n) return 'unknown'
  return isAbove(priceBase, parDeviceSecondPrice(terms)) ? 'abovePar' : 'par'
}

/** Names of all prices of a tariff that are above par, as `models.NAME` and `deviceSecondBase.SERVICE`. */
export function abovePar(
  tariff: Tariff,
  options: {
    readonly classId: number
    readonly service: Service
    readonly terms: ParTerms
    readonly references: readonly Reference[]
  },
): readonly string[] {
  const models = [...tariff.models.keys()].filter(
    (model) => modelParity(tariff, model, options) === 'abovePar',
  )
  const job = jobParity(tariff, options.service, options.terms) === 'abovePar'
  return [
    ...models.map((model) => `models.${model}`),
    ...(job ? [`deviceSecondBase.${options.service}`] : []),
  ]
}
