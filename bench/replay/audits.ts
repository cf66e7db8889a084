// Audits of pledged lots, which no transaction makes yet: a call of a module of the replay lets a pending lot pass.
import { defineModule } from '../../base/moduleDefinition.ts'
import { t } from '../../base/schema.ts'
import { PPM } from '../../base/units.ts'
import { getLot } from '../../state/modules/capacity/lots.ts'
import { attestLot } from '../../state/modules/capacity/pledges.ts'
import { failuresOf, implement, type Module } from '../../state/rules.ts'
import { act, type Call } from './chain.ts'
import { auditor } from './wallets.ts'

const auditSchema = defineModule({
  name: 'lotAudit',
  id: 251,
  doc: 'Passed audits of a replay.',
  params: {},
  records: {},
  errors: { NotPending: { lot: t.u64 } },
  events: {},
  actions: {
    pass: {
      args: { lot: t.u64 },
      fails: ['NotPending'],
      gas: 60_000,
      doc: 'A pending lot passes its audit.',
    },
  },
  queries: {},
})

const fail = failuresOf(auditSchema)

export const auditModule: Module = implement(auditSchema, {
  actions: {
    pass: (ctx, { lot }) => {
      if (getLot(ctx.state, lot)?.status !== 'pending') return fail.NotPending({ lot })
      // After this point the action must succeed.
      attestLot(ctx, { lot, auditPpm: PPM })
      return undefined
    },
  },
  queries: {},
})

export function passAudit(lot: number): Call {
  return act(auditor, auditSchema, 'pass', { lot })
}
