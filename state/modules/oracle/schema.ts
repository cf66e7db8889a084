// Definition of the oracle: the anchor, what one SCU delivers, and the price of an SCU-hour per settlement asset.
import { defineModule } from '../../../base/moduleDefinition.ts'
import { atMost, param } from '../../../base/parameters.ts'
import { message, t } from '../../../base/schema.ts'
import { PPM } from '../../../base/units.ts'

/** Most windows of growth factors; K is at most this (ECONOMY §13). */
export const HORIZON_MAX = 120

export const oracleSchema = defineModule({
  name: 'oracle',
  id: 5,
  lane: 'proof',
  doc: 'The anchor (rating that one SCU delivers) and the SCU-hour price per settlement asset.',
  params: {
    driftPpm: param({
      field: t.ppm,
      doc: 'Largest rise of the anchor per window (g), ppm.',
      main: 1_500n,
      dev: 20_000n,
      test: 50_000n,
      check: atMost(PPM, 'ppm a window'),
    }),
  },
  records: {
    anchor: {
      id: 1,
      key: {},
      value: {
        /** Rating of one SCU, ppm of the reference device. */
        anchor: t.ppm,
        /** Takes effect at the end of the running window; equals `anchor` when it stays the same. */
        nextAnchor: t.ppm,
        /** First window in which `anchor` is in force. */
        sinceWindow: t.u64,
        /** Value before `sinceWindow`. */
        previousAnchor: t.ppm,
      },
      doc: 'The anchor in force and the next one.',
    },
    price: {
      id: 2,
      key: { asset: t.u64 },
      value: { priceBase: t.amount },
      doc: 'Price of one SCU-hour (one coin) in base units of a settlement asset.',
    },
  },
  errors: {},
  events: {
    AnchorMoved: { windowIndex: t.u64, anchor: t.ppm, previousAnchor: t.ppm },
  },
  actions: {},
  queries: {
    anchor: {
      args: {},
      returns: message('Anchor', { anchor: t.ppm, nextAnchor: t.ppm, sinceWindow: t.u64, driftPpm: t.ppm }),
      doc: 'The anchor in force, the next one, and the largest rise per window.',
    },
    price: {
      args: { asset: t.u64 },
      returns: t.optional(t.amount),
      doc: 'Price of one SCU-hour in base units of a settlement asset; null when the asset has none.',
    },
  },
})
