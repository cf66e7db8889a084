// Jobs from their creation to their end. Owns: the order of things (slot, first slice, start, end), what is resumed after the
// gateway was killed, who may run how many. Not: processes (commandRun.ts), metering (pacer.ts), the API (routes.ts).

import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errorText } from '../../base/errors.ts'
import type { Tariff } from '../../client/redemption/tariff.ts'
import { untilCalled } from '../../client/waiting.ts'
import type { GatewayConfig } from '../config.ts'
import type { GatewayLog } from '../gatewayLog.ts'
import { PaymentDue } from '../http/admit.ts'
import { later, Refusal } from '../http/answers.ts'
import { FairQueue } from '../http/fairQueue.ts'
import type { Ledger } from '../meter/ledger.ts'
import type { Session, Sessions } from '../sessions.ts'
import { CommandRun } from './commandRun.ts'
import { DemoRun } from './demoRun.ts'
import type { FileStore } from './fileStore.ts'
import { listCheckpoints } from './folders.ts'
import type { Job, JobStore } from './jobStore.ts'
import { jobCost, type Paced, Pacer, sliceMsOf } from './pacer.ts'
import { killLeftOver } from './processes.ts'
import { environmentFileOf, type Programs } from './programs.ts'
import { takeCheckpoints, takeProgress } from './progress.ts'
import { isOver, type JobError, type JobRecord } from './records.ts'
import type { Run } from './run.ts'

/** Starts again after the gateway was killed. */
const RESUMES_MAX = 5
const CHECKPOINTS_MAX = 64
const TRAINING_BYTES_MAX = 67_108_864

export interface RunnerOptions {
  readonly config: GatewayConfig
  readonly tariff: Tariff
  readonly ledger: Ledger
  readonly sessions: Sessions
  readonly store: JobStore
  readonly files: FileStore
  readonly programs: Programs
  readonly log: GatewayLog
  readonly nowMs: () => number
  /** The running window; undefined while it is not known. */
  readonly window: () => number | undefined
}

export class JobRunner {
  readonly #options: RunnerOptions
  readonly #queues: { readonly demo: FairQueue; readonly command: FairQueue }
  readonly #waiting = new Set<() => void>()
  #isClosing = false

