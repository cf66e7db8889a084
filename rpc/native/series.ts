// chain_series: figures of headers at even distances, for charts. Not: what a block changed (chain.ts).
import type { Json, JsonSchema } from '../../base/field.ts'
import { type Header, reserveSchema } from '../../base/protocol/header.ts'
import type { Backend } from '../backend.ts'
import { RPC_CODE, RpcError } from '../errors.ts'
import { mustFindBlock } from '../eth/resolve.ts'
import { defineMethod, type Method } from '../method.ts'
import { p, withDefault } from '../params.ts'
import { TimeSlice } from '../timeSlice.ts'

const POINTS_MAX = 1_000
const POINTS_DEFAULT = 200
const INTEGER: JsonSchema = { type: 'integer', minimum: 0 }
const AMOUNT: JsonSchema = { type: 'string', pattern: '^[0-9]+$' }

const POINT: JsonSchema = {
  type: 'object',
  properties: {
    height: INTEGER,
    timestampMs: INTEGER,
    epoch: INTEGER,
    baseFeePerGas: AMOUNT,
    gasUsed: INTEGER,
    reserve: reserveSchema.jsonSchema,
  },
  required: ['height', 'timestampMs', 'epoch', 'baseFeePerGas', 'gasUsed', 'reserve'],
}

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

export function seriesMethods(backend: Backend): readonly Method[] {
  return [
    defineMethod({
      name: 'chain_series',
      doc: 'Returns figures of up to 1,000 headers at even distances between two blocks, for charts.',
      cost: 400,
      params: { fromBlock: p.atBlock, toBlock: p.atBlock, points: withDefault(p.count, POINTS_DEFAULT) },
      returns: {
        type: 'object',
        properties: { points: { type: 'array', items: POINT } },
        required: ['points'],
      },
      run: async ({ fromBlock, toBlock, points }) => {
        if (points < 2 || points > POINTS_MAX) {
          throw new RpcError(RPC_CODE.invalidParams, `points: expected 2 to ${POINTS_MAX}`)
        }
        const last = (await mustFindBlock(backend, toBlock)).header.height
        // 'earliest' is the oldest that this node still has.
        const asked =
          fromBlock.kind === 'height'
            ? fromBlock.height
            : (await mustFindBlock(backend, fromBlock)).header.height
        const first = asked === 0 ? Math.min(backend.blockHeightMin(), last) : asked
        if (first > last)
          throw new RpcError(RPC_CODE.invalidParams, `fromBlock ${first} is above toBlock ${last}`)
        const slice = new TimeSlice()
        const list: Json[] = []
        for (const height of evenHeights(first, last, points)) {
          if (!(await slice.next())) {
            throw new RpcError(RPC_CODE.limit, 'this takes too long: ask for fewer points')
          }
          const block = await backend.blockByHeight(height)
          if (block === undefined) {
            throw new RpcError(
              RPC_CODE.refused,
              `block ${height} is not held: this node has blocks from ${backend.blockHeightMin()} on`,
            )
          }
          list.push(pointJson(block.header))
        }
        return { points: list }
      },
    }),
  ]
}
