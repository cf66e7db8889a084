// Paths of files and jobs. Owns: which path is what, and that a holder sees nothing but its own. Not: the answers.
import { utf8Text } from '../../base/bytes.ts'
import { PATHS } from '../../client/redemption/wire.ts'
import { Refusal, sendJson } from '../http/answers.ts'
import { parseBody, readBody } from '../http/body.ts'
import type { Visit } from '../http/context.ts'
import { type Members, page } from './bodies.ts'
import type { Call } from './call.ts'
import { deleteFile, fileJson, listFiles, mustFile, sendFile, uploadFile } from './fileRoutes.ts'
import type { FileStore } from './fileStore.ts'
import { jobJson, newJob, sendLog, sendOutput, sendOutputs } from './jobRoutes.ts'
import type { Job, JobStore } from './jobStore.ts'
import type { Programs } from './programs.ts'
import { isOver, type JobRecord } from './records.ts'
import type { JobRunner } from './runner.ts'
import { checkRunning, newTuning, sendCheckpoints, sendEvents, tuningJson } from './tuningRoutes.ts'

const BODY_BYTES_MAX = 1_048_576
const FILES = '/v1/files'
const TUNING = '/v1/fine_tuning/jobs'
const JOBS = PATHS.jobs

export interface RouteParts {
  readonly files: FileStore
  readonly store: JobStore
  readonly runner: JobRunner
  readonly programs: Programs
}

const isUnder = (path: string, root: string): boolean => path === root || path.startsWith(`${root}/`)
export const ownsPath = (path: string): boolean => [FILES, TUNING, JOBS].some((root) => isUnder(path, root))

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw notFound()
  }
}

const notFound = (): Refusal => new Refusal(404, 'not_found', 'there is nothing here')
const wrongMethod = (allow: string): Refusal =>
  new Refusal(405, 'method_not_allowed', allow, { headers: { Allow: allow } })

export class Routes {
  readonly #parts: RouteParts

  constructor(parts: RouteParts) {
    this.#parts = parts
  }

  /** Rejects with Refusal or PaymentDue. */
  async answer(visit: Visit): Promise<void> {
    const query = new URLSearchParams((visit.request.url ?? '').split('?')[1] ?? '')
    const call: Call = { ...visit, query, redemptionId: visit.session.assigned.redemptionId }
    const { path } = visit
    const root = [FILES, TUNING, JOBS].find((one) => isUnder(path, one))
    if (root === undefined) throw notFound()
    const [id, ...rest] = path
      .slice(root.length + 1)
      .split('/')
      .map(decoded)
    const what = { id: id === '' ? undefined : id, verb: rest.join('/') }
    if (root === FILES) await this.#files(call, what)
    else if (root === TUNING) await this.#tuning(call, what)
    else await this.#jobs(call, what)
  }

