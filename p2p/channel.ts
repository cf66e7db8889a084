// One long-lived framed stream to one peer for one protocol: hello, frames in, bounded queue out.
// Owns: framing, back-pressure both ways and the reason a channel ends. Not: which peers and protocols there are.
import type { Stream } from '@libp2p/interface'
import { AssertionFailed } from '../base/assert.ts'
import { concatBytes } from '../base/bytes.ts'
import { errorText } from '../base/errors.ts'
import { SchemaError } from '../base/field.ts'
import type { Hash32 } from '../base/ids.ts'
import { FRAME_HEADER_BYTES, FrameDecoder, FrameError, frameHeader } from './frames.ts'
import { checkHello, encodeHello, HELLO_BYTES_MAX } from './hello.ts'
import type { ProtocolSpec } from './protocol.ts'
import { updateWindowByHalves } from './streamWindow.ts'

const HELLO_TIMEOUT_MS = 5_000
/** Time for a refusal to reach the other side before the stream is reset. */
const LINGER_MS = 500
/** Frames up to this size are joined with their header; larger ones are sent after it without a copy. */
const COPY_BYTES_MAX = 16 * 1024
/**
 * Bytes handed to the stream at once. What it has taken may move into the buffers of the connection below it, where nothing
 * counts it; members get more, since a block should reach them in few turns.
 */
const BURST_BYTES_MAX = 256 * 1024
const BURST_BYTES_CONSENSUS_MAX = 1024 * 1024

/** Why a channel ended: `offence` is the peer's fault, `foreign` means another chain, the rest is nobody's fault. */
export type CloseKind = 'offence' | 'foreign' | 'refused' | 'overflow' | 'ended'

export interface ChannelOptions {
  readonly stream: Stream
  readonly spec: ProtocolSpec
  readonly genesisHash: Hash32
  /** Whether the connection below the stream takes no more now; it drains its streams when it does. */
  isSaturated(): boolean
  /** Whether these bytes may wait, beside what waits for all other peers. */
  mayQueue(bytes: number): boolean
  onOpen(): void
  /** A throw or rejection ends the channel as an offence; AssertionFailed is a bug of this node and is rethrown. */
  onFrame(frame: Uint8Array): void | Promise<void>
  /** Called once; `error` is what a handler threw. */
  onClose(kind: CloseKind, reason: string, error?: unknown): void
}

interface Queued {
  readonly part: Uint8Array
  readonly atMs: number
}

export class Channel {
  readonly #options: ChannelOptions
  readonly #stream: Stream
  readonly #decoder = new FrameDecoder(HELLO_BYTES_MAX)
  readonly #helloTimer: NodeJS.Timeout
  readonly #burstMax: number
  #queue: Queued[] = []
  #queueHead = 0
  /** Bytes of the first part that the stream has. */
  #headTaken = 0
  /** When the oldest bytes that the stream has were queued. */
  #takenAtMs = 0
  #queuedBytes = 0
  #state: 'greeting' | 'open' | 'closed' = 'greeting'
  #busy = false

