// What a devnet does with one validator, wherever it runs. Not: its process (validatorProcess.ts), its place in this process
// (localValidator.ts), its folder (directories.ts).
import { join } from 'node:path'
import type { NodeMessage } from '../node/nodeMessage.ts'
import type { DevnetMember } from './member.ts'

export interface Validator {
  readonly member: DevnetMember
  readonly logFile: string
  /** The process it runs in, also one that was started by hand; undefined while it is down. */
  readonly pid: number | undefined
  /** Resolves once it answers JSON-RPC; rejects with OperatorError if it cannot. One that is stopping is started anew. */
  start(): Promise<void>
  /** Resolves once it has ended. Throws OperatorError for a signal that it cannot be ended by. */
  stop(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>
  /** Stops it for good, whoever started it. */
  close(): Promise<void>
}

export interface ValidatorEvents {
  onMessage(message: NodeMessage): void
  /** It ended without being told to. `how` is its exit code or signal, as text. */
  onLost(how: string): void
  /** It was down and runs again in a process that somebody started by hand. */
  onAdopted(pid: number): void
}

/** Its log, in its folder. */
export const logFileOf = ({ dir }: DevnetMember): string => join(dir, 'node.log')
