// The error of a remote signer that cannot be reached.

/** The signer cannot be reached now; the caller goes on without it. */
export class SignerUnreachableError extends Error {
  readonly code = 'SignerUnreachable'
  constructor(reason: string) {
    super(`the remote signer cannot be reached: ${reason}`)
    this.name = 'SignerUnreachableError'
  }
}
