// Releases the core's effects in order, each only when the journal holds every record that came before it.
// Owns: when the journal is synced, the order. Not: what the effects do (driver.ts).
//
// A sync costs every block processor time and a write to disk, so one is made only where an effect waits for it: records that
// cause none (a body that arrived, its verdict) are taken along by the next, before which nobody can have seen that this
// node had them.
import type { JournalStore } from '../consensus/ports.ts'

/** Batches of records without effects; then they are synced for their own sake. */
const UNSYNCED_MAX = 64

export interface DurableReleaseOptions<Effect> {
  readonly journal: Pick<JournalStore, 'sync'>
  readonly perform: (effects: readonly Effect[]) => void
  /** The journal failed, or an effect. */
  readonly onFailure: (error: unknown) => void
}

export class DurableRelease<Effect> {
  readonly #options: DurableReleaseOptions<Effect>
  /** Batches waiting for the journal, in order. */
  #last: Promise<void> = Promise.resolve()
  #waiting = 0
  #unsynced = 0
  #isStopped = false
  /** Syncs since the start. */
  syncs = 0

  constructor(options: DurableReleaseOptions<Effect>) {
    this.#options = options
  }

  /** `journaled`: records were appended since the last call; the effects depend on them. */
  schedule(effects: readonly Effect[], journaled: boolean): void {
    if (this.#isStopped) return
    if (journaled) this.#unsynced++
    if (effects.length === 0 && this.#unsynced < UNSYNCED_MAX) return
    if (this.#unsynced === 0 && this.#waiting === 0) {
      this.#options.perform(effects)
      return
    }
    // Start the sync now, so that it overlaps with releasing earlier batches.
    const synced = this.#unsynced > 0 ? this.#sync() : Promise.resolve()
    synced.catch(() => undefined)
    this.#waiting++
    this.#last = this.#last.then(async () => {
      try {
        await synced
        if (!this.#isStopped) this.#options.perform(effects)
      } catch (error) {
        this.#options.onFailure(error)
      } finally {
        this.#waiting--
      }
    })
  }

  #sync(): Promise<void> {
    this.#unsynced = 0
    this.syncs++
    return this.#options.journal.sync()
  }

  /** Performs nothing more; resolves once nothing waits for the journal. */
  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#last
  }
}
