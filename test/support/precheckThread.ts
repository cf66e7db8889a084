// Thread of the precheck pool in tests: knows the test module alone.
import { servePrechecks } from '../../node/pool/precheckServe.ts'
import { provingModule } from './precheckModule.ts'

servePrechecks([provingModule])
