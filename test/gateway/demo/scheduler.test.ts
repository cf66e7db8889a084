// Whose turn it is: fairness, short turns, aborts. With a clock and an event loop of the test's own.
import { strict as assert } from 'node:assert'
import { newAdapter } from '../../../gateway/demo/adapter.ts'
import { Scheduler } from '../../../gateway/demo/scheduler.ts'
import type { EmbedCommand, GenerateCommand, WorkEvent } from '../../../gateway/demo/work.ts'
import { base } from './demoFixture.ts'

const SAMPLING = { temperature: 0, topP: 1, seed: 0, presencePenalty: 0, frequencyPenalty: 0 }
const PROMPT = base.tokenizer.encode('The whale')

/** A scheduler that does `stepsPerTurn` tokens a turn, and turns when told to. */
class Bench {
  readonly events: WorkEvent[] = []
  readonly scheduler: Scheduler
  turnCount = 0
  #turn: (() => void) | undefined
  #nowMs = 0

  constructor(options: { activeMax?: number; stepsPerTurn?: number | undefined } = {}) {
    const { activeMax = 8, stepsPerTurn } = { stepsPerTurn: 1, ...options }
    this.scheduler = new Scheduler({
      base: { name: 'base', model: base.model },
      activeMax,
      onEvents: (events) => void this.events.push(...events),
      turnMs: stepsPerTurn,
      // Asked before the turn and after each of its steps.
      nowMs: () => this.#nowMs++,
      defer: (turn) => {
        assert.equal(this.#turn, undefined, 'one turn at a time')
        this.#turn = turn
      },
    })
  }

  generate(id: number, more: Partial<GenerateCommand> = {}): void {
    const command = {
      kind: 'generate',
      id,
      model: 'base',
      prompt: PROMPT,
      tokensMax: 6,
      stops: [],
      sampling: SAMPLING,
    } as const
    this.scheduler.do({ ...command, ...more })
  }

  embed(id: number, inputs: EmbedCommand['inputs']): void {
    this.scheduler.do({ kind: 'embed', id, model: 'base', inputs })
  }

  /** False when nothing is left to do. */
  turn(): boolean {
    const turn = this.#turn
    if (turn === undefined) return false
    this.#turn = undefined
    this.turnCount++
    turn()
    return true
  }

  finish(): void {
    while (this.turn()) assert.ok(this.turnCount < 10_000)
  }

  text(id: number): string {
    return this.events.map((event) => (event.kind === 'text' && event.id === id ? event.text : '')).join('')
  }

  /** Finished requests, in the order of their ends. */
  ended(): readonly number[] {
    return this.events.flatMap((event) => (event.kind === 'text' ? [] : [event.id]))
  }
}

describe('demo.scheduler', () => {
  it('gives one token after another to each in turn', () => {
    const bench = new Bench()
    for (const id of [1, 2, 3]) bench.generate(id)
    bench.finish()
    const order = bench.events.flatMap((event) => (event.kind === 'text' ? [event.id] : []))
    assert.deepEqual(order, [1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3])
    assert.equal(bench.text(1), bench.text(3))
    assert.deepEqual(bench.ended(), [1, 2, 3])
  })

  it('lets a newcomer in beside long work', () => {
    const bench = new Bench()
    bench.embed(1, Array(64).fill(PROMPT))
    for (let i = 0; i < 20; i++) bench.turn()
    bench.generate(2)
    bench.finish()
    assert.deepEqual(bench.ended(), [2, 1])
  })

  it('ends a turn with the step that passes its time', () => {
    const bench = new Bench({ stepsPerTurn: 4 })
    bench.embed(1, [base.tokenizer.encode('The whale, the whale, the whale')])
    const tokens = base.tokenizer.encode('The whale, the whale, the whale').length
    bench.finish()
    assert.equal(bench.turnCount, Math.ceil(tokens / 4))
  })

  it('gives each request one step a turn when it is slowed down', () => {
    const bench = new Bench({ stepsPerTurn: undefined })
    bench.generate(1)
    bench.generate(2, { tokensMax: 3 })
    bench.finish()
    assert.equal(bench.turnCount, PROMPT.length - 1 + 6)
    assert.deepEqual(bench.ended(), [2, 1])
  })

  it('lets requests wait beyond its number, and takes them in order', () => {
    const bench = new Bench({ activeMax: 2 })
    for (const id of [1, 2, 3, 4, 5]) bench.generate(id, { tokensMax: 7 - id })
    bench.finish()
    assert.deepEqual(bench.ended(), [2, 1, 3, 4, 5])
  })

  it('forgets what is aborted, at work or waiting, and nothing else', () => {
    const bench = new Bench({ activeMax: 2 })
    for (const id of [1, 2, 3, 4]) bench.generate(id)
    for (let i = 0; i < 5; i++) bench.turn()
    bench.scheduler.do({ kind: 'abort', id: 1 })
    bench.scheduler.do({ kind: 'abort', id: 4 })
    bench.scheduler.do({ kind: 'abort', id: 99 })
    bench.finish()
    assert.deepEqual(bench.ended(), [2, 3])
    assert.equal(bench.text(2), bench.text(3))
    assert.equal(bench.text(4), '')
  })

  it('rests when there is nothing to do', () => {
    const bench = new Bench()
    bench.generate(1)
    bench.scheduler.do({ kind: 'abort', id: 1 })
    assert.ok(bench.turn())
    assert.ok(!bench.turn())
    assert.deepEqual(bench.events, [])
  })

  it('stops at a stop string, at the limit, and where the context ends', () => {
    const bench = new Bench({ activeMax: 4 })
    const full = Array(63).fill(PROMPT[0]!)
    bench.generate(1, { stops: ['Pequod'], tokensMax: 40 })
    bench.generate(2, { tokensMax: 3 })
    bench.generate(3, { prompt: full, tokensMax: 40 })
    bench.generate(4, { tokensMax: 1_000 })
    bench.finish()
    const ends = bench.events.filter((event) => event.kind === 'generated').sort((a, b) => a.id - b.id)
    assert.deepEqual(
      ends.map(({ finish, completionTokens }) => [finish, completionTokens]),
      [
        ['stop', ends[0]!.completionTokens],
        ['length', 3],
        ['length', 1],
        ['length', 64 - PROMPT.length],
      ],
    )
    assert.equal(bench.text(1), ', and if the ')
  })

  it('serves an added model, and those at work to their end when it is removed', () => {
    const bench = new Bench({ activeMax: 1 })
    const adapter = newAdapter(base.model, { rank: 1, seed: 1 })
    adapter.layers[1]!.down.b.fill(3)
    bench.scheduler.do({ kind: 'addModel', model: 'other', adapter })
    bench.generate(1)
    bench.generate(2, { model: 'other' })
    bench.scheduler.do({ kind: 'removeModel', model: 'other' })
    bench.finish()
    assert.deepEqual(bench.ended(), [1, 2])
    assert.notEqual(bench.text(1), bench.text(2))
    assert.throws(() => bench.generate(3, { model: 'other' }), /no model other/)
  })

  it('makes vectors as long as 1, near for near texts', () => {
    const bench = new Bench()
    const texts = ['The white whale', 'A white whale', 'Who votes?']
    bench.embed(
      1,
      texts.map((text) => base.tokenizer.encode(text)),
    )
    bench.finish()
    const [event] = bench.events
    assert.ok(event?.kind === 'embedded')
    const product = (a: Float32Array, b: Float32Array): number =>
      a.reduce((sum, value, i) => sum + value * b[i]!, 0)
    const [white, alike, other] = event.vectors as readonly [Float32Array, Float32Array, Float32Array]
    for (const vector of event.vectors) assert.ok(Math.abs(product(vector, vector) - 1) < 1e-5)
    assert.ok(product(white, alike) > product(white, other))
  })
})
