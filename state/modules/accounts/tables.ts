// Tables, parameters, events and failures of accounts.
import { moduleAddress } from '../../../base/moduleDefinition.ts'
import { eventsOf, failuresOf } from '../../rules.ts'
import { paramsOf, tablesOf } from '../../table.ts'
import { accountsSchema } from './schema.ts'

export const accountsTables = tablesOf(accountsSchema)
export const accountsParams = paramsOf(accountsSchema)
/** Address of the module's actions. */
export const ACCOUNTS_ADDRESS = moduleAddress(accountsSchema)
export const events = eventsOf(accountsSchema)
export const fail = failuresOf(accountsSchema)
