// What the operator's view asks for. Owns: reading the answers. Not: when it asks (view.ts).
import type { Json } from '../../base/field.ts'
import type { ChainClient } from '../../client/chainClient.ts'
import { countOf, type Members, membersOf, read, textOf } from '../../client/members.ts'
import { chainSeries, type SeriesPoint } from '../../client/series.ts'

const numberOf = (json: Json): number => {
  if (typeof json !== 'number') throw new Error('no number')
  return json
}
const flagOf = (json: Json): boolean => json === true
const maybe =
  <T>(reader: (json: Json) => T) =>
  (json: Json): T | undefined =>
    json === null ? undefined : reader(json)
const listOf = (json: Json): readonly Json[] => {
  if (!Array.isArray(json)) throw new Error('no list')
  return json as readonly Json[]
}

export interface Alarm {
  readonly name: string
  readonly isCritical: boolean
  readonly text: string
  /** Below docs/. */
  readonly page: string
}

export interface Peer {
  readonly peer: string
  readonly validator: number | undefined
  readonly provider: number | undefined
  readonly legalName: string | undefined
  readonly isConnected: boolean
  readonly isNamed: boolean
  readonly address: string | undefined
  readonly penaltyPoints: number
  readonly roundTripMs: number | undefined
}

/** Only where the operator allows it. */
export interface Inside {
  readonly leader: number
  readonly clockOffsetMs: number | undefined
  readonly diskParts: readonly (readonly [string, number])[]
  readonly diskFreeBytes: number | undefined
  readonly residentBytes: number
  readonly heapBytes: number
  readonly startedAtMs: number
  readonly lanes: readonly (readonly [string, number])[]
  readonly peerCount: number
  readonly peers: readonly Peer[]
}

export interface Status {
  readonly clientVersion: string
  readonly height: number
  readonly epoch: number
  readonly view: number
  readonly validators: number
  readonly quorum: number
  readonly validatorIndex: number | undefined
  readonly signer: string | undefined
  readonly finalizedAgeMs: number
  readonly heartbeatMs: number
  readonly connectedPeers: number
  readonly mempoolCount: number
  readonly mempoolBytes: number
  readonly loopLagMaxMs: number
  readonly loopLagMeanMs: number
  readonly behindBlocks: number
  readonly alarms: readonly Alarm[]
  readonly inside: Inside | undefined
}

const STATUS = 'node_status'

/** Reads members of one object. */
function reader(json: Json, method: string): <T>(name: string, of: (value: Json) => T) => T {
  const members: Members = membersOf(json, method)
  return (name, of) => read(method, members, name, of)
}

function counted(json: Json): readonly (readonly [string, number])[] {
  return Object.entries(membersOf(json, STATUS)).map(([name, value]) => [name, numberOf(value)] as const)
}

function peerOf(json: Json): Peer {
  const of = reader(json, STATUS)
  return {
    peer: of('peer', textOf),
    validator: of('validator', maybe(countOf)),
    provider: of('provider', maybe(countOf)),
    legalName: of('legalName', maybe(textOf)),
    isConnected: of('connected', flagOf),
    isNamed: of('named', flagOf),
    address: of('address', maybe(textOf)),
    penaltyPoints: of('penaltyPoints', numberOf),
    roundTripMs: of('roundTripMs', maybe(numberOf)),
  }
}

function insideOf(json: Json): Inside {
  const of = reader(json, STATUS)
  const disk = of(
    'disk',
    maybe((value) => reader(value, STATUS)),
  )
  return {
    leader: of('leader', countOf),
    clockOffsetMs: of('clockOffsetMs', maybe(numberOf)),
    diskParts: disk?.('bytes', counted) ?? [],
    diskFreeBytes: disk?.('freeBytes', numberOf),
    residentBytes: of('residentBytes', numberOf),
    heapBytes: of('heapBytes', numberOf),
    startedAtMs: of('startedAtMs', countOf),
    lanes: of('lanes', counted),
    peerCount: of('peerCount', countOf),
    peers: of('peers', listOf).map(peerOf),
  }
}

function alarmOf(json: Json): Alarm {
  const of = reader(json, STATUS)
  return {
    name: of('name', textOf),
    isCritical: of('severity', textOf) === 'critical',
    text: of('text', textOf),
    page: of('page', textOf),
  }
}

export async function loadStatus(client: ChainClient): Promise<Status> {
  const of = reader(await client.request(STATUS, {}), STATUS)
  const syncing = of(
    'syncing',
    maybe((json) => reader(json, STATUS)),
  )
  const behindBlocks =
    syncing === undefined ? 0 : syncing('highestHeight', countOf) - syncing('currentHeight', countOf)
  return {
    clientVersion: of('clientVersion', textOf),
    height: of('height', countOf),
    epoch: of('epoch', countOf),
    view: of('view', countOf),
    validators: of('validators', countOf),
    quorum: of('quorum', countOf),
    validatorIndex: of('validatorIndex', maybe(countOf)),
    signer: of('signer', maybe(textOf)),
    finalizedAgeMs: of('finalizedAgeMs', numberOf),
    heartbeatMs: of('heartbeatMs', countOf),
    connectedPeers: of('connectedPeers', countOf),
    mempoolCount: of('mempoolCount', countOf),
    mempoolBytes: of('mempoolBytes', countOf),
    loopLagMaxMs: of('loopLagMaxMs', numberOf),
    loopLagMeanMs: of('loopLagMeanMs', numberOf),
    behindBlocks: Math.max(0, behindBlocks),
    alarms: of('alarms', listOf).map(alarmOf),
    inside: of('operator', maybe(insideOf)),
  }
}

export interface Member {
  readonly index: number
  readonly provider: number
  readonly operator: string
  readonly proposed: number
  readonly missed: number
}

export interface Proposers {
  readonly fromHeight: number
  readonly height: number
  readonly views: number
  readonly skipped: number
  readonly members: readonly Member[]
}

export async function loadProposers(client: ChainClient, blocks: number): Promise<Proposers> {
  const method = 'chain_proposers'
  const of = reader(await client.request(method, { blocks }), method)
  return {
    fromHeight: of('fromHeight', countOf),
    height: of('height', countOf),
    views: of('views', countOf),
    skipped: of('skipped', countOf),
    members: of('validators', listOf).map((json) => {
      const member = reader(json, method)
      return {
        index: member('index', countOf),
        provider: member('provider', countOf),
        operator: member('operator', textOf),
        proposed: member('proposed', countOf),
        missed: member('missed', countOf),
      }
    }),
  }
}

export const CHARTED = [
  'blockTimeMs',
  'skippedViews',
  'transactions',
  'gasUsed',
  'sizeBytes',
  'feesBase',
] as const
export type Charted = (typeof CHARTED)[number]
export type HistoryPoint = SeriesPoint<Charted>

/** `spanMs`: how far back from now; undefined: all that the node has. */
export function loadHistory(
  client: ChainClient,
  points: number,
  spanMs: number | undefined,
): Promise<readonly HistoryPoint[]> {
  const from = spanMs === undefined ? {} : { fromMs: Math.max(0, Date.now() - spanMs) }
  return chainSeries(client, CHARTED, { ...from, points })
}
