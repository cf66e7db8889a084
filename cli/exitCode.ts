// The exit code of a failed command: scripts tell by it what to do next (docs/cli.md lists them).
import { CommanderError } from 'commander'
import { ClientError, type ClientErrorCode } from '../client/clientError.ts'
import { LightClientError } from '../client/errors.ts'
import { UnreachableError } from './unreachableError.ts'
import { UsageError } from './usageError.ts'

/** 0 is success. */
export const EXIT = { failed: 1, usage: 2, refused: 3, unreachable: 4, waiting: 5 } as const

const OF_CLIENT: { readonly [C in ClientErrorCode]: number } = {
  transport: EXIT.unreachable,
  rpc: EXIT.failed,
  failed: EXIT.refused,
  dropped: EXIT.failed,
  waiting: EXIT.waiting,
  missed: EXIT.failed,
  input: EXIT.usage,
}

/** No usable answer came, to whichever client asked. */
export function isUnanswered(error: unknown): boolean {
  if (error instanceof LightClientError) return error.code === 'provider' && isUnanswered(error.cause)
  return error instanceof ClientError && error.code === 'transport'
}

/** The exit code for an error. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof ClientError) return OF_CLIENT[error.code]
  if (error instanceof LightClientError) {
    if (error.code === 'input') return EXIT.usage
    // What a node said is judged by `verify`; only its silence is the caller's to mend.
    return isUnanswered(error) ? EXIT.unreachable : EXIT.failed
  }
  if (error instanceof UsageError) return EXIT.usage
  if (error instanceof UnreachableError) return EXIT.unreachable
  // Help and version that were asked for are no failures.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT.usage
  return EXIT.failed
}
