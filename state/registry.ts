// The native modules in the order in which their hooks run (ARCHITECTURE, "A native module"). One line each.

import { accountsModule } from './modules/accounts/module.ts'
import { assetsModule } from './modules/assets/module.ts'
import { backingModule } from './modules/backing/module.ts'
import { capacityModule } from './modules/capacity/module.ts'
import { catalogueModule } from './modules/catalogue/module.ts'
import { complianceModule } from './modules/compliance/module.ts'
import { defaultModule } from './modules/default/module.ts'
import { evidenceModule } from './modules/evidence/module.ts'
import { governanceModule } from './modules/governance/module.ts'
import { issuanceModule } from './modules/issuance/module.ts'
import { marketModule } from './modules/market/module.ts'
import { oracleModule } from './modules/oracle/module.ts'
import { providersModule } from './modules/providers/module.ts'
import { redemptionModule } from './modules/redemption/module.ts'
import { seriesModule } from './modules/series/module.ts'
import type { Module } from './rules.ts'

export const MODULES: readonly Module[] = [
  complianceModule,
  accountsModule,
  assetsModule,
  catalogueModule,
  providersModule,
  oracleModule,
  capacityModule,
  backingModule,
  issuanceModule,
  seriesModule,
  redemptionModule,
  marketModule,
  defaultModule,
  evidenceModule,
  governanceModule,
]
