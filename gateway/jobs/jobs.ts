// Files, fine-tuning and training of the holders. READ FIRST in gateway/jobs/. Owns: how its parts are joined, and when what a
// holder left is removed.
//   multipart.ts, fileStore.ts           uploaded files
//   records.ts, places.ts, jobStore.ts   jobs on disk, with log (jobLog.ts) and events (jobEvents.ts)
//   runner.ts                            a job from its creation to its end
//   pacer.ts                             device-seconds, always set aside before they are used
//   run.ts: commandRun.ts, demoRun.ts    what runs: processes (processes.ts), the demo's fine-tuning
//   routes.ts: fileRoutes, tuningRoutes, jobRoutes
import { mkdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { DemoBackend } from '../demo/demoBackend.ts'
import type { Backend } from '../http/backend.ts'
import type { GatewayContext, JobService, Visit } from '../http/context.ts'
import type { Session } from '../sessions.ts'
import { FileStore } from './fileStore.ts'
import { type Job, JobStore } from './jobStore.ts'
import { Places } from './places.ts'
import { Programs } from './programs.ts'
import { isOver } from './records.ts'
import { ownsPath, Routes } from './routes.ts'
import { JobRunner } from './runner.ts'

const SEEN_MS = 600_000
const SWEEP_MS = 60_000

export interface JobsOptions {
  readonly context: Omit<GatewayContext, 'jobs'>
  /** The demo's backend, when this gateway runs it. */
  readonly demo: DemoBackend | undefined
  readonly demoBackend: Backend | undefined
  /** Of the models that a command makes, by the command's name. */
  readonly commandBackends: ReadonlyMap<string, Backend>
}

export class Jobs implements JobService {
  readonly #options: JobsOptions
  readonly #places: Places
  readonly #files: FileStore
  readonly #store: JobStore
  readonly #runner: JobRunner
  readonly #routes: Routes
  /** When an assignment of a redemption was last known. */
  readonly #seenMs = new Map<number, number>()
  #sweptMs = 0
  #sweeping: Promise<void> = Promise.resolve()

  private constructor(options: JobsOptions, places: Places, files: FileStore, store: JobStore) {
    this.#options = options
    this.#places = places
    this.#files = files
    this.#store = store
    const { config, tariff, ledger, sessions, log, book } = options.context
    const programs = new Programs(config, options.demo)
    this.#runner = new JobRunner({
      config,
      tariff,
      ledger,
      sessions,
      store,
      files,
      programs,
      log,
      nowMs: () => book.time.nowMs(),
      window: () => book.clock?.window,
    })
    this.#routes = new Routes({ files, store, runner: this.#runner, programs })
  }

  /** Reads what is on disk; nothing runs before `start`. */
  static async open(options: JobsOptions): Promise<Jobs> {
    const { config } = options.context
    const places = new Places(config.dataDir)
    const files = await FileStore.open(places, config.jobs)
    const store = await JobStore.open(places, config.jobs)
    return new Jobs(options, places, files, store)
  }

  /** Goes on with what an earlier life left, once the assignments are known. */
  start(): Promise<void> {
    return this.#runner.resume()
  }

  get running(): number {
    return this.#runner.running
  }

  get queued(): number {
    return this.#runner.queued
  }

  owns(path: string): boolean {
    return ownsPath(path)
  }

  answer(visit: Visit): Promise<void> {
    return this.#routes.answer(visit)
  }

  #tunedOf({ assigned }: Session): readonly Job[] {
    return this.#store.of(assigned.redemptionId).filter((job) => this.#servedBy(job) !== undefined)
  }

  /** What serves the model that a job made. */
  #servedBy({ record }: Job): Backend | undefined {
    const { status, tuning, program } = record
    if (status !== 'succeeded' || tuning?.tunedModel === undefined) return undefined
    if (program.kind === 'demo') return this.#options.demoBackend
    return program.kind === 'command' ? this.#options.commandBackends.get(program.name) : undefined
  }

  modelsOf(session: Session): readonly object[] {
    return this.#tunedOf(session).map(({ record }) => ({
      id: record.tuning!.tunedModel!,
      object: 'model',
      created: Math.floor((record.finishedAtMs ?? record.createdAtMs) / 1_000),
      owned_by: 'you',
      parent: record.tuning!.model,
    }))
  }

  backendOf(session: Session, model: string): Backend | undefined {
    const made = this.#tunedOf(session).find(({ record }) => record.tuning!.tunedModel === model)
    return made && this.#servedBy(made)
  }

  /** The assignments were looked at again. */
  onSync(): void {
    this.#runner.onSync()
    const nowMs = performance.now()
    const { keepMs } = this.#options.context.config.jobs
    if (nowMs - this.#sweptMs < Math.min(SWEEP_MS, keepMs)) return
    this.#sweptMs = nowMs
    this.#sweeping = this.#sweeping
      .then(() => this.#sweep())
      .catch((error: unknown) => this.#options.context.log.warn({ error }, 'old files and jobs stay'))
  }

  /** Resolves when what is to be removed now is removed. */
  swept(): Promise<void> {
    return this.#sweeping
  }

  /** Removes what belongs to redemptions whose assignments ended long enough ago. */
  async #sweep(): Promise<void> {
    const { sessions, config } = this.#options.context
    const present = new Set([...sessions.all].map(({ assigned }) => assigned.redemptionId))
    for (const redemptionId of await this.#store.owners()) {
      if (present.has(redemptionId)) await this.#saw(redemptionId)
      else {
        const isActive = this.#store.of(redemptionId).some(({ record }) => !isOver(record.status))
        const seenMs = await this.#lastSeenMs(redemptionId)
        if (!isActive && Date.now() - seenMs >= config.jobs.keepMs) await this.#forget(redemptionId)
      }
    }
  }

  #mark(redemptionId: number): string {
    return join(this.#places.owner(redemptionId), 'seen')
  }

  async #saw(redemptionId: number): Promise<void> {
    const nowMs = Date.now()
    if (
      nowMs - (this.#seenMs.get(redemptionId) ?? 0) <
      Math.min(SEEN_MS, this.#options.context.config.jobs.keepMs / 4)
    )
      return
    this.#seenMs.set(redemptionId, nowMs)
    await mkdir(this.#places.owner(redemptionId), { recursive: true, mode: 0o700 })
    await writeFile(this.#mark(redemptionId), '', { mode: 0o600 })
  }

  async #lastSeenMs(redemptionId: number): Promise<number> {
    const known = this.#seenMs.get(redemptionId)
    if (known !== undefined) return known
    const found = await stat(this.#mark(redemptionId)).catch(() => undefined)
    if (found !== undefined) return found.mtimeMs
    await this.#saw(redemptionId)
    return Date.now()
  }

  async #forget(redemptionId: number): Promise<void> {
    for (const { record } of this.#store.of(redemptionId)) {
      const made = record.program.kind === 'demo' ? record.tuning?.tunedModel : undefined
      if (made !== undefined) this.#options.demo?.removeModel(made)
    }
    this.#files.forget(redemptionId)
    this.#seenMs.delete(redemptionId)
    await this.#store.removeOwner(redemptionId)
  }

  /** Stops what runs, to be resumed at the next start. */
  async close(): Promise<void> {
    await this.#runner.close()
    await this.#sweeping
  }
}
