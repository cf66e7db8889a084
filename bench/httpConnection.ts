// One keep-alive HTTP/1.1 connection that posts JSON, one request at a time. Owns: the bytes on the socket.
// A load generator shares the machine with the measured node, so it must be cheap: Node's own client costs several
// times as much per request. Not: JSON-RPC (rpcClient.ts).
import { connect, type Socket } from 'node:net'

const HEAD_END = Buffer.from('\r\n\r\n')
/** Longest response; one block's receipts are a few megabytes. */
const RESPONSE_BYTES_MAX = 256 * 1024 * 1024

interface Waiting {
  readonly resolve: (body: string) => void
  readonly reject: (error: Error) => void
}

interface Head {
  readonly status: number
  /** Undefined for a chunked body. */
  readonly length: number | undefined
}

function parseHead(text: string): Head {
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(text)?.[1])
  if (!Number.isInteger(status)) throw new Error('the answer is not HTTP')
  const length = /\r\ncontent-length: *(\d+)/i.exec(text)?.[1]
  if (length !== undefined) return { status, length: Number(length) }
  if (/\r\ntransfer-encoding: *chunked/i.test(text)) return { status, length: undefined }
  throw new Error('the answer has no length')
}

/** The body of a complete chunked message, or undefined while parts are missing. */
function readChunks(bytes: Buffer): string | undefined {
  const parts: Buffer[] = []
  let at = 0
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at)
    if (lineEnd < 0) return undefined
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16)
    const start = lineEnd + 2
    if (bytes.length < start + size + 2) return undefined
    if (size === 0) return Buffer.concat(parts).toString('utf8')
    parts.push(bytes.subarray(start, start + size))
    at = start + size + 2
  }
}

export class HttpConnection {
  readonly #url: URL
  #socket: Socket | undefined
  #received: Buffer[] = []
  #receivedBytes = 0
  #head: Head | undefined
  #bodyAt = 0
  #waiting: Waiting | undefined

  constructor(url: URL) {
    this.#url = url
  }

  /** Posts a body and resolves with the response body. Rejects on transport errors and any status but 200. */
  post(body: string): Promise<string> {
    if (this.#waiting !== undefined) return Promise.reject(new Error('the connection is busy'))
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
      this.#socket ??= this.#open()
      const head =
        `POST ${this.#url.pathname} HTTP/1.1\r\nHost: ${this.#url.host}\r\n` +
        `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n`
      this.#socket.write(head + body)
    })
  }

  close(): void {
    this.#socket?.destroy()
    this.#socket = undefined
  }

  #open(): Socket {
    const socket = connect(Number(this.#url.port === '' ? 80 : this.#url.port), this.#url.hostname)
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => this.#onData(chunk))
    socket.on('error', (error) => this.#fail(error))
    socket.on('close', () => this.#fail(new Error('the connection was closed')))
    return socket
  }

  #fail(error: Error): void {
    this.#socket?.destroy()
    this.#socket = undefined
    const waiting = this.#waiting
    this.#reset()
    waiting?.reject(error)
  }

  #reset(): void {
    this.#received = []
    this.#receivedBytes = 0
    this.#head = undefined
    this.#waiting = undefined
  }

  #onData(chunk: Buffer): void {
    this.#received.push(chunk)
    this.#receivedBytes += chunk.length
    try {
      if (this.#receivedBytes > RESPONSE_BYTES_MAX) throw new Error('the answer is too long')
      const body = this.#read()
      if (body === undefined) return
      const { status } = this.#head!
      const waiting = this.#waiting
      this.#reset()
      if (status === 200) waiting?.resolve(body)
      else waiting?.reject(new Error(`HTTP ${status}: ${body.slice(0, 200)}`))
    } catch (error) {
      this.#fail(error as Error)
    }
  }

  #read(): string | undefined {
    if (this.#head !== undefined && this.#head.length !== undefined) {
      if (this.#receivedBytes < this.#bodyAt + this.#head.length) return undefined
    }
    const bytes = this.#received.length === 1 ? this.#received[0]! : Buffer.concat(this.#received)
    this.#received = [bytes]
    if (this.#head === undefined) {
      const end = bytes.indexOf(HEAD_END)
      if (end < 0) return undefined
      this.#head = parseHead(bytes.toString('latin1', 0, end))
      this.#bodyAt = end + HEAD_END.length
    }
    const { length } = this.#head
    if (length === undefined) return readChunks(bytes.subarray(this.#bodyAt))
    if (bytes.length < this.#bodyAt + length) return undefined
    return bytes.toString('utf8', this.#bodyAt, this.#bodyAt + length)
  }
}
