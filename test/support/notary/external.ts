// What notary needs from other modules: coins in escrow, the length of a window, and its part of a block's deferred work.
import type { Address } from '../../../base/ids.ts'
import type { Walk } from '../../../state/blockWork.ts'
import type { WriteContext } from '../../../state/context.ts'
import { COIN_ASSET, type Escrow, escrowsOf, ledger } from '../../../state/ledger.ts'
import { capacitySchema } from '../../../state/modules/capacity/schema.ts'
import { openEconomyWalk } from '../../../state/modules/capacity/walks.ts'
import type { ParameterContext } from '../../../state/parameterRules.ts'
import type { StateReader } from '../../../state/view.ts'
import { notarySchema } from './schema.ts'

const escrowOf = (deed: number): Escrow => escrowsOf(notarySchema).deposits(deed)

/** Coins in the escrow of a deed, base units. */
export function heldFor(state: StateReader, deed: number): bigint {
  return ledger.balanceOf(state, { asset: COIN_ASSET, owner: escrowOf(deed) })
}

/** Takes coins into the escrow of a deed; false, with nothing written, when `from` has less or may not pay. */
export function hold(ctx: WriteContext, deed: number, from: Address, amountBase: bigint): boolean {
  return ledger.move(ctx, { asset: COIN_ASSET, from, to: escrowOf(deed), amountBase }) === undefined
}

/** Pays the escrow of a deed out. Asserts that it holds as much. */
export function release(ctx: WriteContext, deed: number, to: Address, amountBase: bigint): void {
  ledger.release(ctx, { asset: COIN_ASSET, from: escrowOf(deed), to, amountBase })
}

/** Length of a capacity window under proposed parameters, milliseconds. */
export function proposedWindowMs(all: ParameterContext): number {
  return all.of(capacitySchema).windowMs
}

/** Opens the walk that returns deposits in this block. */
export function openReturns(ctx: WriteContext): Walk {
  return openEconomyWalk(ctx, notarySchema, 'returns')
}
