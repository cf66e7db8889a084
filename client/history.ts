// What concerned an account, from a node that keeps an index of accounts. Owns: reading pages, going through them.
// Not: the index (node/accountIndexer.ts). Answers are the node's word.
import { toHex } from '../base/bytes.ts'
import type { Json } from '../base/field.ts'
import type { Address } from '../base/ids.ts'
import { parseAddress } from './accounts/account.ts'
import type { ChainClient } from './chainClient.ts'
import { ClientError } from './clientError.ts'
import { amountOf, countOf, type Members, membersOf, read, textOf } from './members.ts'

/** A transaction that concerned the account, or what a block did by itself. Amounts are base units. */
export interface HistoryEntry {
  readonly height: number
  readonly timestampMs: number
  /** In the block; the block's own doing comes after its transactions. */
  readonly index: number
  /** Undefined: the block's own doing, like the four after it. */
  readonly transaction: string | undefined
  readonly from: string | undefined
  readonly to: string | undefined
  /** `redemption.request`, `transfer`. */
  readonly action: string | undefined
  readonly succeeded: boolean
  readonly receivedBase: bigint
  readonly sentBase: bigint
  /** What the account paid for it. */
  readonly feeBase: bigint
}

/** Entries of a page, newest first. */
export interface HistoryPage {
  readonly entries: readonly HistoryEntry[]
  /** The newest block that the listing covers; the same for all its pages. */
  readonly atBlock: number
  /** Where the node's knowledge begins: what is older is missing. */
  readonly fromBlock: number
  /** For the next page; undefined after the last. */
  readonly cursor: string | undefined
}

export interface HistoryOptions {
  /** Entries a page, 1 to 100. */
  readonly limit?: number
  /** Only up to this block; default the newest. */
  readonly atBlock?: number
  /** Of an earlier page: continues after it, and `atBlock` is that page's. */
  readonly cursor?: string
}

const METHOD = 'account_history'

function listOf(json: Json): readonly Json[] {
  if (!Array.isArray(json)) throw new Error('no list')
  return json as readonly Json[]
}

function flagOf(json: Json): boolean {
  if (typeof json !== 'boolean') throw new Error('no flag')
  return json
}

const maybeTextOf = (json: Json): string | undefined => (json === null ? undefined : textOf(json))

function entryOf(json: Json): HistoryEntry {
  const members: Members = membersOf(json, METHOD)
  const of = <T>(name: string, reader: (value: Json) => T): T => read(METHOD, members, name, reader)
  return {
    height: of('height', countOf),
    timestampMs: of('timestampMs', countOf),
    index: of('index', countOf),
    transaction: of('hash', maybeTextOf),
    from: of('from', maybeTextOf),
    to: of('to', maybeTextOf),
    action: of('action', maybeTextOf),
    succeeded: of('succeeded', flagOf),
    receivedBase: of('receivedBase', amountOf),
    sentBase: of('sentBase', amountOf),
    feeBase: of('feeBase', amountOf),
  }
}

/**
 * One page of what concerned an account. Throws ClientError: `rpc` when the node keeps no index of accounts.
 *
 * @example
 * const client = createClient(httpTransport('http://127.0.0.1:8545'))
 * const page = await accountHistoryPage(client, '0x70997970C51812dc3A010C7d01b50e0d17dc79C8').catch((error) => {
 *   if (error.code !== 'rpc') throw error
 *   console.log(error.message) // this node keeps no index of accounts …
 * })
 * for (const { height, receivedBase, sentBase } of page?.entries ?? []) console.log(height, receivedBase - sentBase)
 */
export async function accountHistoryPage(
  client: ChainClient,
  address: Address | string,
  options: HistoryOptions = {},
): Promise<HistoryPage> {
  const given = Object.entries(options).filter(([, value]) => value !== undefined) as [string, Json][]
  const params = { address: toHex(parseAddress(address)), ...Object.fromEntries(given) }
  const members = membersOf(await client.request(METHOD, params), METHOD)
  return {
    entries: read(METHOD, members, 'items', listOf).map(entryOf),
    atBlock: read(METHOD, members, 'atBlock', countOf),
    fromBlock: read(METHOD, members, 'fromBlock', countOf),
    cursor: read(METHOD, members, 'cursor', maybeTextOf),
  }
}

/**
 * All that concerned an account, newest first; asks for the next page once it is needed. Throws ClientError.
 *
 * @example
 * const client = createClient(httpTransport('http://127.0.0.1:8545'))
 * try {
 *   for await (const { action, feeBase } of accountHistory(client, '0x70997970C51812dc3A010C7d01b50e0d17dc79C8')) {
 *     console.log(action, feeBase)
 *   }
 * } catch (error) {
 *   if (!(error instanceof ClientError) || error.code !== 'rpc') throw error
 *   console.log(error.message) // this node keeps no index of accounts …
 * }
 */
export async function* accountHistory(
  client: ChainClient,
  address: Address | string,
  options: HistoryOptions = {},
): AsyncGenerator<HistoryEntry, void, undefined> {
  let page = await accountHistoryPage(client, address, options)
  for (;;) {
    yield* page.entries
    const { cursor } = page
    if (cursor === undefined) return
    const { limit } = options
    page = await accountHistoryPage(client, address, { cursor, ...(limit === undefined ? {} : { limit }) })
    // A node that says so would be asked for ever.
    if (page.cursor === cursor)
      throw new ClientError('transport', `${METHOD}: the next page is the same again`)
  }
}
