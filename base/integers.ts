// Whole numbers from outside: the one strict reading of their text, and the check of those that JSON brings. Not: what
// is said when they are refused, which is the caller's; amounts (units.ts).

/** Whether a value of JSON is a whole number within bounds that arithmetic is exact in. */
export function isWholeNumber(value: unknown, min = 0, max = Number.MAX_SAFE_INTEGER): value is number {
  return Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max
}

/** Decimal digits and nothing else as a number within bounds; undefined for signs, spaces, exponents, hex. */
export function parseWholeNumber(text: string, min = 0, max = Number.MAX_SAFE_INTEGER): number | undefined {
  if (!/^\d+$/.test(text)) return undefined
  const value = Number(text)
  return isWholeNumber(value, min, max) ? value : undefined
}
