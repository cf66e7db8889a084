// Strict parsing of whole numbers from text, and range checks of those in JSON.
// Not: error messages (the caller's), amounts (units.ts).

/** Whether a JSON value is a safe integer from `min` to `max`. */
export function isWholeNumber(value: unknown, min = 0, max = Number.MAX_SAFE_INTEGER): value is number {
  return Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max
}

/** Parses plain decimal digits; undefined when out of bounds or with signs, spaces, exponents or hex. */
export function parseWholeNumber(text: string, min = 0, max = Number.MAX_SAFE_INTEGER): number | undefined {
  if (!/^\d+$/.test(text)) return undefined
  const value = Number(text)
  return isWholeNumber(value, min, max) ? value : undefined
}
