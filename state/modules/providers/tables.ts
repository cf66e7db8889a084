// Records and parameters of providers, for the files of this module and for those that read it.
import { paramsOf, tablesOf } from '../../table.ts'
import { providersSchema } from './schema.ts'

export const providersTables = tablesOf(providersSchema)
export const providersParams = paramsOf(providersSchema)
