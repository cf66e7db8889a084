// Figures of blocks over time, for charts. Owns: asking and reading. Not: which figures there are (rpc/native/figures.ts).
// Answers are the node's word.
import type { Json } from '../base/field.ts'
import type { ChainClient } from './chainClient.ts'
import { countOf, type Members, membersOf, read } from './members.ts'

/** The blocks from `fromHeight` to `height`. */
export interface SeriesPoint<F extends string> {
  readonly fromHeight: number
  readonly height: number
  /** Of block `height`. */
  readonly timestampMs: number
  /** Least, greatest and last of its blocks; undefined where none is known. */
  readonly figures: {
    readonly [name in F]: {
      readonly least: bigint | undefined
      readonly greatest: bigint | undefined
      readonly last: bigint | undefined
    }
  }
}

export interface SeriesOptions {
  /** A height, or `earliest`: the oldest that the node has figures of. Default `earliest`. */
  readonly fromBlock?: number | 'earliest'
  /** Default: the newest. */
  readonly toBlock?: number | 'latest'
  /** Unix times, which go before heights. */
  readonly fromMs?: number
  readonly toMs?: number
  /** 2 to 1,000, default 200. */
  readonly points?: number
}

const METHOD = 'chain_series'

function listOf(json: Json): readonly Json[] {
  if (!Array.isArray(json)) throw new Error('no list')
  return json as readonly Json[]
}

function figureOf(json: Json): bigint | undefined {
  if (json === null) return undefined
  if (typeof json === 'number' && Number.isSafeInteger(json)) return BigInt(json)
  if (typeof json === 'string' && /^\d{1,78}$/.test(json)) return BigInt(json)
  throw new Error('no figure')
}

/**
 * Figures between two blocks or times, by name: `supplyBase`, `priceBase`, `gasUsed`, `blockTimeMs` and others that
 * `rpc.discover` lists. Throws ClientError: `rpc` when the node does not know one of them.
 *
 * @example
 * const client = createClient(httpTransport('http://127.0.0.1:8545'))
 * for (const { height, figures } of await chainSeries(client, ['supplyBase', 'gasUsed'], { points: 10 })) {
 *   console.log(height, figures.supplyBase.last, figures.gasUsed.greatest)
 * }
 */
export async function chainSeries<const F extends string>(
  client: Pick<ChainClient, 'request'>,
  names: readonly F[],
  options: SeriesOptions = {},
): Promise<readonly SeriesPoint<F>[]> {
  const given = Object.entries({ fromBlock: 'earliest', ...options }).filter(
    ([, value]) => value !== undefined,
  ) as [string, Json][]
  const params = { ...Object.fromEntries(given), figures: [...names] }
  const members = membersOf(await client.request(METHOD, params), METHOD)
  return read(METHOD, members, 'points', listOf).map((json): SeriesPoint<F> => {
    const point: Members = membersOf(json, METHOD)
    const found = membersOf(point.figures ?? null, METHOD)
    const figures = names.map((name) => {
      const [least, greatest, last] = read(METHOD, found, name, (value) => listOf(value).map(figureOf))
      return [name, { least, greatest, last }] as const
    })
    return {
      fromHeight: read(METHOD, point, 'fromHeight', countOf),
      height: read(METHOD, point, 'height', countOf),
      timestampMs: read(METHOD, point, 'timestampMs', countOf),
      figures: Object.fromEntries(figures) as SeriesPoint<F>['figures'],
    }
  })
}
