// What each member granted in a window, how much of it clients vouchered, and what it left undelivered.
// Owns: these counts while a window's lock releases and bonuses need them. Not: what follows from them.
import type { StateReader, StateWriter } from '../../view.ts'
import { providersTables } from './tables.ts'

/** Coins of a member in a window, base units. */
export interface Delivery {
  readonly grantedBase: bigint
  readonly voucheredBase: bigint
  /** Neither granted nor excused when the window began. */
  readonly faultBase: bigint
  /** Granted and not vouchered below this tells nothing about a member: a client may do it on purpose. */
  readonly toleratedBase: bigint
}

interface At {
  readonly provider: number
  readonly window: number
}

const NOTHING: Delivery = { grantedBase: 0n, voucheredBase: 0n, faultBase: 0n, toleratedBase: 0n }

/** What a member delivered in a window; kept until the end of the second one after it. */
export function deliveryOf(state: StateReader, at: At): Delivery {
  return providersTables.delivery.get(state, at) ?? NOTHING
}

/** Counts coins that a member granted access for, clients vouchered, or a fault left undelivered. */
export function countDelivery(state: StateWriter, at: At, change: Partial<Delivery>): void {
  const known = deliveryOf(state, at)
  providersTables.delivery.set(state, at, {
    grantedBase: known.grantedBase + (change.grantedBase ?? 0n),
    voucheredBase: known.voucheredBase + (change.voucheredBase ?? 0n),
    faultBase: known.faultBase + (change.faultBase ?? 0n),
    toleratedBase: known.toleratedBase + (change.toleratedBase ?? 0n),
  })
}

/**
 * Whether clients vouchered at least half of what was granted, or all of it but what is tolerated: one rule for locks and for
 * bonuses (docs/decisions/small-grants-tell-nothing.md).
 */
export function isServed({ grantedBase, voucheredBase, toleratedBase }: Delivery): boolean {
  return voucheredBase * 2n >= grantedBase || grantedBase - voucheredBase < toleratedBase
}

/** Forgets the counts of a window that nothing needs any more. */
export function forgetDelivery(state: StateWriter, at: At): void {
  if (providersTables.delivery.has(state, at)) providersTables.delivery.delete(state, at)
}
