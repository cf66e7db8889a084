// Structured logs. Owns: how a logger is made. Secrets never reach it: keys stay in keystore.ts and signer.ts.
import { type Logger, pino } from 'pino'

/** JSON lines on standard output; level names instead of numbers, ISO times. */
export function createLogger(options: { readonly level: string; readonly name?: string }): Logger {
  return pino({
    level: options.level,
    ...(options.name === undefined ? {} : { name: options.name }),
    base: options.name === undefined ? null : {},
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
  })
}
