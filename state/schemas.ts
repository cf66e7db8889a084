// The definitions of all native modules, without their rules: what a client imports. In registry order.
import type { ModuleDef } from '../base/moduleDefinition.ts'
import { accountsSchema } from './modules/accounts/schema.ts'
import { assetsSchema } from './modules/assets/schema.ts'
import { backingSchema } from './modules/backing/schema.ts'
import { capacitySchema } from './modules/capacity/schema.ts'
import { catalogueSchema } from './modules/catalogue/schema.ts'
import { complianceSchema } from './modules/compliance/schema.ts'
import { defaultSchema } from './modules/default/schema.ts'
import { evidenceSchema } from './modules/evidence/schema.ts'
import { governanceSchema } from './modules/governance/schema.ts'
import { issuanceSchema } from './modules/issuance/schema.ts'
import { marketSchema } from './modules/market/schema.ts'
import { oracleSchema } from './modules/oracle/schema.ts'
import { providersSchema } from './modules/providers/schema.ts'
import { redemptionSchema } from './modules/redemption/schema.ts'
import { seriesSchema } from './modules/series/schema.ts'

/**
 * The definition of each native module by name: its records, parameters, errors, events, actions and queries.
 *
 * @example
 * Object.keys(schemas.redemption.actions).includes('settle') // true
 */
export const schemas = {
  compliance: complianceSchema,
  accounts: accountsSchema,
  assets: assetsSchema,
  catalogue: catalogueSchema,
  providers: providersSchema,
  oracle: oracleSchema,
  capacity: capacitySchema,
  backing: backingSchema,
  issuance: issuanceSchema,
  series: seriesSchema,
  redemption: redemptionSchema,
  market: marketSchema,
  default: defaultSchema,
  evidence: evidenceSchema,
  governance: governanceSchema,
} as const

/**
 * All definitions in registry order.
 *
 * @example
 * MODULE_SCHEMAS[0]?.name // 'compliance'
 */
export const MODULE_SCHEMAS: readonly ModuleDef[] = Object.values(schemas)
