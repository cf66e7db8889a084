// Tables and parameters of the catalogue.
import { paramsOf, tablesOf } from '../../table.ts'
import { catalogueSchema } from './schema.ts'

export const catalogueTables = tablesOf(catalogueSchema)
export const catalogueParams = paramsOf(catalogueSchema)
