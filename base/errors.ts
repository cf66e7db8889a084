// Errors as text, and errors that an operator mends. Not: how the command line prints them (cli/failureText.ts).

/** The message of whatever was thrown. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** What its reader can mend, and `message` says how: the command line prints no stack. */
export class ExpectedError extends Error {}

/** Something an operator must mend; `message` says what. */
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
