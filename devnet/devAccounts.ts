// The accounts that a devnet sends for: those whose keys it has, its operators, and whom it is told to impersonate.
// Not: the form of a transaction without a key (impersonation.ts).
import { equalBytes, toHex } from '../base/bytes.ts'
import { signHash } from '../base/crypto/secp256k1.ts'
import type { Address, Hash32 } from '../base/ids.ts'
import type { LocalAccount } from '../client/accounts/account.ts'
import type { DevelopmentAccount } from '../genesis/devKeys.ts'
import { RPC_CODE, RpcError } from '../rpc/errors.ts'
import { signTransaction, type TransactionFields } from '../state/transaction.ts'
import { canBeImpersonated, impersonatedTransaction } from './impersonation.ts'

const IMPERSONATED_MAX = 10_000

export class DevAccounts {
  /** Development accounts first, then the operators. */
  readonly listed: readonly Address[]
  readonly #keys: readonly DevelopmentAccount[]
  readonly #operators: ReadonlySet<string>
  readonly #impersonated = new Set<string>()
  #isForAll = false

  /** `operators`: of a forked chain some have keys that nobody here has. */
  constructor(keys: readonly DevelopmentAccount[], operators: readonly Address[]) {
    this.#keys = keys
    const others = operators.filter((operator) => !keys.some(({ address }) => equalBytes(address, operator)))
    this.#operators = new Set(others.map(toHex))
    this.listed = [...keys.map(({ address }) => address), ...others]
  }

  canSendFor(account: Address): boolean {
    if (this.#keyOf(account) !== undefined || this.#operators.has(toHex(account))) return true
    return this.#isForAll ? canBeImpersonated(account) : this.#impersonated.has(toHex(account))
  }

  /** Throws RpcError for an account that never sends. */
  impersonate(account: Address, isOn: boolean): void {
    const name = toHex(account)
    if (!isOn) {
      this.#impersonated.delete(name)
      return
    }
    if (!canBeImpersonated(account))
      throw refuse(
        `${name} is an account of the chain's own rules: what it holds is others', and it never sends`,
      )
    if (this.#impersonated.size >= IMPERSONATED_MAX && !this.#impersonated.has(name))
      throw refuse(
        `at most ${IMPERSONATED_MAX} accounts are impersonated: stop with one, or use anvil_autoImpersonateAccount`,
      )
    this.#impersonated.add(name)
  }

  impersonateAll(isOn: boolean): void {
    this.#isForAll = isOn
  }

  /** Throws RpcError for an account that never sends. */
  impersonated(account: Address, fields: TransactionFields): Uint8Array {
    mustSend(account)
    return impersonatedTransaction(fields, account)
  }

  sign(account: Address, digest: Hash32): Uint8Array | undefined {
    const key = this.#keyOf(account)
    return key === undefined ? undefined : signHash(digest, key.secretKey)
  }

  signTransaction(account: Address, fields: TransactionFields): Uint8Array | undefined {
    if (!this.canSendFor(account)) return undefined
    const key = this.#keyOf(account)
    return key === undefined
      ? impersonatedTransaction(fields, account)
      : signTransaction(fields, key.secretKey)
  }

  /** For `ChainClient`. The account is one that this devnet sends for. */
  local(address: Address): LocalAccount {
    return { kind: 'local', address, sign: (fields) => this.signTransaction(address, fields)! }
  }

  #keyOf(account: Address): DevelopmentAccount | undefined {
    return this.#keys.find(({ address }) => equalBytes(address, account))
  }
}

const refuse = (message: string): RpcError => new RpcError(RPC_CODE.refused, message)

function mustSend(account: Address): void {
  if (canBeImpersonated(account)) return
  throw refuse(
    `${toHex(account)} is an account of the chain's own rules: what it holds is others', and it never sends`,
  )
}
