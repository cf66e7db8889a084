// Invariants of backing (ECONOMY §12): 1 coins of pools are held, 10 income received = withdrawn + claimable + dust.
import { keyBytes, readU64be } from '../../../base/bytes.ts'
import type { Address } from '../../../base/ids.ts'
import type { ReadContext } from '../../context.ts'
import type { Recount } from '../../recount.ts'
import type { Invariant } from '../../rules.ts'
import type { StateChanges, StateKey, StateReader } from '../../view.ts'
import { coinsInPool, incomeHeld } from './external.ts'
import { claimE36, getIncome, unownedE36 } from './income.ts'
import { freeUnits, movesFrom } from './moves.ts'
import { getPool } from './pools.ts'
import { backedBy, getPosition } from './positions.ts'
import type { Income, Pool, Position } from './schema.ts'
import { backingTables } from './tables.ts'

/** Bytes of an address, the last part of a position's key. */
const ADDRESS_BYTES = 20

/** The number whose eight bytes end so many bytes before the key does. */
function numberIn(key: StateKey, bytesAfter = 0): number {
  const bytes = keyBytes(key)
  return readU64be(bytes, bytes.length - bytesAfter - 8)
}

function checkPool(state: StateReader, provider: number, pool: Pool): string | undefined {
  const { backedBase, unbondingBase, unitsBase } = pool
  const heldBase = coinsInPool(state, provider)
  if (heldBase !== backedBase + unbondingBase)
    return `pool of provider ${provider}: ${backedBase} and ${unbondingBase} on the way out, ${heldBase} held`
  return backedBase <= unitsBase
    ? undefined
    : `pool of provider ${provider}: ${unitsBase} units of ${backedBase} coins`
}

function checkIncome(
  state: StateReader,
  at: { readonly provider: number; readonly asset: number },
  { receivedBase, withdrawnBase }: Income,
): string | undefined {
  const heldBase = incomeHeld(state, at)
  return heldBase === receivedBase - withdrawnBase
    ? undefined
    : `income of provider ${at.provider} in asset ${at.asset}: ${receivedBase} received, ${withdrawnBase} withdrawn, ${heldBase} held`
}

/** Checks every record of a table that a block has changed. */
function changedIn<V>(
  changes: StateChanges,
  table: { readonly prefix: StateKey; readonly decode: (stored: Uint8Array) => V },
  check: (value: V, key: StateKey) => string | undefined,
): string | undefined {
  for (const [key, stored] of changes) {
    if (stored === undefined || !key.startsWith(table.prefix)) continue
    const broken = check(table.decode(stored), key)
    if (broken !== undefined) return broken
  }
  return undefined
}

/** Sums of what positions say, by the provider, or by provider and window. */
class Sums {
  readonly #sums = new Map<string, bigint>()

  add(name: string, value: bigint): void {
    this.#sums.set(name, (this.#sums.get(name) ?? 0n) + value)
  }

  /** A sum, which is forgotten. */
  take(name: string): bigint {
    const sum = this.#sums.get(name) ?? 0n
    this.#sums.delete(name)
    return sum
  }

