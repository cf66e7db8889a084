// Worker thread of precheckPool.ts, with the modules of the registry.
import { MODULES } from '../../state/registry.ts'
import { servePrechecks } from './precheckServe.ts'

servePrechecks(MODULES)
