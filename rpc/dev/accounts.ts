// Accounts whose keys a devnet has: it signs for them, as anvil and hardhat do. And coins for any account. Not: the keys (devnet/).
import { checksumAddress } from '../../base/address.ts'
import { concatBytes, equalBytes, toHex, utf8 } from '../../base/bytes.ts'
import { keccak256 } from '../../base/crypto/hash.ts'
import { type Json, SchemaError } from '../../base/field.ts'
import type { Address, Hash32, TxId } from '../../base/ids.ts'
import { TX_BYTES_MAX } from '../../base/protocol/limits.ts'
import { typedDataJsonDigest } from '../../base/typedData.ts'
import { getAccount } from '../../state/modules/accounts/ledger.ts'
import type { Module } from '../../state/rules.ts'
import type { TransactionFields } from '../../state/transaction.ts'
import type { Backend } from '../backend.ts'
import { invalidParams, RPC_CODE, RpcError, submitError } from '../errors.ts'
import { CallRunner } from '../eth/call.ts'
import { transactionRequestParam } from '../eth/callObject.ts'
import { mustFindState } from '../eth/resolve.ts'
import { defineMethod, type Method } from '../method.ts'
import { ADDRESS_SCHEMA, DATA_SCHEMA, HASH_SCHEMA, p } from '../params.ts'
import { alsoAs } from './aliases.ts'
import { type DevControl, IN_TURN_COST } from './control.ts'

const NULL = { type: 'null' }
/** A caller waits no longer for a block. */
const INCLUDED_MS_MAX = 5_000

function refuse(message: string): RpcError {
  return new RpcError(RPC_CODE.refused, message)
}

function unknownAccount(account: Address): RpcError {
  return refuse(
    `unknown account ${checksumAddress(account)}: this devnet has the keys of its development accounts and operators alone; ` +
      'anvil_impersonateAccount lets it send as any other',
  )
}

/** EIP-191 version 0x45: what `personal_sign` signs. */
const messageDigest = (message: Uint8Array): Hash32 =>
  keccak256(concatBytes(utf8(`\x19Ethereum Signed Message:\n${message.length}`), message))

export function devAccountMethods(parts: {
  readonly backend: Backend
  readonly modules: readonly Module[]
  readonly control: DevControl
}): readonly Method[] {
  return [...signingMethods(parts), ...messageMethods(parts.control), ...fundingMethods(parts)]
}

function signingMethods({
  backend,
  modules,
  control,
}: Parameters<typeof devAccountMethods>[0]): readonly Method[] {
  const runner = new CallRunner(backend, modules)
  const signed = (from: Address, fields: TransactionFields): Uint8Array => {
    const raw = control.signTransaction(from, fields)
    if (raw === undefined) throw unknownAccount(from)
    return raw
  }
  const sent = async (raw: Uint8Array): Promise<string> => {
    const result = await backend.submit(raw)
    if (!result.ok) throw submitError(result.rejection)
    await untilIncluded(backend, result.id)
    return toHex(result.id)
  }
  return [
    ...alsoAs(
      ['eth_requestAccounts', 'personal_listAccounts'],
      defineMethod({
        name: 'eth_accounts',
        doc: 'The accounts that this devnet sends for: the development accounts, then the operators.',
        cost: 1,
        params: {},
        returns: { type: 'array', items: ADDRESS_SCHEMA },
        run: () => control.accounts.map(toHex),
      }),
    ),
    defineMethod({
      name: 'eth_sendTransaction',
      doc:
        'Completes, signs and submits a transaction of one of eth_accounts, or of an impersonated account; returns its hash, once it is final if a block can have ' +
        'it now: as on a chain that makes its block at once.',
      cost: 20,
      params: { transaction: transactionRequestParam },
      returns: HASH_SCHEMA,
      run: async ({ transaction }) => {
        if (!control.canSendFor(transaction.from)) throw unknownAccount(transaction.from)
        return sent(signed(transaction.from, await runner.fill(transaction)))
      },
    }),
    defineMethod({
      name: 'eth_sendUnsignedTransaction',
      doc: "Like eth_sendTransaction, for any account but those of the chain's own rules, impersonated or not.",
      cost: 20,
      params: { transaction: transactionRequestParam },
      returns: HASH_SCHEMA,
      run: async ({ transaction }) =>
        sent(control.impersonated(transaction.from, await runner.fill(transaction))),
    }),
    defineMethod({
      name: 'eth_signTransaction',
      doc: 'Completes and signs a transaction of one of eth_accounts; returns its bytes and submits nothing.',
      cost: 20,
      params: { transaction: transactionRequestParam },
      returns: DATA_SCHEMA,
      run: async ({ transaction }) => toHex(signed(transaction.from, await runner.fill(transaction))),
    }),
  ]
}

/** Resolves once it is final, or at once when no block can have it yet. */
function untilIncluded(backend: Backend, id: TxId): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => done(), INCLUDED_MS_MAX)
    const stop = backend.onFinalized(({ transactions }) => {
      if (transactions.some((one) => equalBytes(one.id, id))) done()
    })
    const done = (): void => {
      clearTimeout(timer)
      stop()
      resolve()
    }
    backend
      .transactionStatus(id)
      .then((known) => (known.status === 'pending' && known.executable ? undefined : done()), reject)
  })
}

