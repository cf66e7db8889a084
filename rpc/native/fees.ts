// chain_fees: the base fee of every lane. Not: the eth_ view, which knows the general lane alone (rpc/eth/fees.ts).
import type { Json, JsonSchema } from '../../base/field.ts'
import { LANES, laneGasMax } from '../../base/lanes.ts'
import { baseFeesOf, gasByLane } from '../../base/protocol/header.ts'
import type { Backend } from '../backend.ts'
import { suggestTip } from '../eth/fees.ts'
import { defineMethod, type Method } from '../method.ts'

const AMOUNT: JsonSchema = { type: 'string', pattern: '^[0-9]+$' }
const FEES_JSON_SCHEMA: JsonSchema = {
  type: 'object',
  properties: {
    height: { type: 'integer' },
    lanes: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          lane: { enum: [...LANES] },
          baseFeePerGas: AMOUNT,
          nextBaseFeePerGas: AMOUNT,
          tipPerGas: AMOUNT,
          gasUsed: { type: 'integer' },
          gasMax: { type: 'integer' },
        },
        required: ['lane', 'baseFeePerGas', 'nextBaseFeePerGas', 'tipPerGas', 'gasUsed', 'gasMax'],
      },
    },
  },
  required: ['height', 'lanes'],
}

async function fees(backend: Backend): Promise<Json> {
  const { header } = backend.head()
  const [now, next, gasUsed] = [baseFeesOf(header), backend.nextBaseFees(), gasByLane(header)]
  const lanes = LANES.map(async (lane) => ({
    lane,
    baseFeePerGas: now[lane].toString(),
    nextBaseFeePerGas: next[lane].toString(),
    tipPerGas: (await suggestTip(backend, lane)).toString(),
    gasUsed: gasUsed[lane],
    gasMax: laneGasMax(lane, header.gasLimit),
  }))
  return { height: header.height, lanes: await Promise.all(lanes) }
}

export function laneFeeMethods(backend: Backend): readonly Method[] {
  return [
    defineMethod({
      name: 'chain_fees',
      doc: 'Returns base fee, gas and suggested tip of each lane: in the finalized tip, and the next base fee.',
      cost: 20,
      params: {},
      returns: FEES_JSON_SCHEMA,
      run: () => fees(backend),
    }),
  ]
}
