// node_status: what an operator looks at first. Owns: the method, and what is told only where the operator allows it.
// Not: the figures (node/watch/), alarms (alarms.ts), who proposed (proposers.ts).
import type { Json, JsonSchema } from '../../base/field.ts'
import { quorum } from '../../base/protocol/validators.ts'
import type { Backend } from '../backend.ts'
import { defineMethod, type Method } from '../method.ts'
import { alarmJson, alarmsOf, SEVERITIES } from './alarms.ts'
import type { OperatorFigures, OperatorSource, PeerFigures } from './operatorFigures.ts'

/** Peers in one answer; the rest are counted. */
const PEERS_MAX = 256

const INTEGER: JsonSchema = { type: 'integer', minimum: 0 }
const NUMBER: JsonSchema = { type: 'number' }
const TEXT: JsonSchema = { type: 'string' }
const orNull = (schema: JsonSchema): JsonSchema => ({ anyOf: [schema, { type: 'null' }] })
const objectOf = (properties: { readonly [name: string]: JsonSchema }): JsonSchema => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
})

const PEER = objectOf({
  peer: TEXT,
  validator: orNull(INTEGER),
  provider: orNull(INTEGER),
  legalName: orNull(TEXT),
  connected: { type: 'boolean' },
  named: { type: 'boolean' },
  address: orNull(TEXT),
  penaltyPoints: NUMBER,
  roundTripMs: orNull(NUMBER),
})

const OPERATOR = objectOf({
  leader: INTEGER,
  needed: { type: 'boolean' },
  clockOffsetMs: orNull(NUMBER),
  disk: orNull(objectOf({ bytes: { type: 'object', additionalProperties: INTEGER }, freeBytes: INTEGER })),
  residentBytes: INTEGER,
  heapBytes: INTEGER,
  startedAtMs: INTEGER,
  lanes: { type: 'object', additionalProperties: INTEGER },
  peerCount: INTEGER,
  peers: { type: 'array', items: PEER, maxItems: PEERS_MAX },
})

const STATUS = objectOf({
  clientVersion: TEXT,
  height: INTEGER,
  epoch: INTEGER,
  view: INTEGER,
  validators: INTEGER,
  quorum: INTEGER,
  validatorIndex: orNull(INTEGER),
  signer: orNull({ enum: ['ready', 'observing', 'away'] }),
  finalizedAgeMs: NUMBER,
  heartbeatMs: INTEGER,
  connectedPeers: INTEGER,
  mempoolCount: INTEGER,
  mempoolBytes: INTEGER,
  loopLagMaxMs: NUMBER,
  loopLagMeanMs: NUMBER,
  syncing: orNull(objectOf({ startingHeight: INTEGER, currentHeight: INTEGER, highestHeight: INTEGER })),
  alarms: {
    type: 'array',
    items: objectOf({ name: TEXT, severity: { enum: SEVERITIES }, text: TEXT, page: TEXT }),
  },
  operator: orNull(OPERATOR),
})

function peerJson(peer: PeerFigures): Json {
  return {
    peer: peer.peer,
    validator: peer.validatorIndex ?? null,
    provider: peer.provider ?? null,
    legalName: peer.legalName ?? null,
    connected: peer.isConnected,
    named: peer.isNamed,
    address: peer.address ?? null,
    penaltyPoints: peer.penaltyPoints,
    roundTripMs: peer.roundTripMs ?? null,
  }
}

function operatorJson(figures: OperatorFigures): Json {
  const { leader, isNeeded, clockOffsetMs, disk, peers, lanes } = figures
  return {
    leader,
    needed: isNeeded,
    clockOffsetMs: clockOffsetMs ?? null,
    disk: disk === undefined ? null : { bytes: { ...disk.bytes }, freeBytes: disk.freeBytes },
    residentBytes: figures.residentBytes,
    heapBytes: figures.heapBytes,
    startedAtMs: figures.startedAtMs,
    lanes: { ...lanes },
    peerCount: peers.length,
    peers: peers.slice(0, PEERS_MAX).map(peerJson),
  }
}

export function statusMethods(backend: Backend, source: OperatorSource | undefined): readonly Method[] {
  return [
    defineMethod({
      name: 'node_status',
      doc: "Returns what an operator looks at first: finality, views, pool, alarms with their page of the manual; in `operator` also peers, disk and process, null unless the node's `operatorView` is on.",
      cost: 100,
      params: {},
      returns: STATUS,
      run: async () => {
        const figures = source?.isShown === true ? await source.figures() : undefined
        const health = backend.health()
        const set = await backend.validatorsAt(health.finalizedHeight)
        const validators = set?.validators.length ?? 1
        const progress = backend.syncing()
        return {
          clientVersion: backend.identity.clientVersion,
          height: health.finalizedHeight,
          epoch: health.epoch,
          view: health.view,
          validators,
          quorum: quorum(validators),
          validatorIndex: health.validatorIndex ?? null,
          signer: health.signer ?? null,
          finalizedAgeMs: health.finalizedAgeMs,
          heartbeatMs: health.heartbeatMs,
          connectedPeers: health.peerCount,
          mempoolCount: health.mempoolCount,
          mempoolBytes: health.mempoolBytes,
          loopLagMaxMs: health.loopLagMaxMs,
          loopLagMeanMs: health.loopLagMeanMs,
          syncing: progress === undefined ? null : { ...progress },
          alarms: (await alarmsOf(backend, figures)).map(alarmJson),
          operator: figures === undefined ? null : operatorJson(figures),
        }
      },
    }),
  ]
}