  constructor(options: RunnerOptions) {
    this.#options = options
    const { config, sessions } = options
    const { jobs, limits } = config
    const total = (): bigint => sessions.totalWeight
    const queue = {
      ...limits,
      queuedMax: jobs.activeMax,
      queuedPerAssignmentMax: jobs.activeMax,
      queueMs: jobs.queueMs,
    }
    this.#queues = {
      // The demo trains one after another.
      demo: new FairQueue({ ...queue, slots: 1 }, total),
      command: new FairQueue({ ...queue, slots: jobs.slots }, total),
    }
  }

  get running(): number {
    return this.#queues.demo.inUse + this.#queues.command.inUse
  }

  get queued(): number {
    return this.#queues.demo.waiting + this.#queues.command.waiting
  }

  /** Looks at what an earlier life left, and goes on with it. */
  async resume(): Promise<void> {
    for (const job of this.#options.store.all) {
      if (!isOver(job.record.status)) await this.#resume(job)
    }
  }

  async #resume(job: Job): Promise<void> {
    const { record, events, places } = job
    if (record.program.kind === 'command') await killLeftOver(record.id, record.process)
    if (record.program.kind === 'image') await this.#killContainer(job)
    record.process = undefined
    if (record.status !== 'queued') {
      await takeCheckpoints(job, await listCheckpoints(places.checkpoints, CHECKPOINTS_MAX))
      const newest = record.checkpoints.at(-1)
      const isDemo = record.program.kind === 'demo'
      record.resumes++
      if ((newest === undefined && !isDemo) || record.resumes > RESUMES_MAX) {
        await this.#finish(job, 'failed', INTERRUPTED)
        return
      }
      // Work since then is done again, and was metered already.
      record.creditMs = Math.max(0, record.meteredMs - (newest?.meteredMs ?? 0))
      record.status = 'queued'
      events.say(newest === undefined ? 'started again' : `resumed from ${newest.name}`, 'warn')
    }
    this.#drive(job)
  }

  async #killContainer(job: Job): Promise<void> {
    try {
      const { tools } = this.#options.programs.start(job.record, job.places)
      if (tools !== undefined) await CommandRun.tool(tools.kill)
    } catch (error) {
      // Its image is not configured any more.
      this.#options.log.warn({ error, job: job.record.id }, 'a container of an earlier start may run on')
    }
  }

  /** Resolves with a new job, queued. Rejects with Refusal or PaymentDue. */
  async create(record: JobRecord, session: Session): Promise<Job> {
    this.#checkMayRun(record, session)
    const job = await this.#options.store.create(record, this.#options.files)
    this.#drive(job)
    return job
  }

  #checkMayRun({ redemptionId, service, devices }: JobRecord, session: Session): void {
    const { store, config, tariff, ledger } = this.#options
    const { jobs } = config
    if (this.#isClosing)
      throw new Refusal(503, 'shutting_down', 'the gateway is about to end', { headers: later(5) })
    if (!tariff.deviceSecondBase.has(service))
      throw new Refusal(400, 'unpriced', `the tariff has no price for device-seconds of ${service}`)
    const own = store.of(redemptionId)
    const isActive = ({ record }: Job): boolean => !isOver(record.status)
    if (own.filter(isActive).length >= jobs.activePerRedemptionMax)
      throw new Refusal(429, 'too_many_jobs', `${jobs.activePerRedemptionMax} jobs are queued or run`, {
        headers: later(10),
      })
    if (own.length >= jobs.jobsPerRedemptionMax)
      throw new Refusal(400, 'too_many_jobs', `there are ${own.length} jobs: delete some first`)
    if (store.bytesOf(redemptionId) + this.#options.files.bytesOf(redemptionId) >= jobs.bytesPerRedemptionMax)
      throw new Refusal(400, 'storage_full', 'files and outputs fill the storage: delete some first')
    if (store.all.filter(isActive).length >= jobs.activeMax)
      throw new Refusal(429, 'queue_full', 'too many jobs are queued', { headers: later(60) })
    // Whoever cannot pay for the first slice is told now.
    const { meter } = session.opened
    const sliceMs = sliceMsOf(tariff, service, meter.exposureBase, jobs.meterMs * devices)
    const reserved = ledger.reserve(session.opened, jobCost(tariff, service, sliceMs, true))
    if (reserved.kind === 'pay') throw new PaymentDue()
    if (reserved.kind === 'short')
      throw new Refusal(403, 'assignment_used_up', 'what is left of this assignment does not pay for a job')
    if (reserved.kind === 'reserved') ledger.release(session.opened, reserved.reservation!)
  }

  cancel(job: Job): void {
    job.stopping.abort('cancelled')
  }

  /** The assignments were looked at again. */
  onSync(): void {
    for (const wake of [...this.#waiting]) wake()
  }

  /** Ends what runs, so that it is resumed at the next start. */
  async close(): Promise<void> {
    this.#isClosing = true
    const { all } = this.#options.store
    for (const { stopping } of all) stopping.abort('closing')
    await Promise.all(all.map((job) => job.settled()))
  }

  #session(redemptionId: number): Session | undefined {
    const { sessions, window } = this.#options
    const now = window()
    for (const session of sessions.all) {
      const { assigned, ended } = session
      if (assigned.redemptionId === redemptionId && ended === undefined && assigned.window === now)
        return session
    }
    return undefined
  }

  #drive(job: Job): void {
    const { log } = this.#options
    job.driven = this.#through(job).catch(async (error: unknown) => {
      log.error({ error, job: job.record.id }, 'a job failed')
      await this.#finish(job, 'failed', { code: 'internal', message: 'the gateway failed: it was logged' })
    })
  }

  async #through(job: Job): Promise<void> {
    const { record, stopping } = job
    const leave = await this.#slot(job)
    if (leave === undefined) {
      const late: JobError = { code: 'queue_timeout', message: 'no slot came free in time' }
      await this.#end(job, { kind: 'out', error: late })
      return
    }
    try {
      const { config, tariff, ledger, nowMs } = this.#options
      const { meterMs, voucherMs } = config.jobs
      const pacer = new Pacer({
        record,
        ledger,
        tariff,
        nowMs,
        session: () => this.#session(record.redemptionId),
        synced: (signal) => untilCalled(this.#waiting, signal),
        meterMs,
        voucherMs,
        save: () => job.save({ isSynced: false }),
        onPause: (isPaused) => this.#paused(job, isPaused),
        signal: stopping.signal,
      })
      await this.#end(job, await pacer.run(() => this.#start(job)))
    } finally {
      leave()
    }
  }

  /** A slot, or undefined when there is none in time or the job is to end. */
  async #slot(job: Job): Promise<(() => void) | undefined> {
    const { record, stopping } = job
    const { signal } = stopping
    const late = new AbortController()
    const timer = setTimeout(() => late.abort(), this.#options.config.jobs.queueMs)
    const stop = (): void => late.abort()
    signal.addEventListener('abort', stop, { once: true })
    if (signal.aborted) stop()
    try {
      const queue = record.program.kind === 'demo' ? this.#queues.demo : this.#queues.command
      for (;;) {
        const session = this.#session(record.redemptionId)
        if (session !== undefined) {
          const entered = await queue.enter(session, late.signal)
          return entered.kind === 'entered' ? entered.leave : undefined
        }
        if (late.signal.aborted) return undefined
        await untilCalled(this.#waiting, late.signal)
      }
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', stop)
    }
  }

  #paused(job: Job, isPaused: boolean): void {
    const { record, events } = job
    if (isOver(record.status)) return
    record.status = isPaused ? 'paused' : 'running'
    events.say(isPaused ? 'paused: a voucher is due' : 'goes on', isPaused ? 'warn' : 'info')
  }

  async #start(job: Job): Promise<Run> {
    const { record, events, places } = job
    const { programs, config } = this.#options
    record.status = 'running'
    record.startedAtMs ??= Date.now()
    await job.save()
    events.say('started')
    if (record.program.kind === 'demo') return this.#startDemo(job)
    const started = programs.start(record, places)
    if (started.tools !== undefined)
      await writeFile(environmentFileOf(places), programs.environmentFile(record), { mode: 0o600 })
    const { logBytesPerSecond, watchMs, graceMs } = config.jobs
    const run = new CommandRun({
      jobId: record.id,
      places,
      ...started,
      limits: record.limits,
      log: job.log,
      logBytesPerSecond,
      watchMs,
      graceMs,
      onLine: (line) => takeProgress(job, line),
      onLook: (diskBytes) => this.#look(job, diskBytes),
    })
    record.process = await run.mark()
    await job.save()
    return run
  }

  async #startDemo(job: Job): Promise<Run> {
    const { record, places } = job
    const text = await readFile(join(places.input, 'training.jsonl'), 'utf8')
    const lines = text
      .slice(0, TRAINING_BYTES_MAX)
      .split(/\r?\n/)
      .filter((line) => line.trim() !== '')
    return new DemoRun({
      demo: this.#options.programs.demo!,
      lines,
      tuning: record.tuning!,
      onProgress: ({ step, steps, epoch, loss }) =>
        job.events.metric({ step, total_steps: steps, epoch, train_loss: loss }),
    })
  }

  #look(job: Job, diskBytes: number): void {
    job.record.diskBytes = diskBytes
    void listCheckpoints(job.places.checkpoints, CHECKPOINTS_MAX)
      .then((found) => takeCheckpoints(job, found))
      .catch((error: unknown) =>
        this.#options.log.warn({ error, job: job.record.id }, 'a checkpoint was not noted'),
      )
  }

  async #end(job: Job, paced: Paced): Promise<void> {
    const { record } = job
    record.process = undefined
    const why = job.stopReason
    const isEnded = paced.kind === 'ended'
    if (isEnded && paced.end.kind === 'succeeded') {
      await this.#succeed(job, paced.end)
    } else if (why === 'cancelled') await this.#finish(job, 'cancelled', undefined)
    // It stays as it is, for the next start.
    else if (why === 'closing') await job.save()
    else if (!isEnded) await this.#finish(job, 'failed', paced.error)
    else if (paced.end.kind === 'failed') {
      record.exitCode = paced.end.exitCode
      await this.#finish(job, 'failed', paced.end.error)
    } else await this.#finish(job, 'failed', INTERRUPTED)
  }

  async #succeed(
    job: Job,
    { tunedModel, trainedTokens }: { readonly tunedModel?: string; readonly trainedTokens?: number },
  ): Promise<void> {
    const { record, places } = job
    record.exitCode = record.program.kind === 'demo' ? undefined : 0
    await takeCheckpoints(job, await listCheckpoints(places.checkpoints, CHECKPOINTS_MAX))
    if (record.tuning !== undefined) {
      if (tunedModel !== undefined) record.tuning.tunedModel = tunedModel
      record.tuning.trainedTokens = trainedTokens ?? record.tuning.trainedTokens
      job.events.say(`the model ${record.tuning.tunedModel} is ready`)
    }
    await this.#finish(job, 'succeeded', undefined)
  }

  async #finish(
    job: Job,
    status: 'succeeded' | 'failed' | 'cancelled',
    error: JobError | undefined,
  ): Promise<void> {
    const { record, events, log } = job
    record.status = status
    record.error = error
    record.finishedAtMs = Date.now()
    events.say(
      error === undefined ? status : `${status}: ${error.message}`,
      error === undefined ? 'info' : 'error',
    )
    if (error !== undefined) log.note(error.message)
    await job.save().catch((cause: unknown) => this.#unwritten(record, cause))
    await Promise.all([events.finish(), log.finish()])
  }

  #unwritten({ id }: JobRecord, cause: unknown): void {
    this.#options.log.error({ job: id, reason: errorText(cause) }, 'the end of a job cannot be written down')
  }
}

const INTERRUPTED: JobError = {
  code: 'interrupted',
  message: 'the gateway ended while it ran, and it had no checkpoint: nothing more is metered',
}
