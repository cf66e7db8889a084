// Where a gateway's lines go, and what may be in them. Not: the logger (the command makes it).

/** pino's loggers satisfy it; they escape control characters. */
export interface GatewayLog {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

const SHOWN_CHARS_MAX = 200

/** A text of others, fit for a line of a log or a header: printable ASCII, bounded. */
export function harmless(given: string): string {
  return given
    .slice(0, SHOWN_CHARS_MAX)
    .replace(/[^\x20-\x7e]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
