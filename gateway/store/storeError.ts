// What can be wrong with a gateway's store.
import { ExpectedError } from '../../base/errors.ts'

export type GatewayStoreErrorCode =
  /** Another process has it open. */
  | 'Locked'
  /** It was made for another chain, provider or layout. */
  | 'Foreign'
  /** A record in it is no record. */
  | 'Corrupt'
  /** The disk does not take writes: nothing more is served. */
  | 'Disk'
  /** Too many writes wait; it passes. */
  | 'Busy'

export class GatewayStoreError extends ExpectedError {
  readonly code: GatewayStoreErrorCode
  constructor(code: GatewayStoreErrorCode, message: string, options: { readonly cause?: unknown } = {}) {
    super(message, options)
    this.name = 'GatewayStoreError'
    this.code = code
  }
}
