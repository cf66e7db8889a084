// The refusal of a genesis document.
import { ExpectedError } from '../base/errors.ts'

/** A genesis document that breaks a rule: `path` names the field, e.g. `providers[2].lots[0].class`. */
export class GenesisError extends ExpectedError {
  readonly code = 'GenesisRefused'
  readonly path: string
  readonly reason: string
  constructor(path: string, reason: string) {
    super(`genesis ${path}: ${reason}`)
    this.name = 'GenesisError'
    this.path = path
    this.reason = reason
  }
}
