// Definition of default: the guarantee fund, and the base fees that fill it (ECONOMY §7). READ FIRST: fees.ts.
import { defineModule } from '../../../base/moduleDefinition.ts'
import { atMost, param } from '../../../base/parameters.ts'
import { message, t } from '../../../base/schema.ts'
import { PPM } from '../../../base/units.ts'

export const defaultSchema = defineModule({
  name: 'default',
  id: 12,
  lane: 'proof',
  doc: 'The guarantee fund: filled by base fees, no-show fees and penalties.',
  params: {
    fundTargetPpm: param({
      field: t.ppm,
      doc: 'Size up to which base fees fill the fund, as a share of all liabilities, ppm.',
      main: 20_000n,
      check: atMost(PPM, 'ppm'),
    }),
  },
  records: {},
  errors: {},
  events: {
    /** Base fees of the window that ended: what the fund took, and what each validator received. */
    FeesShared: { windowIndex: t.u64, fundBase: t.amount, eachBase: t.amount, validators: t.u32 },
  },
  actions: {},
  queries: {
    fund: {
      args: {},
      returns: message('GuaranteeFund', {
        /** What the fund holds. */
        heldBase: t.amount,
        /** Size up to which base fees fill it. */
        targetBase: t.amount,
        /** Base fees since the last window's end, not shared yet. */
        feesBase: t.amount,
      }),
      doc: 'What the guarantee fund holds, its target, and the base fees that wait for the end of the window.',
    },
  },
})
