// Sends HTTP answers. Owns: compression, and who is cut when unread answers fill the memory. Not: what they say.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { gzip } from 'node:zlib'
import type { HeldBytes } from './heldBytes.ts'

/** Smaller answers fit into a packet anyway. */
const GZIP_BYTES_MIN = 1_024
/** Larger ones would occupy a thread of the pool, which the disk shares, for too long. */
const GZIP_BYTES_MAX = 4 * 1024 * 1024
/** Of the four threads that the disk shares. */
const GZIPS_MAX = 2
/** The level that costs a third of the usual one and saves nearly as much of JSON. */
const GZIP_LEVEL = 1
/** Answers below this need no account: their number is limited. */
const COUNTED_BYTES_MIN = 16 * 1024
/** A reader gets this long before it may be cut. */
const READ_MS_MIN = 1_000

const ACCEPTS_GZIP = /(?:^|,)\s*(?:gzip|\*)\s*(?:;\s*q=(?!0(?:\.0*)?\s*(?:,|$))[\d.]+\s*)?(?=,|$)/i

/** Whether `Accept-Encoding` allows gzip. */
export function acceptsGzip(header: string | undefined): boolean {
  return header !== undefined && ACCEPTS_GZIP.test(header)
}

interface Unread {
  readonly client: string
  readonly bytes: number
  readonly sinceMs: number
}

export class Answers {
  readonly #held: HeldBytes
  /** Large answers that their readers have not taken yet, the oldest first. */
  readonly #unread = new Map<ServerResponse, Unread>()
  #gzips = 0

  constructor(held: HeldBytes) {
    this.#held = held
  }

  send(request: IncomingMessage, response: ServerResponse, status: number, text: string): void {
    if (response.destroyed) return
    const isLong = text.length >= GZIP_BYTES_MIN
    if (isLong) response.appendHeader('Vary', 'Accept-Encoding')
    const isPacked =
      isLong &&
      text.length <= GZIP_BYTES_MAX &&
      this.#gzips < GZIPS_MAX &&
      acceptsGzip(request.headers['accept-encoding'] as string | undefined)
    if (!isPacked) {
      this.#write(request, response, status, text, Buffer.byteLength(text))
      return
    }
    this.#gzips++
    gzip(text, { level: GZIP_LEVEL }, (error, packed) => {
      this.#gzips--
      if (response.destroyed) return
      if (error !== null) {
        this.#write(request, response, status, text, Buffer.byteLength(text))
        return
      }
      response.setHeader('Content-Encoding', 'gzip')
      this.#write(request, response, status, packed, packed.length)
    })
  }

  #write(
    request: IncomingMessage,
    response: ServerResponse,
    status: number,
    body: string | Buffer,
    bytes: number,
  ): void {
    response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': bytes })
    if (bytes >= COUNTED_BYTES_MIN) this.#count(request.socket.remoteAddress ?? '', response, bytes)
    response.end(body)
  }

  #count(client: string, response: ServerResponse, bytes: number): void {
    this.#unread.set(response, { client, bytes, sinceMs: performance.now() })
    this.#held.add(client, bytes)
    response.once('close', () => this.#release(response))
    if (this.#held.isFull) this.#cut(response)
  }

  #release(response: ServerResponse): void {
    const unread = this.#unread.get(response)
    if (unread === undefined) return
    this.#unread.delete(response)
    this.#held.release(unread.client, unread.bytes)
  }

  /** Drops the readers that take longest, not the node. */
  #cut(newest: ServerResponse): void {
    const lateMs = performance.now() - READ_MS_MIN
    for (const [response, { sinceMs }] of this.#unread) {
      if (!this.#held.isFull || sinceMs > lateMs || response === newest) return
      this.#release(response)
      response.destroy()
    }
  }
}