  async #files(call: Call, { id, verb }: What): Promise<void> {
    const { files } = this.#parts
    const { method } = call.request
    if (id === undefined) {
      if (method === 'POST') await uploadFile(call, files)
      else if (method === 'GET') listFiles(call, files)
      else throw wrongMethod('GET, POST')
    } else if (verb === 'content' && method === 'GET') await sendFile(call, files, id)
    else if (verb !== '') throw notFound()
    else if (method === 'GET')
      sendJson(call.response, 200, fileJson(mustFile(files, call.redemptionId, id)), call.headers)
    else if (method === 'DELETE') await deleteFile(call, files, id)
    else throw wrongMethod('GET, DELETE')
  }

  async #tuning(call: Call, { id, verb }: What): Promise<void> {
    const { files, programs, store } = this.#parts
    const { response, headers, redemptionId, query, request } = call
    const isPost = request.method === 'POST'
    if (id === undefined) {
      if (isPost) {
        const job = await this.#create(call, (body) => newTuning(call, body, files, programs))
        sendJson(response, 200, tuningJson(job), headers)
        return
      }
      if (request.method !== 'GET') throw wrongMethod('GET, POST')
      const all = store.of(redemptionId).filter(({ record }) => record.tuning !== undefined)
      sendJson(response, 200, page(all.map(tuningJson), query), headers)
      return
    }
    const job = this.#mustJob(redemptionId, id)
    if (job.record.tuning === undefined) throw notFound()
    if (verb === 'cancel') {
      if (!isPost) throw wrongMethod('POST')
      await this.#cancel(job)
    } else if (request.method !== 'GET') throw wrongMethod('GET')
    else if (verb === 'events') return sendEvents(call, job)
    else if (verb === 'checkpoints') return sendCheckpoints(call, job)
    else if (verb !== '') throw notFound()
    sendJson(response, 200, tuningJson(job), headers)
  }

  async #jobs(call: Call, { id, verb }: What): Promise<void> {
    const { files, programs, store } = this.#parts
    const { response, headers, redemptionId, query, request } = call
    const { method } = request
    if (id === undefined) {
      if (method === 'POST') {
        const job = await this.#create(call, (body) => newJob(call, body, files, programs))
        sendJson(response, 200, jobJson(job), headers)
      } else if (method === 'GET')
        sendJson(response, 200, page(store.of(redemptionId).map(jobJson), query), headers)
      else throw wrongMethod('GET, POST')
      return
    }
    if (id === 'commands' && verb === '' && method === 'GET') {
      sendJson(
        response,
        200,
        { object: 'list', data: programs.commandNames.map((name) => ({ id: name })) },
        headers,
      )
      return
    }
    await this.#job(call, this.#mustJob(redemptionId, id), verb)
  }

  async #job(call: Call, job: Job, verb: string): Promise<void> {
    const { response, headers, request } = call
    const { method } = request
    if (verb === 'cancel' && method === 'POST') {
      await this.#cancel(job)
      sendJson(response, 200, jobJson(job), headers)
    } else if (verb === '' && method === 'DELETE') await this.#remove(call, job)
    else if (method !== 'GET') throw wrongMethod('GET, POST /cancel, DELETE')
    else if (verb === '') sendJson(response, 200, jobJson(job), headers)
    else if (verb === 'logs') await sendLog(call, job)
    else if (verb === 'events') await sendEvents(call, job)
    else if (verb === 'outputs') await sendOutputs(call, job)
    else if (verb.startsWith('outputs/')) await sendOutput(call, job, verb.slice('outputs/'.length))
    else throw notFound()
  }

  async #remove({ response, headers, redemptionId: _own }: Call, job: Job): Promise<void> {
    const { id, status, tuning } = job.record
    if (!isOver(status)) throw new Refusal(400, 'job_runs', 'the job has not ended: cancel it first')
    const { demo } = this.#parts.programs
    if (tuning?.tunedModel !== undefined) demo?.removeModel(tuning.tunedModel)
    await this.#parts.store.remove(job)
    sendJson(response, 200, { id, object: 'suanli.job', deleted: true }, headers)
  }

  /** What another holder has is not there. Throws Refusal. */
  #mustJob(redemptionId: number, id: string): Job {
    const job = this.#parts.store.get(redemptionId, id)
    if (job === undefined) throw new Refusal(404, 'job_not_found', 'there is no such job')
    return job
  }

  async #create(call: Call, record: (body: Members) => JobRecord): Promise<Job> {
    const bytes = await readBody(call.request, BODY_BYTES_MAX)
    // An empty body is no JSON.
    const body = utf8Text(bytes) === '' ? {} : parseBody(bytes)
    return this.#parts.runner.create(record(body), call.session)
  }

  /** Resolves when nothing of it runs any more. */
  async #cancel(job: Job): Promise<void> {
    checkRunning(job)
    this.#parts.runner.cancel(job)
    await job.driven
  }
}

interface What {
  readonly id: string | undefined
  readonly verb: string
}
