// Invariants of issuance (ECONOMY §12): 2 supply and liabilities, 3 mint rules, 18 shortfall, and the cached sums.
import type { ReadContext } from '../../context.ts'
import type { Invariant } from '../../rules.ts'
import type { FullState } from '../../view.ts'
import { coinSupply, coinsAt, lockAddress, memberIds, reservedAt, runningWindow } from './external.ts'
import { getLiability, getTotals } from './ledger.ts'
import { getCoverage, recountCoverage } from './limits.ts'
import type { Liability } from './schema.ts'
import { issuanceTables } from './tables.ts'

function checkSupply(ctx: ReadContext): string | undefined {
  const { liabilitiesBase, orphanBase } = getTotals(ctx.state)
  const supplyBase = coinSupply(ctx.state)
  return supplyBase === liabilitiesBase + orphanBase
    ? undefined
    : `supply ${supplyBase}, liabilities ${liabilitiesBase}, orphans ${orphanBase}`
}

const supplyInvariant: Invariant = {
  id: '2 liabilities',
  severity: 'halt',
  doc: 'The supply is the sum of all liabilities and orphans.',
  check: checkSupply,
  recount(full, ctx) {
    let sum = 0n
    for (const { liabilityBase } of issuanceTables.liability.values(full)) sum += liabilityBase
    const { liabilitiesBase } = getTotals(full)
    return sum === liabilitiesBase
      ? checkSupply(ctx)
      : `liabilities add up to ${sum}, the total says ${liabilitiesBase}`
  },
}

type Issued = Pick<Liability, 'liabilityBase' | 'issuedBase' | 'burnedBase'>

function checkIssued({ liabilityBase, issuedBase, burnedBase }: Issued): string | undefined {
  return liabilityBase === issuedBase - burnedBase
    ? undefined
    : `liability ${liabilityBase} of ${issuedBase} issued and ${burnedBase} burned`
}

const mintInvariant: Invariant = {
  id: '3 mint',
  severity: 'stopMinting',
  doc: 'A liability is what its provider issued under the mint rules less what was burned; neither sum falls.',
  checkChanges(changes, parent) {
    for (const [key, stored] of changes) {
      if (!key.startsWith(issuanceTables.liability.prefix)) continue
      if (stored === undefined) return 'a liability record was deleted'
      const after = issuanceTables.liability.decode(stored)
      const old = parent.get(key)
      const before = old === undefined ? undefined : issuanceTables.liability.decode(old)
      if (after.issuedBase < (before?.issuedBase ?? 0n)) return 'the sum of issued coins fell'
      if (after.burnedBase < (before?.burnedBase ?? 0n)) return 'the sum of burned coins fell'
      const broken = checkIssued(after)
      if (broken !== undefined) return broken
    }
    return undefined
  },
  recount(full) {
    for (const liability of issuanceTables.liability.values(full)) {
      const broken = checkIssued(liability)
      if (broken !== undefined) return broken
    }
    return undefined
  },
}

const shortfallInvariant: Invariant = {
  id: '18 shortfall',
  severity: 'stopMinting',
  doc: 'The shortfall stated in headers equals a full recount.',
  recount(full) {
    const stated = getCoverage(full).shortfallBase
    const counted = recountCoverage(full).shortfallBase
    return stated === counted ? undefined : `shortfall ${stated}, recount ${counted}`
  },
}

function checkLocks(full: FullState, provider: number): string | undefined {
  const { lockedBase, releaseBase } = getLiability(full, provider)
  const held = coinsAt(full, lockAddress(provider))
  if (held !== lockedBase) return `provider ${provider}: ${lockedBase} locked, ${held} held`
  return lockedBase >= releaseBase ? undefined : `provider ${provider}: releases more than it has locked`
}

const ledgerInvariant: Invariant = {
  id: 'issuance.ledger',
  severity: 'stopMinting',
  doc: 'Reservations per window add up to R, locks are held, sums are right; ended windows have no records.',
  recount(full, ctx) {
    const reserved = new Map<number, bigint>()
    const current = runningWindow(ctx.state)
    let lockedBase = 0n
    for (const [key, { reservedBase }] of issuanceTables.reservation.entries(full)) {
      const { provider, windowIndex } = reservedAt(key)
      if (windowIndex < current) return `reservations of window ${windowIndex}, which has ended, are kept`
      reserved.set(provider, (reserved.get(provider) ?? 0n) + reservedBase)
    }
    for (const provider of memberIds(full)) {
      const liability = getLiability(full, provider)
      const sum = reserved.get(provider) ?? 0n
      if (sum !== liability.reservedBase)
        return `provider ${provider}: ${liability.reservedBase} reserved, windows add up to ${sum}`
      const broken = checkLocks(full, provider)
      if (broken !== undefined) return broken
      lockedBase += liability.lockedBase
    }
    const total = getTotals(full).lockedBase
    return total === lockedBase ? undefined : `locks add up to ${lockedBase}, the total says ${total}`
  },
}

export const issuanceInvariants: readonly Invariant[] = [
  supplyInvariant,
  mintInvariant,
  shortfallInvariant,
  ledgerInvariant,
]
