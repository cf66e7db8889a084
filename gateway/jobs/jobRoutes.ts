// `/suanli/v1/jobs`: training by a command or an image. Owns: its bodies and answers. Not: running a job (runner.ts).
import { constants } from 'node:fs'
import { type FileHandle, open, readlink, realpath } from 'node:fs/promises'
import { sep } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Json } from '../../base/field.ts'
import { parseWholeNumber } from '../../base/integers.ts'
import { Refusal, sendJson } from '../http/answers.ts'
import {
  argsOf,
  checkMembers,
  countOf,
  invalid,
  type Members,
  mustText,
  objectOf,
  page,
  textOf,
} from './bodies.ts'
import type { Call } from './call.ts'
import { mustFile } from './fileRoutes.ts'
import type { FileStore } from './fileStore.ts'
import { listOutputs } from './folders.ts'
import { follow } from './follow.ts'
import type { Job } from './jobStore.ts'
import { newRecord } from './newRecord.ts'
import { isFileName, newId } from './places.ts'
import { limitsOf, type Programs } from './programs.ts'
import type { JobInput, JobRecord } from './records.ts'

const KNOWN = ['command', 'image', 'args', 'files', 'limits']
const LIMITS = ['deviceSeconds', 'memoryMb', 'diskMb']
const FILES_MAX = 64
const MB = 1_048_576

const seconds = (ms: number | undefined): number | null => (ms === undefined ? null : Math.floor(ms / 1_000))

export function jobJson({ record, log }: Job): { readonly id: string } & Record<string, unknown> {
  const { id, program, args, inputs, limits, status, devices, service } = record
  return {
    id,
    object: 'suanli.job',
    status,
    service,
    ...(program.kind === 'image' ? { image: program.image } : {}),
    ...(program.kind === 'command' ? { command: program.name } : {}),
    ...(program.kind === 'demo' ? { command: 'demo' } : {}),
    args,
    files: inputs.map(({ fileId, name }) => ({ id: fileId, name })),
    limits: {
      deviceSeconds: limits.deviceMs / 1_000,
      memoryMb: limits.memoryBytes / MB,
      diskMb: limits.diskBytes / MB,
    },
    devices,
    created_at: seconds(record.createdAtMs),
    started_at: seconds(record.startedAtMs),
    finished_at: seconds(record.finishedAtMs),
    device_ms: record.meteredMs,
    cost_base: record.costBase,
    log_bytes: log.end,
    disk_bytes: record.diskBytes,
    checkpoints: record.checkpoints.map(({ name, atMs, step, loss }) => ({
      name: `checkpoints/${name}`,
      created_at: seconds(atMs),
      ...(step === undefined ? {} : { step }),
      ...(loss === undefined ? {} : { train_loss: loss }),
    })),
    resumes: record.resumes,
    exit_code: record.exitCode ?? null,
    error: record.error ?? null,
  }
}

function inputsOf(body: Members, files: FileStore, redemptionId: number): readonly JobInput[] {
  const value = body.files ?? []
  if (!Array.isArray(value) || value.length > FILES_MAX)
    throw invalid('files', `a list of at most ${FILES_MAX}`)
  const names = new Set<string>()
  return (value as readonly Json[]).map((one, i) => {
    const at = `files[${i}]`
    if (typeof one !== 'object' || one === null || Array.isArray(one)) throw invalid(at, 'an object')
    const members = one as Members
    checkMembers(members, ['id', 'name'])
    const file = mustFile(files, redemptionId, mustText(members, 'id', 64), `${at}.id`)
    const name = textOf(members, 'name', 128) ?? file.filename
    if (!isFileName(name)) throw invalid(`${at}.name`, 'the name of a file, without folders')
    if (names.has(name)) throw invalid(`${at}.name`, 'another name than those before')
    names.add(name)
    return { fileId: file.id, name }
  })
}

