// Attestations by governance: which lots may be attested, and until when (ECONOMY §2). Not: the vote (governance), audits.
import { PPM } from '../../../base/units.ts'
import type { WriteContext } from '../../context.ts'
import type { StateReader } from '../../view.ts'
import { isServing } from './external.ts'
import { getLot } from './lots.ts'
import { attestLot } from './pledges.ts'
import { capacityParams } from './tables.ts'
import { currentWindow } from './windows.ts'

export interface Attestation {
  readonly lot: number
  /** The lot ends after this window unless it is attested again, or audited. */
  readonly lastWindow: number
}

export type AttestationRefusal =
  | { readonly code: 'UnknownLot' }
  | { readonly code: 'ProviderNotServing'; readonly provider: number }
  /** By genesis or by an audit: it has no end that could be moved. */
  | { readonly code: 'LotAttested' }
  /** Notice was given, or its last window has ended. */
  | { readonly code: 'LotEnding'; readonly lastWindow: number }
  | { readonly code: 'LastWindowOutOfRange'; readonly earliest: number; readonly latest: number }

/** Why a lot cannot be attested `lockWindows` from now, or undefined. At most K windows of it count (ECONOMY §2). */
export function refuseAttestation(
  state: StateReader,
  attestation: Attestation,
  lockWindows: number,
): AttestationRefusal | undefined {
  const lot = getLot(state, attestation.lot)
  if (lot === undefined) return { code: 'UnknownLot' }
  const { provider, status, lastWindow, renewable, firstWindow } = lot
  if (!isServing(state, provider)) return { code: 'ProviderNotServing', provider }
  if (status === 'attested' && lastWindow === undefined) return { code: 'LotAttested' }
  const now = currentWindow(state)
  if (lastWindow !== undefined && (!renewable || lastWindow < now)) return { code: 'LotEnding', lastWindow }
  const effective = now + lockWindows
  const earliest = Math.max(effective + 1, firstWindow, (lastWindow ?? 0) + 1)
  const latest = effective + capacityParams.get(state).horizonWindows
  if (attestation.lastWindow < earliest || attestation.lastWindow > latest)
    return { code: 'LastWindowOutOfRange', earliest, latest }
  return undefined
}

/**
 * Attests a lot for a time, or renews that: it counts from the next window on, as if an audit had passed. False if that
 * has become impossible. Windows may have been longer than their least, so the end is brought within K windows here.
 */
export function attestForTime(ctx: WriteContext, attestation: Attestation): boolean {
  const latest = currentWindow(ctx.state) + capacityParams.get(ctx.state).horizonWindows
  const bounded = { ...attestation, lastWindow: Math.min(attestation.lastWindow, latest) }
  if (refuseAttestation(ctx.state, bounded, 0) !== undefined) return false
  attestLot(ctx, { ...bounded, auditPpm: PPM })
  return true
}
