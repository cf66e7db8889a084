// One HTTP body that is being received. Owns: its parts, how many values they hold, its text. Not: limits (server.ts).
import { isAscii } from 'node:buffer'
import { ValueCounter } from './requestScan.ts'

/** A longer body waits for its turn before it is read, and its values are counted while it arrives. */
export const LONG_BYTES = 16 * 1024

export class Body {
  readonly #chunks: Buffer[] = []
  readonly #values = new ValueCounter()
  #counted = 0
  /** Bytes received. */
  size = 0
  isRefused = false

  get isLong(): boolean {
    return this.size > LONG_BYTES
  }

  add(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.size += chunk.length
  }

  /** Values so far; 0 for a short one, whose values are counted when it is whole. */
  values(): number {
    let count = 0
    if (this.isLong)
      while (this.#counted < this.#chunks.length) count = this.#values.add(this.#chunks[this.#counted++]!)
    return count
  }

  /** Empties it; its size stays what it was. */
  clear(): void {
    this.#chunks.length = 0
  }

  text(): string {
    const bytes = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks, this.size)
    // `toString` with UTF-8 takes ten times as long for what is nearly always ASCII.
    return bytes.toString(isAscii(bytes) ? 'latin1' : 'utf8')
  }
}
