// `/v1/fine_tuning/jobs`, as OpenAI has it. Owns: its bodies and answers. Not: running a job (runner.ts).
import { Refusal, sendJson } from '../http/answers.ts'
import {
  checkMembers,
  countOf,
  invalid,
  type Members,
  metadataOf,
  mustText,
  objectOf,
  page,
  textOf,
} from './bodies.ts'
import type { Call } from './call.ts'
import { mustFile } from './fileRoutes.ts'
import type { FileStore } from './fileStore.ts'
import { follow } from './follow.ts'
import type { JobEvent } from './jobEvents.ts'
import type { Job } from './jobStore.ts'
import { newRecord } from './newRecord.ts'
import { newId } from './places.ts'
import { limitsOf, type Programs } from './programs.ts'
import { isOver, type JobRecord } from './records.ts'

const KNOWN = [
  'model',
  'training_file',
  'validation_file',
  'suffix',
  'seed',
  'hyperparameters',
  'method',
  'metadata',
  'integrations',
]
const HYPERPARAMETERS = ['n_epochs', 'batch_size', 'learning_rate_multiplier']
const SEED_MAX = 4_294_967_295

const seconds = (ms: number | undefined): number | null => (ms === undefined ? null : Math.floor(ms / 1_000))

export function tuningJson({ record }: Job): { readonly id: string } & Record<string, unknown> {
  const { id, status, tuning, error } = record
  const { model, trainingFile, validationFile, hyperparameters, seed, metadata, tunedModel, trainedTokens } =
    tuning!
  return {
    id,
    object: 'fine_tuning.job',
    created_at: seconds(record.createdAtMs),
    finished_at: seconds(record.finishedAtMs),
    estimated_finish: null,
    // OpenAI's clients know no job that waits for a voucher: its events tell.
    status: status === 'paused' ? 'running' : status,
    model,
    fine_tuned_model: status === 'succeeded' ? (tunedModel ?? null) : null,
    training_file: trainingFile,
    validation_file: validationFile ?? null,
    hyperparameters,
    method: { type: 'supervised', supervised: { hyperparameters } },
    seed,
    trained_tokens: status === 'succeeded' ? (trainedTokens ?? null) : null,
    error: error === undefined ? null : { param: null, ...error },
    result_files: [],
    integrations: [],
    organization_id: 'suanli',
    metadata: metadata ?? null,
  }
}

function hyperparametersOf(body: Members): { readonly [name: string]: unknown } {
  const method = objectOf(body, 'method')
  if (method !== undefined && method.type !== 'supervised')
    throw invalid('method.type', 'supervised: other methods are not run here')
  const supervised = method === undefined ? undefined : objectOf(method, 'supervised')
  const given =
    objectOf(body, 'hyperparameters') ?? (supervised && objectOf(supervised, 'hyperparameters')) ?? {}
  for (const [name, value] of Object.entries(given)) {
    if (!HYPERPARAMETERS.includes(name)) throw invalid(`hyperparameters.${name}`, HYPERPARAMETERS.join(', '))
    const isFine = value === 'auto' || (typeof value === 'number' && value > 0 && value < 1e9)
    if (!isFine) throw invalid(`hyperparameters.${name}`, 'a positive number, or auto')
  }
  return { n_epochs: 'auto', batch_size: 'auto', learning_rate_multiplier: 'auto', ...given }
}

function suffixOf(body: Members): string {
  const suffix = textOf(body, 'suffix', 40) ?? ''
  if (!/^[a-z0-9-]*$/.test(suffix)) throw invalid('suffix', 'at most 40 of a-z, 0-9 and -')
  return suffix
}

