// A module of the tests that does what no transaction can do yet: audits, oracle reports, prices. Owns: nothing of the chain.
import { defineModule } from '../../../../base/moduleDefinition.ts'
import { t } from '../../../../base/schema.ts'
import { PPM } from '../../../../base/units.ts'
import { capacityModule } from '../../../../state/modules/capacity/module.ts'
import { attestLot } from '../../../../state/modules/capacity/pledges.ts'
import { currentWindow } from '../../../../state/modules/capacity/windows.ts'
import { resumeMinting, stopMinting } from '../../../../state/modules/issuance/minting.ts'
import { setAnchor } from '../../../../state/modules/oracle/anchor.ts'
import { renewPrice, setPrice } from '../../../../state/modules/oracle/prices.ts'
import { convictEquivocator } from '../../../../state/modules/providers/members.ts'
import { implement, type Module } from '../../../../state/rules.ts'

export const driverSchema = defineModule({
  name: 'driver',
  id: 250,
  doc: 'Reports and audits for tests.',
  params: {},
  records: {},
  errors: {},
  events: {},
  actions: {
    report: {
      args: { anchor: t.ppm },
      fails: [],
      gas: 1_000,
      doc: 'The oracle reports an anchor for the next window.',
    },
    attest: {
      args: { lot: t.u64 },
      fails: [],
      gas: 1_000,
      doc: 'A pending lot passes its audit.',
    },
    convict: {
      args: { provider: t.u64 },
      fails: [],
      gas: 1_000,
      doc: 'A double vote of a member is proven.',
    },
    price: {
      args: { asset: t.u64, priceBase: t.amount },
      fails: [],
      gas: 1_000,
      doc: 'The price of a coin in an asset; it stands.',
    },
    quote: {
      args: { asset: t.u64, priceBase: t.amount, bondPriceBase: t.amount, lockPriceBase: t.amount },
      fails: [],
      gas: 1_000,
      doc: 'The price of a coin in an asset, renewed in this window.',
    },
    stopMinting: { args: {}, fails: [], gas: 1_000, doc: 'Nobody may mint any more.' },
    resumeMinting: { args: {}, fails: [], gas: 1_000, doc: 'The stop ends with the next recount.' },
  },
  queries: {},
})

export const driverModule: Module = implement(driverSchema, {
  actions: {
    report: (ctx, { anchor }) => {
      setAnchor(ctx, anchor)
      return undefined
    },
    attest: (ctx, { lot }) => {
      const found = capacityModule.rules.queries.lot!(ctx, { id: lot } as never)
      const isPending = (found as { readonly status: string } | undefined)?.status === 'pending'
      if (isPending) attestLot(ctx, { lot, auditPpm: PPM })
      return undefined
    },
    convict: (ctx, { provider }) => {
      convictEquivocator(ctx, provider, driverSchema.id)
      return undefined
    },
    price: (ctx, price) => {
      setPrice(ctx.state, price)
      return undefined
    },
    quote: (ctx, price) => {
      renewPrice(ctx.state, { ...price, window: currentWindow(ctx.state) })
      return undefined
    },
    stopMinting: (ctx) => {
      stopMinting(ctx, 'a test', 'governance')
      return undefined
    },
    resumeMinting: (ctx) => {
      resumeMinting(ctx)
      return undefined
    },
  },
  queries: {},
})
