// The typed tables and parameters of capacity, shared by its files.
import { paramsOf, tablesOf } from '../../table.ts'
import { capacitySchema } from './schema.ts'

export const capacityTables = tablesOf(capacitySchema)
export const capacityParams = paramsOf(capacitySchema)
