// Structured logs. Owns: creating loggers. Secrets never reach them: keys stay in signer/keystore.ts and signer/localSigner.ts.
import { type Logger, pino } from 'pino'

/** Lines kept for a diagnosis, and the length each is truncated to. */
const RECENT_LINES_MAX = 200
const RECENT_CHARS_MAX = 2_000

/** The latest log lines, in memory. */
export class RecentLines {
  #lines: string[] = []

  /** Oldest first. */
  lines(): readonly string[] {
    return [...this.#lines]
  }

  add(line: string): void {
    this.#lines.push(line.trimEnd().slice(0, RECENT_CHARS_MAX))
    if (this.#lines.length > 2 * RECENT_LINES_MAX) this.#lines = this.#lines.slice(-RECENT_LINES_MAX)
  }
}

/** The logger interface of the node's components; pino's loggers satisfy it. */
export interface NodeLogger {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** A logger with one child per component. */
export interface RoomLogger extends NodeLogger {
  child(fields: { readonly room: string }): NodeLogger
}

/** JSON lines on standard output, or at the end of a file; level names instead of numbers, ISO times. */
export function createLogger(options: {
  readonly level: string
  readonly name?: string
  /** Also receives every line. */
  readonly recent?: RecentLines
  readonly file?: string
}): Logger {
  const { recent } = options
  const settings = {
    level: options.level,
    ...(options.name === undefined ? {} : { name: options.name }),
    base: options.name === undefined ? null : {},
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    // An error keeps its message, stack and causes under either name.
    serializers: { err: pino.stdSerializers.err, error: pino.stdSerializers.err },
  }
  const out = pino.destination({ dest: options.file ?? 1, sync: true })
  if (recent === undefined) return pino(settings, out)
  const both = {
    write(line: string): void {
      recent.add(line)
      out.write(line)
    },
  }
  return pino(settings, both)
}
