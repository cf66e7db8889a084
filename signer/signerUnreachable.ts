// What a remote signer's port rejects with while it cannot be reached. Owns: that error.

/** The signer cannot be reached now; whoever asked does without. */
export class SignerUnreachableError extends Error {
  readonly code = 'SignerUnreachable'
  constructor(reason: string) {
    super(`the remote signer cannot be reached: ${reason}`)
    this.name = 'SignerUnreachableError'
  }
}
