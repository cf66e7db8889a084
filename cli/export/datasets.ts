// The tables of `suanli export`: their columns, and their rows between two heights, a bounded piece at a time.
// Owns: what is asked for them. Not: where the answers come from (source.ts), files (csvFile.ts, parquetFile.ts).
import { keyBytes, toHex } from '../../base/bytes.ts'
import { errorText, OperatorError } from '../../base/errors.ts'
import type { AnyField, Json } from '../../base/field.ts'
import { moduleAddress } from '../../base/moduleDefinition.ts'
import { eventsOf, parseLogs } from '../../client/logs.ts'
import { accountsTables } from '../../state/modules/accounts/tables.ts'
import { issuanceSchema } from '../../state/modules/issuance/schema.ts'
import { redemptionSchema } from '../../state/modules/redemption/schema.ts'
import type { Dataset, Range } from './dataset.ts'
import type { Source } from './source.ts'
import { type Cell, type Column, columnName, type Row } from './table.ts'

/** Questions that are under way at once, and rows of one piece of most tables. */
const AT_ONCE = 50
/** Headers of one answer of chain_series. */
const POINTS = 1_000
/** Blocks of one search for events, at most; fewer where they have many. */
const LOG_BLOCKS = 2_000

type Members = { readonly [name: string]: Json }

const integer = (name: string, doc: string): Column => ({ name, kind: 'integer', doc })
const text = (name: string, doc: string): Column => ({ name, kind: 'text', doc })
const base = (name: string, doc: string): Column => text(name, `${doc}, base units (10^-18 coin)`)
const HEIGHT = integer('height', 'of the block')
const TIME = integer('timestamp_ms', 'Unix time of the block, milliseconds')

/** Runs of at most `count` heights. */
function* runsOf({ from, to }: Range, count: number): Generator<Range> {
  for (let first = from; first <= to; first += count)
    yield { from: first, to: Math.min(to, first + count - 1) }
}

const heightsOf = ({ from, to }: Range): readonly number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i)

function mustBeObject(json: Json, what: string): Members {
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as Members
  throw new OperatorError(`${what} is not held by this node`)
}

const cellOf = (json: Json | undefined): Cell => {
  if (json === undefined || json === null) return null
  return typeof json === 'object' ? JSON.stringify(json) : json
}

async function* blockRows(source: Source, range: Range): AsyncGenerator<readonly Row[]> {
  for (const run of runsOf(range, AT_ONCE)) {
    yield await Promise.all(
      heightsOf(run).map(async (height): Promise<Row> => {
        const block = mustBeObject(await source.ask('chain_block', height), `block ${height}`)
        const { hash, fields } = block.header as unknown as {
          readonly hash: string
          readonly fields: Members
        }
        const { transactions } = block as unknown as { readonly transactions: readonly Json[] }
        return [
          ...[height, hash, cellOf(fields.parentHash), cellOf(fields.timestampMs), cellOf(fields.epoch)],
          ...[cellOf(fields.view), cellOf(fields.proposer), transactions.length, cellOf(block.sizeBytes)],
          ...[cellOf(fields.gasUsed), cellOf(fields.baseFeePerGas), cellOf(fields.stateRoot)],
        ]
      }),
    )
  }
}

/** Of `points` of chain_series: one answer has a thousand headers. */
async function* reserveRows(source: Source, range: Range): AsyncGenerator<readonly Row[]> {
  for (const run of runsOf(range, POINTS)) {
    const { points } = mustBeObject(
      await source.ask('chain_series', run.from, run.to, Math.max(2, run.to - run.from + 1)),
      'the series',
    ) as unknown as { readonly points: readonly Members[] }
    yield points.map(({ height, timestampMs, reserve }): Row => {
      const figures = reserve as Members
      return [cellOf(height), cellOf(timestampMs), ...RESERVE.map((name) => cellOf(figures[name]))]
    })
  }
}

const RESERVE = [
  ...['supplyBase', 'liabilitiesBase', 'capacityBase', 'lockedInRedemptionBase', 'shortfallBase'],
  ...['anchor', 'mintStop'],
] as const

/** Fields of the answer to issuance_coverage, in its order. */
const COVERAGE = Object.entries(issuanceSchema.queries.coverage.returns.fields)

async function* coverageRows(source: Source, range: Range): AsyncGenerator<readonly Row[]> {
  for (const run of runsOf(range, AT_ONCE)) {
    yield await Promise.all(
      heightsOf(run).map(async (height): Promise<Row> => {
        const found = await source.ask('issuance_coverage', height).catch((error: unknown): never => {
          throw new OperatorError(
            `coverage at block ${height}: ${errorText(error)}; a node keeps the state of past blocks for so long as its configuration says`,
          )
        })
        const figures = mustBeObject(found, `the state of block ${height}`)
        return [height, ...COVERAGE.map(([name]) => cellOf(figures[name]))]
      }),
    )
  }
}

/** Every argument of any event of redemption, once: one table for all of them. */
const EVENT_FIELDS: ReadonlyMap<string, AnyField> = new Map(
  Object.values(redemptionSchema.events).flatMap((fields): [string, AnyField][] => Object.entries(fields)),
)

