// Worker thread of engine.ts: commands in, events out, one message per turn.
import { parentPort, workerData } from 'node:worker_threads'
import { mustExist } from '../../base/assert.ts'
import { readGguf } from './gguf.ts'
import { readModel } from './model.ts'
import { type Command, Scheduler } from './scheduler.ts'

export interface EngineWorkerData {
  readonly name: string
  /** The model's GGUF file. */
  readonly file: Uint8Array
  readonly activeMax: number
  /** Each request's speed at most; prompts count too. */
  readonly tokensPerSecond: number | undefined
}

/** What a turn computes is told at its end: short, so that a first token is told soon. */
const TURN_MS = 1

const port = mustExist(parentPort, 'engineWorker runs as a worker thread')
const { name, file, activeMax, tokensPerSecond } = workerData as EngineWorkerData
const scheduler = new Scheduler({
  base: { name, model: readModel(readGguf(file)) },
  activeMax,
  onEvents: (events) => port.postMessage(events),
  turnMs: tokensPerSecond === undefined ? TURN_MS : undefined,
  nowMs: () => performance.now(),
  defer: (turn) => {
    if (tokensPerSecond === undefined) setImmediate(turn)
    else setTimeout(turn, 1_000 / tokensPerSecond)
  },
})
port.on('message', (command: Command) => scheduler.do(command))
