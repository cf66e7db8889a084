// Errors that an operator mends. Owns: the two classes. Not: how the command line prints them (cli/errorText.ts).

/** Something an operator must mend; `message` says what. */
export class OperatorError extends Error {
  readonly code = 'OperatorError'
  constructor(message: string) {
    super(message)
    this.name = 'OperatorError'
  }
}

/** A configuration that cannot be used; the message names the field. */
export class ConfigError extends Error {
  readonly code = 'ConfigError'
  constructor(message: string) {
    super(message)
    this.name = 'ConfigError'
  }
}
