// Which balances a block has lowered: for invariants. Not: the ledger (ledger.ts).
import { keyBytes, readU64be } from '../base/bytes.ts'
import type { Address } from '../base/ids.ts'
import { COIN_ASSET } from './ledger.ts'
import { decodeAccount } from './modules/accounts/codec.ts'
import { accountsTables } from './modules/accounts/tables.ts'
import { assetsTables } from './modules/assets/tables.ts'
import type { StateChanges, StateReader } from './view.ts'

/** A balance that a block has lowered. */
export interface Lowered {
  readonly account: Address
  /** 0 is the coin. */
  readonly asset: number
}

/**
 * The balances that a block has lowered, but not those of accounts that have sent a transaction in it: they have paid its fee.
 */
export function* loweredBalances(changes: StateChanges, parent: StateReader): Generator<Lowered> {
  const { account, balance } = { ...accountsTables, ...assetsTables }
  for (const [key, stored] of changes) {
    const before = parent.get(key)
    if (before === undefined) continue
    if (key.startsWith(account.prefix)) {
      const [was, is] = [decodeAccount(before), stored === undefined ? undefined : decodeAccount(stored)]
      if ((is?.balanceBase ?? 0n) < was.balanceBase && (is?.nonce ?? 0) === was.nonce)
        yield { account: keyBytes(key.slice(account.prefix.length)), asset: COIN_ASSET }
    } else if (key.startsWith(balance.prefix)) {
      const left = stored === undefined ? 0n : balance.decode(stored).amountBase
      const parts = keyBytes(key.slice(balance.prefix.length))
      if (left < balance.decode(before).amountBase)
        yield { account: parts.slice(8), asset: readU64be(parts, 0) }
    }
  }
}
