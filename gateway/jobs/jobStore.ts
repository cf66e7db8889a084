// The jobs of each redemption, in memory and on disk. Owns: loading, writing down, removing. Not: running them (runner.ts).

import { constants } from 'node:fs'
import { copyFile, mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { JobsConfig } from '../jobsConfig.ts'
import { readJson, writeDurably } from './durable.ts'
import type { FileStore } from './fileStore.ts'
import { JobEvents } from './jobEvents.ts'
import { JobLog } from './jobLog.ts'
import { isId, type JobPlaces, Places } from './places.ts'
import { isOver, type JobRecord, recordOf } from './records.ts'

const OWNERS_MAX = 100_000
const JOBS_MAX = 65_536

/** Why a job is told to end. */
export type StopReason = 'cancelled' | 'closing'

/** A job with what belongs to it. */
export class Job {
  readonly record: JobRecord
  readonly places: JobPlaces
  readonly log: JobLog
  readonly events: JobEvents
  readonly stopping = new AbortController()
  /** Resolves when it is over, or left for the next start. */
  driven: Promise<void> = Promise.resolve()
  /** The newest figures that it printed. */
  newest: { readonly [name: string]: number } | undefined
  #writing: Promise<void> = Promise.resolve()

  constructor(record: JobRecord, places: JobPlaces, log: JobLog, events: JobEvents) {
    this.record = record
    this.places = places
    this.log = log
    this.events = events
  }

  get stopReason(): StopReason | undefined {
    return this.stopping.signal.aborted ? (this.stopping.signal.reason as StopReason) : undefined
  }

  /** Resolves when the record, as it is now, is on disk. Between two states a power loss may cost the newest figures. */
  save({ isSynced = true }: { readonly isSynced?: boolean } = {}): Promise<void> {
    const text = JSON.stringify(this.record)
    const next = this.#writing.then(() => writeDurably(this.places.record, text, isSynced))
    this.#writing = next.catch(() => undefined)
    return next
  }

  async settled(): Promise<void> {
    await this.driven
    await this.#writing
  }
}

export class JobStore {
  readonly #places: Places
  readonly #config: JobsConfig
  readonly #jobs = new Map<number, Map<string, Job>>()

  private constructor(places: Places, config: JobsConfig) {
    this.#places = places
    this.#config = config
  }

  static async open(places: Places, config: JobsConfig): Promise<JobStore> {
    const store = new JobStore(places, config)
    for (const name of (await readdir(places.root)).slice(0, OWNERS_MAX)) {
      const redemptionId = Places.ownerOf(name)
      if (redemptionId !== undefined) await store.#load(redemptionId)
    }
    return store
  }

  async #load(redemptionId: number): Promise<void> {
    const folder = this.#places.jobs(redemptionId)
    for (const name of (await readdir(folder).catch(() => [])).slice(0, JOBS_MAX)) {
      const places = this.#places.job(redemptionId, name)
      const record = isId(name) ? recordOf(await readJson(places.record)) : undefined
      // Its client was never told of a job without a record.
      if (record?.id === name && record.redemptionId === redemptionId) await this.#add(record, places)
      else await rm(join(folder, name), { recursive: true, force: true })
    }
  }

  async #add(record: JobRecord, places: JobPlaces): Promise<Job> {
    const log = await JobLog.open(places.log, this.#config.logBytesMax)
    const events = await JobEvents.open(places.events)
    const job = new Job(record, places, log, events)
    if (isOver(record.status)) await Promise.all([log.finish(), events.finish()])
    const jobs = this.#jobs.get(record.redemptionId) ?? new Map<string, Job>()
    jobs.set(record.id, job)
    this.#jobs.set(record.redemptionId, jobs)
    return job
  }

  get all(): readonly Job[] {
    return [...this.#jobs.values()].flatMap((jobs) => [...jobs.values()])
  }

  /** Newest first. */
  of(redemptionId: number): readonly Job[] {
    const jobs = [...(this.#jobs.get(redemptionId)?.values() ?? [])]
    return jobs.sort((a, b) => b.record.createdAtMs - a.record.createdAtMs)
  }

  get(redemptionId: number, id: string): Job | undefined {
    return this.#jobs.get(redemptionId)?.get(id)
  }

  bytesOf(redemptionId: number): number {
    return this.of(redemptionId).reduce((sum, { record }) => sum + record.diskBytes, 0)
  }

  /** A new job with copies of its input files. */
  async create(record: JobRecord, files: FileStore): Promise<Job> {
    const { redemptionId, id, inputs } = record
    const places = this.#places.job(redemptionId, id)
    await mkdir(places.root, { recursive: true, mode: 0o700 })
    try {
      for (const folder of [
        places.work,
        places.input,
        places.output,
        places.checkpoints,
        join(places.work, 'tmp'),
      ])
        await mkdir(folder, { recursive: true, mode: 0o700 })
      for (const { fileId, name } of inputs) {
        const file = files.get(redemptionId, fileId)
        // Copied: the file may be deleted, and a job may write over what it was given.
        if (file !== undefined)
          await copyFile(files.path(redemptionId, file), join(places.input, name), constants.COPYFILE_FICLONE)
      }
      const job = await this.#add(record, places)
      await job.save()
      return job
    } catch (error) {
      this.#jobs.get(redemptionId)?.delete(id)
      await rm(places.root, { recursive: true, force: true })
      throw error
    }
  }

  /** Of a job that is over. */
  async remove(job: Job): Promise<void> {
    const { redemptionId, id } = job.record
    this.#jobs.get(redemptionId)?.delete(id)
    await job.settled()
    await rm(job.places.root, { recursive: true, force: true })
  }

  /** Redemptions that have anything on disk. */
  async owners(): Promise<readonly number[]> {
    const names = await readdir(this.#places.root).catch(() => [])
    return names.map(Places.ownerOf).filter((id): id is number => id !== undefined)
  }

  /** Forgets a redemption: files, jobs, everything. */
  async removeOwner(redemptionId: number): Promise<void> {
    this.#jobs.delete(redemptionId)
    await rm(this.#places.owner(redemptionId), { recursive: true, force: true })
  }
}
