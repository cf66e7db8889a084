// The pipes of a job. Owns: how fast they are read, cutting lines. Not: keeping what was printed (jobLog.ts).
import type { Readable } from 'node:stream'
import { setTimeout as after } from 'node:timers/promises'
import type { JobLog } from './jobLog.ts'

const LINE_CHARS_MAX = 4_096

export interface PrintingOptions {
  readonly log: JobLog
  readonly bytesPerSecond: number
  /** Each short line that begins like JSON. */
  readonly onLine: (line: string) => void
}

/** What a job prints: into its log, no faster than a bound, and by lines. */
export class Printing {
  readonly #options: PrintingOptions
  readonly #ending = new AbortController()
  /** Bytes that may be taken now. */
  #tokens: number
  #atMs = performance.now()

  constructor(options: PrintingOptions) {
    this.#options = options
    this.#tokens = options.bytesPerSecond
  }

  async take(stream: Readable): Promise<void> {
    const { log } = this.#options
    const lines = new Lines(this.#options.onLine)
    stream.on('error', () => undefined)
    try {
      // One piece at a time: the pipe fills up, and whoever prints waits.
      for await (const piece of stream as AsyncIterable<Uint8Array>) {
        lines.push(piece)
        log.append(piece)
        await this.#spend(piece.length)
      }
    } catch {
      // The pipe was closed with its process.
    }
    lines.end()
  }

  async #spend(bytes: number): Promise<void> {
    const { bytesPerSecond } = this.#options
    const nowMs = performance.now()
    this.#tokens =
      Math.min(bytesPerSecond, this.#tokens + ((nowMs - this.#atMs) * bytesPerSecond) / 1_000) - bytes
    this.#atMs = nowMs
    if (this.#tokens >= 0) return
    const waitMs = Math.ceil((-this.#tokens * 1_000) / bytesPerSecond)
    await after(waitMs, undefined, { signal: this.#ending.signal }).catch(() => undefined)
  }

  end(): void {
    this.#ending.abort()
  }
}

/** Cuts what comes into lines; a long one is nobody's message. */
class Lines {
  readonly #onLine: (line: string) => void
  #rest = ''

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine
  }

  push(piece: Uint8Array): void {
    const text = Buffer.from(piece.buffer, piece.byteOffset, piece.length).toString('utf8')
    // A line of progress is JSON: nothing else is looked at.
    if (this.#rest === '' && !text.includes('{')) return
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop()!.slice(0, LINE_CHARS_MAX)
    for (const line of lines) if (line.length <= LINE_CHARS_MAX && line.startsWith('{')) this.#onLine(line)
  }

  end(): void {
    if (this.#rest.startsWith('{')) this.#onLine(this.#rest)
    this.#rest = ''
  }
}
