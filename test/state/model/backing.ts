// ECONOMY §7, Backing: coins behind a provider, those on their way out, and what a default burns of them
// (docs/decisions/backing-by-units.md, docs/decisions/backers-stay-for-open-faults.md). Nobody sets a share here: no income.
import { ceilDiv, floorDiv, least, sum } from './arithmetic.ts'
import { burnLiability, type Outcome } from './issuance.ts'
import { backingEscrow, coinsOf, moveCoins } from './ledger.ts'
import type { Leaving, Pool, Provider, World } from './world.ts'

const BACKABLE = ['active', 'amortizing', 'curing']

export function poolOf(world: World, provider: number): Pool {
  const known = world.pools.get(provider)
  if (known !== undefined) return known
  const pool: Pool = {
    backedBase: 0n,
    unitsBase: 0n,
    lostBase: 0n,
    isHeld: false,
    leaving: [],
    positions: new Map(),
  }
  world.pools.set(provider, pool)
  return pool
}

interface Divided {
  readonly coins: bigint
  readonly units: bigint
}

const earning = ({ backedBase, unitsBase }: Pool): Divided => ({ coins: backedBase, units: unitsBase })

const worthOf = ({ coins, units }: Divided, own: bigint): bigint =>
  own === 0n ? 0n : floorDiv(own * coins, units)

/** Units for coins that join; undefined where those that there are are worth nothing. */
const unitsFor = ({ coins, units }: Divided, joining: bigint): bigint | undefined =>
  units === 0n ? joining : coins === 0n ? undefined : floorDiv(joining * units, coins)

export function back(
  world: World,
  sender: string,
  { provider: id, amountBase }: { readonly provider: number; readonly amountBase: bigint },
): Outcome {
  const provider = world.providers.get(id)
  if (provider === undefined) return 'UnknownProvider'
  if (provider.removed || !BACKABLE.includes(provider.status)) return 'NotBackable'
  if (amountBase < world.parameters.minimumBase) return 'AmountTooSmall'
  const pool = poolOf(world, id)
  const units = unitsFor(earning(pool), amountBase)
  if (units === undefined) return 'PoolLost'
  if (coinsOf(world, sender) < amountBase) return 'InsufficientCoins'
  moveCoins(world, sender, backingEscrow(id), amountBase)
  pool.backedBase += amountBase
  pool.unitsBase += units
  const known = pool.positions.get(sender)
  if (known === undefined) pool.positions.set(sender, { unitsBase: units, leaving: [] })
  else known.unitsBase += units
  return undefined
}

export function unback(
  world: World,
  sender: string,
  { provider: id, amountBase }: { readonly provider: number; readonly amountBase: bigint },
): Outcome {
  if (amountBase === 0n) return 'ZeroAmount'
  const pool = world.pools.get(id)
  if (pool === undefined) return 'InsufficientBacking'
  const position = pool.positions.get(sender) ?? { unitsBase: 0n, leaving: [] }
  const worth = worthOf(earning(pool), position.unitsBase)
  if (amountBase > worth) return 'InsufficientBacking'
  const { unbondWindows, unbondingsMax } = world.parameters
  const left = unbondWindows + 1
  const own = position.leaving.find((entry) => entry.left === left)
  if (own === undefined && position.leaving.length >= unbondingsMax) return 'UnbondingsFull'
  const coming = pool.leaving.find((entry) => entry.left === left)
  const units = unitsFor(coming ?? { coins: 0n, units: 0n }, amountBase)
  if (units === undefined) return 'PoolLost'
  const out =
    amountBase === worth ? position.unitsBase : ceilDiv(amountBase * pool.unitsBase, pool.backedBase)
  pool.backedBase -= amountBase
  pool.unitsBase -= out
  position.unitsBase -= out
  if (own === undefined) position.leaving.push({ left, units })
  else own.units += units
  if (coming === undefined) pool.leaving.push({ left, coins: amountBase, units })
  else {
    coming.coins += amountBase
    coming.units += units
  }
  return undefined
}

/** Pays what is free, and gives up units that a loss has made worthless. */
export function claimBacking(
  world: World,
  sender: string,
  { provider: id }: { readonly provider: number },
): Outcome {
  const pool = world.pools.get(id)
  const position = pool?.positions.get(sender)
  if (pool === undefined || position === undefined) return 'NothingToClaim'
  const worthless = pool.backedBase === 0n ? position.unitsBase : 0n
  const free = position.leaving.filter(({ left }) => left <= 0)
  if (worthless === 0n && free.length === 0) return 'NothingToClaim'
  pool.unitsBase -= worthless
  position.unitsBase -= worthless
  for (const { left, units } of free) {
    const of = pool.leaving.find((entry) => entry.left === left)!
    const paid = worthOf(of, units)
    of.coins -= paid
    of.units -= units
    moveCoins(world, backingEscrow(id), sender, paid)
  }
  pool.leaving = pool.leaving.filter(({ units }) => units > 0n)
  position.leaving = position.leaving.filter(({ left }) => left > 0)
  if (position.unitsBase === 0n && position.leaving.length === 0) pool.positions.delete(sender)
  return undefined
}

/** A window has ended: of a provider that is at fault it does not count. */
export function countUnbonding(world: World): void {
  for (const pool of world.pools.values()) {
    if (pool.isHeld) continue
    for (const entry of pool.leaving) entry.left--
    for (const position of pool.positions.values()) for (const entry of position.leaving) entry.left--
  }
}

/** With the member's turn: whoever owes something and must cure, or is suspended, holds its backers. */
export function holdBackers(world: World, provider: Provider): void {
  const pool = world.pools.get(provider.id)
  if (pool === undefined) return
  const isAtFault = provider.cure !== undefined || provider.suspendedSince !== undefined
  pool.isHeld = provider.liabilityBase > 0n && isAtFault
}

const atRisk = (pool: Pool): readonly Leaving[] =>
  pool.leaving.filter(({ left, coins }) => left > 0 && coins > 0n).sort((a, b) => a.left - b.left)

export const unbondingOf = (pool: Pool): bigint => sum(atRisk(pool).map(({ coins }) => coins))

/** A default: what is at risk burns in proportion, as far as something is owed. Returns how much. */
export function burnBacking(world: World, provider: Provider): bigint {
  const pool = world.pools.get(provider.id)
  if (pool === undefined) return 0n
  pool.isHeld = false
  let left = pool.backedBase + unbondingOf(pool)
  const lost = least(left, provider.liabilityBase)
  if (lost === 0n) return 0n
  let rest = lost
  for (const entry of atRisk(pool)) {
    const part = floorDiv(rest * entry.coins, left)
    left -= entry.coins
    rest -= part
    entry.coins -= part
  }
  pool.backedBase -= rest
  pool.lostBase += lost
  burnLiability(world, provider, backingEscrow(provider.id), lost)
  return lost
}
