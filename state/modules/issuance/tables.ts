// The typed tables and parameters of issuance, shared by its files.
import { paramsOf, tablesOf } from '../../table.ts'
import { issuanceSchema } from './schema.ts'

export const issuanceTables = tablesOf(issuanceSchema)
export const issuanceParams = paramsOf(issuanceSchema)
