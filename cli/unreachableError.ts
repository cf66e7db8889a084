// Nobody answers where a node was expected: exit code 4 (exitCode.ts).
import { OperatorError } from '../base/errors.ts'

export class UnreachableError extends OperatorError {}
