// What a remote signer's port rejects with while it cannot be reached. Owns: that error.

/** The signer cannot be reached now; whoever asked does without. */
export class SignerAwayError extends Error {
  readonly code = 'SignerAway'
  constructor(reason: string) {
    super(`the remote signer cannot be reached: ${reason}`)
    this.name = 'SignerAwayError'
  }
}
