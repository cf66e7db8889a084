// A module of the fuzzer: audits, which no transaction makes yet, and a look at the steps that a block's own work took.
import { defineModule } from '../../../base/moduleDefinition.ts'
import { t } from '../../../base/schema.ts'
import { minBigint, PPM } from '../../../base/units.ts'
import { getLot } from '../../../state/modules/capacity/lots.ts'
import { attestLot } from '../../../state/modules/capacity/pledges.ts'
import { implement, type Module } from '../../../state/rules.ts'

export const driverSchema = defineModule({
  name: 'driver',
  id: 250,
  doc: 'Audits for the fuzzer.',
  params: {},
  records: {},
  errors: {},
  events: {},
  actions: {
    audit: {
      args: { lot: t.u64, auditPpm: t.ppm },
      fails: [],
      gas: 1_000,
      doc: 'A lot passes its audit, or loses a part of it.',
    },
  },
  queries: {},
})

/** Steps that the walks of the last block took by its end. */
export const lastWork = { usedSteps: 0 }

export const driverModule: Module = implement(driverSchema, {
  actions: {
    audit: (ctx, { lot, auditPpm }) => {
      const known = getLot(ctx.state, lot)
      if (known !== undefined) attestLot(ctx, { lot, auditPpm: minBigint(auditPpm, PPM) })
      return undefined
    },
  },
  queries: {},
  endBlock: ({ work }) => {
    lastWork.usedSteps = work?.usedSteps ?? 0
  },
})
