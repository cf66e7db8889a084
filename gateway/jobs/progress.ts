// What a job tells of itself: lines of JSON that it prints, and files in its checkpoints folder. Nothing of it is believed
// further than to be shown.
import { randomBytes } from 'node:crypto'
import { isRecord } from '../demo/input.ts'
import type { Output } from './folders.ts'
import type { Job } from './jobStore.ts'
import type { Checkpoint } from './records.ts'

const METRICS = ['step', 'total_steps', 'epoch', 'train_loss', 'valid_loss', 'learning_rate'] as const

const numberOf = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isFinite(value) && Math.abs(value) < 1e15 ? value : undefined

/** `{"step": 5, "total_steps": 100, "train_loss": 2.5}`, `{"trained_tokens": 1000}`; any other line is only logged. */
export function takeProgress(job: Job, line: string): void {
  let json: unknown
  try {
    json = JSON.parse(line)
  } catch {
    return
  }
  if (!isRecord(json)) return
  const metrics = METRICS.flatMap((name) => {
    const value = numberOf(json[name])
    return value === undefined ? [] : [[name, value] as const]
  })
  if (metrics.length > 0) {
    const found = Object.fromEntries(metrics)
    job.newest = found
    job.events.metric(found)
  }
  const tokens = numberOf(json.trained_tokens)
  if (tokens !== undefined && job.record.tuning !== undefined)
    job.record.tuning.trainedTokens = Math.max(0, Math.floor(tokens))
}

/** Notes new checkpoints, and forgets those that the job removed. */
export async function takeCheckpoints(job: Job, found: readonly Output[]): Promise<void> {
  const { record, newest, events } = job
  const known = new Map(record.checkpoints.map((one) => [one.name, one]))
  const isSame = found.length === known.size && found.every(({ name }) => known.has(name))
  if (isSame) return
  record.checkpoints = found.map(({ name, atMs }): Checkpoint => {
    const before = known.get(name)
    if (before !== undefined) return before
    events.say(`checkpoint ${name}`)
    return {
      id: `ftckpt_${randomBytes(12).toString('hex')}`,
      name,
      atMs,
      // Where its work stands: what is being done again counts when it is done.
      meteredMs: record.meteredMs - record.creditMs,
      step: newest?.step,
      loss: newest?.train_loss,
    }
  })
  await job.save()
}
