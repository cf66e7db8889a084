// Checks of JSON that others send. Owns: the error that names the field, and what its value must be.

/** A field that cannot be used. `param` names it as OpenAI's errors do. */
export class InputError extends Error {
  readonly param: string
  /** The message without the field's name. */
  readonly reason: string
  constructor(param: string, reason: string) {
    super(`${param}: ${reason}`)
    this.name = 'InputError'
    this.param = param
    this.reason = reason
  }
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

interface Range {
  readonly min: number
  readonly max: number
}

/** A number within bounds; `undefined` when the field is missing or null. */
export function readNumber(value: unknown, param: string, { min, max }: Range): number | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'number' || !(value >= min && value <= max))
    throw new InputError(param, `expected a number from ${min} to ${max}`)
  return value
}

/** A whole number within bounds; `undefined` when the field is missing or null. */
export function readWhole(value: unknown, param: string, range: Range): number | undefined {
  const number = readNumber(value, param, range)
  if (number !== undefined && !Number.isSafeInteger(number))
    throw new InputError(param, `expected a whole number from ${range.min} to ${range.max}`)
  return number
}

export function readFlag(value: unknown, param: string): boolean {
  if (value === undefined || value === null) return false
  if (typeof value !== 'boolean') throw new InputError(param, 'expected true or false')
  return value
}
