// Parameters and events of default.
import { eventsOf } from '../../rules.ts'
import { paramsOf } from '../../table.ts'
import { defaultSchema } from './schema.ts'

export const defaultParams = paramsOf(defaultSchema)
export const events = eventsOf(defaultSchema)
