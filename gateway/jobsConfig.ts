// What a gateway's configuration says of jobs: commands, images, the runner of containers, limits. Owns: shape, defaults, bounds.
// Not: the rest of the file (config.ts), running anything (jobs/).
import { ConfigError } from '../base/errors.ts'
import { count, listOf, oneOf, optional, type Reading, record, text } from './configFields.ts'

const ARGV_MAX = 256
const MIB = 1_048_576
const WEEK_MS = 7 * 24 * 3_600_000

export const argvList: Reading<readonly string[]> = listOf(text('an argument without NUL', /^[^\0]*$/), {
  min: 1,
  max: ARGV_MAX,
})
const argvDefault = optional<readonly string[]>(
  listOf(text('an argument', /^[^\0]*$/), { max: ARGV_MAX }),
  [],
)

const variable = record({
  name: text('the name of a variable', /^[A-Za-z_]\w{0,127}$/),
  value: text('a value', /^[^\0]*$/),
})

/** What a job may ask for at most, and gets when it asks for nothing. */
const bounds = {
  deviceSecondsMax: optional(count(1, 31_536_000, 'seconds'), 86_400),
  memoryMbMax: optional(count(16, 16_777_216, 'megabytes'), 4_096),
  diskMbMax: optional(count(1, 16_777_216, 'megabytes'), 4_096),
  /** Devices that a job holds while it runs: each is metered. */
  devices: optional(count(1, 1_024, 'devices'), 1),
}

/** Members of a backend of kind `command`. */
export const commandFields = {
  /** What jobs call it. */
  name: optional<string | undefined>(text('a name', /^[\w.-]{1,64}$/), undefined),
  /** The program and its first arguments; a job's own come after them. Never a shell's line. */
  argv: argvDefault,
  service: optional<'train' | 'finetune'>(oneOf(['train', 'finetune']), 'train'),
  env: optional<readonly { readonly name: string; readonly value: string }[]>(
    listOf(variable, { max: 64 }),
    [],
  ),
  ...bounds,
}

const runner = record({
  /** `{image}`, `{name}`, `{folder}`, `{envFile}`, `{memoryMb}` are replaced; the image's arguments come last. */
  run: argvList,
  pause: argvList,
  resume: argvList,
  kill: argvList,
  /** Where `{folder}` is seen inside. */
  workdir: optional(text('a path', /^\/[\w./-]*$/), '/job'),
  ...bounds,
})
export type RunnerConfig = ReturnType<typeof runner>

export const jobsFields = record({
  /** Images that `runner` may be asked for. */
  images: optional<readonly string[]>(listOf(text('an image', /^[\w][\w./:@-]{0,255}$/), { max: 256 }), []),
  runner: optional<RunnerConfig | undefined>(runner, undefined),
  /** Jobs that run at once. */
  slots: optional(count(1, 1_024, 'jobs'), 1),
  /** Queued and running ones: of one redemption, and in all. */
  activePerRedemptionMax: optional(count(1, 1_024, 'jobs'), 8),
  activeMax: optional(count(1, 65_536, 'jobs'), 256),
  /** Of one redemption, ended ones included. */
  jobsPerRedemptionMax: optional(count(1, 65_536, 'jobs'), 256),
  fileBytesMax: optional(count(1_024, 17_179_869_184, 'bytes'), 64 * MIB),
  filesPerRedemptionMax: optional(count(1, 65_536, 'files'), 64),
  bytesPerRedemptionMax: optional(count(1_024, 1_099_511_627_776, 'bytes'), 256 * MIB),
  bytesMax: optional(count(1_024, 17_592_186_044_416, 'bytes'), 4_096 * MIB),
  logBytesMax: optional(count(1_024, 1_073_741_824, 'bytes'), MIB),
  /** A job that prints faster waits. */
  logBytesPerSecond: optional(count(1_024, 1_073_741_824, 'bytes'), 16 * MIB),
  /** Longest time between two lines of a job in the statement. */
  meterMs: optional(count(50, 60_000, 'milliseconds'), 5_000),
  /** Between two looks at memory, disk and checkpoints. */
  watchMs: optional(count(20, 60_000, 'milliseconds'), 250),
  /** A job that waits so long for a voucher ends. */
  voucherMs: optional(count(100, WEEK_MS, 'milliseconds'), 600_000),
  /** From SIGTERM to SIGKILL. */
  graceMs: optional(count(0, 600_000, 'milliseconds'), 10_000),
  queueMs: optional(count(1_000, WEEK_MS, 'milliseconds'), 24 * 3_600_000),
  /** Files and jobs stay so long after the last assignment of their redemption. */
  keepMs: optional(count(0, 365 * 24 * 3_600_000, 'milliseconds'), 24 * 3_600_000),
})
export type JobsConfig = ReturnType<typeof jobsFields>

interface Checked {
  readonly backends: readonly {
    readonly kind: string
    readonly models: readonly string[]
    readonly name?: string | undefined
    readonly argv: readonly string[]
  }[]
  readonly jobs: JobsConfig
}

/** What is wrong between members. Throws ConfigError. */
export function checkJobs({ backends, jobs }: Checked): void {
  const names = new Map<string, number>()
  const tuned = new Map<string, number>()
  backends.forEach(({ kind, models, name, argv }, i) => {
    const at = `backends[${i}]`
    if (kind !== 'command') {
      if (name !== undefined || argv.length > 0) throw new ConfigError(`${at}.argv: for kind command alone`)
      if (kind === 'demo') tuned.set('tiny-llama', i)
      return
    }
    if (name === undefined) throw new ConfigError(`${at}.name: missing`)
    if (argv.length === 0) throw new ConfigError(`${at}.argv: missing`)
    const other = names.get(name)
    if (other !== undefined) throw new ConfigError(`${at}.name: ${name} is also in backends[${other}]`)
    names.set(name, i)
    for (const model of models) {
      if (tuned.has(model))
        throw new ConfigError(`${at}.models: backends[${tuned.get(model)}] fine-tunes ${model} too`)
      tuned.set(model, i)
    }
  })
  if (process.platform !== 'linux' && names.size > 0)
    throw new ConfigError('backends: commands need Linux, whose /proc tells the memory of a process')
  if (jobs.images.length > 0 && jobs.runner === undefined)
    throw new ConfigError('jobs.runner: missing, as there are images')
  if (jobs.runner !== undefined && !jobs.runner.run.some((part) => part.includes('{image}')))
    throw new ConfigError('jobs.runner.run: {image} is nowhere in it')
}
