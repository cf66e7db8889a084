// One row of figures a week, read from the chain, and its CSV form. Not: what they are compared with (comparison.ts).
import { mustExist } from '../../base/assert.ts'
import { COIN, minBigint } from '../../base/units.ts'
import { capacityQueries } from '../../state/modules/capacity/queries.ts'
import { getRatings } from '../../state/modules/catalogue/classes.ts'
import { getTotals } from '../../state/modules/issuance/ledger.ts'
import { issuanceQueries } from '../../state/modules/issuance/queries.ts'
import { getPrice } from '../../state/modules/oracle/prices.ts'
import { deviceMicroHours, redemptionQueries } from '../../state/modules/redemption/queries.ts'
import { dateOf, weekOf } from './calendar.ts'
import type { ReplayChain } from './chain.ts'
import { type Classes, classIdOf } from './fleets.ts'
import { limitsOf } from './issuing.ts'
import { holdings } from './market.ts'
import type { Prices } from './prices.ts'
import { ASSET } from './replayGenesis.ts'
import type { WorldStock } from './stock.ts'
import { clients, operators, savers } from './wallets.ts'

/** Classes whose device-hours and devices are shown: one of each generation. */
export const SHOWN_CLASSES = ['v100-sxm2-32', 'a100-sxm-80', 'h100-sxm', 'b200-sxm'] as const

/** What has happened since the last row, coins in base units. */
export interface Flows {
  readonly deliveredBase: bigint
  /** Coins that could have been delivered with the hours that nobody booked. */
  readonly perishedBase: bigint
  readonly mintedBase: bigint
}

export interface Row extends Flows {
  readonly day: number
  readonly mainstream: string
  readonly ratingPpm: bigint
  readonly indexPpm: bigint
  readonly anchorPpm: bigint
  /** Millionths of a dollar: rent of a reference device-hour, of a coin's SCU-hour, and what the oracle says of it. */
  readonly referenceMicro: bigint
  readonly coinMicro: bigint
  readonly oracleMicro: bigint
  readonly supplyBase: bigint
  /** Part of the supply that minting has locked, and what clients and savers hold. */
  readonly lockedBase: bigint
  readonly clientsBase: bigint
  readonly saversBase: bigint
  readonly liabilitiesBase: bigint
  /** C and C* of all. */
  readonly capacityBase: bigint
  readonly lastingBase: bigint
  /** Most that may be owed together under the mint rules, bonds apart. */
  readonly limitBase: bigint
  readonly shortfallBase: bigint
  readonly queuedBase: bigint
  /** Providers that may not mint, by rule: under notice, amortizing. */
  readonly blocked: number
  /** Devices pledged, and inference device-hours that a coin buys in millionths, by shown class. */
  readonly devices: readonly number[]
  readonly microHours: readonly bigint[]
}

export interface RowSource {
  readonly chain: ReplayChain
  readonly stock: WorldStock
  readonly prices: Prices
  readonly classes: Classes
  readonly index: readonly bigint[]
}

function devicesByClass(source: RowSource): readonly number[] {
  const ctx = source.chain.context()
  const lots = operators.flatMap(({ id }) => capacityQueries.lots(ctx, { provider: id }))
  return SHOWN_CLASSES.map((name) => {
    const classId = classIdOf(source.classes, name)
    return lots.filter((lot) => lot.classId === classId).reduce((sum, { devices }) => sum + devices, 0)
  })
}

function hoursByClass(source: RowSource, anchor: bigint): readonly bigint[] {
  return SHOWN_CLASSES.map((name) => {
    const ratings = getRatings(source.chain.state, classIdOf(source.classes, name))
    const rating = mustExist(ratings, `${name} is in the catalogue`).infer
    return deviceMicroHours(COIN, { anchor, rating, bonusPpm: 0n })
  })
}

