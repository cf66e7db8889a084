// Joins the definition of default with its rules.
import { implement } from '../../rules.ts'
import { onWindowEnd } from './fees.ts'
import { defaultQueries } from './queries.ts'
import { defaultSchema } from './schema.ts'

export const defaultModule = implement(defaultSchema, { actions: {}, queries: defaultQueries, onWindowEnd })
