// What default needs from other modules: coins, liabilities, the window clock, the validators.
import { mustExist } from '../../../base/assert.ts'
import type { Address } from '../../../base/ids.ts'
import type { WriteContext } from '../../context.ts'
import type { StateReader } from '../../view.ts'
import {
  FEES_ADDRESS,
  GUARANTEE_FUND_ADDRESS,
  getAccount,
  shareCoins,
  transferCoins,
} from '../accounts/ledger.ts'
import { getTotals } from '../issuance/ledger.ts'
import { getProvider } from '../providers/members.ts'
import { hasVote, validatorSet } from '../providers/validatorSet.ts'

/** Base fees that are not shared yet. */
export function feesHeld(state: StateReader): bigint {
  return getAccount(state, FEES_ADDRESS).balanceBase
}

/** What the guarantee fund holds. */
export function fundHeld(state: StateReader): bigint {
  return getAccount(state, GUARANTEE_FUND_ADDRESS).balanceBase
}

/** Pays from the base fees; false, with nothing written, when they are less. */
export function payFromFees(ctx: WriteContext, to: Address, amountBase: bigint): boolean {
  return transferCoins(ctx, { from: FEES_ADDRESS, to, amountBase })
}

/** Pays the same amount to each of several accounts; false, with nothing written, when the base fees are less. */
export function shareFees(ctx: WriteContext, to: readonly Address[], eachBase: bigint): boolean {
  return shareCoins(ctx, { from: FEES_ADDRESS, to, eachBase })
}

/** The account of the guarantee fund. */
export function fundAddress(): Address {
  return GUARANTEE_FUND_ADDRESS
}

/** What all providers owe. */
export function allLiabilities(state: StateReader): bigint {
  return getTotals(state).liabilitiesBase
}

/** Operators of the validators that have not lost their vote since the epoch began, in the order of the set. */
export function votingOperators(state: StateReader): readonly Address[] {
  return validatorSet(state)
    .validators.filter(({ id }) => hasVote(mustExist(getProvider(state, id), 'a validator is a member')))
    .map(({ operator }) => operator)
}
