// A door with a command and the demo model behind it. Owns: programs that jobs run in tests, small helpers of the API.
import { strict as assert } from 'node:assert'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { assignedOf, Door, type DoorOptions } from '../door.ts'

/** What a job runs: JavaScript of its first argument. */
const PROGRAM = `
import { writeFileSync, renameSync, mkdirSync, readFileSync, readdirSync } from 'node:fs'
import { spawn } from 'node:child_process'
const env = process.env
await new (Object.getPrototypeOf(async () => {}).constructor)(
  'fs', 'spawn', 'env', 'args', 'sleep', process.argv[2],
)({ writeFileSync, renameSync, mkdirSync, readFileSync, readdirSync }, spawn, env, process.argv.slice(3),
  (ms) => new Promise((resolve) => setTimeout(resolve, ms)))
`

export const SECOND_HOLDER = { redemptionId: 2, assignment: 0 }

export interface JobJson {
  readonly id: string
  readonly status: string
  readonly device_ms: number
  readonly cost_base: string
  readonly log_bytes: number
  readonly exit_code: number | null
  readonly resumes: number
  readonly error: { readonly code: string; readonly message: string } | null
  readonly checkpoints: readonly { readonly name: string }[]
}

export async function openJobsDoor(options: {
  readonly folder?: string
  readonly jobs?: { readonly [name: string]: unknown }
  readonly more?: DoorOptions['more']
  readonly config?: DoorOptions['config']
  readonly upstreamUrl?: string
  readonly assignments?: DoorOptions['assignments']
}): Promise<Door> {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'suanli-jobs-'))
  const program = join(folder, 'program.mjs')
  writeFileSync(program, PROGRAM)
  return Door.open({
    upstream: { url: options.upstreamUrl ?? 'http://127.0.0.1:1' },
    folder,
    more: [
      {
        kind: 'command',
        name: 'run',
        models: ['tiny'],
        argv: [process.execPath, program],
        memoryMbMax: 512,
        diskMbMax: 64,
        deviceSecondsMax: 600,
      },
      ...(options.more ?? []),
    ],
    config: {
      ...options.config,
      jobs: { watchMs: 50, meterMs: 100, graceMs: 300, slots: 4, ...options.jobs },
    },
    assignments: options.assignments ?? [assignedOf(), assignedOf(SECOND_HOLDER)],
  })
}

export async function createJob(
  door: Door,
  code: string,
  more: { readonly [name: string]: unknown } = {},
): Promise<JobJson> {
  const { args = [], ...rest } = more
  const answer = await door.call('/suanli/v1/jobs', {
    command: 'run',
    args: [code, ...(args as readonly string[])],
    ...rest,
  })
  assert.equal(answer.status, 200, answer.text)
  return answer.json as unknown as JobJson
}

export async function jobOf(door: Door, id: string): Promise<JobJson> {
  return (await door.get(`/suanli/v1/jobs/${id}`)).json as unknown as JobJson
}

/** Events of a job as they come; ends when `until` is content, or with the job. */
export async function watchEvents(
  door: Door,
  id: string,
  until: (message: string) => boolean,
): Promise<readonly string[]> {
  const stop = new AbortController()
  const response = await door.fetch(`/suanli/v1/jobs/${id}/events?stream=true`, { signal: stop.signal })
  const messages: string[] = []
  let rest = ''
  try {
    for await (const piece of response.body as unknown as AsyncIterable<Uint8Array>) {
      const lines = (rest + Buffer.from(piece).toString('utf8')).split('\n\n')
      rest = lines.pop()!
      for (const line of lines) {
        if (!line.startsWith('data: {')) continue
        const { message } = JSON.parse(line.slice(6)) as { message: string }
        messages.push(message)
        if (until(message)) {
          stop.abort()
          return messages
        }
      }
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error
  }
  return messages
}

/** Resolves when a job is over. */
export async function ended(door: Door, id: string): Promise<JobJson> {
  await watchEvents(door, id, () => false)
  return jobOf(door, id)
}

/** Text that a job printed, up to its end. */
export async function logOf(door: Door, id: string): Promise<string> {
  return (await door.get(`/suanli/v1/jobs/${id}/logs`)).text
}

export async function upload(door: Door, name: string, text: string, key = door.keyOf()): Promise<string> {
  const form = new FormData()
  form.append('purpose', 'fine-tune')
  form.append('file', new Blob([text]), name)
  const response = await door.fetch('/v1/files', { method: 'POST', body: form, key })
  const { id } = (await response.json()) as { id: string }
  assert.equal(response.status, 200)
  return id
}