/** The figures of a day, after its last block so far. */
export function rowOf(source: RowSource, day: number, flows: Flows): Row {
  const { chain, stock, prices, index } = source
  const ctx = chain.context()
  const { reserve } = chain.header
  const { classId, ratingPpm } = stock.mainstreamAt(weekOf(day))
  const limits = operators.map(({ id }) => limitsOf(ctx, id))
  const ownBase = limits.reduce((sum, limit) => sum + limit.ownBase, 0n)
  return {
    day,
    mainstream: classId,
    ratingPpm,
    indexPpm: index[weekOf(day)]!,
    anchorPpm: reserve.anchor,
    referenceMicro: prices.referenceRent(day),
    coinMicro: prices.coinPrice(day, reserve.anchor),
    oracleMicro: getPrice(ctx.state, ASSET)!.priceBase,
    supplyBase: reserve.supplyBase,
    lockedBase: getTotals(ctx.state).lockedBase,
    clientsBase: holdings(ctx, clients),
    saversBase: holdings(ctx, savers),
    liabilitiesBase: reserve.liabilitiesBase,
    capacityBase: reserve.capacityBase,
    lastingBase: issuanceQueries.coverage(ctx, {}).lastingBase,
    limitBase: minBigint(ownBase, reserve.liabilitiesBase + limits[0]!.jointBase),
    shortfallBase: reserve.shortfallBase,
    queuedBase: redemptionQueries.queue(ctx).queuedBase,
    blocked: limits.filter(({ blocked }) => blocked !== '').length,
    devices: devicesByClass(source),
    microHours: hoursByClass(source, reserve.anchor),
    ...flows,
  }
}

const coins = (base: bigint): string => `${base / COIN}`
/** Millionths as a decimal number. */
export function decimal(micro: bigint): string {
  return `${micro / 1_000_000n}.${String(micro % 1_000_000n).padStart(6, '0')}`
}

const COLUMNS: readonly (readonly [string, (row: Row) => string])[] = [
  ['date', (row) => dateOf(row.day)],
  ['mainstream_class', (row) => row.mainstream],
  ['mainstream_rating', (row) => decimal(row.ratingPpm)],
  ['index', (row) => decimal(row.indexPpm)],
  ['anchor', (row) => decimal(row.anchorPpm)],
  ['usd_per_reference_hour', (row) => decimal(row.referenceMicro)],
  ['usd_per_coin', (row) => decimal(row.coinMicro)],
  ['oracle_usd_per_coin', (row) => decimal(row.oracleMicro)],
  ['supply', (row) => coins(row.supplyBase)],
  ['locked', (row) => coins(row.lockedBase)],
  ['clients_hold', (row) => coins(row.clientsBase)],
  ['savers_hold', (row) => coins(row.saversBase)],
  ['capacity_c', (row) => coins(row.capacityBase)],
  ['capacity_lasting', (row) => coins(row.lastingBase)],
  ['mint_limit', (row) => coins(row.limitBase)],
  ['shortfall', (row) => coins(row.shortfallBase)],
  ['queued', (row) => coins(row.queuedBase)],
  ['minted_in_week', (row) => coins(row.mintedBase)],
  ['delivered_in_week', (row) => coins(row.deliveredBase)],
  ['perished_in_week', (row) => coins(row.perishedBase)],
  ['providers_not_minting', (row) => `${row.blocked}`],
  ...SHOWN_CLASSES.map((name, i) => [`devices_${name}`, (row: Row) => `${row.devices[i]}`] as const),
  ...SHOWN_CLASSES.map(
    (name, i) => [`hours_per_coin_${name}`, (row: Row) => decimal(row.microHours[i]!)] as const,
  ),
]

/** The rows as CSV with a heading. */
export function csvOf(rows: readonly Row[]): string {
  const lines = rows.map((row) => COLUMNS.map(([, cell]) => cell(row)).join(','))
  return `${[COLUMNS.map(([name]) => name).join(','), ...lines].join('\n')}\n`
}