  constructor(options: ChannelOptions) {
    this.#options = options
    this.#stream = options.stream
    updateWindowByHalves(this.#stream)
    this.#burstMax = options.spec.consensusOnly ? BURST_BYTES_CONSENSUS_MAX : BURST_BYTES_MAX
    this.#helloTimer = setTimeout(
      () => this.#end('ended', `no hello within ${HELLO_TIMEOUT_MS} ms`),
      HELLO_TIMEOUT_MS,
    )
    this.#stream.addEventListener('close', this.#onStreamClose)
    this.#stream.addEventListener('remoteCloseWrite', this.#onRemoteCloseWrite)
    this.#stream.addEventListener('drain', this.#flush)
    this.#write(encodeHello(options.genesisHash))
    this.#stream.addEventListener('message', this.#onMessage)
    // A peer may close while the stream is negotiated: its event has passed, and what it sent before is read first.
    if (this.#stream.remoteWriteStatus === 'closed') setImmediate(this.#onRemoteCloseWrite)
  }

  get isOpen(): boolean {
    return this.#state === 'open'
  }

  /** Bytes waiting in this queue and in the stream's own buffer. */
  get queuedBytes(): number {
    return this.#queuedBytes + this.#stream.writeBufferLength
  }

  /** How long the oldest of them has waited, ms: how far behind the peer reads. */
  get lagMs(): number {
    if (this.#stream.writeBufferLength > 0) return performance.now() - this.#takenAtMs
    return this.#queuedBytes > 0 ? performance.now() - this.#queue[this.#queueHead]!.atMs : 0
  }

  /** Queues a frame; false when the channel is not open or refuses it. */
  send(frame: Uint8Array): boolean {
    if (this.#state !== 'open') return false
    const { spec } = this.#options
    if (frame.length === 0 || frame.length > spec.frameBytesMax) {
      throw new RangeError(`${spec.id}: a frame has 1 to ${spec.frameBytesMax} bytes, not ${frame.length}`)
    }
    if (this.queuedBytes + frame.length + FRAME_HEADER_BYTES > spec.queueBytesMax) {
      if (spec.overflow === 'disconnect') {
        this.#end('overflow', `${this.queuedBytes} bytes are waiting for a peer that does not read`)
      }
      return false
    }
    const size = frame.length + FRAME_HEADER_BYTES
    if (!this.#isFlowing && !this.#options.mayQueue(size)) return false
    this.#write(frame)
    return this.#state === 'open'
  }

  close(reason: string): void {
    this.#end('ended', reason)
  }

  get #isFlowing(): boolean {
    return this.#queuedBytes === 0 && !this.#stream.writableNeedsDrain && !this.#options.isSaturated()
  }

  #write(frame: Uint8Array): void {
    const header = frameHeader(frame.length)
    const parts = frame.length <= COPY_BYTES_MAX ? [concatBytes(header, frame)] : [header, frame]
    const atMs = performance.now()
    for (const part of parts) {
      this.#queue.push({ part, atMs })
      this.#queuedBytes += part.length
    }
    this.#flush()
  }

  #trySend(bytes: Uint8Array): boolean {
    try {
      this.#stream.send(bytes)
      return true
    } catch (error) {
      this.#end('ended', `write failed: ${errorText(error)}`)
      return false
    }
  }

  readonly #flush = (): void => {
    // A drain of the stream says nothing of the connection: the peer's window updates make it, whether it reads or not.
    while (
      this.#queuedBytes > 0 &&
      this.#state !== 'closed' &&
      !this.#stream.writableNeedsDrain &&
      !this.#options.isSaturated()
    ) {
      if (!this.#trySend(this.#nextBurst())) return
    }
    if (this.#queueHead > 1024) {
      this.#queue = this.#queue.slice(this.#queueHead)
      this.#queueHead = 0
    }
  }

  /** Takes up to a burst from the front of the queue. */
  #nextBurst(): Uint8Array {
    const burst: Uint8Array[] = []
    let size = 0
    this.#takenAtMs = this.#queue[this.#queueHead]!.atMs
    while (this.#queueHead < this.#queue.length && size < this.#burstMax) {
      const { part } = this.#queue[this.#queueHead]!
      const piece = part.subarray(this.#headTaken, this.#headTaken + this.#burstMax - size)
      burst.push(piece)
      size += piece.length
      this.#headTaken += piece.length
      if (this.#headTaken < part.length) break
      this.#headTaken = 0
      this.#queueHead++
    }
    this.#queuedBytes -= size
    if (this.#queuedBytes === 0) {
      this.#queue = []
      this.#queueHead = 0
    }
    return burst.length === 1 ? burst[0]! : concatBytes(...burst)
  }

  // A throwing listener ends the process, so only a failed assertion may throw here.
  readonly #onMessage = (event: { data: Uint8Array | { subarray(): Uint8Array } }): void => {
    if (this.#state === 'closed') return
    this.#decoder.push(event.data.subarray())
    this.#drainFrames()
  }

  #drainFrames(): void {
    while (!this.#busy && this.#state !== 'closed') {
      let frame: Uint8Array | undefined
      try {
        frame = this.#decoder.next()
        if (frame === undefined) return
        const pending = this.#handleFrame(frame)
        if (pending !== undefined) this.#pauseUntil(pending)
      } catch (error) {
        this.#offend(error)
        return
      }
    }
  }

  #handleFrame(frame: Uint8Array): Promise<void> | undefined {
    if (this.#state === 'open') return this.#options.onFrame(frame) ?? undefined
    const verdict = checkHello(frame, this.#options.genesisHash)
    if (verdict.kind !== 'agreed') {
      this.#end(verdict.kind, verdict.reason)
      return undefined
    }
    clearTimeout(this.#helloTimer)
    this.#decoder.frameBytesMax = this.#options.spec.frameBytesMax
    this.#state = 'open'
    this.#options.onOpen()
    return undefined
  }

  #pauseUntil(pending: Promise<void>): void {
    this.#busy = true
    if (this.#stream.readStatus === 'readable') this.#stream.pause()
    pending.then(
      () => {
        this.#busy = false
        if (this.#state === 'closed') return
        this.#drainFrames()
        // A buffered frame may have made the channel busy again.
        if (!this.#busy && this.#stream.readStatus === 'paused') this.#stream.resume()
      },
      (error) => this.#offend(error),
    )
  }

  #offend(error: unknown): void {
    if (error instanceof AssertionFailed) {
      this.#end('ended', error.message)
      throw error
    }
    if (error instanceof FrameError) this.#end('offence', error.message)
    else if (error instanceof SchemaError) this.#end('offence', `malformed message: ${error.message}`)
    else this.#end('offence', `handler failed: ${errorText(error)}`, error)
  }

  readonly #onStreamClose = (event: { error?: Error }): void => {
    const cut = this.#decoder.bufferedBytes > 0 ? ' in the middle of a frame' : ''
    this.#end('ended', `stream closed${cut}${event.error === undefined ? '' : `: ${event.error.message}`}`)
  }

  readonly #onRemoteCloseWrite = (): void => {
    const cut = this.#decoder.bufferedBytes > 0 && !this.#busy
    if (cut) this.#end('offence', 'stream ended in the middle of a frame')
    else this.#end('ended', 'closed by the peer')
  }

  #end(kind: CloseKind, reason: string, error?: unknown): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    clearTimeout(this.#helloTimer)
    this.#queue = []
    this.#queuedBytes = 0
    this.#stream.removeEventListener('close', this.#onStreamClose)
    this.#stream.removeEventListener('remoteCloseWrite', this.#onRemoteCloseWrite)
    this.#stream.removeEventListener('drain', this.#flush)
    this.#stream.removeEventListener('message', this.#onMessage)
    // Close gently: a foreign peer should still read our hello and log the reason.
    if (kind === 'foreign') closeSoon(this.#stream)
    else this.#stream.abort(new Error(reason))
    this.#options.onClose(kind, reason, error)
  }
}

/** Refuses a stream: sends a hello with the reason, then closes. */
export function refuseStream(stream: Stream, genesisHash: Hash32, reason: string): void {
  const hello = encodeHello(genesisHash, reason)
  try {
    stream.send(concatBytes(frameHeader(hello.length), hello))
  } catch (error) {
    stream.abort(error instanceof Error ? error : new Error(reason))
    return
  }
  closeSoon(stream)
}

function closeSoon(stream: Stream): void {
  stream.close({ signal: AbortSignal.timeout(LINGER_MS) }).catch(() => {})
  const timer = setTimeout(() => stream.abort(new Error('refused')), LINGER_MS)
  timer.unref()
}
