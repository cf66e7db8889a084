// Measures block sync: progress for eth_syncing, and a periodic log line with rate and ETA.
// Not: the work (blockSync.ts).
import type { SyncProgress } from '../../rpc/backend.ts'
import type { NodeLogger } from '../logging.ts'

/** Up to this many blocks behind a node counts as in sync: the network is always slightly ahead. */
const REPORTED_MIN = 8
const LOG_EVERY_MS = 5_000

interface Running {
  readonly startingHeight: number
  readonly startedAtMs: number
  loggedAtMs: number
  loggedHeight: number
  currentHeight: number
  highestHeight: number
  blocks: number
  transactions: number
}

export class SyncMeter {
  readonly #logger: NodeLogger
  readonly #nowMs: () => number
  #running: Running | undefined

  constructor(logger: NodeLogger, nowMs: () => number = () => performance.now()) {
    this.#logger = logger
    this.#nowMs = nowMs
  }

  /** Starts measuring, or moves the target of a running sync. */
  start(currentHeight: number, highestHeight: number): void {
    if (this.#running !== undefined) {
      this.#running.highestHeight = Math.max(this.#running.currentHeight, highestHeight)
      return
    }
    const nowMs = this.#nowMs()
    this.#running = {
      startingHeight: currentHeight,
      startedAtMs: nowMs,
      loggedAtMs: nowMs,
      loggedHeight: currentHeight,
      currentHeight,
      highestHeight,
      blocks: 0,
      transactions: 0,
    }
    if (highestHeight - currentHeight > REPORTED_MIN) {
      this.#logger.info({ height: currentHeight, target: highestHeight }, 'syncing blocks')
    }
  }

  add(height: number, blocks: number, transactions: number): void {
    const running = this.#running
    if (running === undefined) return
    running.currentHeight = height
    running.blocks += blocks
    running.transactions += transactions
    const nowMs = this.#nowMs()
    if (nowMs - running.loggedAtMs < LOG_EVERY_MS) return
    const blocksPerSecond = (1000 * (height - running.loggedHeight)) / (nowMs - running.loggedAtMs)
    const left = Math.max(0, running.highestHeight - height)
    running.loggedAtMs = nowMs
    running.loggedHeight = height
    this.#logger.info(
      {
        height,
        target: running.highestHeight,
        blocksPerSecond: Math.round(blocksPerSecond),
        transactionsPerSecond: Math.round((1000 * running.transactions) / (nowMs - running.startedAtMs)),
        ...(blocksPerSecond > 0 ? { etaSeconds: Math.ceil(left / blocksPerSecond) } : {}),
      },
      'syncing blocks',
    )
  }

  stop(height: number): void {
    const running = this.#running
    this.#running = undefined
    if (running === undefined || running.blocks <= REPORTED_MIN) return
    const seconds = Math.max(0.001, (this.#nowMs() - running.startedAtMs) / 1000)
    this.#logger.info(
      {
        height,
        blocks: running.blocks,
        transactions: running.transactions,
        seconds: Number(seconds.toFixed(1)),
        blocksPerSecond: Math.round(running.blocks / seconds),
        transactionsPerSecond: Math.round(running.transactions / seconds),
      },
      'block sync ended',
    )
  }

  /** Undefined when no sync runs or the target is nearly reached. */
  progress(): SyncProgress | undefined {
    const running = this.#running
    if (running === undefined) return undefined
    const { startingHeight, currentHeight, highestHeight } = running
    return highestHeight - currentHeight > REPORTED_MIN
      ? { startingHeight, currentHeight, highestHeight }
      : undefined
  }
}