/** The record of a new job. Throws Refusal. */
export function newJob(
  { redemptionId }: Call,
  body: Members,
  files: FileStore,
  programs: Programs,
): JobRecord {
  checkMembers(body, KNOWN)
  const [command, image] = [textOf(body, 'command', 64), textOf(body, 'image', 256)]
  if ((command === undefined) === (image === undefined)) throw invalid('command', 'a command or an image')
  const allowed = command === undefined ? programs.byImage(image!) : programs.byName(command)
  const limits = objectOf(body, 'limits') ?? {}
  checkMembers(limits, LIMITS)
  const asked = Object.fromEntries(
    LIMITS.flatMap((name) => {
      const value = countOf(limits, name, `limits.${name}`)
      if (value === 0) throw invalid(`limits.${name}`, 'at least 1')
      return value === undefined ? [] : [[name, value]]
    }),
  )
  return newRecord({
    id: newId('job'),
    redemptionId,
    allowed,
    limits: limitsOf(allowed, asked),
    args: argsOf(body),
    inputs: inputsOf(body, files, redemptionId),
    tuning: undefined,
  })
}

/** Text from a byte on, as a body or as events. What is gone is left out: `Suanli-Log-From` tells where it begins. */
export async function sendLog({ response, query, headers }: Call, { log }: Job): Promise<void> {
  const after = parseWholeNumber(query.get('after') ?? '0')
  if (after === undefined) throw invalid('after', 'a number of bytes')
  if (query.get('stream') === 'true') {
    let at = after
    await follow(response, {
      mayFollow: log.mayFollow,
      next: async () => {
        const { from, bytes, next } = await log.read(at)
        at = Math.max(at, next)
        return bytes.length === 0 ? [] : [{ from, next, text: Buffer.from(bytes).toString('utf8') }]
      },
      isOver: () => log.isOver && at >= log.end,
      changed: (signal) => log.changed(at, signal),
    })
    return
  }
  const first = await log.read(after)
  response.writeHead(200, {
    'Content-Type': 'text/plain; charset=utf-8',
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    'Suanli-Log-From': `${first.from}`,
    ...headers,
  })
  const { end } = log
  for (let piece = first; piece.bytes.length > 0; piece = await log.read(piece.next)) {
    if (response.destroyed) return
    if (!response.write(piece.bytes)) await drained(response)
    if (piece.next >= end) break
  }
  response.end()
}

function drained(response: Call['response']): Promise<void> {
  return new Promise((resolve) => {
    response.once('drain', resolve)
    response.once('close', resolve)
  })
}

export async function sendOutputs({ response, query, headers }: Call, { places }: Job): Promise<void> {
  const found = await listOutputs(places.work, [places.output, places.checkpoints])
  const all = found.map(({ name, bytes, atMs }) => ({
    id: name,
    object: 'suanli.job.output',
    bytes,
    created_at: Math.floor(atMs / 1_000),
  }))
  sendJson(response, 200, page(all, query, { limit: 1_000, standard: 100 }), headers)
}

const notThere = (): Refusal => new Refusal(404, 'output_not_found', 'there is no such output')

/** A plain file below a folder of the job, whatever links the job has made. Rejects with Refusal. */
async function openOutput({ places }: Job, name: string): Promise<{ handle: FileHandle; bytes: number }> {
  const path = places.downloadable(name)
  if (path === undefined) throw notThere()
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants
  let handle: FileHandle
  try {
    handle = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
  } catch {
    throw notThere()
  }
  try {
    // What was opened, and not what is there now.
    const opened =
      process.platform === 'linux' ? await readlink(`/proc/self/fd/${handle.fd}`) : await realpath(path)
    const isBelow = opened.startsWith(`${await realpath(places.work)}${sep}`)
    const stat = await handle.stat()
    if (!isBelow || !stat.isFile()) throw notThere()
    return { handle, bytes: stat.size }
  } catch (error) {
    await handle.close()
    throw error instanceof Refusal ? error : notThere()
  }
}

export async function sendOutput({ response, headers }: Call, job: Job, name: string): Promise<void> {
  const { handle, bytes } = await openOutput(job, name)
  response.writeHead(200, {
    'Content-Type': 'application/octet-stream',
    'Content-Length': `${bytes}`,
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    ...headers,
  })
  if (bytes === 0) {
    await handle.close()
    response.end()
    return
  }
  // A file that grows meanwhile is sent as long as it was.
  await pipeline(handle.createReadStream({ end: bytes - 1 }), response)
}