function messageMethods(control: DevControl): readonly Method[] {
  const signDigest = (account: Address, digest: Hash32): Json => {
    const signature = control.sign(account, digest)
    if (signature === undefined) throw unknownAccount(account)
    const signedBytes = Uint8Array.from(signature)
    // Wallets give the recovery id as 27 or 28.
    signedBytes[64] = signedBytes[64]! + 27
    return toHex(signedBytes)
  }
  const sign = (account: Address, message: Uint8Array): Json => signDigest(account, messageDigest(message))
  return [
    defineMethod({
      name: 'eth_sign',
      doc: 'Signs a message of one of eth_accounts (EIP-191).',
      cost: 5,
      params: { account: p.address, message: p.data(TX_BYTES_MAX) },
      returns: DATA_SCHEMA,
      run: ({ account, message }) => sign(account, message),
    }),
    defineMethod({
      name: 'personal_sign',
      doc: 'Signs a message of one of eth_accounts (EIP-191).',
      cost: 5,
      params: { message: p.data(TX_BYTES_MAX), account: p.address },
      returns: DATA_SCHEMA,
      run: ({ account, message }) => sign(account, message),
    }),
    ...alsoAs(
      ['eth_signTypedData', 'eth_signTypedData_v3'],
      defineMethod({
        name: 'eth_signTypedData_v4',
        doc: 'Signs typed data (EIP-712) for one of eth_accounts: an object, or its JSON as a string.',
        cost: 10,
        params: { account: p.address, typedData: p.json },
        returns: DATA_SCHEMA,
        run: ({ account, typedData }) => signDigest(account, typedDigest(typedData)),
      }),
    ),
  ]
}

/** Wallets' libraries send the document as a string. */
function typedDigest(given: Json): Hash32 {
  try {
    return typedDataJsonDigest(typeof given === 'string' ? (JSON.parse(given) as Json) : given)
  } catch (error) {
    if (error instanceof SchemaError) throw invalidParams(error.message)
    if (error instanceof SyntaxError) throw invalidParams('typed data: expected JSON')
    throw error
  }
}

function fundingMethods({ backend, control }: Parameters<typeof devAccountMethods>[0]): readonly Method[] {
  return [
    ...alsoAs(
      ['hardhat_setBalance', 'ganache_setBalance', 'evm_setAccountBalance'],
      defineMethod({
        name: 'anvil_setBalance',
        doc:
          'Raises the balance of an account to this many base units, by coins that providers mint against their pledges; resolves once ' +
          'that is final. Refuses with the rule that forbids it. Coins are not destroyed: no balance is lowered.',
        cost: IN_TURN_COST,
        params: { account: p.address, balance: p.quantity },
        returns: NULL,
        run: async ({ account, balance }) => {
          // Read once it is this call's turn: two at the same time raise a balance once.
          await control.mint(account, async () => {
            const { state } = await mustFindState(backend, { kind: 'latest' })
            const { balanceBase } = getAccount(state, account)
            if (balance >= balanceBase) return balance - balanceBase
            throw refuse(
              `the balance is ${balanceBase} base units already, and coins are not destroyed: send what is too much elsewhere`,
            )
          })
          return null
        },
      }),
    ),
    ...alsoAs(
      'hardhat_addBalance',
      defineMethod({
        name: 'anvil_addBalance',
        doc: 'Like anvil_setBalance, by this many base units more.',
        cost: IN_TURN_COST,
        params: { account: p.address, amount: p.quantity },
        returns: NULL,
        run: async ({ account, amount }) => {
          await control.mint(account, async () => amount)
          return null
        },
      }),
    ),
    ...impersonationMethods(control),
    ...alsoAs(
      ['hardhat_dropTransaction', 'ganache_dropTransaction'],
      defineMethod({
        name: 'anvil_dropTransaction',
        doc: 'Drops a waiting transaction from the pools of all validators; null when none has it.',
        cost: 5,
        params: { hash: p.txId },
        returns: { type: ['string', 'null'] },
        run: ({ hash }) => (control.drop(hash) > 0 ? toHex(hash) : null),
      }),
    ),
    ...alsoAs(
      'hardhat_dropAllTransactions',
      defineMethod({
        name: 'anvil_dropAllTransactions',
        doc: 'Drops all waiting transactions from the pools of all validators.',
        cost: 20,
        params: {},
        returns: NULL,
        run: () => {
          control.drop()
          return null
        },
      }),
    ),
  ]
}

function impersonationMethods(control: DevControl): readonly Method[] {
  const switching = (isOn: boolean, doc: string) => ({
    doc,
    cost: 1,
    params: { account: p.address },
    returns: NULL,
    run: ({ account }: { readonly account: Address }) => {
      control.impersonate(account, isOn)
      return null
    },
  })
  return [
    ...alsoAs(
      ['hardhat_impersonateAccount', 'ganache_impersonateAccount'],
      defineMethod({
        name: 'anvil_impersonateAccount',
        ...switching(
          true,
          'From now on eth_sendTransaction sends as this account, without its key: validators of this devnet alone take that. Refuses ' +
            "the accounts of the chain's own rules.",
        ),
      }),
    ),
    ...alsoAs(
      ['hardhat_stopImpersonatingAccount', 'ganache_stopImpersonatingAccount'],
      defineMethod({
        name: 'anvil_stopImpersonatingAccount',
        ...switching(false, 'eth_sendTransaction no longer sends as this account.'),
      }),
    ),
    ...alsoAs(
      'hardhat_autoImpersonateAccount',
      defineMethod({
        name: 'anvil_autoImpersonateAccount',
        doc: 'Whether eth_sendTransaction sends as any account, without its key.',
        cost: 1,
        params: { isOn: p.bool },
        returns: NULL,
        run: ({ isOn }) => {
          control.impersonateAll(isOn)
          return null
        },
      }),
    ),
  ]
}
