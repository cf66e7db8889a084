// What happened to a job, for `/events`: few messages, and metrics that become rarer the longer it runs. Owns: their number,
// keeping them, waiting for more.

import { randomBytes } from 'node:crypto'
import { EventEmitter } from 'node:events'
import { appendFile, readFile } from 'node:fs/promises'
import { untilWoken } from '../../client/waiting.ts'
import { isRecord } from '../demo/input.ts'

export interface JobEvent {
  readonly id: string
  readonly atMs: number
  readonly level: 'info' | 'warn' | 'error'
  readonly message: string
  readonly data: { readonly [name: string]: number } | undefined
}

/** Metrics come at most so often, and later than a part of the time since the first. */
const METRIC_MS = 250
const METRIC_PART = 200
/** More cannot come of that in years. */
const EVENTS_MAX = 8_192
const FOLLOWERS_MAX = 64

function eventOf(line: string): JobEvent | undefined {
  try {
    const json: unknown = JSON.parse(line)
    return isRecord(json) && typeof json.id === 'string' ? (json as unknown as JobEvent) : undefined
  } catch {
    // A line that was torn by a crash.
    return undefined
  }
}

export class JobEvents {
  readonly #file: string
  readonly #events: JobEvent[]
  readonly #changes = new EventEmitter().setMaxListeners(FOLLOWERS_MAX + 1)
  #writing: Promise<void> = Promise.resolve()
  #firstMetricMs: number | undefined
  #lastMetricMs = 0
  #isOver = false

  private constructor(file: string, events: JobEvent[]) {
    this.#file = file
    this.#events = events
  }

  static async open(file: string): Promise<JobEvents> {
    const text = await readFile(file, 'utf8').catch(() => '')
    const events = text.split('\n').slice(0, EVENTS_MAX).map(eventOf)
    return new JobEvents(
      file,
      events.filter((event): event is JobEvent => event !== undefined),
    )
  }

  /** Oldest first. */
  get all(): readonly JobEvent[] {
    return this.#events
  }

  get isOver(): boolean {
    return this.#isOver
  }

  get mayFollow(): boolean {
    return this.#changes.listenerCount('change') < FOLLOWERS_MAX
  }

  say(message: string, level: JobEvent['level'] = 'info'): void {
    this.#add({ level, message, data: undefined })
  }

  metric(data: { readonly [name: string]: number }): void {
    const nowMs = performance.now()
    this.#firstMetricMs ??= nowMs
    const pauseMs = Math.max(METRIC_MS, (nowMs - this.#firstMetricMs) / METRIC_PART)
    if (this.#lastMetricMs !== 0 && nowMs - this.#lastMetricMs < pauseMs) return
    this.#lastMetricMs = nowMs
    const shown = Object.entries(data).map(([name, value]) => `${name}=${Number(value.toPrecision(5))}`)
    this.#add({ level: 'info', message: shown.join(', '), data })
  }

  #add(given: Omit<JobEvent, 'id' | 'atMs'>): void {
    if (this.#events.length >= EVENTS_MAX) return
    const event = { id: `ftevent-${randomBytes(12).toString('hex')}`, atMs: Date.now(), ...given }
    this.#events.push(event)
    this.#writing = this.#writing
      .then(() => appendFile(this.#file, `${JSON.stringify(event)}\n`, { mode: 0o600 }))
      .catch(() => undefined)
    this.#changes.emit('change')
  }

  async finish(): Promise<void> {
    this.#isOver = true
    this.#changes.emit('change')
    await this.#writing
  }

  /** Resolves when there are more than `count`, it is over, or the signal aborts. */
  async changed(count: number, signal: AbortSignal): Promise<void> {
    if (this.#events.length > count || this.#isOver) return
    await untilWoken((wake) => {
      this.#changes.on('change', wake)
      return () => this.#changes.off('change', wake)
    }, signal)
  }
}