/** The record of a new fine-tuning job. Throws Refusal. */
export function newTuning(call: Call, body: Members, files: FileStore, programs: Programs): JobRecord {
  checkMembers(body, KNOWN)
  const { redemptionId } = call
  const model = mustText(body, 'model', 128)
  const allowed = programs.byModel(model)
  const integrations = body.integrations ?? []
  if (!Array.isArray(integrations) || integrations.length > 0)
    throw new Refusal(400, 'unsupported', 'integrations: there are none here', { param: 'integrations' })
  const fileOf = (name: string, id: string): string => {
    const file = mustFile(files, redemptionId, id, name)
    if (file.purpose !== 'fine-tune') throw invalid(name, 'a file whose purpose is fine-tune')
    return file.id
  }
  const trainingFile = fileOf('training_file', mustText(body, 'training_file', 64))
  const validation = textOf(body, 'validation_file', 64)
  const validationFile = validation === undefined ? undefined : fileOf('validation_file', validation)
  const id = newId('ftjob')
  const suffix = suffixOf(body)
  // The demo names what it makes by its content; a command is told the name.
  const tunedModel = allowed.program.kind === 'demo' ? undefined : `ft:${model}:${suffix}:${id.slice(-8)}`
  return newRecord({
    id,
    redemptionId,
    allowed,
    limits: limitsOf(allowed, {}),
    args: [],
    inputs: [
      { fileId: trainingFile, name: 'training.jsonl' },
      ...(validationFile === undefined ? [] : [{ fileId: validationFile, name: 'validation.jsonl' }]),
    ],
    tuning: {
      model,
      suffix,
      seed: countOf(body, 'seed', 'seed', SEED_MAX) ?? Math.floor(Math.random() * SEED_MAX),
      hyperparameters: hyperparametersOf(body),
      trainingFile,
      validationFile,
      metadata: metadataOf(body),
      tunedModel,
      trainedTokens: undefined,
    },
  })
}

export const eventJson = ({ id, atMs, level, message, data }: JobEvent) => ({
  id,
  object: 'fine_tuning.job.event',
  created_at: Math.floor(atMs / 1_000),
  level,
  message,
  type: data === undefined ? 'message' : 'metrics',
  data: data ?? null,
})

/** Newest first; `stream=true` sends them as they come, oldest first. */
export async function sendEvents({ response, query, headers }: Call, { events }: Job): Promise<void> {
  if (query.get('stream') !== 'true') {
    sendJson(response, 200, page([...events.all].reverse().map(eventJson), query), headers)
    return
  }
  let sent = 0
  await follow(response, {
    mayFollow: events.mayFollow,
    next: () => {
      const fresh = events.all.slice(sent)
      sent += fresh.length
      return Promise.resolve(fresh.map((event) => eventJson(event)))
    },
    isOver: () => events.isOver && sent === events.all.length,
    changed: (signal) => events.changed(sent, signal),
  })
}

/** Newest first. What a command keeps as checkpoints; the demo's only one is its model. */
export function sendCheckpoints({ response, query, headers }: Call, { record }: Job): void {
  const { id, checkpoints, tuning, status, finishedAtMs } = record
  const isDone = status === 'succeeded' && record.program.kind === 'demo'
  const final = {
    id: `ftckpt_${id.slice(-24)}`,
    name: tuning?.tunedModel ?? '',
    atMs: finishedAtMs ?? 0,
    step: undefined,
    loss: undefined,
  }
  const all = [...checkpoints, ...(isDone ? [final] : [])]
    .reverse()
    .map(({ id: one, name, atMs, step, loss }) => ({
      id: one,
      object: 'fine_tuning.job.checkpoint',
      created_at: Math.floor(atMs / 1_000),
      fine_tuned_model_checkpoint: name,
      fine_tuning_job_id: id,
      metrics: {
        ...(step === undefined ? {} : { step }),
        ...(loss === undefined ? {} : { train_loss: loss }),
      },
      step_number: step ?? 0,
    }))
  sendJson(response, 200, page(all, query), headers)
}

/** Throws Refusal for a job that has ended already. */
export function checkRunning({ record }: Job): void {
  if (isOver(record.status)) throw new Refusal(400, 'job_over', `the job has ended: ${record.status}`)
}
