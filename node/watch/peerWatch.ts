// Detects validators that are unreachable or silent, a node without any peer, and their return. Owns: judging.
// Not: connections (p2p/), logging (operatorLog.ts).

/** A validator counts as lost after this long without a connection: reconnecting takes less. */
export const LOST_MS = 3_000
/** A node without any peer says so after this long, and again as often. */
export const ALONE_MS = 10_000
const ALONE_REPEAT_MS = 60_000
/** Silent this much longer than the others counts as lost: every live validator votes in every view. */
export const SILENT_MS = 8_000

export interface PeerState {
  readonly validator: number
  readonly isConnected: boolean
  /** Whether this node knows where to dial it. */
  readonly hasAddress: boolean
  /** When its last consensus message arrived, on a monotonic clock; undefined before the first. */
  readonly heardAtMs: number | undefined
}

export interface PeerChange {
  readonly validator: number
  readonly kind: 'lost' | 'back'
  readonly reason: 'not connected' | 'no address' | 'silent'
  readonly forMs: number
}

interface Trouble {
  readonly sinceMs: number
  readonly reason: PeerChange['reason']
  told: boolean
}

export class PeerWatch {
  readonly #silentAloneMs: number
  readonly #startedMs: number
  readonly #troubles = new Map<number, Trouble>()

  /** `heartbeatMs`: without transactions validators send messages only this often. */
  constructor(options: { readonly heartbeatMs: number; readonly nowMs: number }) {
    this.#silentAloneMs = options.heartbeatMs + SILENT_MS
    this.#startedMs = options.nowMs
  }

  /** Call about once a second with every other validator of the set. */
  check(states: readonly PeerState[], nowMs: number): readonly PeerChange[] {
    const heard = states.map(({ heardAtMs }) => heardAtMs ?? this.#startedMs)
    const latestMs = Math.max(this.#startedMs, ...heard)
    const changes: PeerChange[] = []
    for (const [i, state] of states.entries()) {
      const reason = this.#reason(state, heard[i]!, { latestMs, nowMs })
      const change = this.#note(state.validator, reason, nowMs)
      if (change !== undefined) changes.push(change)
    }
    const present = new Set(states.map(({ validator }) => validator))
    for (const validator of this.#troubles.keys())
      if (!present.has(validator)) this.#troubles.delete(validator)
    return changes
  }

  #reason(
    state: PeerState,
    heardAtMs: number,
    times: { readonly latestMs: number; readonly nowMs: number },
  ): PeerChange['reason'] | undefined {
    if (!state.isConnected) return state.hasAddress ? 'not connected' : 'no address'
    const isAlone = times.latestMs - heardAtMs > SILENT_MS
    const isLong = times.nowMs - heardAtMs > this.#silentAloneMs
    return isAlone || isLong ? 'silent' : undefined
  }

  #note(validator: number, reason: PeerChange['reason'] | undefined, nowMs: number): PeerChange | undefined {
    const known = this.#troubles.get(validator)
    if (reason === undefined) {
      this.#troubles.delete(validator)
      if (known?.told !== true) return undefined
      return { validator, kind: 'back', reason: known.reason, forMs: nowMs - known.sinceMs }
    }
    if (known === undefined) {
      this.#troubles.set(validator, { sinceMs: nowMs, reason, told: false })
      return undefined
    }
    if (known.told || nowMs - known.sinceMs < LOST_MS) return undefined
    known.told = true
    return { validator, kind: 'lost', reason, forMs: nowMs - known.sinceMs }
  }
}

export interface AloneChange {
  readonly kind: 'alone' | 'joined'
  readonly forMs: number
}

/** For a node that follows: without peers it has nothing to follow, and nothing else would say so. */
export class AloneWatch {
  #sinceMs: number | undefined
  #toldAtMs: number | undefined

  /** Call about once a second; `nowMs` is monotonic. The change to report now. */
  check(connectedCount: number, nowMs: number): AloneChange | undefined {
    if (connectedCount > 0) {
      const sinceMs = this.#sinceMs
      const wasTold = this.#toldAtMs !== undefined
      this.#sinceMs = undefined
      this.#toldAtMs = undefined
      return wasTold ? { kind: 'joined', forMs: nowMs - sinceMs! } : undefined
    }
    this.#sinceMs ??= nowMs
    const isDue = this.#toldAtMs === undefined || nowMs - this.#toldAtMs >= ALONE_REPEAT_MS
    if (nowMs - this.#sinceMs < ALONE_MS || !isDue) return undefined
    this.#toldAtMs = nowMs
    return { kind: 'alone', forMs: nowMs - this.#sinceMs }
  }
}
