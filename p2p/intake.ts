// What a connection may cost this node before the muxer works on it. Every frame is charged its CPU time to the identity behind
// it, whose connections share one account, strangers' also to one of all strangers; a connection without credit is not read. So a
// flood waits in the sender's own buffers. Owns: the two taps, pausing. Not: who is a stranger (host.ts), costs (frameScanner.ts).
//
// Frames are counted twice: noise frames before they are decrypted, muxer frames before the muxer handles them. Both taps sit in
// front of `onData` of libp2p's streams, which is where a stream takes what its source has read.
import { assert } from '../base/assert.ts'
import { type Allowance, Budget } from './budget.ts'
import { FrameScanner, NOISE_FRAMES, YAMUX_FRAMES } from './frameScanner.ts'
import { FrameError } from './frames.ts'

/** Microseconds of CPU; the burst bounds the work of one turn. Honest members send at most some hundred frames a second; range sync, 30 MB/s. */
export const MEMBER_ALLOWANCE: Allowance = { perSecond: 300_000, burst: 50_000 }
/** A follower that syncs 20 MB/s from this node sends some 300 window updates a second: 5 ms. */
export const STRANGER_ALLOWANCE: Allowance = { perSecond: 15_000, burst: 5_000 }
/** All strangers together, handshakes included. */
export const STRANGERS_ALLOWANCE: Allowance = { perSecond: 80_000, burst: 20_000 }
/** The lines and length bytes before encryption: an honest peer sends about 30 bytes. */
const GREETING_BYTES_MAX = 256
const NOISE_LINE = '/noise\n'
/** One read of the socket, and the event that brings it; a sender may put every byte into a packet of its own. */
const READ_US = 10
/** Shorter pieces of a frame that is not complete are copied together. */
const PIECE_BYTES_MIN = 4_096
/** Shorter pauses would cost more than the work between them. */
const PAUSE_MS_MIN = 20

type Bytes = Uint8Array | { subarray(): Uint8Array }

/** The part of libp2p's streams that a tap needs: data comes in through `onData`. */
interface Tappable {
  onData(data: Bytes): void
}

/** Below everything: a socket whose reading can be paused. */
export interface Source {
  sendPause(): void
  sendResume(): void
  abort(error: Error): void
  addEventListener(type: 'close', listener: () => void): void
}

/** What a tap lets go. */
interface Gate {
  /** How many bytes from the front may go on. */
  advance(bytes: Uint8Array): number
  /** How many of those that have gone on belong to a frame that is not complete. */
  readonly openBytes: number
}

/** Holds back what goes into a stream beyond the credit, and short pieces of a frame that is not complete. */
class Tap {
  readonly #pass: (data: Uint8Array) => void
  readonly #gate: Gate
  #held: Uint8Array[] = []
  /** Pieces of a frame, copied together: each alone would weigh more than a hundred bytes until the frame is complete. */
  #pieces: Uint8Array | undefined
  #piecesLength = 0

  constructor(stream: object, intake: Intake, gate: Gate) {
    const tappable = stream as Tappable
    assert(typeof tappable.onData === 'function', 'a stream of libp2p takes its data through onData')
    this.#pass = tappable.onData.bind(tappable)
    this.#gate = gate
    tappable.onData = (data) => {
      this.#held.push(data.subarray())
      intake.work(() => this.drain())
    }
  }

  /** Lets go what may; whether nothing is left that could go. Throws FrameError. */
  drain(): boolean {
    while (this.#held.length > 0) {
      const first = this.#held[0]!
      const length = this.#gate.advance(first)
      if (length === first.length) this.#held.shift()
      else this.#held[0] = first.subarray(length)
      if (length > 0) this.#letGo(first.subarray(0, length))
      if (length < first.length) return false
    }
    return true
  }

  #letGo(bytes: Uint8Array): void {
    const complete = bytes.length - Math.min(bytes.length, this.#gate.openBytes)
    if (complete > 0) {
      this.#passPieces()
      this.#pass(bytes.subarray(0, complete))
    }
    if (complete < bytes.length) this.#keep(bytes.subarray(complete))
  }

  /** Part of a frame that is not complete: goes on in pieces that are not short. */
  #keep(piece: Uint8Array): void {
    if (this.#piecesLength + piece.length > PIECE_BYTES_MIN) this.#passPieces()
    if (piece.length >= PIECE_BYTES_MIN) {
      this.#pass(piece)
      return
    }
    this.#pieces ??= new Uint8Array(PIECE_BYTES_MIN)
    this.#pieces.set(piece, this.#piecesLength)
    this.#piecesLength += piece.length
  }

  #passPieces(): void {
    const pieces = this.#pieces?.subarray(0, this.#piecesLength)
    // Whoever takes them may keep them.
    this.#pieces = undefined
    this.#piecesLength = 0
    if (pieces !== undefined) this.#pass(pieces)
  }

  clear(): void {
    this.#held = []
  }
}

