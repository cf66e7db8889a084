// Invariants of accounts (ECONOMY §12): 1 the supply equals what accounts hold, and empty accounts have no record.
import { keyBytes } from '../../../base/bytes.ts'
import { isSystemAddress } from '../../../base/moduleDefinition.ts'
import type { Invariant } from '../../rules.ts'
import { decodeAccount } from './codec.ts'
import { getSupply } from './ledger.ts'
import { accountsTables } from './tables.ts'

/**
 * Why credits need no failure: no account holds more than exists, and the supply fits into a balance. A reason when an
 * account holds more.
 */
function beyondSupply(balanceBase: bigint, supplyBase: bigint): string | undefined {
  return balanceBase <= supplyBase ? undefined : `an account holds ${balanceBase} of ${supplyBase}`
}

const supplyInvariant: Invariant = {
  id: '1 coins',
  severity: 'halt',
  doc: 'The supply is the sum of all accounts, escrows and pools included; none holds more than the supply.',
  checkChanges(changes, parent, ctx) {
    let movedBase = 0n
    const supplyBase = getSupply(ctx.state)
    for (const [key, stored] of changes) {
      if (!key.startsWith(accountsTables.account.prefix)) continue
      const before = parent.get(key)
      const balanceBase = stored === undefined ? 0n : decodeAccount(stored).balanceBase
      const beyond = beyondSupply(balanceBase, supplyBase)
      if (beyond !== undefined) return beyond
      movedBase += balanceBase
      if (before !== undefined) movedBase -= decodeAccount(before).balanceBase
    }
    const mintedBase = supplyBase - getSupply(parent)
    return movedBase === mintedBase
      ? undefined
      : `accounts changed by ${movedBase}, the supply by ${mintedBase}`
  },
  *recount({ state }) {
    let sum = 0n
    yield* accountsTables.account.each(({ balanceBase }) => {
      sum += balanceBase
      return undefined
    })
    const supplyBase = getSupply(state)
    return sum === supplyBase ? undefined : `accounts hold ${sum}, the supply is ${supplyBase}`
  },
}

const emptyAccountsInvariant: Invariant = {
  id: 'accounts.empty',
  severity: 'alert',
  doc: 'An account without nonce and coins has no record; system addresses have no nonce.',
  recount() {
    return accountsTables.account.each((account, key) => {
      if (account.nonce === 0 && account.balanceBase === 0n) return 'an empty account has a record'
      if (account.nonce === 0) return undefined
      const address = keyBytes(key.slice(accountsTables.account.prefix.length))
      return isSystemAddress(address) ? 'a system address has sent a transaction' : undefined
    })
  },
}

export const accountsInvariants: readonly Invariant[] = [supplyInvariant, emptyAccountsInvariant]
