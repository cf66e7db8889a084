// What every answer over HTTP needs: a body within limits, JSON out, server-sent events. Not: what is answered (routes.ts).
import type { IncomingMessage, ServerResponse } from 'node:http'
import { ApiError } from './apiError.ts'

export const BODY_BYTES_MAX = 1024 * 1024

/** Bytes of bodies that are being received, of all connections together. */
const HELD_BYTES_MAX = 32 * 1024 * 1024

const tooLarge = (): ApiError =>
  new ApiError({
    status: 413,
    code: 'body_too_large',
    message: `the body has more than ${BODY_BYTES_MAX} bytes`,
  })

export class Bodies {
  #heldBytes = 0

  /** The JSON of a request's body. Throws ApiError. */
  async read(request: IncomingMessage): Promise<unknown> {
    if (request.headers['content-encoding'] !== undefined)
      throw new ApiError({ status: 415, code: 'unsupported_encoding', message: 'send the body uncompressed' })
    if (Number(request.headers['content-length']) > BODY_BYTES_MAX) throw tooLarge()
    const parts: Buffer[] = []
    let size = 0
    try {
      // A refusal still has to be sent over the connection.
      const received: AsyncIterable<Buffer> = request.iterator({ destroyOnReturn: false })
      for await (const part of received) {
        size += part.length
        this.#heldBytes += part.length
        if (size > BODY_BYTES_MAX) throw tooLarge()
        if (this.#heldBytes > HELD_BYTES_MAX)
          throw new ApiError({
            status: 503,
            code: 'overloaded',
            message: 'too many bodies are being received',
          })
        parts.push(part)
      }
    } finally {
      this.#heldBytes -= size
    }
    try {
      return JSON.parse(Buffer.concat(parts).toString('utf8'))
    } catch {
      throw new ApiError({ status: 400, code: 'invalid_json', message: 'the body is not JSON' })
    }
  }
}

export function sendJson(response: ServerResponse, status: number, value: unknown): void {
  const body = Buffer.from(JSON.stringify(value))
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': body.length })
  response.end(body)
}

export function sendText(response: ServerResponse, text: string): void {
  const body = Buffer.from(text)
  response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8', 'content-length': body.length })
  response.end(body)
}

/** An answer that is shown as it grows. */
export class EventStream {
  readonly #response: ServerResponse
  constructor(response: ServerResponse) {
    this.#response = response
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
  }

  send(value: unknown): void {
    this.#response.write(`data: ${JSON.stringify(value)}\n\n`)
  }

  /** Ends it without the mark of a whole answer. */
  fail(value: unknown): void {
    this.send(value)
    this.#response.end()
  }

  end(): void {
    this.#response.end('data: [DONE]\n\n')
  }
}
