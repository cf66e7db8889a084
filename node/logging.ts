// Structured logs. Owns: creating loggers. Secrets never reach them: keys stay in signer/keystore.ts and signer/localSigner.ts.
import { type Logger, pino } from 'pino'
import { LogFile, type LogRotation } from './logFile.ts'
import { type LogFormat, logText } from './logText.ts'

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

export interface LoggerOptions {
  readonly level: string
  readonly name?: string
  /** Also receives every line, as JSON. */
  readonly recent?: RecentLines
  /** Instead of standard output; rotated by size. */
  readonly file?: string
  readonly rotation?: LogRotation
  readonly format?: LogFormat
}

/** Where lines go. */
interface Sink {
  write(line: string): void
}

/** A logger's children: one for each room, which must follow when the level changes. */
const families = new WeakMap<Logger, Logger[]>()

/**
 * Lines on standard output, or at the end of a file; level names instead of numbers, ISO times. Throws when the file cannot
 * be opened.
 */
export function createLogger(options: LoggerOptions): Logger {
  const { recent } = options
  const children: Logger[] = []
  const settings = {
    level: options.level,
    ...(options.name === undefined ? {} : { name: options.name }),
    base: options.name === undefined ? null : {},
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    // An error keeps its message, stack and causes under either name.
    serializers: { err: pino.stdSerializers.err, error: pino.stdSerializers.err },
    onChild: (child: Logger) => void children.push(child),
  }
  const out = sinkOf(options)
  const sink: Sink = {
    write(line) {
      recent?.add(line)
      out.write(line)
    },
  }
  const logger = pino(settings, recent === undefined ? out : sink)
  families.set(logger, children)
  return logger
}

/** Changes what a logger and its children write from now on. */
export function setLogLevel(logger: Logger, level: string): void {
  for (const each of [logger, ...(families.get(logger) ?? [])]) each.level = level
}

function sinkOf({ file, rotation, format = 'auto' }: LoggerOptions): Sink {
  const out: Sink =
    file === undefined ? pino.destination({ dest: 1, sync: true }) : new LogFile(file, rotation)
  const isText =
    format === 'text' || (format === 'auto' && file === undefined && process.stdout.isTTY === true)
  return isText ? { write: (line) => void out.write(logText(line)) } : out
}
