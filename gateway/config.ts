// A gateway's configuration file. Owns: shape, defaults, bounds, where secrets come from. Not: reading members
// (configFields.ts), the tariff (client/redemption/tariff.ts), the provider's key (the command opens it).
import { readFileSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { ConfigError, errorText } from '../base/errors.ts'
import { isWholeNumber } from '../base/integers.ts'
import {
  count,
  flag,
  listOf,
  oneOf,
  optional,
  parseJson,
  type Reading,
  record,
  secretText,
  text,
  wrong,
} from './configFields.ts'
import { checkJobs, commandFields, type JobsConfig, jobsFields } from './jobsConfig.ts'

/** `demo`: the little model of this package. `command`: jobs, which have routes of their own. */
export const BACKEND_KINDS = ['openai', 'demo', 'command'] as const
export const SERVED_SERVICES = ['train', 'finetune', 'infer'] as const

export interface Address {
  readonly host: string
  readonly port: number
}

/** Where a secret is: never in the file itself. */
export type SecretSource = { readonly env: string } | { readonly file: string } | undefined

const url = (expected: string, protocols: readonly string[]): Reading<string> => {
  const isUrl = (value: unknown): value is string => {
    if (typeof value !== 'string' || value.length > 1_024 || !URL.canParse(value)) return false
    const { protocol, username, password, search, hash } = new URL(value)
    return protocols.includes(protocol) && `${username}${password}${search}${hash}` === ''
  }
  // A URL may carry a password: it is not shown.
  return (value, at) => {
    if (isUrl(value)) return value.replace(/\/+$/, '')
    throw new ConfigError(`${at}: expected ${expected}`)
  }
}
const httpUrl = url('an http or https address, without user, query or fragment', ['http:', 'https:'])

const address: Reading<Address> = (value, at) => {
  const [, v6, name, digits] = /^(?:\[([\da-f:.]+)\]|([\w.-]+)):(\d{1,5})$/i.exec(String(value)) ?? []
  const host = v6 ?? name
  const port = Number(digits)
  return host !== undefined && isWholeNumber(port, 0, 65_535)
    ? { host, port }
    : wrong(at, 'an address and a port such as 127.0.0.1:8088', value)
}

const file = text('the name of a file')
const secret: Reading<SecretSource> = (value, at) => {
  const isEnv = typeof value === 'object' && value !== null && Object.hasOwn(value, 'env')
  if (isEnv) return record({ env: text('the name of a variable', /^[A-Za-z_]\w{0,127}$/) })(value, at)
  return record({ file })(value, at)
}

const model = text('the name of a model, at most 128 characters', /^[\x21-\x7e]{1,128}$/)
const origin = text(
  "an origin such as https://app.example, or '*'",
  /^(?:\*|https?:\/\/[\w.-]+(?::\d{1,5})?)$/,
)

const backend = record({
  /** Of a command: what it fine-tunes. */
  models: optional<readonly string[]>(listOf(model, { max: 256 }), []),
  /** Of `demo`: empty, and the gateway runs the model itself. Of `command`: what serves the models that it makes. */
  url: optional(httpUrl, ''),
  key: optional<SecretSource>(secret, undefined),
  kind: oneOf(BACKEND_KINDS),
  /** Tokens of prompt and answer together that its models take. */
  contextTokens: optional(count(16, 16_777_216, 'tokens'), 8_192),
  /** Requests that it works on at once. */
  slots: optional(count(1, 4_096, 'requests'), 16),
  /** Counts tokens where answers carry no usage: `POST {model, prompt, content}` gives `count` or `tokens`. */
  tokenizerUrl: optional<string | undefined>(httpUrl, undefined),
  /** Of a command alone. */
  ...commandFields,
})
export type BackendConfig = ReturnType<typeof backend>

const limits = record({
  bodyBytesMax: optional(count(1_024, 268_435_456, 'bytes'), 8_388_608),
  answerBytesMax: optional(count(1_024, 1_073_741_824, 'bytes'), 67_108_864),
  headerBytesMax: optional(count(2_048, 65_536, 'bytes'), 16_384),
  /** Until the body of a request is there. */
  requestMs: optional(count(100, 3_600_000, 'milliseconds'), 30_000),
  /** Between two parts of a backend's answer. */
  backendIdleMs: optional(count(100, 3_600_000, 'milliseconds'), 120_000),
  /** Waiting for a slot. */
  queueMs: optional(count(0, 3_600_000, 'milliseconds'), 30_000),
  connectionsMax: optional(count(1, 65_536, 'connections'), 4_096),
  queuedPerAssignmentMax: optional(count(0, 65_536, 'requests'), 64),
  queuedMax: optional(count(0, 1_048_576, 'requests'), 4_096),
  /** Times its share that one assignment may use while slots are free. */
  burst: optional(count(1, 4_096, 'times'), 4),
  /** For requests under way once told to end. */
  drainMs: optional(count(0, 3_600_000, 'milliseconds'), 30_000),
})
export type Limits = ReturnType<typeof limits>

const shape = record({
  listen: optional<Address>(address, { host: '127.0.0.1', port: 8_088 }),
  /** What clients are told; default: the address it listens on. */
  publicUrl: optional<string | undefined>(httpUrl, undefined),
  tls: optional<{ certificate: string; key: string } | undefined>(
    record({ certificate: file, key: file }),
    undefined,
  ),
  node: httpUrl,
  keystore: file,
  passwordFile: optional<string | undefined>(file, undefined),
  dataDir: file,
  tariff: file,
  services: optional<readonly (typeof SERVED_SERVICES)[number][]>(
    listOf(oneOf(SERVED_SERVICES), { min: 1, max: SERVED_SERVICES.length }),
    ['infer'],
  ),
  /** Served ahead of vouchers, ppm of an assignment. */
  exposurePpm: optional(count(0, 1_000_000, 'ppm'), 10_000),
  backends: listOf(backend, { min: 1, max: 64 }),
  corsOrigins: optional<readonly string[]>(listOf(origin, { max: 64 }), []),
  metricsListen: optional<Address | undefined>(address, undefined),
  pollMs: optional(count(50, 600_000, 'milliseconds'), 5_000),
  limits: optional<Limits>(limits, limits({}, 'limits')),
  jobs: optional<JobsConfig>(jobsFields, jobsFields({}, 'jobs')),
  /** Writes what customers say into the log. */
  LOG_PROMPTS_OF_CUSTOMERS: optional(flag, false),
})
export type GatewayConfig = ReturnType<typeof shape>

/** What is wrong between members. */
function checkTogether(config: GatewayConfig): void {
  const seen = new Map<string, number>()
  config.backends.forEach(({ models, kind, url, tokenizerUrl }, i) => {
    if (kind === 'command' && tokenizerUrl !== undefined) {
      throw new ConfigError(`backends[${i}].tokenizerUrl: a command counts no tokens`)
    }
    if (kind === 'openai' && url === '') throw new ConfigError(`backends[${i}].url: missing`)
    // What a command fine-tunes may be served by another backend.
    if (kind === 'command') return
    if (models.length === 0) throw new ConfigError(`backends[${i}].models: expected at least one model`)
    for (const name of models) {
      const other = seen.get(name)
      if (other !== undefined)
        throw new ConfigError(`backends[${i}].models: ${name} is also in backends[${other}]`)
      seen.set(name, i)
    }
  })
  checkJobs(config)
  const { host } = config.listen
  const isLocal = host === 'localhost' || host === '::1' || host.startsWith('127.')
  if (isLocal || config.tls !== undefined || config.publicUrl?.startsWith('https:') === true) return
  throw new ConfigError(
    `listen: ${host} is open to others, and keys would travel in clear: give tls, or a publicUrl with https that a proxy serves`,
  )
}

/** A configuration from its JSON; names of files are seen from `folder`. Throws ConfigError, which names the member. */
export function parseGatewayConfig(json: unknown, folder: string): GatewayConfig {
  const config = shape(json, '')
  checkTogether(config)
  const at = (name: string): string => resolve(folder, name)
  return {
    ...config,
    tls: config.tls && { certificate: at(config.tls.certificate), key: at(config.tls.key) },
    keystore: at(config.keystore),
    passwordFile: config.passwordFile && at(config.passwordFile),
    dataDir: at(config.dataDir),
    tariff: at(config.tariff),
    backends: config.backends.map((one) => ({
      ...one,
      key: one.key !== undefined && 'file' in one.key ? { file: at(one.key.file) } : one.key,
    })),
  }
}

/** A file of the operator, bounded. Throws ConfigError naming it. */
export function readSmallFile(name: string, bytesMax = 1_048_576): string {
  try {
    if (statSync(name).size > bytesMax) throw new Error(`more than ${bytesMax} bytes`)
    return readFileSync(name, 'utf8')
  } catch (error) {
    throw new ConfigError(`${name}: ${errorText(error)}`)
  }
}

export function readGatewayConfig(name: string): GatewayConfig {
  const json = parseJson(readSmallFile(name), name)
  try {
    return parseGatewayConfig(json, dirname(resolve(name)))
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    throw new ConfigError(`${name}: ${error.message}`)
  }
}

/** The secret itself; undefined when none is configured. Its text is never in an error. */
export function readSecret(source: SecretSource, at: string): string | undefined {
  if (source === undefined) return undefined
  if ('env' in source) {
    const value = process.env[source.env]
    if (value === undefined || value === '')
      throw new ConfigError(`${at}: the variable ${source.env} is not set`)
    return secretText(value, `${at} (${source.env})`)
  }
  return secretText(readSmallFile(source.file, 4_096).replace(/\r?\n$/, ''), `${at} (${source.file})`)
}
