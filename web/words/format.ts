// Numbers, amounts and times as people of the language in use write them. Exact values stay exact: amounts are formatted
// from their decimal text, never from a float.
import { COIN, formatCoins } from '../../base/units.ts'
import { language } from './language.ts'

const made = new Map<string, Intl.NumberFormat | Intl.DateTimeFormat | Intl.RelativeTimeFormat>()

/** Formats are costly to make; there are few kinds, in two languages. */
function kept<T extends Intl.NumberFormat | Intl.DateTimeFormat | Intl.RelativeTimeFormat>(
  kind: string,
  make: (language: string) => T,
): T {
  const key = `${language()} ${kind}`
  const known = made.get(key) as T | undefined
  if (known !== undefined) return known
  const format = make(language())
  made.set(key, format)
  return format
}

/** Decimal text of any length: Intl formats it digit by digit. */
type Decimal = `${number}`

function decimal(text: string, digits: number, least = 0): string {
  const format = kept(
    `decimal ${least} ${digits}`,
    (tag) =>
      new Intl.NumberFormat(tag, {
        minimumFractionDigits: least,
        maximumFractionDigits: digits,
        roundingMode: 'floor',
      } as Intl.NumberFormatOptions),
  )
  return format.format(text as Decimal)
}

/** Coins, rounded down, with as many digits as their size deserves. */
export function coins(amountBase: bigint): string {
  const size = amountBase < 0n ? -amountBase : amountBase
  const digits = size >= 10_000n * COIN ? 0 : size >= COIN ? 2 : 6
  if (size > 0n && size < COIN / 1_000_000n) return language() === 'en' ? '< 0.000001' : '小於 0.000001'
  return decimal(formatCoins(amountBase), digits)
}

/** All digits. */
export function coinsExact(amountBase: bigint): string {
  return decimal(formatCoins(amountBase), 18)
}

/** Units of an asset with `decimals`. */
export function units(amountBase: bigint, decimals: number, digits = 2): string {
  const scale = 10n ** BigInt(decimals)
  const fraction = (amountBase % scale).toString().padStart(decimals, '0')
  return decimal(`${amountBase / scale}.${fraction === '' ? '0' : fraction}`, digits)
}

export function count(value: number | bigint): string {
  return kept('count', (tag) => new Intl.NumberFormat(tag)).format(value)
}

/** A quantity that need not be exact, such as device-hours. */
export function quantity(value: number, digits = 2): string {
  return kept(
    `quantity ${digits}`,
    (tag) => new Intl.NumberFormat(tag, { maximumSignificantDigits: Math.max(3, digits + 2) }),
  ).format(value)
}

/** `40 M`, `4,000 萬`. */
export function compact(value: number | bigint): string {
  return kept(
    'compact',
    (tag) => new Intl.NumberFormat(tag, { notation: 'compact', maximumSignificantDigits: 3 }),
  ).format(value)
}

export function percent(ratio: number, digits = 1): string {
  return kept(
    `percent ${digits}`,
    (tag) => new Intl.NumberFormat(tag, { style: 'percent', maximumFractionDigits: digits }),
  ).format(ratio)
}

/** Parts per million as a percentage. */
export function ppm(value: bigint, digits = 2): string {
  return percent(Number(value) / 1_000_000, digits)
}

/** A share of an amount, 0 of nothing; for widths and percentages. */
export function ratioOf(part: bigint, whole: bigint): number {
  return whole === 0n ? 0 : Number((part * 1_000_000n) / whole) / 1_000_000
}

export function dateTime(ms: number): string {
  return kept(
    'dateTime',
    (tag) => new Intl.DateTimeFormat(tag, { dateStyle: 'medium', timeStyle: 'medium' }),
  ).format(ms)
}

export function clockTime(ms: number): string {
  return kept('clock', (tag) => new Intl.DateTimeFormat(tag, { timeStyle: 'medium' })).format(ms)
}

const SPANS = [
  { unit: 'day', ms: 86_400_000 },
  { unit: 'hour', ms: 3_600_000 },
  { unit: 'minute', ms: 60_000 },
  { unit: 'second', ms: 1_000 },
] as const

/** `3 minutes ago`, `in 2 hours`. */
export function ago(ms: number, nowMs = Date.now()): string {
  const delta = ms - nowMs
  const { unit, ms: span } = SPANS.find((one) => Math.abs(delta) >= one.ms) ?? SPANS[3]
  return kept('ago', (tag) => new Intl.RelativeTimeFormat(tag, { numeric: 'auto' })).format(
    Math.trunc(delta / span),
    unit,
  )
}

/** `2 hours`, `340 ms`. */
export function duration(ms: number): string {
  const { unit, ms: span } =
    ms < 1_000
      ? ({ unit: 'millisecond', ms: 1 } as const)
      : SPANS.find((one) => ms >= one.ms * (one.unit === 'second' ? 1 : 2))!
  return kept(
    `duration ${unit}`,
    (tag) =>
      new Intl.NumberFormat(tag, {
        style: 'unit',
        unit,
        unitDisplay: unit === 'millisecond' || unit === 'second' ? 'short' : 'long',
        maximumSignificantDigits: 3,
      }),
  ).format(ms / span)
}

export function bytes(value: number): string {
  const [unit, size] =
    value < 10_000
      ? (['byte', value] as const)
      : value < 10_000_000
        ? (['kilobyte', value / 1e3] as const)
        : value < 1e10
          ? (['megabyte', value / 1e6] as const)
          : (['gigabyte', value / 1e9] as const)
  return kept(
    `bytes ${unit}`,
    (tag) =>
      new Intl.NumberFormat(tag, {
        style: 'unit',
        unit,
        unitDisplay: unit === 'byte' ? 'long' : 'short',
        maximumSignificantDigits: 3,
      }),
  ).format(size)
}
