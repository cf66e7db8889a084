// Definition of notary, the example module of the tests: it holds a deposit for a document until a waiting time is over.
import type { InferFields } from '../../../base/field.ts'
import { defineModule } from '../../../base/moduleDefinition.ts'
import { atLeast, between, param } from '../../../base/parameters.ts'
import { indexed, message, t } from '../../../base/schema.ts'
import { COIN } from '../../../base/units.ts'

const deedFields = {
  owner: t.address,
  documentHash: t.hash,
  sealHash: t.hash,
  dueMs: t.u64,
  heldBase: t.amount,
}
export const deedInfo = message('Deed', { id: t.u64, ...deedFields })

export const notarySchema = defineModule({
  name: 'notary',
  id: 200,
  since: 2,
  doc: 'Holds a deposit for a document until its waiting time is over.',
  walks: ['returns'],
  params: {
    depositBase: param({
      field: t.amount,
      doc: 'Deposit per document, base units.',
      main: COIN,
      test: COIN / 100n,
    }),
    waitMs: param({
      field: t.u64,
      doc: 'How long a deposit is held, milliseconds.',
      main: 60_000,
      dev: 5_000,
      test: 1_000,
      check: atLeast(1, 'ms'),
    }),
    stepsPerBlockMax: param({
      field: t.u32,
      doc: 'Deeds looked at in one block.',
      main: 2,
      check: between(1, 64, 'deeds'),
    }),
  },
  records: {
    deed: { id: 1, key: { id: t.u64 }, value: deedFields, doc: 'An open deed; its coins are in its escrow.' },
    totals: {
      id: 2,
      key: {},
      value: { head: t.u64, nextId: t.u64, heldBase: t.amount, sealedCount: t.u64, lastWindow: t.u64 },
      doc: 'The oldest and next deed, sums over all, and the last window that ended.',
    },
  },
  escrows: {
    deposits: { id: 0, doc: 'The deposit of one deed; the object is the deed.' },
  },
  errors: {
    CannotPay: { neededBase: t.amount },
    UnknownDeed: { deed: t.u64 },
    NotOwner: { deed: t.u64 },
  },
  events: { Deposited: { deed: indexed(t.u64), documentHash: t.hash }, Returned: { deed: indexed(t.u64) } },
  actions: {
    deposit: {
      args: { documentHash: t.hash },
      fails: ['CannotPay'],
      gas: 40_000,
      doc: 'Locks the deposit for a document.',
    },
    amend: {
      args: { deed: t.u64, documentHash: t.hash },
      fails: ['UnknownDeed', 'NotOwner'],
      gas: 20_000,
      until: 2,
      doc: 'Replaces the document; in version 2 only.',
    },
    withdraw: {
      args: { deed: t.u64 },
      fails: ['UnknownDeed', 'NotOwner'],
      gas: 30_000,
      since: 3,
      lane: 'redemption',
      doc: 'Takes the deposit back before its time.',
    },
  },
  queries: {
    deed: { args: { id: t.u64 }, returns: t.optional(deedInfo), doc: 'An open deed, or null.' },
    drafts: {
      args: {},
      returns: t.u64,
      until: 2,
      doc: 'Open deeds, which version 2 lets their owners amend.',
    },
    sealed: { args: {}, returns: t.u64, since: 3, doc: 'Deeds whose waiting time is over.' },
  },
})

export type Deed = InferFields<typeof deedFields>
export type Totals = InferFields<(typeof notarySchema)['records']['totals']['value']>
