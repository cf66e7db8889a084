// What both sides say of the orders that are open.
import type { Address } from '../../../../base/ids.ts'
import { LOT_BASE, openOrders, TICK_BASE } from '../orders.ts'
import type { World } from '../world.ts'
import type { RealChain } from './realChain.ts'
import { holders, walletOf } from './wallets.ts'

type Facts = Map<string, string>

const inWords = (side: string, priceBase: bigint, leftBase: bigint): string =>
  `${side} ${leftBase} at ${priceBase}`

export function addOrders(facts: Facts, world: World): void {
  for (const { id, side, ticks, lots } of openOrders(world))
    facts.set(`order ${id}`, inWords(side, BigInt(ticks) * TICK_BASE, BigInt(lots) * LOT_BASE))
}

interface OpenOrder {
  readonly id: number
  readonly side: string
  readonly priceBase: bigint
  readonly leftBase: bigint
}

export function addRealOrders(facts: Facts, real: RealChain, world: World): void {
  for (const wallet of [...holders, ...world.providers.keys()]) {
    const owner: Address = walletOf(wallet)
    for (const { id, side, priceBase, leftBase } of real.query<readonly OpenOrder[]>('market', 'orders', {
      owner,
    }))
      facts.set(`order ${id}`, inWords(side, priceBase, leftBase))
  }
}
