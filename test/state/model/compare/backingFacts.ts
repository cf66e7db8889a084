// Operations of backers that mostly make sense, and what both sides say of the coins behind providers.
import type { Random } from '../../../support/random.ts'
import { COIN } from '../arithmetic.ts'
import { poolOf, unbondingOf } from '../backing.ts'
import { coinsOf } from '../ledger.ts'
import type { World } from '../world.ts'
import type { Sent } from './operations.ts'
import type { RealChain } from './realChain.ts'
import { holders, nameOf } from './wallets.ts'

type Facts = Map<string, string>

const KINDS = ['back', 'unback', 'claimBacking'] as const
type Kind = (typeof KINDS)[number]

export const isBacking = (kind: string): kind is Kind => KINDS.some((known) => known === kind)

/** Mostly who has something behind a provider comes, leaves and claims; those behind one at fault more often. */
export function nextBacking(random: Random, world: World, kind: Kind): Sent {
  const members = [...world.providers.keys()]
  const from = random.chance(0.2) ? random.pick(members) : random.pick(holders)
  if (kind === 'back') {
    const provider = random.chance(0.03) ? 99 : random.pick(members)
    const most = coinsOf(world, nameOf(from))
    const amountBase = random.chance(0.1)
      ? random.pick([0n, COIN / 100n, COIN / 100n - 1n, most, most + 1n])
      : (most * BigInt(random.between(1, 250))) / 1_000n
    return { from, operation: { kind, provider, amountBase } }
  }
  const positions = [...world.pools].flatMap(([provider, { positions }]) =>
    [...positions].map(([owner, position]) => ({ provider, owner, position })),
  )
  if (positions.length === 0 || random.chance(0.05)) {
    const provider = random.pick(members)
    return { from, operation: kind === 'unback' ? { kind, provider, amountBase: COIN } : { kind, provider } }
  }
  const held = positions.filter(({ provider }) => world.pools.get(provider)!.isHeld)
  const { provider, owner, position } = random.pick(held.length > 0 && random.chance(0.5) ? held : positions)
  const wallet = [...members, ...holders].find((each) => nameOf(each) === owner)!
  if (kind === 'claimBacking') return { from: wallet, operation: { kind, provider } }
  const { backedBase, unitsBase } = poolOf(world, provider)
  const worth = unitsBase === 0n ? 0n : (position.unitsBase * backedBase) / unitsBase
  const amountBase = random.chance(0.3)
    ? random.pick([0n, 1n, worth, worth + 1n])
    : (worth * BigInt(random.between(1, 1_000))) / 1_000n
  return { from: wallet, operation: { kind: 'unback', provider, amountBase } }
}

export function addPools(facts: Facts, world: World): void {
  for (const id of world.providers.keys()) {
    const pool = world.pools.get(id)
    const all = (pool?.leaving ?? []).reduce((sum, { coins }) => sum + coins, 0n)
    const leaving = pool === undefined ? 0n : unbondingOf(pool)
    addPool(facts, id, [
      pool?.backedBase ?? 0n,
      leaving,
      all - leaving,
      pool?.lostBase ?? 0n,
      pool?.isHeld ?? false,
    ])
  }
}

interface PoolInfo {
  readonly backedBase: bigint
  readonly unbondingBase: bigint
  readonly freeBase: bigint
  readonly lostBase: bigint
  readonly heldSince?: number
}

export function addRealPools(facts: Facts, real: RealChain, world: World): void {
  for (const id of world.providers.keys()) {
    const { backedBase, unbondingBase, freeBase, lostBase, heldSince } = real.query<PoolInfo>(
      'backing',
      'pool',
      {
        provider: id,
      },
    )
    addPool(facts, id, [backedBase, unbondingBase, freeBase, lostBase, heldSince !== undefined])
  }
}

function addPool(facts: Facts, id: number, values: readonly (bigint | boolean)[]): void {
  const [backed, leaving, free, lost, isHeld] = values
  facts.set(`pool ${id}`, `${backed} backed, ${leaving} leaving, ${free} free, ${lost} lost, held ${isHeld}`)
}
