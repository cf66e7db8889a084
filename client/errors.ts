// Light client errors. Owns: the error and its codes. Not: the checks (base/protocol).
import { ExpectedError } from '../base/errors.ts'
import type { ProofCheck, ProofFailure } from '../base/protocol/finalityProof.ts'
import type { Conflict } from './conflict.ts'

export type LightClientErrorCode =
  /** A proof failed; `check` names the check. */
  | 'check'
  /** The provider was unreachable, refused, or sent an answer of the wrong shape. */
  | 'provider'
  /** Two providers hold conflicting certificates; `conflict` names the signers. */
  | 'conflict'
  /** The caller's input is malformed or inconsistent. */
  | 'input'

/**
 * `message` is one line for people; `code` and `check` are stable.
 *
 * @example
 * try {
 *   parseCheckpoint('not a checkpoint')
 * } catch (error) {
 *   if (!(error instanceof LightClientError)) throw error
 *   console.error(error.code, error.page) // input docs/errors.md#lightclienterror
 * }
 */
export class LightClientError extends ExpectedError {
  readonly code: LightClientErrorCode
  readonly check: ProofCheck | undefined
  readonly provider: string | undefined
  readonly conflict: Conflict | undefined

  constructor(
    code: LightClientErrorCode,
    message: string,
    fields: {
      readonly check?: ProofCheck
      readonly provider?: string
      readonly conflict?: Conflict
      readonly cause?: unknown
    } = {},
  ) {
    super(message, fields.cause === undefined ? undefined : { cause: fields.cause })
    this.name = 'LightClientError'
    this.code = code
    this.check = fields.check
    this.provider = fields.provider
    this.conflict = fields.conflict
  }
}

/** The error for a failed proof: `check setHash failed: …`. */
export function checkFailed(failure: ProofFailure, provider?: string): LightClientError {
  const { check, reason } = failure
  const fields = provider === undefined ? { check } : { check, provider }
  return new LightClientError('check', `check ${check} failed: ${reason}`, fields)
}
