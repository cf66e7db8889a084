// What can go wrong between a holder and a provider. Owns: the error and its codes. Not: a node's answers (clientError.ts).
import { ExpectedError } from '../../base/errors.ts'

export type RedeemErrorCode =
  /** The grant has a length that no sealed grant has. */
  | 'grantSize'
  /** The grant does not open: it is junk, or sealed for another key, redemption, assignment or chain. */
  | 'grantSealed'
  /** The grant opens, but what is in it cannot be used; `path` names the field. */
  | 'grantContent'
  /** A key for grants is not 32 bytes of a usable X25519 key. */
  | 'clientKey'
  /** The grant names another tariff than the listing, or the provider serves another one. */
  | 'tariffHash'
  /** The tariff is malformed; `path` names the field. */
  | 'tariff'
  /** The tariff has no price for what was used; `path` names it. */
  | 'unpriced'
  /** A price is above par; `path` names it. */
  | 'abovePar'
  /** A voucher, or its signature, cannot be used. */
  | 'voucher'
  /** A body or header of the provider has the wrong shape; `path` names the field. */
  | 'wire'
  /** A usage that cannot be, by what was sent and received. */
  | 'usage'
  /** A cost, or a metered total, that is more than the tariff makes of the usage. */
  | 'cost'
  /** What is left of the budget or of the assignment does not pay for it. */
  | 'budget'
  /** The provider's door does not open: unreachable, or it refuses the key. */
  | 'door'
  /** The provider shows another certificate than the grant names. */
  | 'certificate'
  /** The own clock and the chain's differ too much to know when a window begins. */
  | 'clock'
  /** The redemption is over, or has no assignment now and gets no further one in time. */
  | 'ended'
  /** An argument is malformed or out of bounds. */
  | 'input'

/**
 * `message` is one line for people and never holds a key; `code` and `path` are stable.
 *
 * @example
 * try {
 *   parseTariff('{}')
 * } catch (error) {
 *   if (!(error instanceof RedeemError)) throw error
 *   console.error(error.code, error.path) // tariff version
 * }
 */
export class RedeemError extends ExpectedError {
  readonly code: RedeemErrorCode
  /** The field that the error is about. */
  readonly path: string | undefined

  constructor(
    code: RedeemErrorCode,
    message: string,
    fields: { readonly path?: string; readonly cause?: unknown } = {},
  ) {
    super(message, fields.cause === undefined ? undefined : { cause: fields.cause })
    this.name = 'RedeemError'
    this.code = code
    this.path = fields.path
  }
}