/** The protocol lines before encryption, one byte of length each, up to and including the one that chooses it. */
class Greeting {
  #seen = ''
  #done = false

  /** Whether the bytes after these are encrypted. */
  get isOver(): boolean {
    return this.#done
  }

  /** How many of these bytes belong to the greeting. Throws FrameError when no honest peer sends them. */
  take(bytes: Uint8Array): number {
    const before = this.#seen.length
    this.#seen += Buffer.from(bytes.subarray(0, GREETING_BYTES_MAX)).toString('latin1')
    for (let at = 0; at < this.#seen.length; ) {
      const end = at + 1 + this.#seen.charCodeAt(at)
      if (this.#seen.slice(at + 1, end) === NOISE_LINE) {
        this.#done = true
        return end - before
      }
      at = end
    }
    if (this.#seen.length >= GREETING_BYTES_MAX) throw new FrameError('no encryption chosen')
    return bytes.length
  }
}

export interface IntakeOptions {
  /** The socket's stream before encryption. */
  readonly source: object
  /** What all strangers may cost together. */
  readonly strangers: Budget
  /** Until the other side is known: true for a peer that this node dials. */
  readonly isMember: boolean
  readonly nowMs?: () => number
}

/** What comes in on one connection. Starts as a stranger's, with an account of its own. */
export class Intake {
  readonly #source: Source
  readonly #strangers: Budget
  #own: Budget
  readonly #taps: Tap[] = []
  #isMember: () => boolean
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(options: IntakeOptions) {
    this.#source = options.source as Source
    this.#strangers = options.strangers
    this.#isMember = () => options.isMember
    this.#own = new Budget(options.isMember ? MEMBER_ALLOWANCE : STRANGER_ALLOWANCE, options.nowMs)
    const greeting = new Greeting()
    const frames = new FrameScanner(NOISE_FRAMES)
    const mayGo = this.#mayGo
    const charge = this.#charge
    this.#tap(options.source, {
      get openBytes() {
        return frames.openBytes
      },
      advance(bytes) {
        // The scanner asks at the start of a frame.
        if (frames.openBytes > 0 && !mayGo()) return 0
        charge(READ_US)
        const greeted = greeting.isOver ? 0 : greeting.take(bytes)
        if (!greeting.isOver) return greeted
        return greeted + frames.advance(bytes.subarray(greeted), mayGo, charge)
      },
    })
    this.#source.addEventListener('close', () => {
      this.#isClosed = true
      clearTimeout(this.#timer)
      for (const tap of this.#taps) tap.clear()
    })
  }

  /** Whether the connection waits for credit. */
  get isPaused(): boolean {
    return this.#timer !== undefined
  }

  /**
   * The other side is known: `stream` carries the muxer's frames; `isMember` is asked again and again. `own`: what all connections
   * of this identity may cost.
   */
  authenticated(stream: object, isMember: () => boolean, own = this.#own): void {
    this.#isMember = isMember
    this.#own = own
    const frames = new FrameScanner(YAMUX_FRAMES)
    const mayGo = this.#mayGo
    const charge = this.#charge
    this.#tap(stream, {
      get openBytes() {
        return frames.openBytes
      },
      advance: (bytes) => frames.advance(bytes, mayGo, charge),
    })
  }

  /** Drains taps; when bytes are left, stops reading until there is credit. Ends the connection of a peer that breaks the framing. */
  work(drain: () => boolean): void {
    let isDone: boolean
    try {
      isDone = drain()
    } catch (error) {
      if (!(error instanceof FrameError)) throw error
      this.#source.abort(error)
      return
    }
    if (!isDone && !this.#isClosed) this.#pause()
  }

  #pause(): void {
    // Repeated: bytes that the socket had already read may still arrive.
    this.#source.sendPause()
    if (this.#timer !== undefined) return
    const waitMs = Math.max(this.#own.waitMs(), this.#isMember() ? 0 : this.#strangers.waitMs(), PAUSE_MS_MIN)
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.work(() => {
        // The muxer's tap first: its frames came earlier.
        const isDone = this.#taps.toReversed().every((tap) => tap.drain())
        if (isDone && !this.#isClosed) this.#source.sendResume()
        return isDone
      })
    }, waitMs)
  }

  #tap(stream: object, gate: Gate): void {
    this.#taps.push(new Tap(stream, this, gate))
  }

  readonly #mayGo = (): boolean => {
    if (this.#timer !== undefined) return false
    const isMember = this.#isMember()
    this.#own.allowance = isMember ? MEMBER_ALLOWANCE : STRANGER_ALLOWANCE
    return this.#own.hasCredit && (isMember || this.#strangers.hasCredit)
  }

  readonly #charge = (costUs: number): void => {
    this.#own.charge(costUs)
    if (!this.#isMember()) this.#strangers.charge(costUs)
  }
}