async function* redemptionRows(source: Source, range: Range): AsyncGenerator<readonly Row[]> {
  const address = toHex(moduleAddress(redemptionSchema))
  let blocks = LOG_BLOCKS
  for (let from = range.from; from <= range.to; ) {
    const to = Math.min(range.to, from + blocks - 1)
    const filter = { address, fromBlock: quantity(from), toBlock: quantity(to) }
    const found = await source.ask('eth_getLogs', filter).catch((error: unknown) => {
      // Too many events for one answer.
      if (to > from) return undefined
      throw error
    })
    if (found === undefined) {
      blocks = Math.max(1, Math.floor((to - from + 1) / 2))
      continue
    }
    const logs = parseLogs(found)
    const rows = (found as readonly Members[]).flatMap((log, i) => eventRow(log, logs[i]!))
    yield rows
    from = to + 1
  }
}

function eventRow(log: Members, parsed: ReturnType<typeof parseLogs>[number]): readonly Row[] {
  const [event] = eventsOf({ definition: redemptionSchema }, [parsed])
  if (event === undefined) return []
  const args = event.args as { readonly [name: string]: unknown }
  return [
    [
      Number(log.blockNumber),
      log.blockTimestamp === undefined ? null : Number(log.blockTimestamp) * 1_000,
      cellOf(log.transactionHash),
      Number(log.logIndex),
      event.name,
      ...[...EVENT_FIELDS].map(([name, field]) =>
        args[name] === undefined ? null : cellOf(field.toJson(args[name])),
      ),
    ],
  ]
}

async function* accountRows(source: Source, { to }: Range): AsyncGenerator<readonly Row[]> {
  const { store } = source
  if (store === undefined) throw new OperatorError('accounts are read from a data directory: give --data-dir')
  const { account } = accountsTables
  const pieces = to === store.tip()?.height ? store.statePieces(account.prefix) : store.pastStatePieces(to)
  for await (const piece of pieces) {
    const rows: Row[] = []
    for (const [key, value] of piece) {
      if (!key.startsWith(account.prefix)) continue
      const { nonce, balanceBase } = account.decode(value)
      rows.push([toHex(keyBytes(key.slice(account.prefix.length))), nonce, balanceBase.toString()])
    }
    if (rows.length > 0) yield rows
  }
}

const quantity = (height: number): string => `0x${height.toString(16)}`

const columnOf = ([name, field]: readonly [string, AnyField], doc: string): Column => {
  const { jsonSchema } = field.inner ?? field
  if (jsonSchema.type === 'integer') return integer(columnName(name), doc)
  if (jsonSchema.type === 'boolean') return { name: columnName(name), kind: 'boolean', doc }
  return name.endsWith('Base') ? base(columnName(name), doc) : text(columnName(name), doc)
}

export const DATASETS: Readonly<Record<string, Dataset>> = {
  blocks: {
    text: 'one row per block',
    columns: [
      HEIGHT,
      text('hash', 'of the block, SHA-256 of its header'),
      text('parent_hash', 'of the block below'),
      TIME,
      integer('epoch', 'of the validator set that decided it'),
      integer('view', 'of its first proposal'),
      text('proposer', 'operator account of its proposer'),
      integer('transactions', 'number of them'),
      integer('size_bytes', 'of the whole block'),
      integer('gas_used', 'of all lanes'),
      text('base_fee_per_gas', 'of the general lane, base units per gas'),
      text('state_root', 'of the state after it'),
    ],
    rows: blockRows,
  },
  reserve: {
    text: 'supply, liabilities, capacity and shortfall in each header',
    columns: [
      HEIGHT,
      TIME,
      ...RESERVE.slice(0, 5).map((name) => base(columnName(name), 'as in chain_reserve')),
      text('anchor_ppm', 'the anchor: millionths of the rating of the reference device'),
      text('mint_stop', 'why nobody may mint; empty while minting is open'),
    ],
    rows: reserveRows,
  },
  coverage: {
    text: 'coverage of liabilities after each block whose state is kept',
    columns: [HEIGHT, ...COVERAGE.map((entry) => columnOf(entry, 'as in issuance_coverage'))],
    needsState: true,
    rows: coverageRows,
  },
  redemptions: {
    text: 'every event of redemption: requests, assignments, vouchers, ends',
    columns: [
      HEIGHT,
      integer('timestamp_ms', 'Unix time of the block, milliseconds; whole seconds'),
      text('transaction_hash', 'empty for what a block does at its end'),
      integer('log_index', 'place among the logs of the block'),
      text('event', 'its name'),
      ...[...EVENT_FIELDS].map((entry) => columnOf(entry, 'argument of the events that have it')),
    ],
    rows: redemptionRows,
  },
  accounts: {
    text: 'coins and nonce of every account at one block',
    columns: [
      text('address', 'of the account'),
      integer('nonce', 'transactions it has sent'),
      base('balance_base', 'its coins'),
    ],
    isAtBlock: true,
    isOffline: true,
    rows: accountRows,
  },
}
