// The audited tables: issuance, redemption and circulation, of the coin's own Transfer logs, so that the sums of each window are
// the differences of header totals and a row that is missing shows. Owns: rows and checkpoints. Not: the check (auditCheck.ts).
import { toHex } from '../../base/bytes.ts'
import { OperatorError } from '../../base/errors.ts'
import type { Json } from '../../base/field.ts'
import { ZERO_ADDRESS } from '../../base/ids.ts'
import { moduleAddress } from '../../base/moduleDefinition.ts'
import { eventsOf, parseLogs } from '../../client/logs.ts'
import { escrowsOf } from '../../state/ledger.ts'
import { capacitySchema } from '../../state/modules/capacity/schema.ts'
import { redemptionSchema } from '../../state/modules/redemption/schema.ts'
import { addressTopic, TRANSFER_EMITTER, TRANSFER_TOPIC } from '../../state/transferLog.ts'
import type { Dataset, Range } from './dataset.ts'
import type { Source } from './source.ts'
import type { Column, Row } from './table.ts'

type Members = { readonly [name: string]: Json }

/** Blocks of one search for logs, at most; fewer where they have many. */
const LOG_BLOCKS = 2_000
/** Windows of one export: each is a checkpoint of the manifest. */
export const CHECKPOINTS_MAX = 100_000

/** Totals of a header between which rows are summed. */
export interface Checkpoint {
  readonly height: number
  readonly hash: string
  readonly supplyBase: string
  readonly lockedInRedemptionBase: string
}

const ZERO_TOPIC = toHex(addressTopic(ZERO_ADDRESS))
const ESCROW_TOPIC = toHex(addressTopic(escrowsOf(redemptionSchema).locked(0)))

const COLUMNS: readonly Column[] = [
  { name: 'height', kind: 'integer', doc: 'of the block' },
  { name: 'timestamp_ms', kind: 'integer', doc: 'Unix time of the block, milliseconds; whole seconds' },
  { name: 'transaction_hash', kind: 'text', doc: 'zeros for what a block does at its end' },
  { name: 'log_index', kind: 'integer', doc: 'place among the logs of the block' },
  { name: 'kind', kind: 'text', doc: 'what became of the coins' },
  { name: 'account', kind: 'text', doc: 'the other side: who gave or received them, zeros for nobody' },
  { name: 'amount_base', kind: 'text', doc: 'coins, base units (10^-18 coin)' },
]

const CIRCULATION: readonly Column[] = [
  { name: 'from_height', kind: 'integer', doc: 'first block of the period' },
  {
    name: 'to_height',
    kind: 'integer',
    doc: 'last block of the period: where a window ended, or the last of all',
  },
  ...[
    ['supply_base', 'all coins after it'],
    ['minted_base', 'coins created in the period'],
    ['burned_base', 'coins destroyed in the period'],
    ['locked_in_redemption_base', 'coins in the escrow of redemption after it'],
    ['locked_base', 'coins that went into that escrow in the period'],
    ['released_base', 'coins that left it, burned ones included'],
    ['circulating_base', 'the supply without that escrow'],
  ].map(([name, doc]): Column => ({ name: name!, kind: 'text', doc: `${doc}, base units (10^-18 coin)` })),
]

/** Runs of logs by a filter, a bounded number of blocks at a time; the run shrinks where an answer would be too large. */
async function* logsOf(source: Source, { from, to }: Range, filters: readonly object[]) {
  let blocks = LOG_BLOCKS
  for (let first = from; first <= to; ) {
    const last = Math.min(to, first + blocks - 1)
    const asked = filters.map((filter) => {
      const range = { fromBlock: `0x${first.toString(16)}`, toBlock: `0x${last.toString(16)}` }
      return source.ask('eth_getLogs', { ...filter, ...range } as Json)
    })
    const found = await Promise.all(asked).catch((error: unknown) => {
      if (last > first) return undefined
      throw error
    })
    if (found === undefined) {
      blocks = Math.max(1, Math.floor((last - first + 1) / 2))
      continue
    }
    yield (found as unknown as readonly (readonly Members[])[]).flat()
    first = last + 1
  }
}

export interface Movement {
  readonly height: number
  readonly row: Row
  readonly kind: string
  readonly amountBase: bigint
}

/** Names of what comes from and goes to an account. */
export interface Side {
  readonly topic: string
  readonly from: string
  readonly to: string
  /** What goes from it to nobody, when that has a name of its own. */
  readonly burned?: string
}

const ISSUANCE: Side = { topic: ZERO_TOPIC, from: 'mint', to: 'burn' }
const REDEMPTION: Side = { topic: ESCROW_TOPIC, from: 'return', to: 'lock', burned: 'burn' }

const addressOf = (topic: string): string => `0x${topic.slice(-40)}`

