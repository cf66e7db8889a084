// `suanli market`: buying and selling in units that people use, the open book of a pair, own orders in words. The module's own actions and
// queries, in base units, stand beside. Owns: units and words. Not: the rules (state/modules/market/).
import { type Command, InvalidArgumentError, Option } from 'commander'
import { checksumAddress } from '../../base/address.ts'
import { OperatorError } from '../../base/errors.ts'
import type { Infer } from '../../base/field.ts'
import type { Address } from '../../base/ids.ts'
import type { ChainClient } from '../../client/chainClient.ts'
import { assets, market } from '../../client/modules.ts'
import { RECEIPTS_FROM } from '../../state/modules/assets/schema.ts'
import { marketSchema } from '../../state/modules/market/schema.ts'
import type { orderInfo, Side } from '../../state/modules/market/shapes.ts'
import { withProgress } from '../chain/progress.ts'
import {
  clientOf,
  type NodeOptions,
  openSender,
  printAnswer,
  type SendOptions,
  sendFrom,
  withNode,
  withSending,
} from '../chain/send.ts'
import { unitsOf, unitsText } from '../genesis/terms.ts'
import { UsageError } from '../usageError.ts'
import { addModule } from './module.ts'

type Asker = Pick<ChainClient, 'query'>
type OrderInfo = Infer<typeof orderInfo>

const COIN = { id: 0, symbol: 'ACPC', decimals: 18 }
const LEVELS_DEFAULT = 10

interface Traded {
  readonly id: number
  readonly symbol: string
  readonly decimals: number
}

interface PairOptions {
  readonly base: number
  readonly quote: number
}

function assetNumber(text: string): number {
  if (/^acpc$/i.test(text)) return COIN.id
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('expected the number of an asset, or acpc')
  return Number(text)
}

function withPair(command: Command): Command {
  return command
    .addOption(
      new Option('--base <asset>', 'what is bought and sold').default(COIN.id, 'acpc').argParser(assetNumber),
    )
    .addOption(new Option('--quote <asset>', 'what is paid with').default(1).argParser(assetNumber))
}

/** What people call an asset, and how it is divided. Receipts are divided as coins. */
async function tradedOf(client: Asker, id: number): Promise<Traded> {
  if (id === COIN.id) return COIN
  const known = await client.query(assets, 'asset', { asset: id })
  if (known !== undefined) return { id, symbol: known.symbol, decimals: known.decimals }
  if (id > RECEIPTS_FROM) return { id, symbol: `receipt-${id - RECEIPTS_FROM}`, decimals: COIN.decimals }
  throw new OperatorError(`asset ${id} is not on this chain: \`suanli assets assets\` lists those that are`)
}

/** A pair with how its numbers are written. */
export interface Pair {
  readonly base: Traded
  readonly quote: Traded
}

export async function pairOf(client: Asker, { base, quote }: PairOptions): Promise<Pair> {
  return { base: await tradedOf(client, base), quote: await tradedOf(client, quote) }
}

function unitsIn(text: string, what: string, { symbol, decimals }: Traded): bigint {
  const units = unitsOf(text, decimals)
  if (units !== undefined && units > 0n) return units
  throw new UsageError(
    `${what}: expected a number above 0 with at most ${decimals} decimals, as ${symbol} has, not ${text.slice(0, 60)}`,
  )
}

/** The arguments of `market.place`, from numbers as people write them. Throws UsageError. */
export function placeArgs(
  pair: Pair,
  order: { readonly side: Side; readonly amount: string; readonly price: string; readonly isNow: boolean },
) {
  return {
    base: pair.base.id,
    quote: pair.quote.id,
    side: order.side,
    amountBase: unitsIn(order.amount, '<amount>', pair.base),
    // The price of one whole of the base asset.
    priceBase: unitsIn(order.price, '--price', pair.quote),
    kind: order.isNow ? ('immediateOrCancel' as const) : ('goodTillCancelled' as const),
  }
}

const amountText = (amountBase: bigint, { symbol, decimals }: Traded): string =>
  `${unitsText(amountBase, decimals)} ${symbol}`

const STATES: { readonly [S in OrderInfo['state']]: string } = {
  waiting: 'waits for its first auction',
  resting: 'is in the book',
  filled: 'is filled',
  cancelled: 'is over',
}
const REASONS: { readonly [R in OrderInfo['reason']]: string } = {
  none: '',
  cancelledByOwner: ': its owner took back the rest',
  notMatched: ': nobody took the rest at its price',
  displaced: ': its side of the book was full, and it had the worst price',
}

