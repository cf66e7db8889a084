// Gives every request its token in turn, a few milliseconds per turn of the event loop. Owns: who is at work, who waits.
// Not: how many may be asked for (engine.ts), threads.
import { type Adapter, mergeAdapter } from './adapter.ts'
import { Forward } from './forward.ts'
import type { Model } from './model.ts'
import { Tokenizer } from './tokenizer.ts'
import {
  type EmbedCommand,
  Embedding,
  type GenerateCommand,
  Generation,
  type Work,
  type WorkEvent,
} from './work.ts'

export type Command =
  | GenerateCommand
  | EmbedCommand
  | { readonly kind: 'abort'; readonly id: number }
  | { readonly kind: 'addModel'; readonly model: string; readonly adapter: Adapter }
  | { readonly kind: 'removeModel'; readonly model: string }

interface Options {
  readonly base: { readonly name: string; readonly model: Model }
  /** Requests at work at once; each has a cache of its own. */
  readonly activeMax: number
  /** What happened in a turn. */
  readonly onEvents: (events: readonly WorkEvent[]) => void
  /** Ends a turn after the step that passes it; `undefined`: each request has one step a turn. */
  readonly turnMs: number | undefined
  readonly nowMs: () => number
  /** Runs the next turn when the event loop has done everything else. */
  readonly defer: (turn: () => void) => void
}

interface Waiting {
  readonly command: GenerateCommand | EmbedCommand
  readonly forward: Forward
}

export class Scheduler {
  readonly #options: Options
  readonly #tokenizer: Tokenizer
  readonly #forwards = new Map<string, Forward>()
  readonly #active: Work[] = []
  /** Without caches yet. */
  #waiting: Waiting[] = []
  /** Whose turn it is. */
  #at = 0
  #isDeferred = false

  constructor(options: Options) {
    this.#options = options
    this.#tokenizer = new Tokenizer(options.base.model.vocabulary)
    this.#forwards.set(options.base.name, new Forward(options.base.model))
  }

  do(command: Command): void {
    if (command.kind === 'abort') this.#abort(command.id)
    else if (command.kind === 'addModel') this.#addModel(command.model, command.adapter)
    else if (command.kind === 'removeModel') this.#forwards.delete(command.model)
    else this.#begin(command)
  }

  #addModel(name: string, adapter: Adapter): void {
    this.#forwards.set(name, new Forward(mergeAdapter(this.#options.base.model, adapter)))
  }

  #begin(command: GenerateCommand | EmbedCommand): void {
    const forward = this.#forwards.get(command.model)
    if (forward === undefined) throw new RangeError(`no model ${command.model}`)
    this.#waiting.push({ command, forward })
    if (this.#active.length < this.#options.activeMax) this.#admit()
    this.#defer()
  }

  /** The next that waits, if any, goes to work. */
  #admit(): void {
    const next = this.#waiting.shift()
    if (next === undefined) return
    const { command, forward } = next
    this.#active.push(
      command.kind === 'generate'
        ? new Generation(command, forward, this.#tokenizer)
        : new Embedding(command, forward),
    )
  }

  #abort(id: number): void {
    const at = this.#active.findIndex((work) => work.id === id)
    if (at >= 0) this.#remove(at)
    else this.#waiting = this.#waiting.filter(({ command }) => command.id !== id)
  }

  #remove(at: number): void {
    this.#active.splice(at, 1)
    if (at < this.#at) this.#at--
    this.#admit()
  }

  #defer(): void {
    if (this.#isDeferred || this.#active.length === 0) return
    this.#isDeferred = true
    this.#options.defer(() => this.#turn())
  }

  #turn(): void {
    this.#isDeferred = false
    const events: WorkEvent[] = []
    const emit = (event: WorkEvent): void => void events.push(event)
    const { nowMs, turnMs, onEvents } = this.#options
    const endMs = nowMs() + (turnMs ?? Number.POSITIVE_INFINITY)
    let left = turnMs === undefined ? this.#active.length : Number.POSITIVE_INFINITY
    do {
      if (this.#at >= this.#active.length) this.#at = 0
      const work = this.#active[this.#at]
      if (work === undefined) break
      if (work.step(emit)) this.#remove(this.#at)
      else this.#at++
    } while (--left > 0 && nowMs() < endMs)
    if (events.length > 0) onEvents(events)
    this.#defer()
  }
}
