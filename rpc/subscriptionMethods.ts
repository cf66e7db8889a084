// eth_subscribe and eth_unsubscribe: their parameters. Not: who receives what (subscriptions.ts).
import { errorText } from '../base/errors.ts'
import type { Json } from '../base/field.ts'
import { invalidParams, RPC_CODE, RpcError } from './errors.ts'
import { parseLogQuery } from './eth/logFilter.ts'
import { type Connection, defineMethod, type Method } from './method.ts'
import { optional, p } from './params.ts'
import type { Subscriptions, Topic } from './subscriptions.ts'

/** A subscription begins with the next block; only values that say so are allowed. */
function refusePast(options: Json): void {
  if (options === null || typeof options !== 'object' || Array.isArray(options)) return
  const { fromBlock, toBlock, blockHash } = options as { readonly [name: string]: Json | undefined }
  const isNext = (block: Json | undefined): boolean =>
    block === undefined || block === null || block === 'latest' || block === 'pending'
  if (isNext(fromBlock) && isNext(toBlock) && (blockHash ?? null) === null) return
  throw new Error(
    'a subscription begins with the next block and has no end: leave out fromBlock, toBlock and blockHash, and read earlier logs with eth_getLogs',
  )
}

function parseTopic(kind: string, options: Json | undefined): Topic {
  switch (kind) {
    case 'newHeads':
    case 'syncing':
      return { kind }
    case 'newPendingTransactions':
      return { kind, hydrated: options === true }
    case 'logs':
      try {
        refusePast(options ?? {})
        return { kind, filter: parseLogQuery(options ?? {}).filter }
      } catch (error) {
        throw invalidParams(`invalid argument 1 (options): ${errorText(error)}`)
      }
    default:
      throw invalidParams(
        `no "${kind}" subscription: choose newHeads, logs, newPendingTransactions or syncing`,
      )
  }
}

/** Throws RpcError when the request came over HTTP. */
export function mustBeConnected(connection: Connection | undefined): Connection {
  if (connection === undefined) {
    throw new RpcError(RPC_CODE.methodNotFound, 'notifications not supported: connect by WebSocket')
  }
  return connection
}

export function subscriptionMethods(subscriptions: Subscriptions): readonly Method[] {
  return [
    defineMethod({
      name: 'eth_subscribe',
      doc: 'Subscribes to newHeads, logs, newPendingTransactions or syncing, over WebSocket.',
      cost: 5,
      params: { kind: p.text(64), options: optional(p.json) },
      returns: { type: 'string' },
      run: ({ kind, options }, call) =>
        subscriptions.add(mustBeConnected(call.connection), call, parseTopic(kind, options)),
    }),
    defineMethod({
      name: 'eth_unsubscribe',
      doc: 'Ends a subscription; false when the id is unknown.',
      cost: 1,
      params: { id: p.text(66) },
      returns: { type: 'boolean' },
      run: ({ id }, call) => subscriptions.remove(mustBeConnected(call.connection), id),
    }),
  ]
}
