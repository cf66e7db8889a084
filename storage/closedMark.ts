// The file `closed` in a folder: what its last user left there, written at an orderly close and removed before the next
// change, so that a start knows an unclean stop and notices files that were cut, removed or replaced meanwhile.
// Not: what it says (chainStore.ts, journal.ts).
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { syncFolder, writeDurably } from './durableFile.ts'

const MARK_FILE = 'closed'

export class ClosedMark {
  /** What the last user left; undefined after an unclean stop. */
  readonly said: string | undefined
  readonly #dir: string
  #isRemoved = false

  private constructor(dir: string, said: string | undefined) {
    this.#dir = dir
    this.said = said
  }

  static async read(dir: string): Promise<ClosedMark> {
    try {
      return new ClosedMark(dir, await readFile(join(dir, MARK_FILE), 'utf8'))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new ClosedMark(dir, undefined)
      throw error
    }
  }

  /** Call before every change. The first call removes the file; that is durable when it resolves. */
  async remove(): Promise<void> {
    if (this.#isRemoved) return
    await rm(join(this.#dir, MARK_FILE), { force: true })
    await syncFolder(this.#dir)
    this.#isRemoved = true
  }

  /** Call after the last change; durable when it resolves. */
  async write(content: string): Promise<void> {
    await writeDurably(join(this.#dir, MARK_FILE), content)
    this.#isRemoved = false
  }
}
