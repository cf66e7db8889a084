// The parameter sets of ECONOMY §13, from the modules' definitions.
import { presetOf } from '../base/moduleDefinition.ts'
import { schemas } from '../state/schemas.ts'
import type { Genesis } from './schema.ts'

/** Parameters of a whole chain, by module. */
export type Parameters = Genesis['params']

/** Windows of 24 h. */
export const MAIN_PARAMETERS: Parameters = presetOf(schemas, 'main')

/** Windows of one minute, so that a person can watch a coin's whole life cycle. */
export const DEV_PARAMETERS: Parameters = presetOf(schemas, 'dev')

/** Windows of two seconds. */
export const TEST_PARAMETERS: Parameters = presetOf(schemas, 'test')
