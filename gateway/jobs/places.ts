// Where on disk the files and jobs of a redemption are, and how things are named. Owns: folders and names. Everything of one
// redemption is in one folder, named by its number: nothing that a client sends is ever part of a path unchecked.
import { randomBytes } from 'node:crypto'
import { resolve, sep } from 'node:path'

const PATH_CHARS_MAX = 512
const NAME = /^[\p{L}\p{N}_][\p{L}\p{N} ._@+=-]{0,127}$/u

export const newId = (prefix: 'file' | 'job' | 'ftjob'): string =>
  `${prefix}-${randomBytes(12).toString('hex')}`

/** Whether a text could be an id of ours. */
export const isId = (text: string): boolean => /^(file|job|ftjob)-[0-9a-f]{24}$/.test(text)

/** A name for a file in a job's folder: no path. */
export const isFileName = (text: string): boolean => NAME.test(text) && !text.endsWith('.partial')

export class Places {
  readonly root: string

  constructor(dataDir: string) {
    this.root = resolve(dataDir, 'jobs')
  }

  owner(redemptionId: number): string {
    return resolve(this.root, `r${redemptionId}`)
  }

  /** Undefined for a folder that is not ours. */
  static ownerOf(name: string): number | undefined {
    const [, digits] = /^r(0|[1-9]\d{0,15})$/.exec(name) ?? []
    return digits === undefined ? undefined : Number(digits)
  }

  files(redemptionId: number): string {
    return resolve(this.owner(redemptionId), 'files')
  }

  jobs(redemptionId: number): string {
    return resolve(this.owner(redemptionId), 'jobs')
  }

  job(redemptionId: number, id: string): JobPlaces {
    return new JobPlaces(resolve(this.jobs(redemptionId), id))
  }
}

/** The folder of a job. What the job itself sees is below `work`. */
export class JobPlaces {
  readonly root: string
  readonly record: string
  readonly events: string
  readonly log: string
  readonly work: string
  readonly input: string
  readonly output: string
  readonly checkpoints: string

  constructor(root: string) {
    this.root = root
    this.record = resolve(root, 'job.json')
    this.events = resolve(root, 'events.jsonl')
    this.log = resolve(root, 'log')
    this.work = resolve(root, 'work')
    this.input = resolve(this.work, 'input')
    this.output = resolve(this.work, 'output')
    this.checkpoints = resolve(this.work, 'checkpoints')
  }

  /** A path below output or checkpoints, of what a client asks for; undefined for anything else. */
  downloadable(name: string): string | undefined {
    if (name.length > PATH_CHARS_MAX || name.includes('\0')) return undefined
    const path = resolve(this.work, name)
    const isBelow = [this.output, this.checkpoints].some((folder) => path.startsWith(`${folder}${sep}`))
    return isBelow ? path : undefined
  }
}
