// Invariants of default (ECONOMY §12): 8 bonds unlock only after the tail, 1 the escrows of defaults, and the lists of cases.
import type { ReadContext } from '../../context.ts'
import { eachItem, type Recount } from '../../recount.ts'
import type { Invariant } from '../../rules.ts'
import type { StateChanges, StateReader } from '../../view.ts'
import { getCase, openCases } from './cases.ts'
import { COIN_ID, escrows, fundUnits, heldIn } from './escrows.ts'
import { unlockWindow } from './exits.ts'
import { liabilityOf, memberIds, runningWindow, withdrawals } from './external.ts'
import { earmarks } from './fund.ts'
import { novationOf } from './novation.ts'
import type { Case } from './schema.ts'
import { defaultTables } from './tables.ts'

/** What an estate and the fund's aid beside it still hold by the books, per asset. */
function owedOf(known: Case): ReadonlyMap<number, bigint> {
  const owed = new Map<number, bigint>()
  for (const { asset, leftBase } of [...known.estate, ...known.pool, ...known.aid])
    owed.set(asset, (owed.get(asset) ?? 0n) + leftBase)
  return owed
}

function checkCase(state: StateReader, provider: number): string | undefined {
  const known = getCase(state, provider)
  if (known === undefined) return undefined
  if (openCases(state).includes(provider) === (known.stage === 'closed'))
    return `the default of provider ${provider} is ${known.stage}, and the list says otherwise`
  for (const [asset, owedBase] of owedOf(known)) {
    const heldBase = heldIn(state, escrows.estate(provider), asset)
    if (heldBase !== owedBase)
      return `estate of provider ${provider}: ${owedBase} of asset ${asset}, ${heldBase} held`
  }
  let depositsBase = 0n
  for (const bidder of known.bidders)
    depositsBase += defaultTables.bid.get(state, { provider, bidder })?.depositBase ?? 0n
  const heldBase = heldIn(state, escrows.deposit(provider), COIN_ID)
  return heldBase === depositsBase
    ? undefined
    : `deposits of bids for provider ${provider}: ${depositsBase}, ${heldBase} held`
}

function checkOffer(state: StateReader, from: number): string | undefined {
  const offer = novationOf(state, from)
  if (offer === undefined) return undefined
  const heldBase = heldIn(state, escrows.novation(from), offer.asset)
  return heldBase === offer.paymentBase
    ? undefined
    : `provider ${from} offers ${offer.paymentBase} of asset ${offer.asset}, ${heldBase} held`
}

function* recountEscrows({ state }: ReadContext): Recount {
  const broken = yield* eachItem(
    memberIds(state),
    (provider) => checkCase(state, provider) ?? checkOffer(state, provider),
  )
  if (broken !== undefined) return broken
  return yield* eachItem(earmarks(state), ({ asset, amountBase }) => {
    const heldBase = fundUnits(state, asset)
    return amountBase <= heldBase
      ? undefined
      : `${amountBase} of asset ${asset} are set aside, the fund holds ${heldBase}`
  })
}

/** Nearly all blocks pay no bond back and can skip the scan of members. */
function checkWithdrawals(
  changes: StateChanges,
  parent: StateReader,
  { state }: ReadContext,
): string | undefined {
  for (const provider of withdrawals(changes, memberIds(state), state)) {
    const untilWindow = unlockWindow(parent, provider)
    if (untilWindow === undefined || untilWindow > runningWindow(state))
      return `the bond of provider ${provider} was paid back before it unlocked`
    if (liabilityOf(parent, provider).liabilityBase > 0n)
      return `the bond of provider ${provider} was paid back while it owed something`
  }
  return undefined
}

export const defaultInvariants: readonly Invariant[] = [
  {
    id: '8 unlock',
    severity: 'stopMinting',
    doc: 'A bond is paid back only to a member that has owed nothing, and had no vote, since the tail windows.',
    checkChanges: checkWithdrawals,
  },
  {
    id: '1 defaults',
    severity: 'halt',
    doc: 'Estates, deposits of bids and payments of offers are held to the last unit; the fund holds what is set aside.',
    recount: recountEscrows,
  },
]
