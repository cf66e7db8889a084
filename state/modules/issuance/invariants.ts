// Invariants of issuance (ECONOMY §12): 2 supply and liabilities, 3 mint rules, 18 shortfall, and the cached sums.
import type { ReadContext } from '../../context.ts'
import { eachItem } from '../../recount.ts'
import type { Invariant } from '../../rules.ts'
import type { StateReader } from '../../view.ts'
import { compensationOf } from './compensations.ts'
import { Cover } from './cover.ts'
import type { Coverage } from './coverage.ts'
import {
  coinSupply,
  coinsAt,
  compensationUnits,
  getMember,
  lockAddress,
  memberIds,
  unitsLocked,
} from './external.ts'
import { getLiability, getTotals } from './ledger.ts'
import { getCoverage, recountCoverage } from './limits.ts'
import { getProceeds, lockedProceeds } from './proceeds.ts'
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

/** The sums of a liability: none ever falls. */
const SUMS = [
  ['issuedBase', 'issued'],
  ['burnedBase', 'burned'],
  ['takenOverBase', 'taken over'],
  ['handedOverBase', 'handed over'],
] as const

function checkIssued(liability: Liability): string | undefined {
  const { liabilityBase, issuedBase, burnedBase, takenOverBase, handedOverBase } = liability
  if (liabilityBase !== issuedBase + takenOverBase - burnedBase - handedOverBase)
    return `liability ${liabilityBase} of ${issuedBase} issued and ${takenOverBase} taken over, less ${burnedBase} burned and ${handedOverBase} handed over`
  const { assumedBase, exemptBase } = liability
  return exemptBase <= assumedBase && assumedBase <= liabilityBase
    ? undefined
    : `${exemptBase} of ${assumedBase} assumed, of a liability of ${liabilityBase}, needs no bond`
}

const mintInvariant: Invariant = {
  id: '3 mint',
  severity: 'stopMinting',
  doc: 'A liability is what its provider issued under the mint rules or took over, less what was burned or handed over; no sum falls.',
  checkChanges(changes, parent) {
    for (const [key, stored] of changes) {
      if (!key.startsWith(issuanceTables.liability.prefix)) continue
      if (stored === undefined) return 'a liability record was deleted'
      const after = issuanceTables.liability.decode(stored)
      const old = parent.get(key)
      const before = old === undefined ? undefined : issuanceTables.liability.decode(old)
      for (const [sum, name] of SUMS)
        if (after[sum] < (before?.[sum] ?? 0n)) return `the sum of ${name} coins fell`
      const broken = checkIssued(after)
      if (broken !== undefined) return broken
    }
    return undefined
  },
  recount: () => issuanceTables.liability.each(checkIssued),
}

/** Every figure of coverage by name, so that a difference can be named. */
function differsFrom(stated: Coverage, counted: Coverage): string | undefined {
  const names = Object.keys(counted) as (keyof Coverage)[]
  const name = names.find((key) => stated[key] !== counted[key])
  return name === undefined ? undefined : `${name} ${stated[name]}, recount ${counted[name]}`
}

const shortfallInvariant: Invariant = {
  id: '18 shortfall',
  severity: 'stopMinting',
  doc: 'Coverage as stated in headers and used by the mint rule equals a full recount.',
  check({ state }) {
    // Later modules may have changed it in this block, after issuance stored it.
    if (new Cover(state).hasChanged) return undefined
    const short = issuanceTables.short.has(state, {})
    return short === getCoverage(state).shortfallBase > 0n
      ? undefined
      : `a shortfall is ${short ? 'recorded' : 'not recorded'}, and coverage says otherwise`
  },
  *recount({ state }) {
    const stated = getCoverage(state)
    yield undefined
    return differsFrom(stated, recountCoverage(state))
  },
}

function checkLocks(state: StateReader, provider: number): string | undefined {
  const { lockedBase, floorBase, freedBase, releaseBase } = getLiability(state, provider)
  const held = coinsAt(state, lockAddress(provider))
  if (held !== lockedBase) return `provider ${provider}: ${lockedBase} locked, ${held} held`
  if (lockedBase < floorBase + freedBase + releaseBase)
    return `provider ${provider}: releases more than it has locked`
  for (const { asset, amountBase } of lockedProceeds(state, provider)) {
    const units = unitsLocked(state, { provider, asset })
    if (units !== amountBase)
      return `provider ${provider}: ${amountBase} of asset ${asset} locked, ${units} held`
    const proceeds = getProceeds(state, { provider, asset })
    if (amountBase < proceeds.floorBase + proceeds.freedBase + proceeds.releaseBase)
      return `provider ${provider}: releases more of asset ${asset} than it has locked`
  }
  return undefined
}

function checkCompensation(state: StateReader, provider: number): string | undefined {
  const { assumedBase, assets } = compensationOf(state, provider)
  // What has burned since is released at the window's end.
  if (getLiability(state, provider).assumedBase > assumedBase)
    return `provider ${provider}: assumed more than its compensation is for`
  for (const { asset, amountBase } of assets) {
    const heldBase = compensationUnits(state, { provider, asset })
    if (heldBase !== amountBase)
      return `provider ${provider}: a compensation of ${amountBase} in asset ${asset}, ${heldBase} held`
  }
  return undefined
}

const ledgerInvariant: Invariant = {
  id: 'issuance.ledger',
  severity: 'stopMinting',
  doc: 'Locks are held and add up to the total; compensations are held.',
  *recount({ state }) {
    let lockedBase = 0n
    const differs = yield* eachItem(memberIds(state), (provider) => {
      lockedBase += getLiability(state, provider).lockedBase
      return checkLocks(state, provider) ?? checkCompensation(state, provider)
    })
    if (differs !== undefined) return differs
    const total = getTotals(state).lockedBase
    return total === lockedBase ? undefined : `locks add up to ${lockedBase}, the total says ${total}`
  },
}

/** ECONOMY §12, 8: whoever owes more than its bond allows cures, from the next window's end on. */
const bondInvariant: Invariant = {
  id: '8 bond',
  severity: 'stopMinting',
  doc: 'A provider whose bond was short at the last window’s end is in a cure, or has defaulted.',
  *recount({ state }) {
    return yield* eachItem(memberIds(state), (provider) => {
      const { bondShortSince } = getLiability(state, provider)
      if (bondShortSince === undefined || issuanceTables.cure.has(state, { provider })) return undefined
      // Its bond is an estate now.
      return getMember(state, provider)?.status !== 'defaulted'
        ? `provider ${provider}: its bond has been short since window ${bondShortSince}, and it does not cure`
        : undefined
    })
  },
}

export const issuanceInvariants: readonly Invariant[] = [
  supplyInvariant,
  mintInvariant,
  bondInvariant,
  shortfallInvariant,
  ledgerInvariant,
]
