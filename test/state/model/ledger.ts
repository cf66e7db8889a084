// Coins, settlement assets and escrows as maps from owner to amount (§2, §12 invariants 1 and 2).
import type { World } from './world.ts'

/** Accounts that nobody owns. */
export const FUND = 'guarantee fund'
export const redemptionEscrow = (request: number): string => `escrow of request ${request}`
export const bondEscrow = (provider: number): string => `bond of ${provider}`
export const compensationEscrow = (provider: number): string => `compensation of ${provider}`
export const novationEscrow = (provider: number): string => `payment offered by ${provider}`
export const estateEscrow = (provider: number): string => `estate of ${provider}`
export const depositEscrow = (provider: number): string => `deposits of bids for ${provider}`
export const backingEscrow = (provider: number): string => `coins behind ${provider}`
export const lockEscrow = (provider: number): string => `lock of ${provider}`

/** Issuer of receipts. */
export const THE_CHAIN = 'the chain'

const UNLIMITED = 2n ** 256n - 1n

const add = <K>(map: Map<K, bigint>, key: K, amount: bigint): void => {
  const next = (map.get(key) ?? 0n) + amount
  if (next < 0n) throw new Error(`the model moved more than ${String(key)} has`)
  if (next === 0n) map.delete(key)
  else map.set(key, next)
}

export const coinsOf = (world: World, owner: string): bigint => world.coins.get(owner) ?? 0n

/** Moves coins; the caller has checked that `from` has them. */
export function moveCoins(world: World, from: string, to: string, amountBase: bigint): void {
  add(world.coins, from, -amountBase)
  add(world.coins, to, amountBase)
}

/** Creates coins against the liability of a provider (invariant 2). */
export function createCoins(world: World, provider: number, to: string, amountBase: bigint): void {
  world.providers.get(provider)!.liabilityBase += amountBase
  world.supplyBase += amountBase
  add(world.coins, to, amountBase)
}

/** Burns coins and as many orphans. */
export function burnOrphans(world: World, from: string, amountBase: bigint): void {
  world.orphanBase -= amountBase
  world.supplyBase -= amountBase
  add(world.coins, from, -amountBase)
}

/** Burns coins and as much of a provider's liability. */
export function burnCoins(world: World, provider: number, from: string, amountBase: bigint): void {
  world.providers.get(provider)!.liabilityBase -= amountBase
  world.supplyBase -= amountBase
  add(world.coins, from, -amountBase)
}

export const unitsOf = (world: World, asset: number, owner: string): bigint =>
  asset === 0 ? coinsOf(world, owner) : (world.units.get(`${asset}/${owner}`) ?? 0n)

/** Moves coins (asset 0) or units of a settlement asset. */
export function move(world: World, asset: number, from: string, to: string, amountBase: bigint): void {
  if (asset === 0) {
    moveCoins(world, from, to, amountBase)
    return
  }
  add(world.units, `${asset}/${from}`, -amountBase)
  add(world.units, `${asset}/${to}`, amountBase)
}

/** A plain transfer of coins. */
export function transfer(world: World, from: string, to: string, valueBase: bigint): string | undefined {
  if (coinsOf(world, from) < valueBase) return 'InsufficientCoins'
  moveCoins(world, from, to, valueBase)
  return undefined
}

/** The issuer creates units. */
export function issueUnits(
  world: World,
  sender: string,
  args: { readonly asset: number; readonly to: string; readonly amountBase: bigint },
): string | undefined {
  const asset = world.assets.get(args.asset)
  if (asset === undefined) return 'UnknownAsset'
  if (asset.issuer !== sender) return 'NotIssuer'
  asset.supplyBase += args.amountBase
  add(world.units, `${args.asset}/${args.to}`, args.amountBase)
  return undefined
}

/** A holder destroys its own units. */
export function redeemUnits(
  world: World,
  sender: string,
  args: { readonly asset: number; readonly amountBase: bigint },
): string | undefined {
  const asset = world.assets.get(args.asset)
  if (asset === undefined) return 'UnknownAsset'
  // Receipts of a series are claimed, not destroyed (docs/decisions/receipts-are-all-alike.md).
  if (asset.issuer === THE_CHAIN) return 'IssuedByChain'
  if (unitsOf(world, args.asset, sender) < args.amountBase) return 'InsufficientAsset'
  destroyUnits(world, { ...args, owner: sender })
  return undefined
}

/** Destroys units; the caller has checked that the owner has them. */
export function destroyUnits(
  world: World,
  {
    asset,
    owner,
    amountBase,
  }: { readonly asset: number; readonly owner: string; readonly amountBase: bigint },
): void {
  world.assets.get(asset)!.supplyBase -= amountBase
  add(world.units, `${asset}/${owner}`, -amountBase)
}

/** ERC-20 `transfer` of a settlement asset. */
export function tokenTransfer(
  world: World,
  asset: number,
  sender: string,
  args: { readonly to: string; readonly value: bigint },
): string | undefined {
  if (!world.assets.has(asset)) return 'UnreachableAddress'
  if (unitsOf(world, asset, sender) < args.value) return 'ERC20InsufficientBalance'
  move(world, asset, sender, args.to, args.value)
  return undefined
}

/** ERC-20 `approve`: replaces the allowance. */
export function tokenApprove(
  world: World,
  asset: number,
  sender: string,
  args: { readonly spender: string; readonly value: bigint },
): string | undefined {
  if (!world.assets.has(asset)) return 'UnreachableAddress'
  const key = `${asset}/${sender}/${args.spender}`
  if (args.value === 0n) world.allowances.delete(key)
  else world.allowances.set(key, args.value)
  return undefined
}

/** ERC-20 `transferFrom`: an unlimited allowance (2^256 − 1) never decreases. */
export function tokenTransferFrom(
  world: World,
  asset: number,
  sender: string,
  args: { readonly from: string; readonly to: string; readonly value: bigint },
): string | undefined {
  if (!world.assets.has(asset)) return 'UnreachableAddress'
  const key = `${asset}/${args.from}/${sender}`
  const allowance = world.allowances.get(key) ?? 0n
  if (allowance < args.value) return 'ERC20InsufficientAllowance'
  if (unitsOf(world, asset, args.from) < args.value) return 'ERC20InsufficientBalance'
  if (allowance !== UNLIMITED) {
    if (allowance === args.value) world.allowances.delete(key)
    else world.allowances.set(key, allowance - args.value)
  }
  move(world, asset, args.from, args.to, args.value)
  return undefined
}
