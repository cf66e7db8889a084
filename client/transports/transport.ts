// How a client reaches a node. Owns: the interface and reading JSON-RPC answers. Not: HTTP, WebSocket, injected wallets.

import type { Json } from '../../base/field.ts'
import { isWholeNumber } from '../../base/integers.ts'
import { ClientError } from '../clientError.ts'

/** By position or by name. */
export type RpcParams = readonly Json[] | { readonly [name: string]: Json }

/** Anything that carries JSON-RPC requests to a node. */
export interface Transport {
  /** For messages: usually the URL. */
  readonly name: string
  /** The result; throws ClientError `transport` or `rpc`. */
  request(method: string, params: RpcParams, options?: RequestOptions): Promise<Json>
}

export interface RequestOptions {
  /** Default: the transport's own. */
  readonly timeoutMs?: number
}

export const TIMEOUT_MS_DEFAULT = 15_000
const MESSAGE_LENGTH_MAX = 500

interface RpcAnswer {
  readonly id?: Json
  readonly result?: Json
  readonly error?: { readonly code?: Json; readonly message?: Json; readonly data?: Json } | null
}

/** An answer that is no JSON-RPC response; the message names the method. */
export function noAnswer(method: string, reason: string, cause?: unknown): ClientError {
  return new ClientError('transport', `${method}: ${reason}`, cause === undefined ? {} : { cause })
}

/** The error that a node, or a wallet in its place, answered with. */
export function rpcError(method: string, error: NonNullable<RpcAnswer['error']>): ClientError {
  const text = typeof error.message === 'string' ? error.message : 'refused without a reason'
  return new ClientError('rpc', `${method}: ${text.slice(0, MESSAGE_LENGTH_MAX)}`, {
    ...(isWholeNumber(error.code, -2_147_483_648, 2_147_483_647) ? { rpcCode: error.code } : {}),
    ...(error.data === undefined ? {} : { data: error.data }),
  })
}

/** The result of a parsed response; throws ClientError. */
export function resultOf(answer: Json, method: string): Json {
  if (answer === null || typeof answer !== 'object' || Array.isArray(answer)) {
    throw noAnswer(method, 'the answer is not a JSON-RPC response')
  }
  const { result, error } = answer as RpcAnswer
  if (error !== undefined && error !== null) throw rpcError(method, error)
  if (result === undefined) throw noAnswer(method, 'the answer has no result')
  return result
}
