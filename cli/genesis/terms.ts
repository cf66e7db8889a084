// Values of the ceremony's options: amounts, lots, bonds, coins. Not: whether the rules accept them (genesis/).
import { parseChecksumAddress } from '../../base/address.ts'
import { type Address, type Hash32, parseHash32 } from '../../base/ids.ts'
import { parseWholeNumber } from '../../base/integers.ts'
import { parseCoins } from '../../base/units.ts'
import type { Genesis } from '../../genesis/schema.ts'
import { UsageError } from '../usageError.ts'

const COIN_DECIMALS = 18
type Provider = Genesis['providers'][number]

export function addressOf(text: string, option: string): Address {
  const address = parseChecksumAddress(text)
  if (address !== undefined) return address
  throw new UsageError(
    `${option}: expected an address, 0x and 40 hex digits, in one case or with its checksum, not ${text.slice(0, 100)}`,
  )
}

export function hashOf(text: string, option: string): Hash32 {
  const hash = parseHash32(text)
  if (hash !== undefined) return hash
  throw new UsageError(`${option}: expected a hash, 0x and 64 hex digits, not ${text.slice(0, 100)}`)
}

/** A decimal number as base units of an asset; undefined when it is none, or has too many decimals. */
export function unitsOf(text: string, decimals: number): bigint | undefined {
  const [whole = '', fraction = '', ...more] = text.split('.')
  if (more.length > 0 || fraction.length > decimals || !/^\d{1,30}$/.test(whole) || !/^\d*$/.test(fraction))
    return undefined
  return text.endsWith('.')
    ? undefined
    : BigInt(whole) * 10n ** BigInt(decimals) + BigInt(fraction.padEnd(decimals, '0') || 0)
}

/** Base units as a decimal number without trailing zeros. */
export function unitsText(amountBase: bigint, decimals: number): string {
  const unit = 10n ** BigInt(decimals)
  const fraction =
    decimals === 0 ? '' : (amountBase % unit).toString().padStart(decimals, '0').replace(/0+$/, '')
  return `${amountBase / unit}${fraction === '' ? '' : `.${fraction}`}`
}

/** Price of a coin in units of an asset, as base units. */
export function priceOf(text: string, decimals: number): bigint {
  const price = unitsOf(text, decimals)
  if (price !== undefined) return price
  throw new UsageError(
    `--coin-price: expected a number with at most ${decimals} decimals, not ${text.slice(0, 100)}`,
  )
}

/** A time, UTC unless it says otherwise, as Unix milliseconds. */
export function timeOf(text: string): number {
  const isZoned = /(Z|[+-]\d\d:\d\d)$/.test(text)
  const ms = /^\d{4}-\d\d-\d\d/.test(text)
    ? Date.parse(isZoned || text.length === 10 ? text : `${text}Z`)
    : Number.NaN
  if (Number.isSafeInteger(ms)) return ms
  throw new UsageError(`--time: expected a UTC time such as 2027-01-15T09:00Z, not ${text.slice(0, 100)}`)
}

/** `class:devices:region:device root`, of a class of the draft. */
export function lotOf(text: string, classes: Genesis['classes']): Provider['lots'][number] {
  const [slug = '', count = '', region = '', root = '', ...more] = text.split(':')
  const devices = parseWholeNumber(count, 1, 1_000_000)
  const deviceRoot = parseHash32(root)
  if (slug === '' || devices === undefined || deviceRoot === undefined || more.length > 0) {
    throw new UsageError(
      `--lot: expected class:devices:region:root, such as h100-sxm:256:tw-north:0x… (64 hex digits), not ${text.slice(0, 160)}`,
    )
  }
  if (classes.every((one) => one.slug !== slug)) {
    throw new UsageError(
      `--lot: the draft has no class ${slug.slice(0, 100)}: suanli genesis show lists its classes`,
    )
  }
  return { class: slug, devices, deviceRoot, region }
}

/** `asset:amount`, in units of the asset. */
export function bondOf(text: string, assets: Genesis['assets']): Provider['bonds'][number] {
  const [id = '', amount = '', ...more] = text.split(':')
  const asset = assets.find((one) => String(one.id) === id || one.symbol === id)
  const amountBase = asset === undefined ? undefined : unitsOf(amount, asset.decimals)
  if (asset === undefined || amountBase === undefined || more.length > 0) {
    const known = assets.map(({ symbol, decimals }) => `${symbol} (${decimals} decimals)`).join(', ')
    throw new UsageError(`--bond: expected asset:amount of ${known}, not ${text.slice(0, 100)}`)
  }
  return { assetId: asset.id, amountBase }
}

/** `amount`, which is for the operator, or `address:amount`. */
export function coinsOf(text: string): { readonly account?: Address; readonly amountBase: bigint } {
  const parts = text.split(':')
  const amountBase = parseCoins(parts.at(-1) ?? '')
  if (amountBase === undefined || parts.length > 2) {
    throw new UsageError(
      `--coins: expected an amount with at most ${COIN_DECIMALS} decimals, or address:amount, not ${text.slice(0, 100)}`,
    )
  }
  return parts.length === 1 ? { amountBase } : { account: addressOf(parts[0] ?? '', '--coins'), amountBase }
}

/** A hash in groups of four digits, to be read aloud. */
export function spoken(hash: string): string {
  return (hash.replace(/^0x/, '').match(/.{1,4}/g) ?? []).join(' ')
}
