// The coins behind a provider (ECONOMY §7, §9): who has which part of them, those that leave, and what a default takes.
// A pool is divided into units; a loss lowers what a unit is worth and touches no backer (docs/decisions/backing-by-units.md).
import { assert } from '../../../base/assert.ts'
import { AMOUNT_MAX, mulDivCeil, mulDivFloor } from '../../../base/units.ts'
import type { WriteContext } from '../../context.ts'
import type { Escrow } from '../../ledger.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { poolAddress, runningWindow } from './external.ts'
import { type Pool, UNBOND_WINDOWS_MAX, type UnbondingCoins } from './schema.ts'
import { backingTables, events } from './tables.ts'

const EMPTY: Pool = {
  backedBase: 0n,
  unitsBase: 0n,
  unbondingBase: 0n,
  lostBase: 0n,
  sharePpm: 0n,
  nextSharePpm: 0n,
  assets: [],
  heldWindows: 0,
}
const NO_COINS: UnbondingCoins = { amountBase: 0n, unitsBase: 0n }

/** Address of the coins behind a provider, for whoever burns them. */
export function poolAddressOf(provider: number): Escrow {
  return poolAddress(provider)
}

/** The pool of a provider; empty if nobody has backed it and it has set no share. */
export function getPool(state: StateReader, provider: number): Pool {
  return backingTables.pool.get(state, { provider }) ?? EMPTY
}

/** Changes a pool. A unit is never worth more than a base unit: every rounding leaves coins to those who stay. */
export function updatePool(state: StateWriter, provider: number, change: Partial<Pool>): void {
  const after = { ...getPool(state, provider), ...change }
  assert(after.unitsBase >= after.backedBase && after.backedBase >= 0n, 'a unit is worth at most a base unit')
  backingTables.pool.set(state, { provider }, after)
}

/**
 * The window that a pool's clock shows: the running one, less those in which the provider was at fault. Unbondings run by it,
 * so that however long a fault lasts, no more of their windows are ahead than unbonding takes.
 */
export function poolClock(state: StateReader, provider: number): number {
  const { heldWindows, heldSince } = getPool(state, provider)
  return (heldSince ?? runningWindow(state)) - heldWindows
}

/** The running window in which a pool's clock shows a window, if it does not stand still until then. */
export function expectedWindow(state: StateReader, provider: number, atClock: number): number {
  return runningWindow(state) + atClock - poolClock(state, provider)
}

/**
 * Stops a pool's clock while its provider is at fault, and lets it go on: whoever asks for its coins too late to be free before
 * a fault is seen waits until it is over (docs/decisions/backers-stay-for-open-faults.md).
 */
export function holdUnbonding(ctx: WriteContext, provider: number, isHeld: boolean): void {
  const { state } = ctx
  if (!backingTables.pool.has(state, { provider })) return
  const { heldSince, heldWindows } = getPool(state, provider)
  if (isHeld === (heldSince !== undefined)) return
  const window = runningWindow(state)
  updatePool(state, provider, {
    heldSince: isHeld ? window : undefined,
    heldWindows: heldWindows + (heldSince === undefined ? 0 : window - heldSince),
  })
  events.UnbondingHeld(ctx, { provider, held: isHeld })
}

/** Coins that divide into units, in a pool or in the unbondings of a window. */
interface Divided {
  readonly amountBase: bigint
  readonly unitsBase: bigint
}

/** Units for coins that join, rounded down: the others gain. Undefined when units are worth too little to be counted. */
export function unitsFor({ amountBase, unitsBase }: Divided, joiningBase: bigint): bigint | undefined {
  if (unitsBase === 0n) return joiningBase
  if (amountBase === 0n) return undefined
  const joining = mulDivFloor(joiningBase, unitsBase, amountBase)
  return unitsBase + joining <= AMOUNT_MAX ? joining : undefined
}

/** What units are worth, rounded down: the others gain. */
export function worthOf({ amountBase, unitsBase }: Divided, ofUnits: bigint): bigint {
  return ofUnits === 0n ? 0n : mulDivFloor(ofUnits, amountBase, unitsBase)
}

/** Units that coins cost on their way out, rounded up: the others gain. */
export function unitsOut({ amountBase, unitsBase }: Divided, leavingBase: bigint): bigint {
  return mulDivCeil(leavingBase, unitsBase, amountBase)
}

