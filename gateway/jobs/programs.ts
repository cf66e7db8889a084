// What the configuration lets jobs run: commands by name, images through the runner, the demo's fine-tuning. Owns: finding one,
// its bounds, its arguments and environment. Nothing of the gateway's own environment reaches a job but its PATH.
import { join } from 'node:path'
import type { BackendConfig, GatewayConfig } from '../config.ts'
import type { DemoBackend } from '../demo/demoBackend.ts'
import { BASE_NAME } from '../demo/models.ts'
import { Refusal } from '../http/answers.ts'
import type { Tools } from './commandRun.ts'
import type { JobPlaces } from './places.ts'
import { JOB_VARIABLE } from './processes.ts'
import type { JobLimits, JobRecord, JobService, Program } from './records.ts'

const MB = 1_048_576
/** Of the demo's fine-tuning: it is a thread of this process. */
const DEMO_BOUNDS = { deviceSecondsMax: 3_600, memoryMbMax: 256, diskMbMax: 64, devices: 1 }

export interface Allowed {
  readonly program: Program
  readonly service: JobService
  readonly bounds: {
    readonly deviceSecondsMax: number
    readonly memoryMbMax: number
    readonly diskMbMax: number
    readonly devices: number
  }
}

export interface Started {
  readonly argv: readonly string[]
  readonly env: { readonly [name: string]: string }
  readonly tools: Tools | undefined
}

export class Programs {
  readonly #config: GatewayConfig
  readonly demo: DemoBackend | undefined
  readonly #commands: ReadonlyMap<string, BackendConfig>

  constructor(config: GatewayConfig, demo: DemoBackend | undefined) {
    this.#config = config
    this.demo = demo
    const commands = config.backends.filter(({ kind }) => kind === 'command')
    this.#commands = new Map(commands.map((one) => [one.name!, one]))
  }

  get isEmpty(): boolean {
    return this.#commands.size === 0 && this.demo === undefined && this.#config.jobs.images.length === 0
  }

  command(name: string): BackendConfig | undefined {
    return this.#commands.get(name)
  }

  get commandNames(): readonly string[] {
    return [...this.#commands.keys()]
  }

  /** Throws Refusal for what is not in the allow-list. */
  byName(name: string): Allowed {
    const found = this.#commands.get(name)
    if (found === undefined) {
      throw new Refusal(
        404,
        'command_not_found',
        `command: not one of ${this.commandNames.join(', ') || 'any'}`,
        {
          param: 'command',
        },
      )
    }
    return { program: { kind: 'command', name }, service: found.service, bounds: found }
  }

  byImage(image: string): Allowed {
    const { runner, images } = this.#config.jobs
    if (runner === undefined) {
      const why =
        'image: this provider runs no containers; it runs the commands of GET /suanli/v1/jobs/commands'
      throw new Refusal(400, 'images_not_run', why, { param: 'image' })
    }
    if (!images.includes(image)) {
      const why = `image: not one of ${images.join(', ') || 'any'}`
      throw new Refusal(404, 'image_not_found', why, { param: 'image' })
    }
    return { program: { kind: 'image', image }, service: 'train', bounds: runner }
  }

  /** What fine-tunes a model. Throws Refusal. */
  byModel(model: string): Allowed {
    if (model === BASE_NAME && this.demo !== undefined)
      return { program: { kind: 'demo' }, service: 'finetune', bounds: DEMO_BOUNDS }
    const found = [...this.#commands.values()].find(({ models }) => models.includes(model))
    if (found !== undefined)
      return { program: { kind: 'command', name: found.name! }, service: 'finetune', bounds: found }
    throw new Refusal(400, 'model_not_found', 'model: it is not fine-tuned here', { param: 'model' })
  }

  /** How a job is started now. Throws Refusal for one whose command is not configured any more. */
  start(record: JobRecord, places: JobPlaces): Started {
    const { program, args } = record
    if (program.kind === 'command') {
      this.byName(program.name)
      const { argv, env } = this.#commands.get(program.name)!
      const own = Object.fromEntries(env.map(({ name, value }) => [name, value]))
      const path = process.env.PATH ?? '/usr/bin:/bin'
      return {
        argv: [...argv, ...args],
        env: { PATH: path, ...own, ...environment(record, places.work) },
        tools: undefined,
      }
    }
    if (program.kind !== 'image') throw new Error('the demo is no process')
    this.byImage(program.image)
    const runner = this.#config.jobs.runner!
    const filled = (argv: readonly string[]): readonly string[] =>
      argv.map((part) => fill(part, record, places, program.image))
    return {
      argv: [...filled(runner.run), ...args],
      // The runner's own: where its service is.
      env: pick(process.env, ['PATH', 'HOME', 'DOCKER_HOST', 'XDG_RUNTIME_DIR']),
      tools: { pause: filled(runner.pause), resume: filled(runner.resume), kill: filled(runner.kill) },
    }
  }

  /** What the inside of a container is told, as a file for `--env-file`. */
  environmentFile(record: JobRecord): string {
    const { workdir = '/job' } = this.#config.jobs.runner ?? {}
    return Object.entries(environment(record, workdir))
      .map(([name, value]) => `${name}=${value}\n`)
      .join('')
  }
}

export const environmentFileOf = (places: JobPlaces): string => join(places.root, 'env.list')
export const containerOf = ({ id }: JobRecord): string => `suanli-${id}`

function fill(part: string, record: JobRecord, places: JobPlaces, image: string): string {
  const values: Readonly<Record<string, string>> = {
    image,
    name: containerOf(record),
    folder: places.work,
    envFile: environmentFileOf(places),
    memoryMb: `${Math.floor(record.limits.memoryBytes / MB)}`,
  }
  return part.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole)
}

function pick(from: NodeJS.ProcessEnv, names: readonly string[]): { readonly [name: string]: string } {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = from[name]
      return value === undefined ? [] : [[name, value]]
    }),
  )
}

