// What a devnet does with one validator, wherever it runs. Not: its process (validatorProcess.ts), its place in this process
// (localValidator.ts), its folder (directories.ts).
import { join } from 'node:path'
import type { NodeMessage } from '../node/nodeMessage.ts'
import type { DevnetMember } from './member.ts'

export interface Validator {
  readonly member: DevnetMember
  readonly logFile: string
  /** The process it runs in; undefined while it is down. */
  readonly pid: number | undefined
  /** Resolves once it answers JSON-RPC; rejects with OperatorError if it cannot. One that is stopping is started anew. */
  start(): Promise<void>
  /** Resolves once it has ended. Throws OperatorError for a signal that it cannot be ended by. */
  stop(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>
}

export interface ValidatorEvents {
  onMessage(message: NodeMessage): void
  /** It ended without being told to. `how` is its exit code or signal, as text. */
  onLost(how: string): void
}

/** Its log, in its folder. */
export const logFileOf = ({ dir }: DevnetMember): string => join(dir, 'node.log')
