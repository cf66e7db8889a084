// account_* and node_*: balances with proofs, and node health.
import type { Json, JsonSchema } from '../../base/field.ts'
import { getAccount } from '../../state/modules/accounts/ledger.ts'
import type { Backend } from '../backend.ts'
import { mustFindState } from '../eth/resolve.ts'
import { defineMethod, type Method } from '../method.ts'
import { p, withDefault } from '../params.ts'
import { askState, provableSchema } from './proven.ts'

const AMOUNT: JsonSchema = { type: 'string', pattern: '^(0|[1-9][0-9]*)$' }
const BALANCE: JsonSchema = {
  type: 'object',
  properties: { balanceBase: AMOUNT, nonce: { type: 'integer' } },
  required: ['balanceBase', 'nonce'],
}

export function accountMethods(backend: Backend): readonly Method[] {
  return [
    defineMethod({
      name: 'account_get',
      doc: "Returns the balance in base units, the nonce, and the nonce including this node's mempool.",
      cost: 5,
      params: { address: p.address, atBlock: p.atBlock },
      returns: {
        type: 'object',
        properties: { balanceBase: AMOUNT, nonce: { type: 'integer' }, pendingNonce: { type: 'integer' } },
        required: ['balanceBase', 'nonce', 'pendingNonce'],
      },
      run: async ({ address, atBlock }) => {
        const { state } = await mustFindState(backend, atBlock)
        const { balanceBase, nonce } = getAccount(state, address)
        return { balanceBase: balanceBase.toString(), nonce, pendingNonce: backend.pendingNonce(address) }
      },
    }),
    defineMethod({
      name: 'account_balance',
      doc: 'Returns balance and nonce; with proof also {proof, header, certificate} for a verifier.',
      cost: 30,
      params: { address: p.address, proof: withDefault(p.bool, false), atBlock: p.atBlock },
      returns: provableSchema(BALANCE),
      run: ({ address, proof, atBlock }) =>
        askState(backend, atBlock, proof, (ctx) => {
          const { balanceBase, nonce } = getAccount(ctx.state, address)
          return { balanceBase: balanceBase.toString(), nonce }
        }),
    }),
    defineMethod({
      name: 'node_health',
      doc: 'Returns node health: liveness, finalized height, peers, mempool, delay of the event loop, sync progress.',
      cost: 2,
      params: {},
      returns: { type: 'object' },
      run: (): Json => {
        const progress = backend.syncing()
        return {
          ...backend.health(),
          syncing: progress === undefined ? null : { ...progress },
        }
      },
    }),
  ]
}
