// What notary needs from other modules: coins in escrow, and the length of a window.
import type { Address } from '../../../base/ids.ts'
import type { WriteContext } from '../../../state/context.ts'
import { escrowAddress, getAccount, transferCoins } from '../../../state/modules/accounts/ledger.ts'
import { capacitySchema } from '../../../state/modules/capacity/schema.ts'
import type { ParameterContext } from '../../../state/parameterRules.ts'
import type { StateReader } from '../../../state/view.ts'
import { notarySchema } from './schema.ts'

const escrowOf = (deed: number): Address => escrowAddress(notarySchema.id, deed)

/** Coins in the escrow of a deed, base units. */
export function heldFor(state: StateReader, deed: number): bigint {
  return getAccount(state, escrowOf(deed)).balanceBase
}

/** Takes coins into the escrow of a deed; false, with nothing written, when `from` has less. */
export function hold(ctx: WriteContext, deed: number, from: Address, amountBase: bigint): boolean {
  return transferCoins(ctx, { from, to: escrowOf(deed), amountBase })
}

/** Pays the escrow of a deed out; false, with nothing written, when it holds less. */
export function release(ctx: WriteContext, deed: number, to: Address, amountBase: bigint): boolean {
  return transferCoins(ctx, { from: escrowOf(deed), to, amountBase })
}

/** Length of a capacity window under proposed parameters, milliseconds. */
export function proposedWindowMs(all: ParameterContext): number {
  return all.of(capacitySchema).windowMs
}
