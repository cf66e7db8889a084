// Tables and failures of assets and of their ERC-20 interface.
import { failuresOf } from '../../rules.ts'
import { tablesOf } from '../../table.ts'
import { assetsSchema, erc20Schema } from './schema.ts'

export const assetsTables = tablesOf(assetsSchema)
export const fail = failuresOf(assetsSchema)
export const erc20Fail = failuresOf(erc20Schema)
