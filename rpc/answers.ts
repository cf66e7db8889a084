// Sends HTTP answers. Owns: compression, and who is cut when unread answers fill the memory. Not: what they say.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { gzip } from 'node:zlib'
import type { HeldBytes } from './heldBytes.ts'
import { turns } from './turns.ts'

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

/** A longer text is written in parts of this size, as fast as it is read: turning it into bytes at once takes too long. */
const SLICE_BYTES = 256 * 1024

const ACCEPTS_GZIP = /(?:^|,)\s*(?:gzip|\*)\s*(?:;\s*q=(?!0(?:\.0*)?\s*(?:,|$))[\d.]+\s*)?(?=,|$)/i

/** Whether `Accept-Encoding` allows gzip. */
export function acceptsGzip(header: string | undefined): boolean {
  return header !== undefined && ACCEPTS_GZIP.test(header)
}

interface Unread {
  readonly client: string
  bytes: number
  /** Since when something is unread. */
  sinceMs: number
}

export class Answers {
  readonly #held: HeldBytes
  /** Large answers that their readers have not taken yet, by connection: who waits longest comes first. */
  readonly #watched = new WeakSet<Socket>()
  readonly #unread = new Map<Socket, Unread>()
  #gzips = 0

  constructor(held: HeldBytes) {
    this.#held = held
  }

  send(request: IncomingMessage, response: ServerResponse, status: number, text: string): void {
    if (response.destroyed || request.socket.destroyed) return
    const isLong = text.length >= GZIP_BYTES_MIN
    if (isLong) response.appendHeader('Vary', 'Accept-Encoding')
    const isPacked =
      isLong &&
      text.length <= GZIP_BYTES_MAX &&
      this.#gzips < GZIPS_MAX &&
      acceptsGzip(request.headers['accept-encoding'] as string | undefined)
    if (!isPacked) {
      this.#writeText(request, response, status, text)
      return
    }
    this.#gzips++
    gzip(text, { level: GZIP_LEVEL }, (error, packed) => {
      this.#gzips--
      if (response.destroyed || request.socket.destroyed) return
      if (error !== null) {
        this.#writeText(request, response, status, text)
        return
      }
      response.setHeader('Content-Encoding', 'gzip')
      this.#write(request, response, status, packed, packed.length)
    })
  }

  #writeText(request: IncomingMessage, response: ServerResponse, status: number, text: string): void {
    const bytes = Buffer.byteLength(text)
    // Slices of other texts than ASCII would cut characters.
    if (bytes < SLICE_BYTES || bytes !== text.length) this.#write(request, response, status, text, bytes)
    else {
      this.#begin(request, response, status, bytes)
      void writeSlices(request, response, text)
    }
  }

  #write(
    request: IncomingMessage,
    response: ServerResponse,
    status: number,
    body: string | Buffer,
    bytes: number,
  ): void {
    this.#begin(request, response, status, bytes)
    response.end(body)
  }

  #begin(request: IncomingMessage, response: ServerResponse, status: number, bytes: number): void {
    response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': bytes })
    if (bytes >= COUNTED_BYTES_MIN) this.#count(request.socket, response, bytes)
  }

  #count(socket: Socket, response: ServerResponse, bytes: number): void {
    let unread = this.#unread.get(socket)
    if (unread === undefined) {
      unread = { client: socket.remoteAddress ?? '', bytes: 0, sinceMs: performance.now() }
      this.#unread.set(socket, unread)
      this.#watch(socket)
    }
    unread.bytes += bytes
    this.#held.add(unread.client, bytes)
    // Answers to pipelined requests end without a word when the connection does, so that counts too.
    response.once('finish', () => this.#taken(socket, bytes))
    if (this.#held.isFullFor(unread.client)) this.#cut(socket, unread.client)
  }

  /** A connection carries many answers, and is watched once. */
  #watch(socket: Socket): void {
    if (this.#watched.has(socket)) return
    this.#watched.add(socket)
    socket.once('close', () => this.#forget(socket))
  }

  #taken(socket: Socket, bytes: number): void {
    const unread = this.#unread.get(socket)
    if (unread === undefined) return
    unread.bytes -= bytes
    unread.sinceMs = performance.now()
    this.#held.release(unread.client, bytes)
    this.#unread.delete(socket)
    if (unread.bytes > 0) this.#unread.set(socket, unread)
  }

  #forget(socket: Socket): void {
    const unread = this.#unread.get(socket)
    if (unread === undefined) return
    this.#unread.delete(socket)
    this.#held.release(unread.client, unread.bytes)
  }

  /** Drops the readers that take longest, not the node: of all when all hold too much, else those of one client. */
  #cut(newest: Socket, newestClient: string): void {
    const lateMs = performance.now() - READ_MS_MIN
    for (const [socket, { sinceMs, client }] of this.#unread) {
      if (!this.#held.isFullFor(newestClient) || sinceMs > lateMs) return
      if (socket === newest || (client !== newestClient && !this.#held.isFull)) continue
      this.#forget(socket)
      socket.destroy()
    }
  }
}

async function writeSlices(request: IncomingMessage, response: ServerResponse, text: string): Promise<void> {
  const { socket } = request
  const client = socket.remoteAddress ?? ''
  for (let at = 0; at < text.length; at += SLICE_BYTES) {
    if (!turns.hasRoom()) await turns.long(client)
    if (socket.destroyed) return
    const isTaken = response.write(text.slice(at, at + SLICE_BYTES), 'latin1')
    if (!isTaken && !socket.destroyed) await drained(socket, response)
  }
  response.end()
}

/** Resolves when the reader has taken what was written, or is gone. */
function drained(socket: Socket, response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      socket.off('close', done)
      response.off('drain', done)
      resolve()
    }
    socket.once('close', done)
    response.once('drain', done)
  })
}
