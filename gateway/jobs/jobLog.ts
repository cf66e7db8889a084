// What a job prints, on disk: the newest part of it, in two segments. Owns: its bound, reading from a place, waiting for more.

import { EventEmitter } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import { appendFile, mkdir, open, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { untilWoken } from '../../client/waiting.ts'

const SEGMENT = /^(\d{15})\.log$/
const READ_BYTES_MAX = 262_144
const FOLLOWERS_MAX = 64

interface Segment {
  readonly from: number
  bytes: number
}

const nameOf = (from: number): string => `${String(from).padStart(15, '0')}.log`

export interface LogPiece {
  /** Where the piece begins; later than asked where older text is gone. */
  readonly from: number
  readonly bytes: Uint8Array
  readonly next: number
}

export class JobLog {
  readonly #folder: string
  readonly #bytesMax: number
  #segments: Segment[] = []
  /** Printed, and not given to the disk: at most half of what is kept. */
  #pending: Uint8Array[] = []
  #pendingBytes = 0
  #pendingFrom = 0
  #flushing: Promise<void> | undefined
  readonly #changes = new EventEmitter().setMaxListeners(FOLLOWERS_MAX + 1)
  #isOver = false

  private constructor(folder: string, bytesMax: number) {
    this.#folder = folder
    this.#bytesMax = bytesMax
  }

  static async open(folder: string, bytesMax: number): Promise<JobLog> {
    const log = new JobLog(folder, bytesMax)
    const names = existsSync(folder) ? readdirSync(folder) : []
    for (const name of names.sort()) {
      const [, digits] = SEGMENT.exec(name) ?? []
      if (digits === undefined) continue
      const { size } = await stat(join(folder, name))
      log.#segments.push({ from: Number(digits), bytes: size })
    }
    const last = log.#segments.at(-1)
    log.#pendingFrom = last === undefined ? 0 : last.from + last.bytes
    return log
  }

  /** Bytes printed so far, those that are gone included. */
  get end(): number {
    return this.#pendingFrom + this.#pendingBytes
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** Takes what was printed. What the disk is too slow for is left out, as it would be dropped soon. */
  append(given: Uint8Array): void {
    const bytes = given.slice()
    this.#pending.push(bytes)
    this.#pendingBytes += bytes.length
    while (this.#pending.length > 1 && this.#pendingBytes - this.#pending[0]!.length >= this.#half) {
      const { length } = this.#pending.shift()!
      this.#pendingBytes -= length
      this.#pendingFrom += length
    }
    this.#changes.emit('change')
    this.#flushing ??= this.#flush()
  }

  get #half(): number {
    return Math.max(1, this.#bytesMax >> 1)
  }

  /** Never rejects: what the disk does not take is left out. */
  async #flush(): Promise<void> {
    while (this.#pendingBytes > 0) {
      const from = this.#pendingFrom
      const bytes = Buffer.concat(this.#pending)
      this.#pending = []
      this.#pendingBytes = 0
      this.#pendingFrom = from + bytes.length
      await this.#write(from, bytes).catch(() => undefined)
    }
    // In the same turn as the look above: nothing printed is left behind.
    this.#flushing = undefined
  }

  async #write(start: number, given: Uint8Array): Promise<void> {
    for (let at = 0; at < given.length; ) {
      const from = start + at
      let last = this.#segments.at(-1)
      const isGap = last !== undefined && last.from + last.bytes !== from
      if (last === undefined || isGap || last.bytes >= this.#half) {
        last = { from, bytes: 0 }
        await mkdir(this.#folder, { recursive: true, mode: 0o700 })
        this.#segments.push(last)
        const kept = isGap ? 1 : 2
        for (const old of this.#segments.splice(0, this.#segments.length - kept))
          await rm(join(this.#folder, nameOf(old.from)), { force: true })
      }
      const piece = given.subarray(at, at + this.#half - last.bytes)
      await appendFile(join(this.#folder, nameOf(last.from)), piece, { mode: 0o600 })
      last.bytes += piece.length
      at += piece.length
    }
  }

  /** A line of the gateway's own. */
  note(text: string): void {
    this.append(Buffer.from(`[suanli] ${text}\n`))
  }

  /** From a place on, a part at a time; empty at the end. */
  async read(after: number): Promise<LogPiece> {
    const { end } = this
    await this.#flushing
    const segment = this.#segments.find(({ from, bytes }) => after < from + bytes)
    if (segment === undefined) return { from: end, bytes: new Uint8Array(0), next: end }
    const from = Math.max(after, segment.from)
    const size = Math.min(segment.from + segment.bytes - from, READ_BYTES_MAX)
    const bytes = new Uint8Array(size)
    try {
      const handle = await open(join(this.#folder, nameOf(segment.from)), 'r')
      try {
        const { bytesRead } = await handle.read(bytes, 0, size, from - segment.from)
        return { from, bytes: bytes.subarray(0, bytesRead), next: from + bytesRead }
      } finally {
        await handle.close()
      }
    } catch (error) {
      // It was dropped while it was asked for: what is there now is later.
      if ((error as { code?: string }).code === 'ENOENT' && this.#segments[0] !== segment)
        return this.read(Math.max(after, this.#segments[0]?.from ?? after))
      throw error
    }
  }

  /** Nothing more is printed. */
  async finish(): Promise<void> {
    await this.#flushing
    this.#isOver = true
    this.#changes.emit('change')
  }

  get followers(): number {
    return this.#changes.listenerCount('change')
  }

  get mayFollow(): boolean {
    return this.followers < FOLLOWERS_MAX
  }

  /** Resolves when there is more than `after`, it is over, or the signal aborts. */
  async changed(after: number, signal: AbortSignal): Promise<void> {
    if (this.end > after || this.#isOver) return
    await untilWoken((wake) => {
      this.#changes.on('change', wake)
      return () => this.#changes.off('change', wake)
    }, signal)
  }
}
