// chain_series: figures of headers at even distances, or of all blocks between them, for charts. Not: what a block changed
// (chain.ts), which figures there are (figures.ts), where they are kept (storage/seriesIndex.ts).
import type { Json, JsonSchema } from '../../base/field.ts'
import { type Header, reserveSchema } from '../../base/protocol/header.ts'
import type { Backend, SeriesReader } from '../backend.ts'
import { invalidParams, RPC_CODE, RpcError } from '../errors.ts'
import { mustFindBlock } from '../eth/resolve.ts'
import { defineMethod, type Method, type Param } from '../method.ts'
import { type BlockSelector, invalidWhen, optional, p, withDefault } from '../params.ts'
import { TimeSlice } from '../timeSlice.ts'
import {
  FIGURE_COUNT,
  FIGURE_NAMES,
  FIGURES_SCHEMA,
  type FigureName,
  figureJson,
  isFigureName,
  placeOf,
} from './figures.ts'

const POINTS_MAX = 1_000
const POINTS_DEFAULT = 200
const INTEGER: JsonSchema = { type: 'integer', minimum: 0 }
const AMOUNT: JsonSchema = { type: 'string', pattern: '^[0-9]+$' }

/** Without `figures`, those of the header from `epoch` on; with it, `fromHeight` and `figures`. */
const POINT: JsonSchema = {
  type: 'object',
  properties: {
    height: INTEGER,
    timestampMs: INTEGER,
    epoch: INTEGER,
    baseFeePerGas: AMOUNT,
    gasUsed: INTEGER,
    reserve: reserveSchema.jsonSchema,
    fromHeight: INTEGER,
    figures: FIGURES_SCHEMA,
  },
  required: ['height', 'timestampMs'],
}

const figureNames: Param<readonly FigureName[] | undefined> = optional({
  schema: {
    type: 'array',
    items: { enum: FIGURE_NAMES },
    minItems: 1,
    maxItems: FIGURE_COUNT,
    uniqueItems: true,
  },
  required: true,
  parse: (json) => {
    const list = Array.isArray(json) ? (json as readonly Json[]) : []
    if (list.length < 1 || list.length > FIGURE_COUNT || new Set(list).size < list.length) {
      throw new Error(`expected 1 to ${FIGURE_COUNT} different names of figures`)
    }
    const unknown = list.find((name) => !isFigureName(name))
    if (unknown === undefined) return list as readonly FigureName[]
    throw new Error(`no figure ${JSON.stringify(unknown).slice(0, 80)}: choose of ${FIGURE_NAMES.join(', ')}`)
  },
  absent: () => [],
})

function pointJson({ height, timestampMs, epoch, baseFeePerGas, gasUsed, reserve }: Header): Json {
  return {
    height,
    timestampMs,
    epoch,
    baseFeePerGas: baseFeePerGas.toString(),
    gasUsed,
    reserve: reserveSchema.toJson(reserve),
  }
}

/** Heights from `first` to `last`, both included, at most `count`, at even distances but for the last step. */
export function evenHeights(first: number, last: number, count: number): readonly number[] {
  const step = Math.max(1, Math.ceil((last - first) / Math.max(1, count - 1)))
  const heights: number[] = []
  for (let height = first; height < last; height += step) heights.push(height)
  return [...heights, last]
}

interface Span {
  readonly first: number
  readonly last: number
}

interface Asked {
  readonly fromBlock: BlockSelector
  readonly toBlock: BlockSelector
  readonly fromMs: number | undefined
  readonly toMs: number | undefined
}

class Series {
  readonly #backend: Backend

  constructor(backend: Backend) {
    this.#backend = backend
  }

  /** Single headers, read from the blocks. */
  async headers(asked: Asked, points: number): Promise<Json> {
    const { first, last } = await this.#span(asked, this.#backend.blockHeightMin())
    const slice = new TimeSlice()
    const list: Json[] = []
    for (const height of evenHeights(first, last, points)) {
      await goOn(slice)
      const block = await this.#backend.blockByHeight(height)
      if (block === undefined) {
        throw new RpcError(
          RPC_CODE.refused,
          `block ${height} is not held: this node has blocks from ${this.#backend.blockHeightMin()} on`,
        )
      }
      list.push(pointJson(block.header))
    }
    return { points: list }
  }

