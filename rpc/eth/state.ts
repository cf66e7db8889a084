// Balances, nonces, code and storage in Ethereum's form. Not: calls (call.ts).
import type { Json } from '../../base/field.ts'
import { hasCode } from '../../state/dispatch.ts'
import { getAccount } from '../../state/modules/accounts/ledger.ts'
import type { Module } from '../../state/rules.ts'
import type { Backend } from '../backend.ts'
import { defineMethod, type Method } from '../method.ts'
import { DATA_SCHEMA, p, QUANTITY_SCHEMA } from '../params.ts'
import { quantity } from './format.ts'
import { mustFindState, withValue } from './resolve.ts'

const ZERO_WORD = `0x${'0'.repeat(64)}`

export function stateMethods(backend: Backend, modules: readonly Module[]): readonly Method[] {
  return [
    defineMethod({
      name: 'eth_getBalance',
      doc: 'Coin balance of an address, in base units.',
      cost: 1,
      params: { address: p.address, block: p.blockOrLatest },
      returns: QUANTITY_SCHEMA,
      run: ({ address, block }) =>
        withValue(
          mustFindState(backend, block),
          ({ state }): Json => quantity(getAccount(state, address).balanceBase),
        ),
    }),
    defineMethod({
      name: 'eth_getTransactionCount',
      doc: "Next nonce of an address; pending includes this node's mempool.",
      cost: 1,
      params: { address: p.address, block: p.blockOrLatest },
      returns: QUANTITY_SCHEMA,
      run: ({ address, block }) =>
        block.kind === 'pending'
          ? quantity(backend.pendingNonce(address))
          : withValue(
              mustFindState(backend, block),
              ({ state }): Json => quantity(getAccount(state, address).nonce),
            ),
    }),
    defineMethod({
      name: 'eth_getCode',
      doc: '0xfe for addresses with native code (modules, assets, Multicall3), otherwise empty.',
      cost: 1,
      params: { address: p.address, block: p.blockOrLatest },
      returns: DATA_SCHEMA,
      run: ({ address, block }) =>
        withValue(
          mustFindState(backend, block),
          ({ state }): Json => (hasCode(modules, state, address) ? '0xfe' : '0x'),
        ),
    }),
    defineMethod({
      name: 'eth_getStorageAt',
      doc: 'The zero word: there is no contract storage.',
      cost: 1,
      params: { address: p.address, slot: p.data32OrQuantity, block: p.blockOrLatest },
      returns: DATA_SCHEMA,
      run: ({ block }) => withValue(mustFindState(backend, block), (): Json => ZERO_WORD),
    }),
  ]
}
