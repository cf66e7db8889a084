// Sends HTTP answers. Owns: compression, and who is cut when unread answers fill the memory. Not: what they say.
import type { Socket } from 'node:net'
import { gzip } from 'node:zlib'
import type { HeldBytes } from './heldBytes.ts'
import type { Reply } from './reply.ts'
import { turns } from './turns.ts'

/** Smaller answers fit into a packet anyway. */
export const GZIP_BYTES_MIN = 1_024
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

  send(reply: Reply, status: number, text: string): void {
    if (reply.isGone) return
    const isLong = text.length >= GZIP_BYTES_MIN
    if (isLong) reply.add('Vary', 'Accept-Encoding')
    const isPacked =
      isLong && text.length <= GZIP_BYTES_MAX && this.#gzips < GZIPS_MAX && acceptsGzip(reply.acceptEncoding)
    if (!isPacked) {
      this.#writeText(reply, status, text)
      return
    }
    this.#gzips++
    gzip(text, { level: GZIP_LEVEL }, (error, packed) => {
      this.#gzips--
      if (reply.isGone) return
      if (error !== null) {
        this.#writeText(reply, status, text)
        return
      }
      reply.add('Content-Encoding', 'gzip')
      this.#begin(reply, status, packed.length)
      reply.end(packed)
    })
  }

  #writeText(reply: Reply, status: number, text: string): void {
    const bytes = Buffer.byteLength(text)
    this.#begin(reply, status, bytes)
    // Slices of other texts than ASCII would cut characters.
    if (bytes < SLICE_BYTES || bytes !== text.length) reply.end(text)
    else void writeSlices(reply, text)
  }

  #begin(reply: Reply, status: number, bytes: number): void {
    reply.begin(status, bytes)
    if (bytes >= COUNTED_BYTES_MIN) this.#count(reply, bytes)
  }

  #count(reply: Reply, bytes: number): void {
    const { socket } = reply
    let unread = this.#unread.get(socket)
    if (unread === undefined) {
      unread = { client: socket.remoteAddress ?? '', bytes: 0, sinceMs: performance.now() }
      this.#unread.set(socket, unread)
      this.#watch(socket)
    }
    unread.bytes += bytes
    this.#held.add(unread.client, bytes)
    // Answers to pipelined requests end without a word when the connection does, so that counts too.
    reply.onTaken(() => this.#taken(socket, bytes))
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

async function writeSlices(reply: Reply, text: string): Promise<void> {
  const { socket } = reply
  const client = socket.remoteAddress ?? ''
  for (let at = 0; at < text.length; at += SLICE_BYTES) {
    if (!turns.hasRoom()) await turns.long(client)
    if (socket.destroyed) return
    const isTaken = reply.write(text.slice(at, at + SLICE_BYTES))
    if (!isTaken && !socket.destroyed) await reply.drained()
  }
  reply.end()
}
