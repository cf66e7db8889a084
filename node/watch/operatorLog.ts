// Logs for the operator while the node runs: progress, lost validators, a wrong clock.
// Owns: the lines and their rate. Not: judging (peerWatch.ts, clockWatch.ts).
import type { Logger } from 'pino'
import { toHex } from '../../base/bytes.ts'
import type { Clock } from '../../consensus/ports.ts'
import type { CoreStatus } from '../../consensus/types.ts'
import type { P2pHost } from '../../p2p/protocol.ts'
import type { FinalizedEvent } from '../chain/importerTypes.ts'
import type { NodeNetwork } from '../network.ts'
import { ClockWatch } from './clockWatch.ts'
import type { MemberNames } from './memberNames.ts'
import { AloneWatch, type PeerChange, type PeerState, PeerWatch } from './peerWatch.ts'

/** How often progress is logged at level info. */
const PROGRESS_MS = 10_000
const PEERS_MS = 1_000
/** Longer than any view change between live validators. */
const STUCK_MS = 10_000
const STUCK_REPEAT_MS = 30_000

export interface OperatorLogOptions {
  readonly onFinalized: (listener: (event: FinalizedEvent) => void) => () => void
  readonly host: Pick<P2pHost, 'getPeer' | 'getValidatorPeer' | 'peers'>
  readonly network: Pick<NodeNetwork, 'heardAtMs'>
  readonly members: Pick<MemberNames, 'at'>
  readonly status: () => CoreStatus
  readonly timing: {
    readonly precisionMs: number
    readonly messageDelayMs: number
    readonly heartbeatMs: number
  }
  readonly clock: Clock
  readonly logger: Logger
}

export interface OperatorLog {
  /** This machine's clock minus the time of recent final blocks; undefined until there are some. */
  clockOffsetMs(): number | undefined
  close(): void
}

/** Runs until it is closed. */
export function startOperatorLog(options: OperatorLogOptions): OperatorLog {
  const clock = new ClockWatch(options.timing)
  const stops = [
    logProgress(options),
    watchProgress(options),
    watchPeers(options),
    watchAlone(options),
    watchClock(clock, options),
  ]
  return {
    clockOffsetMs: () => clock.offsetMs,
    close() {
      for (const stop of stops) stop()
    },
  }
}

/** Logs one info line every ten seconds while blocks become final, so that idle and stuck look different. */
function logProgress({ onFinalized, logger }: OperatorLogOptions): () => void {
  let blocks = 0
  let transactions = 0
  let last: FinalizedEvent | undefined
  const stop = onFinalized((event) => {
    const count = event.executed.block.transactions.length
    const { height, hash } = event
    blocks++
    transactions += count
    last = event
    logger.debug({ height, hash: toHex(hash), transactions: count }, 'block is final')
  })
  const timer = setInterval(() => {
    if (last === undefined) return
    const { height, hash } = last
    logger.info({ height, hash: toHex(hash), blocks, transactions }, 'finalized')
    blocks = 0
    transactions = 0
    last = undefined
  }, PROGRESS_MS)
  timer.unref()
  return () => {
    clearInterval(timer)
    stop()
  }
}

/** Warns every half minute while there is something to decide and nothing becomes final, and logs when it does again. */
function watchProgress({ onFinalized, status, logger }: OperatorLogOptions): () => void {
  let finalMs = performance.now()
  let neededSinceMs: number | undefined
  let toldMs: number | undefined
  const standsMs = (): number => Math.round(performance.now() - Math.max(finalMs, neededSinceMs ?? 0))
  const stop = onFinalized(({ height }) => {
    if (toldMs !== undefined) logger.info({ height, stoodMs: standsMs() }, 'blocks become final again')
    finalMs = performance.now()
    neededSinceMs = undefined
    toldMs = undefined
  })
  const timer = setInterval(() => {
    const { needed, halted, self, epoch, view, finalizedHeight: height } = status()
    if (!needed || halted || self === undefined) return
    neededSinceMs ??= performance.now()
    const forMs = standsMs()
    if (forMs < STUCK_MS || performance.now() - (toldMs ?? 0) < STUCK_REPEAT_MS) return
    toldMs = performance.now()
    logger.warn({ forMs, epoch, view, height }, 'nothing becomes final: too few validators agree')
  }, PEERS_MS)
  timer.unref()
  return () => {
    clearInterval(timer)
    stop()
  }
}

function watchPeers({ host, network, members, status, timing, logger }: OperatorLogOptions): () => void {
  const watch = new PeerWatch({ heartbeatMs: timing.heartbeatMs, nowMs: performance.now() })
  const timer = setInterval(() => {
    const { self } = status()
    // A node outside the set has no consensus connections to lose.
    if (self === undefined) return
    const states: PeerState[] = []
    for (let validator = 0; ; validator++) {
      if (validator === self) continue
      const peer = host.getValidatorPeer(validator)
      if (peer === undefined) break
      const info = host.getPeer(peer)
      const isConnected = info?.connected === true
      const hasAddress = info?.hasAddress === true
      states.push({ validator, isConnected, hasAddress, heardAtMs: network.heardAtMs(validator) })
    }
    for (const { validator, kind, reason, forMs } of watch.check(states, performance.now())) {
      const peer = host.getValidatorPeer(validator)
      const fields = { validator, ...members.at(validator), peer, reason, forMs: Math.round(forMs) }
      if (kind === 'lost') logger.warn(fields, lostText(reason))
      else logger.info(fields, 'a validator is back')
    }
  }, PEERS_MS)
  timer.unref()
  return () => clearInterval(timer)
}

function lostText(reason: PeerChange['reason']): string {
  return reason === 'no address'
    ? 'a validator is lost: it is not connected and no address of it is known; name it in peers'
    : 'a validator is lost: its process or the network to it is down'
}

/** A validator names each lost one (`watchPeers`); a node that follows says when it has nobody to follow. */
function watchAlone({ host, status, logger }: OperatorLogOptions): () => void {
  const watch = new AloneWatch()
  const timer = setInterval(() => {
    if (status().self !== undefined) return
    const change = watch.check(host.peers().filter(({ connected }) => connected).length, performance.now())
    if (change === undefined) return
    const fields = { forMs: Math.round(change.forMs) }
    if (change.kind === 'joined') logger.info(fields, 'a peer is connected again')
    else logger.warn(fields, 'no peer is connected: nothing new arrives here; check the network and peers')
  }, PEERS_MS)
  timer.unref()
  return () => clearInterval(timer)
}

function watchClock(watch: ClockWatch, { onFinalized, clock, logger }: OperatorLogOptions): () => void {
  return onFinalized(({ executed }) => {
    const { timestampMs } = executed.block.header
    const verdict = watch.onFinalized(timestampMs, clock.nowMs(), performance.now())
    if (verdict === undefined) return
    const { kind, offsetMs } = verdict
    if (kind === 'right') logger.info({ offsetMs }, 'the clock agrees with the other validators again')
    else {
      const side = kind === 'behind' ? 'behind' : 'ahead of'
      logger.warn(
        { offsetMs },
        `the clock of this machine is ${side} those of the other validators: set it, or its votes and blocks are ignored`,
      )
    }
  })
}
