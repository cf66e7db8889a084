// JSON-RPC errors. Owns: codes, and the phrases that Ethereum clients match.
import type { Json } from '../base/field.ts'
import type { EnvelopeFailure, EnvelopeFailureCode } from '../state/transaction.ts'
import type { SubmitRejection, SubmitRejectionCode } from './backend.ts'

/** Codes of JSON-RPC 2.0, EIP-1474 and geth. */
export const RPC_CODE = {
  parse: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  /** A bug or a failing disk, never the caller's fault. */
  internal: -32603,
  /** Deterministic refusals: a rejected transaction, a height that is not stored. */
  refused: -32000,
  /** A limit of this node; the message states a value that works. */
  limit: -32005,
  /** A call that reverts; viem needs this code and `data` to name the custom error. */
  reverted: 3,
  /** geth's code (EIP-4444) for pruned blocks; clients then ask another node. */
  prunedHistory: 4444,
  /** EIP-7966: accepted, but not included within the requested time. */
  syncTimeout: 4,
} as const

/** Becomes an error response; anything else that a handler throws is an internal error. */
export class RpcError extends Error {
  readonly code: number
  readonly data: Json | undefined
  constructor(code: number, message: string, data?: Json) {
    super(message)
    this.name = 'RpcError'
    this.code = code
    this.data = data
  }
}

export function invalidParams(message: string): RpcError {
  return new RpcError(RPC_CODE.invalidParams, message)
}

export function limitExceeded(message: string): RpcError {
  return new RpcError(RPC_CODE.limit, message)
}

/** The block was pruned, or is below a state-synced node's first block. */
export function prunedHistory(height: number, heightMin: number): RpcError {
  return new RpcError(
    RPC_CODE.prunedHistory,
    `pruned history unavailable: block ${height} is no longer held, this node keeps blocks from ${heightMin} on`,
    { heightMin },
  )
}

/** geth's wording; clients match it to fall back to other methods. */
export function methodNotFound(name: string): RpcError {
  return new RpcError(
    RPC_CODE.methodNotFound,
    `the method ${name.slice(0, 80)} does not exist/is not available`,
  )
}

/** The phrase that each rejection's message must contain (viem, ethers and geth agree on these). */
const SUBMIT_PHRASES: { readonly [code in SubmitRejectionCode]: string } = {
  malformed: 'malformed transaction',
  typeNotSupported: 'transaction type not supported',
  unprotected: 'only replay-protected (EIP-155) transactions allowed over RPC',
  creation: 'contract creation is not supported',
  wrongChainId: 'invalid chain id for signer',
  oversized: 'oversized data',
  invalidSignature: 'invalid sender',
  intrinsicGasTooLow: 'intrinsic gas too low',
  exceedsBlockGasLimit: 'exceeds block gas limit',
  mixedLanes: 'mixed lanes',
  tipAboveFeeCap: 'max priority fee per gas higher than max fee per gas',
  feeCapTooLow: 'max fee per gas less than block base fee',
  nonceTooLow: 'nonce too low',
  nonceTooHigh: 'nonce too high',
  insufficientFunds: 'insufficient funds for gas * price + value',
  alreadyKnown: 'already known',
  replacementUnderpriced: 'replacement transaction underpriced',
  accountLimit: 'account limit exceeded',
  poolFull: 'txpool is full',
  notReady: 'the node is not ready',
}

const ENVELOPE_CODES: { readonly [code in EnvelopeFailureCode]: SubmitRejectionCode } = {
  TooLarge: 'oversized',
  UnsupportedType: 'typeNotSupported',
  MalformedEnvelope: 'malformed',
  UnprotectedLegacy: 'unprotected',
  WrongChainId: 'wrongChainId',
  CreationNotSupported: 'creation',
  NonceTooHigh: 'nonceTooHigh',
  GasLimitTooHigh: 'exceedsBlockGasLimit',
  ValueTooHigh: 'insufficientFunds',
  FeeTooHigh: 'insufficientFunds',
  TipAboveFeeCap: 'tipAboveFeeCap',
  InvalidSignature: 'invalidSignature',
}

/** The rejection of bytes that are not a transaction of this chain. */
export function envelopeRejection(failure: EnvelopeFailure): SubmitRejection {
  return { code: ENVELOPE_CODES[failure.code], message: failure.message }
}

/** −32000 with the phrase that clients match, and a stable `data.code`. */
export function submitError(rejection: SubmitRejection): RpcError {
  const phrase = SUBMIT_PHRASES[rejection.code]
  const message = rejection.message.toLowerCase().includes(phrase.toLowerCase())
    ? rejection.message
    : `${phrase}: ${rejection.message}`
  return new RpcError(RPC_CODE.refused, message, { code: rejection.code })
}
