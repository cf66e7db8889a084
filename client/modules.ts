// The native modules as functions: `redemption.request({ … })` is a call that an account can send.
// Not: encoding (calls.ts), sending (chainClient.ts), queries' transport.
import { accountsSchema } from '../state/modules/accounts/schema.ts'
import { assetsSchema } from '../state/modules/assets/schema.ts'
import { backingSchema } from '../state/modules/backing/schema.ts'
import { capacitySchema } from '../state/modules/capacity/schema.ts'
import { catalogueSchema } from '../state/modules/catalogue/schema.ts'
import { complianceSchema } from '../state/modules/compliance/schema.ts'
import { defaultSchema } from '../state/modules/default/schema.ts'
import { evidenceSchema } from '../state/modules/evidence/schema.ts'
import { governanceSchema } from '../state/modules/governance/schema.ts'
import { issuanceSchema } from '../state/modules/issuance/schema.ts'
import { marketSchema } from '../state/modules/market/schema.ts'
import { oracleSchema } from '../state/modules/oracle/schema.ts'
import { providersSchema } from '../state/modules/providers/schema.ts'
import { redemptionSchema } from '../state/modules/redemption/schema.ts'
import { seriesSchema } from '../state/modules/series/schema.ts'
import { nativeModule } from './calls.ts'

// One constant each, so that a bundler leaves out what a program does not use. In registry order.

/**
 * Freezes, credentials, transfers with a memo.
 *
 * @example
 * Object.keys(compliance.definition.actions).includes('transferWithMemo') // true
 */
export const compliance = /* @__PURE__ */ nativeModule(complianceSchema)

/**
 * Coins and their batches.
 *
 * @example
 * accounts.batch({ calls: [] }).to.length // 20
 */
export const accounts = /* @__PURE__ */ nativeModule(accountsSchema)

/**
 * Settlement assets.
 *
 * @example
 * Object.keys(assets.definition.queries).length > 0 // true
 */
export const assets = /* @__PURE__ */ nativeModule(assetsSchema)

/**
 * Classes of hardware and their ratings.
 *
 * @example
 * Object.keys(catalogue.definition.queries).length > 0 // true
 */
export const catalogue = /* @__PURE__ */ nativeModule(catalogueSchema)

/**
 * Members: keys, statuses, bonds.
 *
 * @example
 * Object.keys(providers.definition.actions).length > 0 // true
 */
export const providers = /* @__PURE__ */ nativeModule(providersSchema)

/**
 * The anchor: what is mainstream now.
 *
 * @example
 * Object.keys(oracle.definition.queries).length > 0 // true
 */
export const oracle = /* @__PURE__ */ nativeModule(oracleSchema)

/**
 * Pledged hardware.
 *
 * @example
 * capacity.definition.name // 'capacity'
 */
export const capacity = /* @__PURE__ */ nativeModule(capacitySchema)

/**
 * Coins behind providers, and their income.
 *
 * @example
 * const client = createClient(httpTransport('http://127.0.0.1:8545'))
 * const pool = await client.query(backing, 'pool', { provider: 1 })
 */
export const backing = /* @__PURE__ */ nativeModule(backingSchema)

/**
 * Minting against pledged capacity.
 *
 * @example
 * const client = createClient(httpTransport('http://127.0.0.1:8545'))
 * const quota = await client.query(issuance, 'quota', { provider: 1 })
 */
export const issuance = /* @__PURE__ */ nativeModule(issuanceSchema)

/**
 * Coins and receipts for future compute, from a provider.
 *
 * @example
 * const client = createClient(httpTransport('http://127.0.0.1:8545'))
 * const offers = await client.query(series, 'list', { cursor: 0, limit: 10 })
 */
export const series = /* @__PURE__ */ nativeModule(seriesSchema)

/**
 * Order books, and one auction a block.
 *
 * @example
 * const client = createClient(httpTransport('http://127.0.0.1:8545'))
 * const depth = await client.query(market, 'depth', { base: 0, quote: 1, levels: 10 })
 */
export const market = /* @__PURE__ */ nativeModule(marketSchema)

/**
 * Coins into compute.
 *
 * @example
 * const client = createClient(httpTransport('http://127.0.0.1:8545'))
 * const queue = await client.query(redemption, 'queue', {})
 */
export const redemption = /* @__PURE__ */ nativeModule(redemptionSchema)

/**
 * The module `default`, whose name is a reserved word: the guarantee fund.
 *
 * @example
 * defaults.definition.name // 'default'
 */
export const defaults = /* @__PURE__ */ nativeModule(defaultSchema)

/**
 * Proofs of misbehaviour.
 *
 * @example
 * evidence.definition.name // 'evidence'
 */
export const evidence = /* @__PURE__ */ nativeModule(evidenceSchema)

/**
 * Proposals and votes of the members.
 *
 * @example
 * Object.keys(governance.definition.actions).length > 0 // true
 */
export const governance = /* @__PURE__ */ nativeModule(governanceSchema)