  /** All blocks between, as the node keeps them for charts. */
  async figures(asked: Asked, points: number, names: readonly FigureName[]): Promise<Json> {
    const series = this.#mustKeep()
    const range = series.range()
    if (range === undefined) throw new RpcError(RPC_CODE.refused, 'the series is being made: try later')
    const span = await this.#span(asked, range.from)
    const [from, to] = [span.first, Math.min(span.last, range.to)]
    if (from < range.from || from > to) {
      throw new RpcError(
        RPC_CODE.refused,
        `the series of this node has blocks ${range.from} to ${range.to}`,
        { heightMin: range.from, heightMax: range.to },
      )
    }
    const blocks = to - from + 1
    // Points end below multiples of the step: one more than there are whole steps.
    const step = series.evenStep(blocks <= points ? 1 : blocks / (points - 1), from)
    const places = names.map((name) => [name, placeOf(name)] as const)
    const slice = new TimeSlice()
    const list: Json[] = []
    for await (const bucket of series.buckets({ from, to, step })) {
      await goOn(slice)
      const { fromHeight, height, timestampMs, least, greatest, last } = bucket
      const figures = places.map(([name, i]): [string, Json] => [
        name,
        [figureJson(i, least[i]!), figureJson(i, greatest[i]!), figureJson(i, last[i]!)],
      ])
      list.push({ fromHeight, height, timestampMs, figures: Object.fromEntries(figures) })
    }
    return { points: list }
  }

  #mustKeep(): SeriesReader {
    const { series } = this.#backend
    if (series !== undefined) return series
    throw new RpcError(RPC_CODE.refused, 'this node keeps no series of figures: ask a running node')
  }

  /** `earliest` is the oldest that there is. */
  async #span({ fromBlock, toBlock, fromMs, toMs }: Asked, oldest: number): Promise<Span> {
    const newest = this.#backend.head().header.height
    const last =
      toMs === undefined
        ? (await mustFindBlock(this.#backend, toBlock)).header.height
        : Math.min(newest, (await this.#mustKeep().heightAt(toMs + 1)) - 1)
    const asked =
      fromMs !== undefined
        ? await this.#mustKeep().heightAt(fromMs)
        : fromBlock.kind === 'height'
          ? fromBlock.height
          : (await mustFindBlock(this.#backend, fromBlock)).header.height
    const first = asked === 0 ? Math.min(oldest, last) : asked
    if (first <= last) return { first, last }
    throw invalidParams(
      fromMs === undefined && toMs === undefined
        ? `fromBlock ${first} is above toBlock ${last}`
        : 'no block has a time between',
    )
  }
}

async function goOn(slice: TimeSlice): Promise<void> {
  if (!(await slice.next())) {
    throw new RpcError(RPC_CODE.limit, 'this takes too long: ask for fewer points')
  }
}

export function seriesMethods(backend: Backend): readonly Method[] {
  const series = new Series(backend)
  const points = invalidWhen(p.count, (count) =>
    count >= 2 && count <= POINTS_MAX ? undefined : `points: expected 2 to ${POINTS_MAX}`,
  )
  return [
    defineMethod({
      name: 'chain_series',
      doc: 'For charts, up to 1,000 points between two blocks or times. Without `figures`: the headers at even distances. With it: least, greatest and last of each figure in all blocks between, also of pruned ones.',
      cost: 2_000,
      params: {
        fromBlock: p.atBlock,
        toBlock: p.atBlock,
        points: withDefault(points, POINTS_DEFAULT),
        figures: figureNames,
        fromMs: optional(p.count),
        toMs: optional(p.count),
      },
      returns: {
        type: 'object',
        properties: { points: { type: 'array', items: POINT } },
        required: ['points'],
      },
      run: ({ points: count, figures, ...asked }) =>
        figures === undefined ? series.headers(asked, count) : series.figures(asked, count, figures),
    }),
  ]
}
