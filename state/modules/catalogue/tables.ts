// Tables, parameters and events of the catalogue.
import { eventsOf } from '../../rules.ts'
import { paramsOf, tablesOf } from '../../table.ts'
import { catalogueSchema } from './schema.ts'

export const catalogueTables = tablesOf(catalogueSchema)
export const catalogueParams = paramsOf(catalogueSchema)
export const events = eventsOf(catalogueSchema)