  /** The name of a sum that nobody has taken. */
  get left(): string | undefined {
    return [...this.#sums].find(([, sum]) => sum !== 0n)?.[0]
  }
}

function* recountPools({ state }: ReadContext): Recount {
  const units = new Sums()
  const leaving = new Sums()
  const unlisted = yield* backingTables.position.each((position: Position, key) => {
    const provider = numberIn(key, ADDRESS_BYTES)
    units.add(`${provider}`, position.unitsBase)
    for (const { untilWindow, unitsBase } of position.unbondings)
      units.add(`${provider} until ${untilWindow}`, unitsBase)
    const account = keyBytes(key).slice(-ADDRESS_BYTES) as Address
    return backedBy(state, account).includes(provider)
      ? undefined
      : `a position of provider ${provider} is not listed`
  })
  if (unlisted !== undefined) return unlisted
  const broken =
    (yield* backingTables.unbonding.each(({ amountBase, unitsBase }, key) => {
      const [provider, untilWindow] = [numberIn(key, 8), numberIn(key)]
      leaving.add(`${provider}`, amountBase)
      const sum = units.take(`${provider} until ${untilWindow}`)
      return sum === unitsBase
        ? undefined
        : `unbondings of provider ${provider} until window ${untilWindow}: ${unitsBase} units, positions have ${sum}`
    })) ??
    (yield* backingTables.pool.each((pool, key) => {
      const provider = numberIn(key)
      const [unitsBase, leavingBase] = [units.take(`${provider}`), leaving.take(`${provider}`)]
      if (unitsBase !== pool.unitsBase)
        return `pool of provider ${provider}: ${pool.unitsBase} units, positions have ${unitsBase}`
      if (leavingBase !== pool.unbondingBase)
        return `pool of provider ${provider}: ${pool.unbondingBase} on the way out, ${leavingBase} by window`
      return checkPool(state, provider, pool)
    }))
  if (broken !== undefined) return broken
  const left = units.left ?? leaving.left
  if (left !== undefined) return `units of provider ${left} without a pool`
  return yield* backingTables.moves.each((_, key) => checkMoves(state, numberIn(key)))
}

/** What was moved out of a pool is bound where it went. */
function checkMoves(state: StateReader, from: number): string | undefined {
  for (const { to: provider, account } of movesFrom(state, from)) {
    const position = getPosition(state, { provider, account })
    if (position.movedFrom.includes(from) && freeUnits(state, { provider, account }, position) >= 0n) continue
    return `coins moved from provider ${from} to ${provider} are not bound there`
  }
  return undefined
}

function* recountIncomes({ state }: ReadContext): Recount {
  const claims = new Sums()
  yield* backingTables.position.each((position, key) => {
    const provider = numberIn(key, ADDRESS_BYTES)
    for (const asset of getPool(state, provider).assets) {
      const income = getIncome(state, { provider, asset })
      claims.add(`${provider} in asset ${asset}`, claimE36(position, asset, income))
    }
    return undefined
  })
  const missing = yield* backingTables.pool.each(({ assets }, key) => {
    const provider = numberIn(key)
    const asset = assets.find((known) => !backingTables.income.has(state, { provider, asset: known }))
    return asset === undefined
      ? undefined
      : `income of provider ${provider} in asset ${asset} is not on the books`
  })
  if (missing !== undefined) return missing
  const broken = yield* backingTables.income.each((income, key) => {
    const [provider, asset] = [numberIn(key, 8), numberIn(key)]
    const restE36 = unownedE36(income, claims.take(`${provider} in asset ${asset}`))
    if (restE36 !== income.dustE36)
      return `income of provider ${provider} in asset ${asset}: ${restE36} without owner, the dust is ${income.dustE36}`
    return checkIncome(state, { provider, asset }, income)
  })
  if (broken !== undefined) return broken
  return claims.left === undefined ? undefined : `claims on provider ${claims.left} without income`
}

export const backingInvariants: readonly Invariant[] = [
  {
    id: '1 pools',
    severity: 'halt',
    doc: 'The coins behind each provider are held to the last unit, and positions have all their units.',
    checkChanges: (changes, _, { state }) =>
      changedIn(changes, backingTables.pool, (pool, key) => checkPool(state, numberIn(key), pool)),
    recount: recountPools,
  },
  {
    id: '10 revenue',
    severity: 'alert',
    doc: 'Backers’ income: received = withdrawn + claimable + dust, exactly, and what is not withdrawn is held.',
    checkChanges: (changes, _, { state }) =>
      changedIn(changes, backingTables.income, (income, key) =>
        checkIncome(state, { provider: numberIn(key, 8), asset: numberIn(key) }, income),
      ),
    recount: recountIncomes,
  },
]
