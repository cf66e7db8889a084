// Tables, parameters and failures of accounts.
import { failuresOf } from '../../rules.ts'
import { paramsOf, tablesOf } from '../../table.ts'
import { accountsSchema } from './schema.ts'

export const accountsTables = tablesOf(accountsSchema)
export const accountsParams = paramsOf(accountsSchema)
export const fail = failuresOf(accountsSchema)