/** `work`: where a job sees its folder. */
function environment(record: JobRecord, work: string): { readonly [name: string]: string } {
  const { id, checkpoints, limits, tuning } = record
  const newest = checkpoints.at(-1)
  const own = {
    [JOB_VARIABLE]: id,
    HOME: work,
    TMPDIR: join(work, 'tmp'),
    LANG: 'C.UTF-8',
    SUANLI_INPUT: join(work, 'input'),
    SUANLI_OUTPUT: join(work, 'output'),
    SUANLI_CHECKPOINTS: join(work, 'checkpoints'),
    SUANLI_DEVICE_SECONDS: `${Math.floor(limits.deviceMs / 1_000)}`,
    ...(newest === undefined ? {} : { SUANLI_RESUME: join(work, 'checkpoints', newest.name) }),
  }
  if (tuning === undefined) return own
  const { model, tunedModel, hyperparameters, seed, suffix, validationFile } = tuning
  return {
    ...own,
    SUANLI_BASE_MODEL: model,
    SUANLI_MODEL: tunedModel ?? '',
    SUANLI_TRAINING_FILE: join(work, 'input', 'training.jsonl'),
    ...(validationFile === undefined
      ? {}
      : { SUANLI_VALIDATION_FILE: join(work, 'input', 'validation.jsonl') }),
    SUANLI_HYPERPARAMETERS: JSON.stringify(hyperparameters),
    SUANLI_SEED: `${seed}`,
    SUANLI_SUFFIX: suffix,
  }
}

/** The limits of a job: what it asks for, within what the program may use. Throws Refusal. */
export function limitsOf(
  { bounds }: Allowed,
  asked: { readonly deviceSeconds?: number; readonly memoryMb?: number; readonly diskMb?: number },
): JobLimits {
  const within = (name: 'deviceSeconds' | 'memoryMb' | 'diskMb', max: number): number => {
    const value = asked[name] ?? max
    if (value > max) {
      throw new Refusal(400, 'invalid_value', `limits.${name}: at most ${max}`, { param: `limits.${name}` })
    }
    return value
  }
  return {
    deviceMs: within('deviceSeconds', bounds.deviceSecondsMax) * 1_000,
    memoryBytes: within('memoryMb', bounds.memoryMbMax) * MB,
    diskBytes: within('diskMb', bounds.diskMbMax) * MB,
  }
}
