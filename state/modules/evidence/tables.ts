// Tables, failures and events of evidence.
import { eventsOf, failuresOf } from '../../rules.ts'
import { tablesOf } from '../../table.ts'
import { evidenceSchema } from './schema.ts'

export const evidenceTables = tablesOf(evidenceSchema)
export const fail = failuresOf(evidenceSchema)
export const events = eventsOf(evidenceSchema)
