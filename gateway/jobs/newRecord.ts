// The record of a job that nobody has started.
import type { Allowed } from './programs.ts'
import type { JobInput, JobLimits, JobRecord, Tuning } from './records.ts'

export function newRecord(given: {
  readonly id: string
  readonly redemptionId: number
  readonly allowed: Allowed
  readonly limits: JobLimits
  readonly args: readonly string[]
  readonly inputs: readonly JobInput[]
  readonly tuning: Tuning | undefined
}): JobRecord {
  const { id, redemptionId, allowed, limits, args, inputs, tuning } = given
  return {
    version: 1,
    id,
    redemptionId,
    service: allowed.service,
    program: allowed.program,
    args,
    inputs,
    limits,
    devices: allowed.bounds.devices,
    createdAtMs: Date.now(),
    tuning,
    status: 'queued',
    startedAtMs: undefined,
    finishedAtMs: undefined,
    meteredMs: 0,
    costBase: '0',
    creditMs: 0,
    checkpoints: [],
    error: undefined,
    exitCode: undefined,
    process: undefined,
    resumes: 0,
    diskBytes: 0,
  }
}
