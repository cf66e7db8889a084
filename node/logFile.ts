// A log file that is rotated by size, so that logs never fill a disk. Owns: FILE, FILE.1 (the one before), … Not: the lines.
import { closeSync, existsSync, fstatSync, openSync, renameSync, writeSync } from 'node:fs'

export interface LogRotation {
  /** A file is closed before it grows beyond this. */
  readonly bytesMax: number
  /** Files kept, the one being written included. */
  readonly filesMax: number
}

export const LOG_ROTATION: LogRotation = { bytesMax: 64 * 1024 * 1024, filesMax: 8 }

export class LogFile {
  readonly #path: string
  readonly #rotation: LogRotation
  #file: number
  #bytes: number
  /** Lines that the disk did not take. */
  #lost = 0

  /** Appends to the file; throws when it cannot be opened. */
  constructor(path: string, rotation = LOG_ROTATION) {
    this.#path = path
    this.#rotation = rotation
    this.#file = openSync(path, 'a', 0o640)
    this.#bytes = fstatSync(this.#file).size
  }

  /** Writes one line, with its end. Never throws: a disk without room must not end a node that could go on. */
  write(line: string): void {
    try {
      this.#rotateFor(Buffer.byteLength(line))
      if (this.#lost > 0) {
        this.#append(
          `${JSON.stringify({ level: 'warn', lines: this.#lost, msg: 'log lines were lost: the disk took none' })}\n`,
        )
        this.#lost = 0
      }
      this.#append(line)
    } catch {
      this.#lost++
    }
  }

  close(): void {
    closeSync(this.#file)
  }

  #append(line: string): void {
    const bytes = Buffer.from(line)
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#file, bytes, at)
    this.#bytes += bytes.length
  }

  #rotateFor(bytes: number): void {
    const { bytesMax, filesMax } = this.#rotation
    if (this.#bytes === 0 || this.#bytes + bytes <= bytesMax) return
    // After a failure it is set aside already: moving the others again would lose the oldest.
    const isThere = existsSync(this.#path)
    for (let i = filesMax - 1; i > 0 && isThere; i--) {
      const from = i === 1 ? this.#path : `${this.#path}.${i - 1}`
      try {
        renameSync(from, `${this.#path}.${i}`)
      } catch (error) {
        // Not so many yet, or somebody moved them.
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      }
    }
    // With one file there is none to keep: it begins anew.
    const next = openSync(this.#path, filesMax === 1 ? 'w' : 'a', 0o640)
    closeSync(this.#file)
    this.#file = next
    this.#bytes = fstatSync(next).size
  }
}
