// chain_evidence: proofs of double votes that are not on chain yet; any account may submit them.
import { toHex } from '../../base/bytes.ts'
import { moduleAddress } from '../../base/moduleDefinition.ts'
import { EQUIVOCATION_KINDS } from '../../base/protocol/evidence.ts'
import { evidenceCalldata } from '../../state/modules/evidence/calldata.ts'
import { evidenceSchema } from '../../state/modules/evidence/schema.ts'
import type { Backend } from '../backend.ts'
import { defineMethod, type Method } from '../method.ts'

const ITEM = {
  type: 'object',
  properties: {
    fault: { enum: [...EQUIVOCATION_KINDS] },
    epoch: { type: 'integer' },
    view: { type: 'integer' },
    providers: { type: 'array', items: { type: 'integer' } },
    evidence: { type: 'string' },
    transaction: {
      type: 'object',
      properties: { to: { type: 'string' }, data: { type: 'string' } },
      required: ['to', 'data'],
    },
  },
  required: ['fault', 'epoch', 'view', 'providers', 'evidence', 'transaction'],
} as const

export function evidenceMethods(backend: Backend): readonly Method[] {
  return [
    defineMethod({
      name: 'chain_evidence',
      doc: 'Returns proofs of double votes not on chain yet, with transactions that any account may send.',
      cost: 5,
      params: {},
      returns: { type: 'array', items: ITEM },
      run: () =>
        backend.evidence().map(({ kind, epoch, view, providers, bytes }) => ({
          fault: kind,
          epoch,
          view,
          providers: [...providers],
          evidence: toHex(bytes),
          transaction: { to: toHex(moduleAddress(evidenceSchema)), data: toHex(evidenceCalldata(bytes)) },
        })),
    }),
  ]
}
