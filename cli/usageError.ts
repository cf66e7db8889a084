// A command line that names a value out of its bounds, or too little: exit code 2 (exitCode.ts).
import { OperatorError } from '../base/errors.ts'

export class UsageError extends OperatorError {}
