// Error text, and errors that an operator can fix. Not: how the command line prints them (cli/failureText.ts).

/** The message of whatever was thrown. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** An error the user can fix; `message` says how. The command line prints no stack for it. */
export class ExpectedError extends Error {
  /** Where the documents explain this class and its codes. */
  get page(): string {
    return `docs/errors.md#${this.name.toLowerCase()}`
  }
}

/**
 * Something an operator must fix; `message` says what.
 *
 * @example
 * try {
 *   await createDevnet({ validators: 0 })
 * } catch (error) {
 *   if (!(error instanceof OperatorError)) throw error
 *   console.error(error.message) // validators: expected 1 to 16
 * }
 */
export class OperatorError extends ExpectedError {
  readonly code = 'OperatorError'
  constructor(message: string) {
    super(message)
    this.name = 'OperatorError'
  }
}

/** A configuration that cannot be used; the message names the field. */
export class ConfigError extends ExpectedError {
  readonly code = 'ConfigError'
  constructor(message: string) {
    super(message)
    this.name = 'ConfigError'
  }
}
