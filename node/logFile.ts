// A log file that is rotated by size, so that logs never fill a disk. Owns: FILE, FILE.1 (the one before), … Not: the lines.
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  type Stats,
  statSync,
  writeSync,
} from 'node:fs'
import { errorText, OperatorError } from '../base/errors.ts'

export interface LogRotation {
  /** A file is closed before it grows beyond this. */
  readonly bytesMax: number
  /** Files kept, the one being written included. */
  readonly filesMax: number
}

export const LOG_ROTATION: LogRotation = { bytesMax: 64 * 1024 * 1024, filesMax: 8 }

/** Of a longer line only the beginning is kept: one line must not be a file of its own. */
const LINE_BYTES_MAX = 64 * 1024
const BEGINNING_CHARS = 2_000

export interface LogFileOptions {
  /** Told, in one line, when the file begins to take no lines; default: standard error. */
  readonly onTrouble?: (text: string) => void
}

export class LogFile {
  readonly #path: string
  readonly #rotation: LogRotation
  readonly #onTrouble: (text: string) => void
  #file: number
  /** Lines that the disk did not take. */
  #lost = 0
  /** The file ends within a line: of a disk that was full, or of a process that was killed. */
  #isTorn: boolean
  #isClosed = false

  /** Appends to the file; throws when it cannot be opened, OperatorError when it is none of its own. */
  constructor(path: string, rotation = LOG_ROTATION, { onTrouble = tellOnStderr }: LogFileOptions = {}) {
    this.#path = path
    this.#rotation = rotation
    this.#onTrouble = onTrouble
    this.#file = openLog(path)
    this.#isTorn = endsWithinLine(this.#file)
  }

  /** Writes one line, with its end. Never throws: a disk without room must not end a node that could go on. */
  write(line: string): void {
    if (this.#isClosed) return
    const bytes = Buffer.from(line)
    try {
      this.#makeRoom(Math.min(bytes.length, LINE_BYTES_MAX))
      if (this.#isTorn) this.#append(Buffer.from('\n'))
      if (this.#lost > 0)
        this.#append(noteOf('log lines were lost: the disk took none', { lines: this.#lost }))
      this.#lost = 0
      this.#append(bytes.length <= LINE_BYTES_MAX ? bytes : shortened(line, bytes.length))
    } catch (error) {
      if (this.#lost++ === 0) this.#onTrouble(`${this.#path}: log lines are lost: ${errorText(error)}`)
    }
  }

  close(): void {
    if (this.#isClosed) return
    // Its number may soon be another file's.
    this.#isClosed = true
    closeSync(this.#file)
  }

  #append(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      at += writeSync(this.#file, bytes, at)
      this.#isTorn = at < bytes.length || bytes[at - 1] !== 0x0a
    }
  }

  /** Asks the disk each time: a file may be moved, removed or emptied, and another process may write to it. */
  #makeRoom(bytes: number): void {
    const { bytesMax, filesMax } = this.#rotation
    const there = statSync(this.#path, { throwIfNoEntry: false })
    if (there === undefined || !isSame(there, fstatSync(this.#file))) this.#reopen()
    const { size } = fstatSync(this.#file)
    if (size === 0 || size + bytes <= bytesMax) return
    if (filesMax === 1) {
      // There is none to keep: it begins anew.
      ftruncateSync(this.#file, 0)
      this.#isTorn = false
    } else {
      this.#moveAll()
      this.#reopen()
    }
  }

  /** FILE.1 becomes FILE.2 and so on, the oldest first. */
  #moveAll(): void {
    for (let i = this.#rotation.filesMax - 1; i > 0; i--) {
      const from = i === 1 ? this.#path : `${this.#path}.${i - 1}`
      try {
        renameSync(from, `${this.#path}.${i}`)
      } catch (error) {
        // Not so many yet, or somebody moved them.
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      }
    }
  }

  #reopen(): void {
    const next = openLog(this.#path)
    closeSync(this.#file)
    this.#file = next
    this.#isTorn = endsWithinLine(next)
  }
}

const isSame = (a: Stats, b: Stats): boolean => a.ino === b.ino && a.dev === b.dev

/**
 * A link is refused: rotating it would move the link, and whoever may write to the folder could lead the lines into another file.
 * Neither a device nor a pipe can be rotated, and opening a pipe would wait for its reader.
 */
function openLog(path: string): number {
  const { O_RDWR, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants
  let file: number
  try {
    file = openSync(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o640)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ELOOP') throw error
    throw new OperatorError(`${path} is a symbolic link: name the log file itself`)
  }
  if (fstatSync(file).isFile()) return file
  closeSync(file)
  throw new OperatorError(`${path} is no regular file: a log that is rotated needs one`)
}

function endsWithinLine(file: number): boolean {
  const { size } = fstatSync(file)
  const last = new Uint8Array(1)
  return size > 0 && readSync(file, last, 0, 1, size - 1) === 1 && last[0] !== 0x0a
}

const noteOf = (msg: string, fields: object): Uint8Array =>
  Buffer.from(`${JSON.stringify({ level: 'warn', time: new Date().toISOString(), ...fields, msg })}\n`)

const shortened = (line: string, bytes: number): Uint8Array =>
  noteOf('a log line was too long: this is its beginning', {
    bytes,
    beginning: line.slice(0, BEGINNING_CHARS),
  })

function tellOnStderr(text: string): void {
  try {
    writeSync(2, `suanli: ${text}\n`)
  } catch {
    // Nobody reads it.
  }
}
