// Worker thread of fineTuner.ts: one training from its examples to its adapter.
import { parentPort, workerData } from 'node:worker_threads'
import { mustExist } from '../../base/assert.ts'
import type { Example } from './examples.ts'
import { readGguf } from './gguf.ts'
import { readModel } from './model.ts'
import { type Hyperparameters, type Progress, type Trained, train } from './training.ts'

export interface TrainingWorkerData {
  /** The base model's GGUF file. */
  readonly file: Uint8Array
  readonly examples: readonly Example[]
  readonly hyperparameters: Hyperparameters
  /** 1 while no step may begin. */
  readonly gate?: Int32Array | undefined
}

export type TrainingEvent = {
  /** Time that the thread has spent on it. */
  readonly deviceSeconds: number
} & ({ readonly progress: Progress } | { readonly trained: Trained })

const port = mustExist(parentPort, 'trainingWorker runs as a worker thread')
const { file, examples, hyperparameters, gate } = workerData as TrainingWorkerData
const startMs = performance.now()
let heldMs = 0
const deviceSeconds = (): number => (performance.now() - startMs - heldMs) / 1_000

function passGate(): void {
  if (gate === undefined) return
  const sinceMs = performance.now()
  while (Atomics.load(gate, 0) === 1) Atomics.wait(gate, 0, 1)
  heldMs += performance.now() - sinceMs
}

const steps = train(readModel(readGguf(file)), examples, hyperparameters)
let next = steps.next()
for (; next.done !== true; next = steps.next()) {
  passGate()
  const event: TrainingEvent = { progress: next.value, deviceSeconds: deviceSeconds() }
  port.postMessage(event)
}
const event: TrainingEvent = { trained: next.value, deviceSeconds: deviceSeconds() }
port.postMessage(event)
