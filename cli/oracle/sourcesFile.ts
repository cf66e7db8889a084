// The file that names the sources of a reporter: where each number is read, and how many must agree. Owns: its shape and its
// checks. Not: reading the sources (fetchSource.ts).
import { errorText, OperatorError } from '../../base/errors.ts'
import { PRICES_MAX } from '../../base/protocol/oracleReport.ts'
import { readText } from '../../storage/durableFile.ts'

const SOURCES_MAX = 16
const YEAR_SECONDS = 366 * 86_400

/** Where one number is read. */
export interface Source {
  readonly name: string
  /** One of the two. */
  readonly url?: string
  readonly file?: string
  /** JSON pointer of the number, or the column of a CSV table with a heading, whose last row counts. */
  readonly json?: string
  readonly column?: string
  /** Pointer or column of its time: ISO 8601, or seconds or milliseconds since 1970. */
  readonly time?: string
  /** The number times 10^decimals is what is reported. */
  readonly decimals: number
}

/** A number to report, and the sources that tell it. */
export interface Quantity {
  readonly sources: readonly Source[]
  /** Sources that must be fresh and agree. */
  readonly sourcesMin: number
  /** What is further from the median than this is dropped, ppm. */
  readonly outlierPpm: bigint
  readonly maxAgeMs: number
}

export interface SourcesFile {
  readonly rating: Quantity
  /** By asset. */
  readonly prices: ReadonlyMap<number, Quantity>
  readonly timeoutMs: number
  readonly bytesMax: number
}

type Fields = { readonly [name: string]: unknown }

class Reader {
  readonly #path: string
  readonly #fields: Fields
  readonly #known = new Set<string>()

  constructor(value: unknown, path: string) {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new OperatorError(`${path}: expected an object`)
    this.#fields = value as Fields
    this.#path = path
  }

  get names(): readonly string[] {
    return Object.keys(this.#fields)
  }

  at(name: string): string {
    return `${this.#path} ${name}`
  }

  get(name: string): unknown {
    this.#known.add(name)
    return Object.hasOwn(this.#fields, name) ? this.#fields[name] : undefined
  }

  text(name: string): string | undefined {
    const value = this.get(name)
    if (value === undefined || (typeof value === 'string' && value !== '' && value.length <= 2_048))
      return value
    throw new OperatorError(`${this.at(name)}: expected a text`)
  }

  whole(
    name: string,
    bounds: { readonly least: number; readonly most: number; readonly usual: number },
  ): number {
    const { least, most, usual } = bounds
    const value = this.get(name) ?? usual
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most)
      return value
    throw new OperatorError(`${this.at(name)}: expected a whole number, ${least} to ${most}`)
  }

  /** A name that nobody reads is a mistake in writing. */
  end(): void {
    const unknown = this.names.find((name) => !this.#known.has(name))
    if (unknown !== undefined) throw new OperatorError(`${this.at(unknown)}: unknown`)
  }
}

function readSource(value: unknown, path: string, decimals: number): Source {
  const reader = new Reader(value, path)
  const [url, file, json] = [reader.text('url'), reader.text('file'), reader.text('json')]
  const [column, time] = [reader.text('column'), reader.text('time')]
  const name = reader.text('name') ?? url ?? file ?? path
  const own = reader.whole('decimals', { least: 0, most: 36, usual: decimals })
  reader.end()
  if ((url === undefined) === (file === undefined))
    throw new OperatorError(`${path}: expected either url or file`)
  if ((json === undefined) === (column === undefined))
    throw new OperatorError(`${path}: expected either json or column`)
  if (url !== undefined && !/^https?:\/\//.test(url))
    throw new OperatorError(`${path} url: expected an http or https address`)
  if (json !== undefined && !json.startsWith('/'))
    throw new OperatorError(`${path} json: expected a pointer such as /data/0/price`)
  return {
    ...{ name, decimals: own },
    ...(url === undefined ? {} : { url }),
    ...(file === undefined ? {} : { file }),
    ...(json === undefined ? {} : { json }),
    ...(column === undefined ? {} : { column }),
    ...(time === undefined ? {} : { time }),
  }
}

function readQuantity(value: unknown, path: string): Quantity {
  const reader = new Reader(value, path)
  const listed = reader.get('sources')
  if (!Array.isArray(listed) || listed.length === 0 || listed.length > SOURCES_MAX)
    throw new OperatorError(`${reader.at('sources')}: expected 1 to ${SOURCES_MAX} of them`)
  const decimals = reader.whole('decimals', { least: 0, most: 36, usual: 6 })
  const sources = (listed as readonly unknown[]).map((source, i) =>
    readSource(source, reader.at(`sources[${i}]`), decimals),
  )
  const names = sources.map(({ name }) => name)
  if (new Set(names).size !== names.length) throw new OperatorError(`${path}: two sources of one name`)
  const count = sources.length
  const sourcesMin = reader.whole('sourcesMin', { least: 1, most: count, usual: (count >> 1) + 1 })
  const outlierPpm = BigInt(reader.whole('outlierPpm', { least: 0, most: 1_000_000, usual: 100_000 }))
  const seconds = reader.whole('maxAgeSeconds', { least: 1, most: YEAR_SECONDS, usual: 86_400 })
  reader.end()
  return { sources, sourcesMin, outlierPpm, maxAgeMs: seconds * 1_000 }
}

/** Reads the file; throws OperatorError naming what is wrong in it. */
export function readSourcesFile(path: string): SourcesFile {
  let json: unknown
  try {
    json = JSON.parse(readText(path))
  } catch (error) {
    throw new OperatorError(`${path}: ${errorText(error)}`)
  }
  const reader = new Reader(json, path)
  const rating = readQuantity(reader.get('rating'), reader.at('rating'))
  const priced = new Reader(reader.get('prices') ?? {}, reader.at('prices'))
  if (priced.names.length > PRICES_MAX) throw new OperatorError(`${path} prices: at most ${PRICES_MAX}`)
  const prices = new Map<number, Quantity>()
  for (const name of priced.names) {
    if (!/^[1-9]\d{0,8}$/.test(name))
      throw new OperatorError(`${priced.at(name)}: expected the id of an asset`)
    prices.set(Number(name), readQuantity(priced.get(name), priced.at(name)))
  }
  const timeoutSeconds = reader.whole('timeoutSeconds', { least: 1, most: 120, usual: 10 })
  const bytesMax = reader.whole('bytesMax', { least: 1, most: 16 * 2 ** 20, usual: 2 ** 20 })
  reader.end()
  return { rating, prices, timeoutMs: timeoutSeconds * 1_000, bytesMax }
}
