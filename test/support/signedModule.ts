// A module whose one action may be signed and moves what its sender has: coins or another asset. For tests of `execute`.
import { defineModule, moduleAddress } from '../../base/moduleDefinition.ts'
import { t } from '../../base/schema.ts'
import { ledger } from '../../state/ledger.ts'
import { failuresOf, implement } from '../../state/rules.ts'

export const givingSchema = defineModule({
  name: 'giving',
  id: 211,
  doc: 'Test module that moves coins or another asset of its sender.',
  params: {},
  records: {},
  errors: { Short: { amountBase: t.amount } },
  events: {},
  actions: {
    give: {
      args: { asset: t.u64, to: t.address, amountBase: t.amount, memo: t.bytes(64) },
      fails: ['Short'],
      gas: 10_000,
      signed: true,
      doc: 'Moves units.',
    },
    keep: { args: { number: t.u64 }, fails: [], gas: 10_000, signed: true, doc: 'Does nothing.' },
    serve: {
      args: {},
      fails: [],
      gas: 10_000,
      signed: true,
      lane: 'service',
      doc: 'Does nothing in another lane.',
    },
    plain: { args: {}, fails: [], gas: 10_000, doc: 'Does nothing and cannot be signed.' },
  },
  queries: {},
})
const fail = failuresOf(givingSchema)

export const givingModule = implement(givingSchema, {
  actions: {
    give: (ctx, { asset, to, amountBase }) => {
      const refusal = ledger.move(ctx, { asset, from: ctx.sender, to, amountBase })
      if (refusal === undefined) return undefined
      return refusal.code === 'DebitRefused' ? refusal : fail.Short({ amountBase })
    },
    keep: () => undefined,
    serve: () => undefined,
    plain: () => undefined,
  },
  queries: {},
})

export const GIVING_ADDRESS = moduleAddress(givingSchema)
