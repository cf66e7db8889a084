// ECONOMY §9: liability that was assumed, and the compensation that is locked for it. Not: who assumes, and for what (auction.ts).
import { ceilDiv, floorDiv, least } from './arithmetic.ts'
import { compensationEscrow, move } from './ledger.ts'
import type { Provider, World } from './world.ts'

/** When a part of a liability goes, what was assumed of it goes in proportion; what stays needs no less bond than before. */
export function lowerAssumed(provider: Provider, amountBase: bigint): void {
  const { liabilityBase } = provider
  if (liabilityBase === 0n) return
  const left = liabilityBase - amountBase
  provider.assumedBase = ceilDiv(provider.assumedBase * left, liabilityBase)
  provider.exemptBase = floorDiv(provider.exemptBase * left, liabilityBase)
}

/** Compensation is released only as the assumed liability burns; what stays is rounded up. */
export function releaseCompensation(world: World, provider: Provider): void {
  const { assets, forBase } = provider.compensation
  for (const [asset, held] of assets) {
    const isNone = provider.assumedBase === 0n
    const kept = isNone ? 0n : least(held, ceilDiv(held * provider.assumedBase, forBase))
    move(world, asset, compensationEscrow(provider.id), provider.operator, held - kept)
    assets.set(asset, kept)
  }
  provider.compensation.forBase = provider.assumedBase
}

/** Counts units that are in the escrow already as compensation for assumed liability. */
export function addCompensation(
  world: World,
  provider: Provider,
  added: {
    readonly assumedBase: bigint
    readonly exemptBase: bigint
    readonly paid: ReadonlyMap<number, bigint>
  },
): void {
  // The units paid are not counted yet: what was freed before is released first.
  releaseCompensation(world, provider)
  const { compensation } = provider
  for (const [asset, paid] of added.paid)
    compensation.assets.set(asset, (compensation.assets.get(asset) ?? 0n) + paid)
  provider.assumedBase += added.assumedBase
  provider.exemptBase += added.exemptBase
  compensation.forBase = provider.assumedBase
}
