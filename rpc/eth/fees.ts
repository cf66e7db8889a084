// Fee suggestions and history. Owns: the suggested tip. Not: the base fee rule (state/fees.ts).
import type { Json } from '../../base/field.ts'
import { type Lane, laneGasMax } from '../../base/lanes.ts'
import { baseFeesOf, gasByLane } from '../../base/protocol/header.ts'
import type { Backend, FinalizedBlock } from '../backend.ts'
import { invalidParams } from '../errors.ts'
import { defineMethod, type Method } from '../method.ts'
import { optional, p, QUANTITY_SCHEMA } from '../params.ts'
import { TimeSlice } from '../timeSlice.ts'
import { quantity } from './format.ts'
import { findBlock } from './resolve.ts'

/** 1 gwei: costs a transfer 0.00002 coins and covers many increases of the base fee. */
const TIP_FLOOR = 1_000_000_000n
/** Blocks considered for a suggestion. */
const TIP_BLOCKS = 5
/** Blocks and percentiles in one eth_feeHistory (geth's limits). */
const HISTORY_BLOCKS_MAX = 1024
const PERCENTILES_MAX = 100

/** Tips and gas of a block's transactions in one lane, ascending by tip. */
function tipsOf(block: FinalizedBlock, lane: Lane): { readonly tip: bigint; readonly gas: number }[] {
  const baseFee = baseFeesOf(block.header)[lane]
  return block.receipts
    .filter((receipt) => receipt.lane === lane)
    .map((receipt) => ({ tip: receipt.effectiveGasPrice - baseFee, gas: receipt.gasUsed }))
    .sort((a, b) => (a.tip < b.tip ? -1 : a.tip > b.tip ? 1 : 0))
}

/** How much of a lane's gas a block used, 0 to 1. */
function fullness({ header }: FinalizedBlock, lane: Lane): number {
  const gasMax = laneGasMax(lane, header.gasLimit)
  return gasMax === 0 ? 0 : gasByLane(header)[lane] / gasMax
}

/** Any tip is accepted, so the floor suffices unless the lane was more than half full in recent blocks. */
export async function suggestTip(backend: Backend, lane: Lane = 'general'): Promise<bigint> {
  const medians: bigint[] = []
  let height = backend.head().header.height
  for (let i = 0; i < TIP_BLOCKS && height > 0; i++, height--) {
    const block = await backend.blockByHeight(height)
    if (block === undefined) break
    if (fullness(block, lane) <= 0.5) continue
    const tips = tipsOf(block, lane)
    medians.push(tips[tips.length >> 1]?.tip ?? 0n)
  }
  return medians.reduce((highest, tip) => (tip > highest ? tip : highest), TIP_FLOOR)
}

function parsePercentiles(json: Json): readonly number[] {
  if (!Array.isArray(json) || json.length > PERCENTILES_MAX) {
    throw new Error(`expected at most ${PERCENTILES_MAX} percentiles`)
  }
  let last = 0
  for (const value of json as readonly Json[]) {
    if (typeof value !== 'number' || !(value >= last && value <= 100)) {
      throw new Error('expected ascending percentiles from 0 to 100')
    }
    last = value
  }
  return json as readonly number[]
}

function rewards(block: FinalizedBlock, percentiles: readonly number[]): Json {
  const tips = tipsOf(block, 'general')
  if (tips.length === 0) return percentiles.map(() => '0x0')
  const total = tips.reduce((sum, { gas }) => sum + gas, 0)
  let at = 0
  let gas = tips[0]!.gas
  return percentiles.map((percentile) => {
    while (at < tips.length - 1 && gas < (total * percentile) / 100) gas += tips[++at]!.gas
    return quantity(tips[at]!.tip)
  })
}

async function feeHistory(
  backend: Backend,
  newest: FinalizedBlock,
  count: number,
  percentiles: readonly number[] | undefined,
): Promise<Json> {
  const { height } = newest.header
  const next = await backend.blockByHeight(height + 1)
  const slice = new TimeSlice()
  // From the newest down; pruned blocks or the time limit may make the answer start later than requested.
  const fees = [quantity(next?.header.baseFeePerGas ?? backend.nextBaseFees().general)]
  const ratios: number[] = []
  const reward: Json[] = []
  const wanted = percentiles ?? []
  let oldest = height
  for (let block: FinalizedBlock | undefined = newest; block !== undefined; ) {
    const { header }: FinalizedBlock = block
    oldest = header.height
    fees.push(quantity(header.baseFeePerGas))
    ratios.push(fullness(block, 'general'))
    if (wanted.length > 0) reward.push(rewards(block, wanted))
    if (oldest === 0 || ratios.length === count || !(await slice.next())) break
    block = await backend.blockByHeight(oldest - 1)
  }
  return {
    oldestBlock: quantity(oldest),
    baseFeePerGas: fees.reverse(),
    gasUsedRatio: ratios.reverse(),
    ...(wanted.length === 0 ? {} : { reward: reward.reverse() }),
  }
}

export function feeMethods(backend: Backend): readonly Method[] {
  const percentilesParam = {
    schema: { type: 'array', items: { type: 'number' } },
    required: true,
    parse: parsePercentiles,
    absent: () => [],
  }
  return [
    defineMethod({
      name: 'eth_gasPrice',
      doc: 'Twice the next base fee of the general lane, plus the suggested tip; chain_fees has the other lanes.',
      cost: 5,
      params: {},
      returns: QUANTITY_SCHEMA,
      run: async () => quantity(2n * backend.nextBaseFees().general + (await suggestTip(backend))),
    }),
    defineMethod({
      name: 'eth_baseFee',
      doc: 'Base fee of the general lane in the next block.',
      cost: 1,
      params: {},
      returns: QUANTITY_SCHEMA,
      run: () => quantity(backend.nextBaseFees().general),
    }),
    defineMethod({
      name: 'eth_blobBaseFee',
      doc: 'Zero: there are no blobs.',
      cost: 1,
      params: {},
      returns: QUANTITY_SCHEMA,
      run: () => '0x0',
    }),
    defineMethod({
      name: 'eth_maxPriorityFeePerGas',
      doc: 'Suggested tip: 1 gwei while blocks have room, otherwise the highest recent median.',
      cost: 5,
      params: {},
      returns: QUANTITY_SCHEMA,
      run: async () => quantity(await suggestTip(backend)),
    }),
    defineMethod({
      name: 'eth_feeHistory',
      doc: `Returns the general lane's base fees, gas used ratios and tips of up to ${HISTORY_BLOCKS_MAX} blocks.`,
      cost: 100,
      params: { blockCount: p.count, newestBlock: p.block, percentiles: optional(percentilesParam) },
      returns: { type: 'object' },
      run: async ({ blockCount, newestBlock, percentiles }) => {
        const newest = await findBlock(backend, newestBlock)
        if (newest === undefined) throw invalidParams('invalid argument 1 (newestBlock): no such block')
        // As geth answers a request for nothing.
        if (blockCount === 0) return { oldestBlock: '0x0', baseFeePerGas: [], gasUsedRatio: [] }
        return feeHistory(backend, newest, Math.min(blockCount, HISTORY_BLOCKS_MAX), percentiles)
      },
    }),
  ]
}
