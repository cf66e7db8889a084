// Invariants of assets (ECONOMY §12): 1 the supply of each asset equals what its holders have.
import { maxBigint } from '../../../base/units.ts'
import type { Invariant } from '../../rules.ts'
import { assetsTables } from './tables.ts'

const supplyInvariant: Invariant = {
  id: '1 assets',
  severity: 'halt',
  doc: 'The supply of each asset is the sum of its balances, escrows included; none holds more than the supply.',
  checkChanges(changes, parent, ctx) {
    const balance = assetsTables.balance
    const record = assetsTables.asset
    // Per asset (its eight key bytes): balances gained minus supply gained, and the largest balance written.
    const gaps = new Map<string, bigint>()
    const largest = new Map<string, bigint>()
    for (const [key, stored] of changes) {
      const isBalance = key.startsWith(balance.prefix)
      if (!isBalance && !key.startsWith(record.prefix)) continue
      const id = key.slice(2, 10)
      const before = parent.get(key)
      const amountOf = (bytes: Uint8Array | undefined): bigint => {
        if (bytes === undefined) return 0n
        return isBalance ? balance.decode(bytes).amountBase : -record.decode(bytes).supplyBase
      }
      const after = amountOf(stored)
      gaps.set(id, (gaps.get(id) ?? 0n) + after - amountOf(before))
      if (isBalance) largest.set(id, maxBigint(largest.get(id) ?? 0n, after))
    }
    for (const gap of gaps.values()) if (gap !== 0n) return `balances and supply of an asset differ by ${gap}`
    for (const [id, heldBase] of largest) {
      const stored = ctx.state.get(record.prefix + id)
      const supplyBase = stored === undefined ? 0n : record.decode(stored).supplyBase
      if (heldBase > supplyBase) return `a holder has ${heldBase} of ${supplyBase} units of an asset`
    }
    return undefined
  },
  *recount() {
    const sums = new Map<string, bigint>()
    yield* assetsTables.balance.each(({ amountBase }, key) => {
      const id = key.slice(2, 10)
      sums.set(id, (sums.get(id) ?? 0n) + amountBase)
      return undefined
    })
    const broken = yield* assetsTables.asset.each((asset, key) => {
      const id = key.slice(2, 10)
      const sum = sums.get(id) ?? 0n
      if (sum !== asset.supplyBase)
        return `${asset.symbol}: balances hold ${sum}, the supply is ${asset.supplyBase}`
      sums.delete(id)
      return undefined
    })
    if (broken !== undefined) return broken
    return sums.size === 0 ? undefined : 'balances of an unregistered asset'
  },
}

export const assetsInvariants: readonly Invariant[] = [supplyInvariant]
