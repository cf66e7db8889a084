// What is kept of a job. Owns: the record's shape, its states. Not: the folder (places.ts), the API's shapes (answers of routes).
import { isRecord } from '../demo/input.ts'

/** `paused`: it waits for a voucher, stopped. */
export type JobStatus = 'queued' | 'running' | 'paused' | 'succeeded' | 'failed' | 'cancelled'
export const isOver = (status: JobStatus): boolean =>
  status === 'succeeded' || status === 'failed' || status === 'cancelled'

export type JobService = 'train' | 'finetune'

/** What runs it. */
export type Program =
  | { readonly kind: 'command'; readonly name: string }
  | { readonly kind: 'image'; readonly image: string }
  | { readonly kind: 'demo' }

export interface Checkpoint {
  readonly id: string
  readonly name: string
  readonly atMs: number
  /** What was metered when it was seen: work up to here is not done again. */
  readonly meteredMs: number
  readonly step: number | undefined
  readonly loss: number | undefined
}

/** Why a job failed. */
export interface JobError {
  readonly code: string
  readonly message: string
  readonly param?: string
}

export interface JobLimits {
  readonly deviceMs: number
  readonly memoryBytes: number
  readonly diskBytes: number
}

export interface JobInput {
  readonly fileId: string
  readonly name: string
}

/** Of a fine-tuning job, as OpenAI's API tells it. */
export interface Tuning {
  readonly model: string
  readonly suffix: string
  readonly seed: number
  readonly hyperparameters: { readonly [name: string]: unknown }
  readonly trainingFile: string
  readonly validationFile: string | undefined
  readonly metadata: { readonly [name: string]: string } | undefined
  /** The name of the model that it makes; undefined while it has none. */
  tunedModel: string | undefined
  trainedTokens: number | undefined
}

/** A process that may outlive the gateway: its start time tells it from another one with the same number. */
export interface ProcessMark {
  readonly pid: number
  readonly startTicks: string
}

export interface JobRecord {
  readonly version: 1
  readonly id: string
  readonly redemptionId: number
  readonly service: JobService
  readonly program: Program
  readonly args: readonly string[]
  readonly inputs: readonly JobInput[]
  readonly limits: JobLimits
  /** That it holds while it runs. */
  readonly devices: number
  readonly createdAtMs: number
  readonly tuning: Tuning | undefined
  status: JobStatus
  startedAtMs: number | undefined
  finishedAtMs: number | undefined
  /** Device-milliseconds of the statement's lines. */
  meteredMs: number
  /** What they cost, base units, decimal. */
  costBase: string
  /** Device-milliseconds that were metered and whose work was lost with a process: doing them again is not metered. */
  creditMs: number
  checkpoints: readonly Checkpoint[]
  error: JobError | undefined
  exitCode: number | undefined
  process: ProcessMark | undefined
  /** Starts after the gateway was killed. */
  resumes: number
  /** Of its folder, when it was last measured. */
  diskBytes: number
}

/** A record of ours, read back; undefined for anything else. What it holds was written by this code. */
export function recordOf(json: unknown): JobRecord | undefined {
  if (!isRecord(json) || json.version !== 1) return undefined
  const { id, redemptionId, status, limits, program, costBase, checkpoints, meteredMs, creditMs } = json
  const isOne =
    typeof id === 'string' &&
    typeof redemptionId === 'number' &&
    typeof status === 'string' &&
    isRecord(limits) &&
    isRecord(program) &&
    typeof costBase === 'string' &&
    Array.isArray(checkpoints) &&
    typeof meteredMs === 'number' &&
    typeof creditMs === 'number'
  return isOne ? (json as unknown as JobRecord) : undefined
}
