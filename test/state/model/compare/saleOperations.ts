// Operations of primary sales: what they are, the chain's action of each, and the model's function. Owns: the translation.

import { setQuote } from '../prices.ts'
import { buy } from '../purchases.ts'
import { claim, refund } from '../receipts.ts'
import {
  openSeries,
  type Refusal,
  reclaimLock,
  type SeriesTerms,
  secureSeries,
  stopSeries,
} from '../series.ts'
import type { World } from '../world.ts'

export type SaleOperation =
  | ({ readonly kind: 'openSeries' } & SeriesTerms)
  | { readonly kind: 'stopSeries'; readonly id: number }
  | { readonly kind: 'secureSeries'; readonly id: number; readonly amountBase: bigint }
  | { readonly kind: 'reclaimLock'; readonly id: number }
  | {
      readonly kind: 'buySeries'
      readonly id: number
      readonly amountBase: bigint
      readonly payMaxBase: bigint
    }
  | { readonly kind: 'claimReceipts' | 'refundReceipts'; readonly id: number; readonly amountBase: bigint }
  /** The driver renews a price of the running window. */
  | {
      readonly kind: 'quote'
      readonly asset: number
      readonly priceBase: bigint
      readonly bondPriceBase: bigint
      readonly lockPriceBase: bigint
    }
  /** The driver stops all minting, or lets the stop end with the next recount. */
  | { readonly kind: 'stopMinting' | 'resumeMinting' }

const ACTIONS: Readonly<Record<SaleOperation['kind'], readonly [module: string, action: string]>> = {
  openSeries: ['series', 'open'],
  stopSeries: ['series', 'stop'],
  secureSeries: ['series', 'secure'],
  reclaimLock: ['series', 'reclaim'],
  buySeries: ['series', 'buy'],
  claimReceipts: ['series', 'claim'],
  refundReceipts: ['series', 'refund'],
  quote: ['driver', 'quote'],
  stopMinting: ['driver', 'stopMinting'],
  resumeMinting: ['driver', 'resumeMinting'],
}

/** Modules of the operations, by kind. */
export const SALE_MODULES: { readonly [kind: string]: string } = Object.fromEntries(
  Object.entries(ACTIONS).map(([kind, [module]]) => [kind, module]),
)

/** The chain's action of an operation whose kind has another name. */
export const saleAction = (kind: string): string | undefined => ACTIONS[kind as SaleOperation['kind']]?.[1]

export const isSale = (operation: { readonly kind: string }): operation is SaleOperation =>
  operation.kind in ACTIONS

/** Arguments as the chain's action takes them. */
export function saleArgs(operation: SaleOperation): object {
  if (operation.kind === 'openSeries') return { ...operation, kind: operation.series }
  return 'id' in operation ? { ...operation, series: operation.id } : operation
}

/** Runs an operation on the model. */
export function applySale(
  world: World,
  sender: string,
  operation: SaleOperation,
  place: { readonly txHash: string; readonly proposerGroup: string },
): Refusal {
  switch (operation.kind) {
    case 'openSeries':
      return openSeries(world, sender, operation)
    case 'stopSeries':
      return stopSeries(world, sender, operation.id)
    case 'secureSeries':
      return secureSeries(world, sender, { ...operation, series: operation.id })
    case 'reclaimLock':
      return reclaimLock(world, sender, operation.id)
    case 'buySeries':
      return buy(world, sender, { ...operation, series: operation.id }, place)
    case 'claimReceipts':
      return claim(world, sender, { ...operation, series: operation.id })
    case 'refundReceipts':
      return refund(world, sender, { ...operation, series: operation.id })
    case 'quote':
      setQuote(world, operation.asset, { ...operation, renewedWindow: world.window })
      return undefined
    case 'stopMinting':
      world.mintStop = 'governance'
      world.isStopEnding = false
      return undefined
    case 'resumeMinting':
      world.isStopEnding = world.mintStop !== undefined
      return undefined
  }
}
