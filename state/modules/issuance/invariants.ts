// Invariants of issuance (ECONOMY §12): 2 supply and liabilities, 3 mint rules, 18 shortfall, and the cached sums.
import type { ReadContext } from '../../context.ts'
import { eachItem } from '../../recount.ts'
import type { Invariant } from '../../rules.ts'
import type { StateReader } from '../../view.ts'
import { coinSupply, coinsAt, lockAddress, memberIds } from './external.ts'
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
  *recount(ctx) {
    let sum = 0n
    yield* issuanceTables.liability.each(({ liabilityBase }) => {
      sum += liabilityBase
      return undefined
    })
    const { liabilitiesBase } = getTotals(ctx.state)
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
  recount: () => issuanceTables.liability.each(checkIssued),
}

const shortfallInvariant: Invariant = {
  id: '18 shortfall',
  severity: 'stopMinting',
  doc: 'The shortfall stated in headers equals a full recount.',
  *recount({ state }) {
    const stated = getCoverage(state).shortfallBase
    yield undefined
    const counted = recountCoverage(state).shortfallBase
    return stated === counted ? undefined : `shortfall ${stated}, recount ${counted}`
  },
}

function checkLocks(state: StateReader, provider: number): string | undefined {
  const { lockedBase, releaseBase } = getLiability(state, provider)
  const held = coinsAt(state, lockAddress(provider))
  if (held !== lockedBase) return `provider ${provider}: ${lockedBase} locked, ${held} held`
  return lockedBase >= releaseBase ? undefined : `provider ${provider}: releases more than it has locked`
}

const ledgerInvariant: Invariant = {
  id: 'issuance.ledger',
  severity: 'stopMinting',
  doc: 'Locks are held and add up to the total.',
  *recount({ state }) {
    let lockedBase = 0n
    const differs = yield* eachItem(memberIds(state), (provider) => {
      lockedBase += getLiability(state, provider).lockedBase
      return checkLocks(state, provider)
    })
    if (differs !== undefined) return differs
    const total = getTotals(state).lockedBase
    return total === lockedBase ? undefined : `locks add up to ${lockedBase}, the total says ${total}`
  },
}

export const issuanceInvariants: readonly Invariant[] = [
  supplyInvariant,
  mintInvariant,
  shortfallInvariant,
  ledgerInvariant,
]