/** What an order is and what became of it, in words. */
export function orderText(pair: Pair, order: OrderInfo): string {
  const { base, quote } = pair
  const what = `${order.side === 'buy' ? 'buys' : 'sells'} ${amountText(order.amountBase, base)} at ${amountText(order.priceBase, quote)}`
  const filled =
    order.filledBase === 0n
      ? 'nothing filled'
      : `${amountText(order.filledBase, base)} filled for ${amountText(order.filledQuoteBase, quote)}`
  return `order ${order.id} ${what}; ${filled}; it ${STATES[order.state]}${REASONS[order.reason]}`
}

/** The best prices of a pair and what is open there. */
export async function bookOf(client: Asker, pair: Pair, levels: number) {
  const { base, quote } = pair
  const depth = await client.query(market, 'depth', { base: base.id, quote: quote.id, levels })
  if (depth === undefined)
    throw new OperatorError(`nobody has ever ordered ${base.symbol} for ${quote.symbol} on this chain`)
  const rows = (open: typeof depth.bids) =>
    open.map(({ priceBase, amountBase }) => ({
      price: unitsText(priceBase, quote.decimals),
      amount: unitsText(amountBase, base.decimals),
    }))
  return {
    pair: `${base.symbol} in ${quote.symbol}`,
    last: depth.lastPriceBase === 0n ? 'nothing traded yet' : amountText(depth.lastPriceBase, quote),
    tick: unitsText(depth.tickBase, quote.decimals),
    lot: unitsText(depth.lotBase, base.decimals),
    asks: rows(depth.asks),
    bids: rows(depth.bids),
    more: depth.hasMore,
  }
}

/** The open orders of an account in words. */
export async function ordersOf(client: Asker, owner: Address): Promise<readonly string[]> {
  const orders = await client.query(market, 'orders', { owner })
  const pairs = new Map<string, Pair>()
  const texts: string[] = []
  for (const order of orders ?? []) {
    const key = `${order.base} ${order.quote}`
    const pair = pairs.get(key) ?? (await pairOf(client, order))
    pairs.set(key, pair)
    texts.push(orderText(pair, order))
  }
  return texts
}

interface OrderOptions extends SendOptions, PairOptions {
  readonly price: string
  readonly now?: true
}

function addSide(module: Command, side: Side): void {
  const does = side === 'buy' ? 'bid for an amount' : 'offer an amount'
  withSending(
    withPair(
      module
        .command(side)
        .summary(`${does} at a limit price, both as people write them`)
        .description(
          `${does[0]!.toUpperCase()}${does.slice(1)} at a limit price: it pays no worse one, and waits in escrow. Sends a transaction.`,
        )
        .argument('<amount>', 'of the base asset, such as 2.5')
        .requiredOption(
          '--price <number>',
          'for one whole of the base asset, in the quote asset, such as 3.04',
        )
        .option('--now', 'what the next auction does not fill comes back'),
    ),
  ).action(async (amount: string, options: OrderOptions) => {
    const sender = await openSender(options)
    const pair = await withProgress('waiting for the node', () => pairOf(sender.client, options))
    const terms = { side, amount, price: options.price, isNow: options.now === true }
    await sendFrom(sender, market.place(placeArgs(pair, terms)), options)
  })
}

function addViews(module: Command): void {
  withNode(
    withPair(
      module
        .command('show')
        .description('the best prices of a pair and what is open there, as people write them')
        .option('--levels <number>', 'of each side', String(LEVELS_DEFAULT)),
    ),
  ).action(async (options: NodeOptions & PairOptions & { readonly levels: string }) => {
    if (!/^[1-9]\d?$|^100$/.test(options.levels)) throw new UsageError('--levels: expected 1 to 100')
    const client = await clientOf(options)
    const answer = await withProgress('waiting for the node', async () =>
      bookOf(client, await pairOf(client, options), Number(options.levels)),
    )
    printAnswer(options, answer)
  })
  withNode(
    module
      .command('mine')
      .description('the open orders of an account, in words')
      .argument('<address>', 'whose orders'),
  ).action(async (text: string, options: NodeOptions) => {
    const { parseAddress } = await import('../../client/accounts/account.ts')
    const owner = parseAddress(text)
    const client = await clientOf(options)
    const orders = await withProgress('waiting for the node', () => ordersOf(client, owner))
    if (orders.length === 0) throw new OperatorError(`${checksumAddress(owner)} has no open orders`)
    printAnswer(options, [...orders])
  })
}

export function addMarket(program: Command): void {
  addModule(marketSchema)(program)
  const module = program.commands.find((command) => command.name() === marketSchema.name)!
  addSide(module, 'buy')
  addSide(module, 'sell')
  addViews(module)
}
