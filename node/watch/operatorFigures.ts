// What node_status tells the operator of this node. Owns: gathering it when it is asked for. Not: the method (rpc/native/status.ts).
import type { CoreStatus } from '../../consensus/types.ts'
import type { P2pHost, PeerInfo } from '../../p2p/protocol.ts'
import type { OperatorFigures, OperatorSource, PeerFigures } from '../../rpc/native/operatorFigures.ts'
import type { DiskUse } from './diskUse.ts'
import type { MemberNames } from './memberNames.ts'

/** Bounds of the pool are far above; a walk through more would take long. */
const ENTRIES_COUNTED = 65_536

export interface OperatorParts {
  /** The operator's setting. */
  readonly isShown: boolean
  readonly status: () => CoreStatus
  readonly host: Pick<P2pHost, 'peers'>
  readonly members: Pick<MemberNames, 'at'>
  readonly mempool: { entries(): Iterable<{ readonly lane: string }> }
  readonly disk: DiskUse
  readonly clockOffsetMs: () => number | undefined
}

export function operatorSource(parts: OperatorParts): OperatorSource {
  return { isShown: parts.isShown, figures: () => figuresOf(parts) }
}

async function figuresOf(parts: OperatorParts): Promise<OperatorFigures> {
  const { leader, needed, self } = parts.status()
  const { rss, heapUsed } = process.memoryUsage()
  return {
    leader,
    isNeeded: needed,
    isValidator: self !== undefined,
    clockOffsetMs: parts.clockOffsetMs(),
    disk: await parts.disk.figures(),
    residentBytes: rss,
    heapBytes: heapUsed,
    startedAtMs: Math.round(performance.timeOrigin),
    lanes: lanesOf(parts.mempool),
    peers: parts.host.peers().map((peer) => peerOf(peer, parts.members)),
  }
}

function lanesOf(mempool: OperatorParts['mempool']): Record<string, number> {
  const lanes: Record<string, number> = {}
  let count = 0
  for (const { lane } of mempool.entries()) {
    if (++count > ENTRIES_COUNTED) break
    lanes[lane] = (lanes[lane] ?? 0) + 1
  }
  return lanes
}

function peerOf(info: PeerInfo, members: OperatorParts['members']): PeerFigures {
  const { peer, validatorIndex, connected, known, remoteAddress, penaltyPoints, roundTripMs } = info
  const member = validatorIndex === undefined ? undefined : members.at(validatorIndex)
  return {
    peer,
    validatorIndex,
    provider: member?.provider,
    legalName: member?.legalName,
    isConnected: connected,
    isNamed: known,
    address: remoteAddress,
    penaltyPoints,
    roundTripMs,
  }
}
