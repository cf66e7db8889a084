// Mints that somebody pays for (ECONOMY §3, §4): coins to the buyer, the retained share of the proceeds locked. Whether a mint
// passes is decided by limits.ts. Not: prices, buyers and escrows of sales (series).
import { assert } from '../../../base/assert.ts'
import type { Address } from '../../../base/ids.ts'
import { COIN, maxBigint, minBigint, mulDivCeil } from '../../../base/units.ts'
import type { WriteContext } from '../../context.ts'
import type { Escrow } from '../../ledger.ts'
import type { StateReader } from '../../view.ts'
import { capacityOf, payIncome, runningWindow } from './external.ts'
import { issueCoins } from './ledger.ts'
import { judgeMint, leastLimit, type MintKind } from './limits.ts'
import { lockOf } from './locks.ts'
import { lockProceeds } from './proceeds.ts'

/** The limit that binds a mint, by the name of the error that one coin more fails with. */
export type LimitName =
  | 'QuotaExceeded'
  | 'JointLimitExceeded'
  | 'OwnBackingExceeded'
  | 'FrontLoadExceeded'
  | 'BondTooSmall'
  | 'ReceiptsFirst'

function isUnderNotice(state: StateReader, provider: number): boolean {
  const { noticeUntil } = capacityOf(state, provider)
  return noticeUntil !== undefined && noticeUntil >= runningWindow(state)
}

/**
 * What a provider may mint for a sale now, which rule binds, and what it could if neither the joint limit nor a stop for all
 * kept it back.
 */
export function mintRoom(state: StateReader, provider: number, kind: MintKind) {
  const { blocked, limits, promisedBase } = judgeMint(state, provider, kind)
  const { quotaBase, jointBase, ownBackingBase, frontLoadBase, bondBase } = limits
  const leastBase = leastLimit(limits)
  const inOrder: readonly (readonly [LimitName, bigint])[] = [
    ['QuotaExceeded', quotaBase],
    ['JointLimitExceeded', jointBase],
    ['OwnBackingExceeded', ownBackingBase],
    ['FrontLoadExceeded', frontLoadBase],
    ['BondTooSmall', bondBase],
  ]
  const binding = inOrder.find(([, base]) => base === leastBase)![0]
  const isHeld = kind === 'own' && promisedBase > 0n
  return {
    blocked: blocked?.code,
    roomBase: isHeld ? maxBigint(0n, leastBase - promisedBase) : leastBase,
    binding: isHeld && leastBase > 0n ? ('ReceiptsFirst' as const) : binding,
    ownBase: isUnderNotice(state, provider)
      ? 0n
      : [ownBackingBase, frontLoadBase, bondBase].reduce(minBigint, quotaBase),
  }
}

/** The sum of which a sale locks its share: the proceeds, or what its coins are worth, whichever is more; rounded up. */
export function retainedOf(
  state: StateReader,
  sale: { readonly amountBase: bigint; readonly proceedsBase: bigint; readonly lockPriceBase: bigint },
) {
  const worthBase = mulDivCeil(sale.amountBase, sale.lockPriceBase, COIN)
  return lockOf(state, maxBigint(sale.proceedsBase, worthBase))
}

/**
 * Issues coins for proceeds that an escrow holds: the locked part goes to the provider's lock, the rest to `payee`,
 * less the backers' share. The caller has checked the mint rule, and that `from` holds `proceedsBase` of the asset.
 */
export function issueForProceeds(
  ctx: WriteContext,
  sale: {
    readonly provider: number
    readonly to: Address
    readonly amountBase: bigint
    readonly asset: number
    readonly from: Escrow
    readonly proceedsBase: bigint
    readonly lockedBase: bigint
    readonly floorBase: bigint
    readonly payee: Address
  },
): void {
  const { provider, to, amountBase, asset, from, proceedsBase, lockedBase, floorBase, payee } = sale
  assert(lockedBase <= proceedsBase, 'the lock is part of the proceeds')
  issueCoins(ctx, { provider, to, amountBase, lockedBase: 0n, floorBase: 0n })
  lockProceeds(ctx, { provider, asset, from, lockedBase, floorBase })
  payIncome(ctx, { provider, asset, from, to: payee, amountBase: proceedsBase - lockedBase })
}
