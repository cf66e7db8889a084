// What can go wrong between a client and a node. Owns: the error and its codes. Not: light verification (errors.ts).
import { ExpectedError } from '../base/errors.ts'
import type { Json } from '../base/field.ts'

export type ClientErrorCode =
  /** No usable answer: unreachable, timed out, too large, or not JSON-RPC. */
  | 'transport'
  /** The node answered with an error; `rpcCode` and `data` are its own. */
  | 'rpc'
  /** The chain's rules refuse the call, or refused it in a block; `failure` names the rule. */
  | 'failed'
  /** The node gave the transaction up; the message says why. */
  | 'dropped'
  /** Submitted, but not final in the given time; it may still be included. */
  | 'waiting'
  /** A subscription cannot continue without a gap; `data.heightMin` is the first block that the node still tells of. */
  | 'missed'
  /** An argument is malformed or out of bounds. */
  | 'input'

/** A declared failure of a native module. */
export interface CallFailure {
  /** As in the module's ABI: `BelowMinimum`. */
  readonly name: string
  /** Its arguments in JSON form; undefined when only the text is known. */
  readonly arguments: { readonly [name: string]: Json } | undefined
}

interface ClientErrorFields {
  readonly rpcCode?: number
  readonly data?: Json
  readonly failure?: CallFailure
  readonly transaction?: string
  readonly cause?: unknown
}

/**
 * `message` is one line for people; the other fields are stable.
 *
 * @example
 * try {
 *   parseAddress('0x12')
 * } catch (error) {
 *   if (!(error instanceof ClientError)) throw error
 *   console.error(error.code, error.page) // input docs/errors.md#clienterror
 * }
 */
export class ClientError extends ExpectedError {
  readonly code: ClientErrorCode
  readonly rpcCode: number | undefined
  readonly data: Json | undefined
  readonly failure: CallFailure | undefined
  /** Hash of the submitted transaction that the error is about. */
  readonly transaction: string | undefined

  constructor(code: ClientErrorCode, message: string, fields: ClientErrorFields = {}) {
    super(message, fields.cause === undefined ? undefined : { cause: fields.cause })
    this.name = 'ClientError'
    this.code = code
    this.rpcCode = fields.rpcCode
    this.data = fields.data
    this.failure = fields.failure
    this.transaction = fields.transaction
  }
}
