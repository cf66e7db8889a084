// One HTTP answer that is being written, whoever read its request. Owns: the interface, and node:http's side of it.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { MeteredSocket } from './meteredSocket.ts'

export interface Reply {
  readonly socket: Socket
  /** The request's `Accept-Encoding`. */
  readonly acceptEncoding: string | undefined
  /** Whether nobody waits for it any more. */
  readonly isGone: boolean
  /** One more header, before `begin`. */
  add(name: string, value: string): void
  /** `bytes` of JSON follow. */
  begin(status: number, bytes: number): void
  /** False when the reader is behind: `drained` tells when to go on. */
  write(part: string): boolean
  end(body?: string | Buffer): void
  /** Runs `listener` once everything is handed to the system; never, when the connection ends before. */
  onTaken(listener: () => void): void
  /** Resolves when the reader has taken what was written, or is gone. */
  drained(): Promise<void>
}

/** Resolves at the stream's next `drain`, or when the socket is closed. */
export function drainedOrClosed(stream: ServerResponse | Socket, socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      socket.off('close', done)
      stream.off('drain', done)
      resolve()
    }
    socket.once('close', done)
    stream.once('drain', done)
  })
}

export class HttpReply implements Reply {
  readonly socket: Socket
  readonly #request: IncomingMessage
  readonly #response: ServerResponse

  constructor(request: IncomingMessage, response: ServerResponse) {
    this.socket = MeteredSocket.of(request).raw
    this.#request = request
    this.#response = response
  }

  get acceptEncoding(): string | undefined {
    return this.#request.headers['accept-encoding'] as string | undefined
  }

  get isGone(): boolean {
    return this.#response.destroyed || this.socket.destroyed
  }

  add(name: string, value: string): void {
    this.#response.appendHeader(name, value)
  }

  begin(status: number, bytes: number): void {
    this.#response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': bytes })
  }

  write(part: string): boolean {
    return this.#response.write(part, 'latin1')
  }

  end(body?: string | Buffer): void {
    this.#response.end(body)
  }

  onTaken(listener: () => void): void {
    this.#response.once('finish', listener)
  }

  drained(): Promise<void> {
    return drainedOrClosed(this.#response, this.socket)
  }
}
