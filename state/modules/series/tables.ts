// Tables, parameters, failures and events of series.
import { eventsOf, failuresOf } from '../../rules.ts'
import { paramsOf, tablesOf } from '../../table.ts'
import { seriesSchema } from './schema.ts'

export const seriesTables = tablesOf(seriesSchema)
export const seriesParams = paramsOf(seriesSchema)
export const fail = failuresOf(seriesSchema)
export const events = eventsOf(seriesSchema)
