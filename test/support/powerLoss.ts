// A power loss under the files of one folder: what was not synced is gone. Watches the syncs of this process's files.
// Not: torn writes (test/signer/signerFile.test.ts cuts files), virtual disks (test/sim/simDisk.ts).
import { fstatSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'

type Sync = (this: FileHandle) => Promise<void>

/** Notes the content of every file at each sync, until `close`. */
export class PowerLoss {
  /** Content that survives, by inode: files are renamed after they are synced. */
  readonly #synced = new Map<number, Uint8Array>()
  readonly #restore: () => void

  private constructor(prototype: { sync: Sync; datasync: Sync }) {
    const { sync, datasync } = prototype
    const note = (handle: FileHandle): void => {
      const { ino } = fstatSync(handle.fd)
      if (fstatSync(handle.fd).isFile()) this.#synced.set(ino, readFileSync(`/proc/self/fd/${handle.fd}`))
    }
    const watched = (original: Sync): Sync =>
      async function (this: FileHandle) {
        await original.call(this)
        note(this)
      }
    prototype.sync = watched(sync)
    prototype.datasync = watched(datasync)
    this.#restore = () => Object.assign(prototype, { sync, datasync })
  }

  static async watch(): Promise<PowerLoss> {
    const handle = await open('/proc/self/cmdline')
    const prototype = Object.getPrototypeOf(handle) as { sync: Sync; datasync: Sync }
    await handle.close()
    return new PowerLoss(prototype)
  }

  /** Leaves in the folder only what was synced. */
  strike(dir: string): void {
    for (const name of readdirSync(dir)) {
      const path = join(dir, name)
      writeFileSync(path, this.#synced.get(statSync(path).ino) ?? new Uint8Array(0))
    }
  }

  close(): void {
    this.#restore()
  }
}
