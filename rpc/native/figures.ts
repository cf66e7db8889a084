// The figures of a block that charts show. Owns: their list, and how they are read from a block. Not: where they are kept
// (storage/seriesIndex.ts), the method (series.ts).
import { assert } from '../../base/assert.ts'
import type { Json, JsonSchema } from '../../base/field.ts'
import type { Header } from '../../base/protocol/header.ts'
import { pricedAssets } from '../../state/modules/oracle/prices.ts'
import { oracleTables } from '../../state/modules/oracle/tables.ts'
import type { StateReader } from '../../state/view.ts'
import type { FinalizedBlock } from '../backend.ts'

/** Version of the list: an index with another one is made again. */
export const FIGURES_LAYOUT = 1

/** A figure that a block does not have. */
const NONE = -1n

interface Sources {
  readonly block: FinalizedBlock
  /** Undefined when it is not held. */
  readonly parent: Pick<Header, 'timestampMs' | 'epoch' | 'view'> | undefined
  /** Its post-state; undefined when it is not held. */
  readonly state: StateReader | undefined
}

interface Figure {
  /** Amounts are decimal strings in JSON, the others integers. */
  readonly kind: 'amount' | 'integer'
  readonly doc: string
  read(sources: Sources): bigint
}

const ofReserve = (
  name: 'supplyBase' | 'liabilitiesBase' | 'capacityBase' | 'lockedInRedemptionBase' | 'shortfallBase',
  doc: string,
): Figure => ({ kind: 'amount', doc, read: ({ block }) => block.header.reserve[name] })

function priceOf(state: StateReader | undefined): bigint {
  if (state === undefined) return NONE
  const [asset] = pricedAssets(state)
  const price = asset === undefined ? undefined : oracleTables.price.get(state, { asset })
  return price?.priceBase ?? NONE
}

/** Views that ended without a block right before this one. */
function skippedViews({ block: { header }, parent }: Sources): bigint {
  if (parent === undefined) return NONE
  // The first view of an epoch that may have a block is 1.
  const before = parent.epoch === header.epoch ? parent.view : 0
  return BigInt(Math.max(0, header.view - before - 1))
}

const integer = (doc: string, read: Figure['read']): Figure => ({ kind: 'integer', doc, read })

/** Append-only: each has its place in the records; a change of meaning needs another FIGURES_LAYOUT. */
export const FIGURES = {
  supplyBase: ofReserve('supplyBase', 'coins that exist'),
  liabilitiesBase: ofReserve('liabilitiesBase', 'coins that providers owe compute for'),
  capacityBase: ofReserve('capacityBase', 'coins that the capacity of the window backs'),
  lockedInRedemptionBase: ofReserve('lockedInRedemptionBase', 'coins locked in redemption'),
  shortfallBase: ofReserve('shortfallBase', 'coins that the capacity does not back'),
  anchor: integer('rating that one SCU delivers, ppm', ({ block }) => BigInt(block.header.reserve.anchor)),
  priceBase: {
    kind: 'amount',
    doc: 'price of one coin in base units of the first priced asset; null where it is not known',
    read: ({ state }) => priceOf(state),
  },
  baseFeePerGas: {
    kind: 'amount',
    doc: 'of the general lane, wei',
    read: ({ block }) => block.header.baseFeePerGas,
  },
  feesBase: {
    kind: 'amount',
    doc: 'fees of its transactions',
    read: ({ block }) =>
      block.receipts.reduce(
        (sum, { gasUsed, effectiveGasPrice }) => sum + BigInt(gasUsed) * effectiveGasPrice,
        0n,
      ),
  },
  gasUsed: integer('gas used', ({ block }) => BigInt(block.header.gasUsed)),
  transactions: integer('number of transactions', ({ block }) => BigInt(block.transactions.length)),
  sizeBytes: integer('size of the block', ({ block }) => BigInt(block.sizeBytes)),
  blockTimeMs: integer('time since the block before; null for the first one held', ({ block, parent }) =>
    parent === undefined ? NONE : BigInt(Math.max(0, block.header.timestampMs - parent.timestampMs)),
  ),
  skippedViews: integer('views without a block since the block before', skippedViews),
} as const satisfies { readonly [name: string]: Figure }

export type FigureName = keyof typeof FIGURES
export const FIGURE_NAMES = Object.keys(FIGURES) as readonly FigureName[]
export const FIGURE_COUNT = FIGURE_NAMES.length

const ALL: readonly Figure[] = Object.values(FIGURES)
const PLACES = new Map<string, number>(FIGURE_NAMES.map((name, i) => [name, i]))

/** In the order of FIGURE_NAMES; −1 for what is not known. */
export function figuresOf(sources: Sources): readonly bigint[] {
  return ALL.map((figure) => figure.read(sources))
}

export const placeOf = (name: FigureName): number => PLACES.get(name)!
export const isFigureName = (name: Json): name is FigureName => typeof name === 'string' && PLACES.has(name)

export function figureJson(place: number, value: bigint): Json {
  const figure = ALL[place]
  assert(figure !== undefined, 'a figure has a place')
  if (value === NONE) return null
  return figure.kind === 'amount' ? value.toString() : Number(value)
}

const AMOUNT: JsonSchema = { type: 'string', pattern: '^[0-9]+$' }
const INTEGER: JsonSchema = { type: 'integer', minimum: 0 }

/** Least, greatest and last of the blocks of a point. */
export const FIGURES_SCHEMA: JsonSchema = {
  type: 'object',
  properties: Object.fromEntries(
    FIGURE_NAMES.map((name) => {
      const { kind, doc } = FIGURES[name]
      const value: JsonSchema = { anyOf: [kind === 'amount' ? AMOUNT : INTEGER, { type: 'null' }] }
      return [name, { description: doc, type: 'array', items: value, minItems: 3, maxItems: 3 }]
    }),
  ),
  additionalProperties: false,
}
