// Error text, and errors that an operator can fix. Not: how the command line prints them (cli/failureText.ts).

/** The message of whatever was thrown. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** An error the user can fix; `message` says how. The command line prints no stack for it. */
export class ExpectedError extends Error {}

/** Something an operator must fix; `message` says what. */
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
