// Records and parameters of governance.
import { paramsOf, tablesOf } from '../../table.ts'
import { governanceSchema } from './schema.ts'

export const governanceTables = tablesOf(governanceSchema)
export const governanceParams = paramsOf(governanceSchema)
