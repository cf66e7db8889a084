// Which strangers stay connected: peers that no member named and that are in no set. Owns: the judgement.
// Not: connections (host.ts), handshakes (door.ts). Members are never counted here.
import { LOOPBACK } from './addressGroup.ts'
import type { PeerKey } from './protocol.ts'

/** Of one address, however few there are in all. */
export const STRANGERS_PER_GROUP_MAX = 4
/** A stranger that has sent no frame of any protocol may be let go after this long; a node asks for blocks at once. */
export const SILENT_MS = 2_000
/** One that has sent some, after this long without another: longer than a slow follower needs to take an answer. */
export const IDLE_MS = 60_000
/** When all are busy, the longest connected makes room after this long: then others have their turn. */
export const TURN_MS = 600_000

export interface Stranger {
  readonly peer: PeerKey
  readonly group: string
  readonly connectedAtMs: number
  /** When its last frame of a protocol was taken; undefined before the first. */
  readonly usedAtMs: number | undefined
}

export type Verdict =
  | { readonly kind: 'admit'; readonly evict?: PeerKey }
  | { readonly kind: 'refuse'; readonly reason: string }

function isIdle({ connectedAtMs, usedAtMs }: Stranger, nowMs: number): boolean {
  return usedAtMs === undefined ? nowMs - connectedAtMs > SILENT_MS : nowMs - usedAtMs > IDLE_MS
}

/** The idle one that has been so for longest. */
function idlest(strangers: readonly Stranger[], nowMs: number): Stranger | undefined {
  const sinceMs = ({ connectedAtMs, usedAtMs }: Stranger): number => usedAtMs ?? connectedAtMs
  return strangers
    .filter((stranger) => isIdle(stranger, nowMs))
    .reduce<Stranger | undefined>((a, b) => (a === undefined || sinceMs(b) < sinceMs(a) ? b : a), undefined)
}

/**
 * Whether one more stranger from this address is admitted, and who makes room: an idle one, one of an address that has two
 * places more, or one that has had its turn. Nobody is let go while there is room.
 */
export function judgeStranger(options: {
  readonly present: readonly Stranger[]
  readonly group: string
  readonly countMax: number
  readonly nowMs: number
}): Verdict {
  const { present, group, countMax, nowMs } = options
  const own = present.filter((stranger) => stranger.group === group)
  const evict = (stranger: Stranger): Verdict => ({ kind: 'admit', evict: stranger.peer })
  if (group !== LOOPBACK && own.length >= STRANGERS_PER_GROUP_MAX) {
    const idle = idlest(own, nowMs)
    if (idle !== undefined) return evict(idle)
    return { kind: 'refuse', reason: `${own.length} peers of this address are connected` }
  }
  if (present.length < countMax) return { kind: 'admit' }
  const idle = idlest(present, nowMs)
  if (idle !== undefined) return evict(idle)
  const crowd = mostCrowded(present.filter((stranger) => stranger.group !== LOOPBACK))
  if (crowd.length > own.length + 1) return evict(crowd.at(-1)!)
  const oldest = present.find(({ connectedAtMs }) => nowMs - connectedAtMs > TURN_MS)
  if (oldest !== undefined) return evict(oldest)
  return { kind: 'refuse', reason: 'too many unknown peers' }
}

/** The strangers of the address that has most, oldest first. */
function mostCrowded(strangers: readonly Stranger[]): readonly Stranger[] {
  const groups = new Map<string, Stranger[]>()
  for (const stranger of strangers) {
    const group = groups.get(stranger.group) ?? []
    group.push(stranger)
    groups.set(stranger.group, group)
  }
  return [...groups.values()].reduce((most, group) => (group.length > most.length ? group : most), [])
}
