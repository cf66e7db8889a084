// One HTTP body that is being received. Owns: its bytes, how many values they hold, its text. Not: limits (server.ts).
import { isAscii } from 'node:buffer'
import { ValueCounter } from './requestScan.ts'

/** A longer body waits for its turn before it is read, and its values are counted while it arrives. */
export const LONG_BYTES = 16 * 1024
/** Parts are joined into blocks of this size: a body may arrive byte by byte, and an object holds a hundred bytes. */
const BLOCK_BYTES = 16 * 1024

export class Body {
  /** Full ones, but the first, which is the first part as it came. */
  readonly #blocks: Buffer[] = []
  #last: Buffer | undefined
  #lastBytes = 0
  readonly #values = new ValueCounter()
  #isCounting = false
  #count = 0
  /** Bytes received. */
  size = 0
  isRefused = false

  get isLong(): boolean {
    return this.size > LONG_BYTES
  }

  add(part: Buffer): void {
    if (this.size === 0) this.#blocks.push(part)
    else this.#append(part)
    this.size += part.length
    if (!this.isLong) return
    if (this.#isCounting) this.#count = this.#values.add(part)
    else for (const block of this.#all()) this.#count = this.#values.add(block)
    this.#isCounting = true
  }

  /** Values so far; 0 for a short one, whose values are counted when it is whole. */
  values(): number {
    return this.#count
  }

  /** Empties it; its size stays what it was. */
  clear(): void {
    this.#blocks.length = 0
    this.#last = undefined
    this.#lastBytes = 0
  }

  text(): string {
    const all = this.#all()
    const bytes = all.length === 1 ? all[0]! : Buffer.concat(all, this.size)
    // `toString` with UTF-8 takes ten times as long for what is nearly always ASCII.
    return bytes.toString(isAscii(bytes) ? 'latin1' : 'utf8')
  }

  #all(): readonly Buffer[] {
    return this.#last === undefined
      ? this.#blocks
      : [...this.#blocks, this.#last.subarray(0, this.#lastBytes)]
  }

  #append(part: Buffer): void {
    for (let at = 0; at < part.length; ) {
      this.#last ??= Buffer.allocUnsafe(BLOCK_BYTES)
      const copied = part.copy(this.#last, this.#lastBytes, at)
      at += copied
      this.#lastBytes += copied
      if (this.#lastBytes < BLOCK_BYTES) continue
      this.#blocks.push(this.#last)
      this.#last = undefined
      this.#lastBytes = 0
    }
  }
}