/** The coins of a pool that earn, and their units. */
export function earningOf({ backedBase, unitsBase }: Pool): Divided {
  return { amountBase: backedBase, unitsBase }
}

/** The coins of a pool that are free from a window of its clock on. */
export function getUnbonding(state: StateReader, provider: number, untilWindow: number): UnbondingCoins {
  return backingTables.unbonding.get(state, { provider, untilWindow }) ?? NO_COINS
}

/** Stores them; they are forgotten with their last unit. */
export function setUnbonding(
  state: StateWriter,
  at: { readonly provider: number; readonly untilWindow: number },
  coins: UnbondingCoins,
): void {
  assert(coins.unitsBase > 0n || coins.amountBase === 0n, 'the last unit takes the last coin')
  if (coins.unitsBase > 0n) backingTables.unbonding.set(state, at, coins)
  else if (backingTables.unbonding.has(state, at)) backingTables.unbonding.delete(state, at)
}

/** Unbondings that a loss would still reach, by their window: point reads, as many as windows that they may last. */
function unbondingsAtRisk(
  state: StateReader,
  provider: number,
): readonly (UnbondingCoins & { readonly untilWindow: number })[] {
  const found: (UnbondingCoins & { readonly untilWindow: number })[] = []
  const { unbondingBase } = getPool(state, provider)
  const clock = poolClock(state, provider)
  for (let ahead = 1; unbondingBase > 0n && ahead <= UNBOND_WINDOWS_MAX + 1; ahead++) {
    const coins = getUnbonding(state, provider, clock + ahead)
    if (coins.amountBase > 0n) found.push({ untilWindow: clock + ahead, ...coins })
  }
  return found
}

/** Coins of a pool that a default would burn: those that earn, and those whose unbonding is not over. */
export function atRisk(
  state: StateReader,
  provider: number,
): { readonly backedBase: bigint; readonly unbondingBase: bigint } {
  const unbondingBase = unbondingsAtRisk(state, provider).reduce(
    (sum, { amountBase }) => sum + amountBase,
    0n,
  )
  return { backedBase: getPool(state, provider).backedBase, unbondingBase }
}

/** How a loss divides: in proportion over each window's unbondings and the coins that earn, to the last unit. */
function divideLoss(state: StateReader, provider: number, lossBase: bigint) {
  const { backedBase, unbondingBase } = atRisk(state, provider)
  let leftBase = backedBase + unbondingBase
  let restBase = lossBase
  assert(lossBase >= 0n && lossBase <= leftBase, 'no more is lost than is at risk')
  const parts = unbondingsAtRisk(state, provider).map((coins) => {
    const partBase = mulDivFloor(restBase, coins.amountBase, leftBase)
    leftBase -= coins.amountBase
    restBase -= partBase
    return { ...coins, partBase }
  })
  // What is left to lose is at most what is left: each floor above leaves a ceiling of the proportion behind.
  return { parts, backedPartBase: restBase }
}

/** What a loss would take; at most what is at risk. */
export function lossOf(state: StateReader, provider: number, amountBase: bigint) {
  const { backedBase, unbondingBase } = atRisk(state, provider)
  const lossBase = amountBase < backedBase + unbondingBase ? amountBase : backedBase + unbondingBase
  const { backedPartBase } = divideLoss(state, provider, lossBase)
  return { amountBase: lossBase, backedBase: backedPartBase, unbondingBase: lossBase - backedPartBase }
}

/**
 * Takes a loss off the books of a pool. The caller burns as many coins at `poolAddressOf`. Asserts that no more is lost
 * than is at risk. Its cost depends on the unbonding windows, not on the number of backers.
 */
export function takeLoss(ctx: WriteContext, provider: number, lossBase: bigint): void {
  if (lossBase === 0n) return
  const { state } = ctx
  const { parts, backedPartBase } = divideLoss(state, provider, lossBase)
  for (const { untilWindow, amountBase, unitsBase, partBase } of parts)
    setUnbonding(state, { provider, untilWindow }, { amountBase: amountBase - partBase, unitsBase })
  const { backedBase, unbondingBase, lostBase } = getPool(state, provider)
  const unbondingPartBase = lossBase - backedPartBase
  updatePool(state, provider, {
    backedBase: backedBase - backedPartBase,
    unbondingBase: unbondingBase - unbondingPartBase,
    lostBase: lostBase + lossBase,
  })
  events.BackingLost(ctx, { provider, backedBase: backedPartBase, unbondingBase: unbondingPartBase })
}