function movementOf(log: Members, side: Side): Movement {
  const [, from, to] = log.topics as readonly [string, string, string]
  const isOut = from === side.topic
  const kind = isOut ? (to === ZERO_TOPIC ? (side.burned ?? side.from) : side.from) : side.to
  const [height, amountBase] = [Number(log.blockNumber), BigInt(log.data as string)]
  const at = [height, Number(log.blockTimestamp) * 1_000, log.transactionHash as string, Number(log.logIndex)]
  return { height, kind, amountBase, row: [...at, kind, addressOf(isOut ? to : from), amountBase.toString()] }
}

const logIndexOf = ({ row }: Movement): number => Number(row[3])

/** Every movement of coins from and to one side, in the order of the chain. */
async function* movements(source: Source, range: Range, side: Side): AsyncGenerator<readonly Movement[]> {
  const address = toHex(TRANSFER_EMITTER)
  const topic = toHex(TRANSFER_TOPIC)
  const filters = [
    { address, topics: [topic, side.topic] },
    { address, topics: [topic, null, side.topic] },
  ]
  for await (const logs of logsOf(source, range, filters)) {
    const found = logs.map((log) => movementOf(log, side))
    yield found.sort((a, b) => a.height - b.height || logIndexOf(a) - logIndexOf(b))
  }
}

async function* rowsOf(source: Source, range: Range, side: Side): AsyncGenerator<readonly Row[]> {
  for await (const found of movements(source, range, side)) yield found.map(({ row }) => row)
}

/** What a movement adds to the total of its side. */
export const signOf = (kind: string): bigint => (kind === 'mint' || kind === 'lock' ? 1n : -1n)

async function checkpointAt(source: Source, height: number): Promise<Checkpoint> {
  const header = (await source.ask('chain_header', height)) as unknown as {
    readonly hash: string
    readonly fields: { readonly reserve: { readonly [name: string]: string } }
  } | null
  if (header === null) throw new OperatorError(`block ${height} is not held by this node`)
  const { supplyBase, lockedInRedemptionBase } = header.fields.reserve
  return {
    height,
    hash: header.hash,
    supplyBase: supplyBase!,
    lockedInRedemptionBase: lockedInRedemptionBase!,
  }
}

/** The headers below and at the end of a range, and wherever a window ended between. */
export async function checkpointsOf(source: Source, { from, to }: Range): Promise<readonly Checkpoint[]> {
  const heights = new Set([from - 1])
  const filter = { address: toHex(moduleAddress(capacitySchema)) }
  for await (const logs of logsOf(source, { from, to }, [filter])) {
    const parsed = parseLogs(logs as unknown as Json)
    logs.forEach((log, i) => {
      const [event] = eventsOf({ definition: capacitySchema }, [parsed[i]!])
      if (event?.name === 'WindowEnded') heights.add(Number(log.blockNumber))
    })
    if (heights.size > CHECKPOINTS_MAX)
      throw new OperatorError(
        `more than ${CHECKPOINTS_MAX} windows: choose a later --from or an earlier --to`,
      )
  }
  heights.add(to)
  const checkpoints: Checkpoint[] = []
  for (const height of [...heights].sort((a, b) => a - b))
    checkpoints.push(await checkpointAt(source, height))
  return checkpoints
}

async function* circulationRows(source: Source, range: Range): AsyncGenerator<readonly Row[]> {
  const checkpoints = await checkpointsOf(source, range)
  for (let i = 1; i < checkpoints.length; i++) {
    const [before, after] = [checkpoints[i - 1]!, checkpoints[i]!]
    const period = { from: before.height + 1, to: after.height }
    const sums: Record<string, bigint> = { mint: 0n, burn: 0n, lock: 0n, release: 0n }
    for (const side of [ISSUANCE, REDEMPTION]) {
      for await (const found of movements(source, period, side)) {
        for (const { kind, amountBase } of found) {
          const name = side === REDEMPTION && kind !== 'lock' ? 'release' : kind
          sums[name] = sums[name]! + amountBase
        }
      }
    }
    const circulatingBase = BigInt(after.supplyBase) - BigInt(after.lockedInRedemptionBase)
    yield [
      [
        ...[period.from, period.to, after.supplyBase, String(sums.mint), String(sums.burn)],
        ...[after.lockedInRedemptionBase, String(sums.lock), String(sums.release), String(circulatingBase)],
      ],
    ]
  }
}

export const AUDITED = ['issuance', 'redemption', 'circulation'] as const
export type AuditedName = (typeof AUDITED)[number]

export const AUDITED_DATASETS: Readonly<Record<AuditedName, Dataset>> = {
  issuance: {
    text: 'every coin created and destroyed; the sums are the differences of header.reserve.supplyBase',
    columns: COLUMNS,
    isAudited: true,
    rows: (source, range) => rowsOf(source, range, ISSUANCE),
  },
  redemption: {
    text: 'every coin that goes into the escrow of redemption and leaves it; the sums are the differences of header.reserve.lockedInRedemptionBase',
    columns: COLUMNS,
    isAudited: true,
    rows: (source, range) => rowsOf(source, range, REDEMPTION),
  },
  circulation: {
    text: 'supply, created, destroyed, locked and released coins of each window',
    columns: CIRCULATION,
    isAudited: true,
    rows: circulationRows,
  },
}
