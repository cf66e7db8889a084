// What compliance stops: debits that an account makes by its own doing (ECONOMY §10). Fees, refunds and settlements are not asked
// about, so they always succeed, and so does every credit but a transfer of an asset that requires a credential.
import { equalBytes } from '../../../base/bytes.ts'
import type { Address } from '../../../base/ids.ts'
import { isSystemAddress } from '../../../base/moduleDefinition.ts'
import type { Debit, ReadContext } from '../../context.ts'
import { credentialsOf, getRequirement } from './credentials.ts'
import { freezesOf, getStatus } from './freezes.ts'
import type { FreezeScope } from './schema.ts'
import { complianceTables } from './tables.ts'

/** Where units may go by the order of their holder, by the id of the module whose action moves them (WALLETS §2). */
const PLACES: Readonly<Record<Exclude<FreezeScope, 'all' | 'asset'>, readonly number[]>> = {
  // Plain and token transfers are of no module; a batch of them runs in accounts, one with a memo in compliance.
  transfers: [0, 1, 14],
  market: [11],
  redemption: [9],
  // Immediate and forward sales.
  purchases: [8, 16],
  backing: [10],
}

/** A pause stops what hands units to others. Redemption, retiring, bonds and backing go on (ECONOMY §6). */
const PAUSED = [...PLACES.transfers, ...PLACES.market]

function isStopped(freeze: { readonly scope: FreezeScope; readonly asset: number }, debit: Debit): boolean {
  const { scope } = freeze
  if (scope === 'all') return true
  if (scope === 'asset') return freeze.asset === debit.asset
  return PLACES[scope].includes(debit.module ?? 0)
}

function frozenBy(ctx: ReadContext, debit: Debit): string | undefined {
  for (const id of freezesOf(ctx.state, debit.account)) {
    const freeze = complianceTables.freeze.mustGet(ctx.state, { id })
    if (freeze.expiresMs > ctx.block.timestampMs && isStopped(freeze, debit))
      return `frozen: freeze ${id}, ${freeze.scope}`
  }
  return undefined
}

/** Whether a freeze lets an account give up nothing of an asset, whatever the way; 0 is the coin. */
export function isFrozenWhole(
  ctx: ReadContext,
  { account, asset }: { readonly account: Address; readonly asset: number },
): boolean {
  return freezesOf(ctx.state, account).some((id) => {
    const freeze = complianceTables.freeze.mustGet(ctx.state, { id })
    const isWhole = freeze.scope === 'all' || (freeze.scope === 'asset' && freeze.asset === asset)
    return isWhole && freeze.expiresMs > ctx.block.timestampMs
  })
}

/** Why an account may not receive an asset by a transfer, or undefined. */
function refuseReceipt(ctx: ReadContext, asset: number, to: Address): string | undefined {
  // What goes into an escrow comes out by a settlement, and whoever issued the units takes them back.
  if (asset === 0 || isSystemAddress(to)) return undefined
  const requirement = getRequirement(ctx.state, asset)
  if (requirement === undefined || equalBytes(requirement.issuer, to)) return undefined
  const { schema, level } = requirement
  const isHeld = credentialsOf(ctx, to).some((held) => held.schema === schema && held.level >= level)
  return isHeld ? undefined : `recipient lacks ${schema}, level ${level}`
}

/** Why an account may not give up units now, or undefined. */
export function checkDebit(ctx: ReadContext, debit: Debit): string | undefined {
  const { freezes, pausedUntilMs } = getStatus(ctx.state)
  if (pausedUntilMs > ctx.block.timestampMs && PAUSED.includes(debit.module ?? 0))
    return 'transfers are paused'
  const frozen = freezes.length === 0 ? undefined : frozenBy(ctx, debit)
  if (frozen !== undefined || debit.to === undefined) return frozen
  return refuseReceipt(ctx, debit.asset, debit.to)
}
