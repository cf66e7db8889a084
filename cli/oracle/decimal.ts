// Numbers of sources as exact integers: a text of digits, scaled by a power of ten. No floats.

/** Digits of a source's number at most; more are noise or an attack. */
const DIGITS_MAX = 60

/**
 * A positive decimal number times 10^decimals, rounded down to an integer; undefined when it is none, or is not above 0.
 *
 * @example
 * scaledDecimal('3.0282', 6) // 3_028_200n
 * scaledDecimal('1e-3', 6) // 1_000n
 */
export function scaledDecimal(text: string, decimals: number): bigint | undefined {
  const match = /^\+?(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,3}))?$/.exec(text.trim())
  if (match === null) return undefined
  const [, whole = '', fraction = '', exponent = '0'] = match
  const shift = decimals + Number(exponent) - fraction.length
  if (whole.length + fraction.length > DIGITS_MAX || Math.abs(shift) > DIGITS_MAX) return undefined
  const digits = BigInt(whole + fraction)
  const value = shift >= 0 ? digits * 10n ** BigInt(shift) : digits / 10n ** BigInt(-shift)
  return value > 0n ? value : undefined
}
