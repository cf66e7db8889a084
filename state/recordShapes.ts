// Records that the shared helpers keep in a module's own tables: data alone, so that definitions may import it.
// Owns: the shapes. Not: the helpers (orderedSet.ts, drawnOrder.ts).
import type { Fields } from '../base/field.ts'
import { t } from '../base/schema.ts'

/** The record of a module's ordered sets (orderedSet.ts), each named by a hash. */
export function setNodeRecord({ id, doc }: { readonly id: number; readonly doc: string }) {
  return {
    id,
    key: { set: t.hash, level: t.u8, prefix: t.u64 },
    value: { bits: t.fixed(32) },
    doc,
  } as const
}

/** The three records of a drawn order (drawnOrder.ts), with ids from `firstId` on; `payload` is what an entry carries. */
export function drawRecords<const P extends Fields>(firstId: number, payload: P) {
  return {
    drawEntry: {
      id: firstId,
      key: { number: t.u64 },
      value: { ...payload, height: t.u64, index: t.u32, txId: t.hash },
      doc: 'Entries whose order is drawn, in order of arrival, with the transaction and its place among the block’s entries.',
    },
    drawRound: {
      id: firstId + 1,
      key: { round: t.u64 },
      value: { until: t.u64, mix: t.hash },
      doc: 'Entries below `until`, from the last round on, are in the order of this mix.',
    },
    drawQueue: {
      id: firstId + 2,
      key: {},
      value: {
        /** Number of the next entry. */
        tail: t.u64,
        /** Entries before this one are settled. */
        head: t.u64,
        /** Entries before this one have their order. */
        drawn: t.u64,
        roundHead: t.u64,
        roundTail: t.u64,
        /** Entries not yet settled. */
        waiting: t.u64,
        /** Height of the last entry, and how many that block added. */
        height: t.u64,
        added: t.u32,
        /** A member of the legal group whose blocks added the entries without an order; 0 when it is no member. */
        proposer: t.u64,
      },
      doc: 'How far the drawing and the settling have got.',
    },
  } as const
}
