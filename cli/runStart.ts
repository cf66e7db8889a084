// `suanli start`: runs one node until a signal. Owns: signals, exit codes, the message to a parent process.
import { resolve } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { toHex } from '../base/bytes.ts'
import { backendsText, cryptoBackends } from '../base/crypto/backends.ts'
import { nodeClock } from '../node/clock.ts'
import { loadConfig, type NodeConfig } from '../node/config.ts'
import { createLogger, RecentLines } from '../node/logging.ts'
import type { RunningNode } from '../node/node.ts'
import { genesisFile, parseGenesis } from '../node/nodeDir.ts'
import type { NodeMessage } from '../node/nodeMessage.ts'
import { type StartDirOptions, startNodeFromDir } from '../node/startDir.ts'
import { hasConsensusKey } from '../signer/keyFiles.ts'
import { checkCrypto } from './slowCrypto.ts'
import { onStopSignal } from './stopSignals.ts'

export interface StartOptions {
  readonly dataDir: string
  readonly password: string
  /** Overrides of `config.json`. */
  readonly overrides: Partial<NodeConfig>
  /** Takes a remote signer over from the node that holds it. */
  readonly takeOverSigner: boolean
  /** Signs although the record of this directory was exported. */
  readonly forceMovedSigner: boolean
  /** Lets a validator start without native cryptography. */
  readonly allowSlowCrypto: boolean
  /** Included in every log line. */
  readonly name?: string
}

/**
 * How far the heap may grow past the live size at the last full collection. V8 would let it multiply, which with four
 * validators on one machine wastes memory on garbage (docs/performance.md).
 */
const HEAP_GROWTH_PERCENT = 75

/** Exit code of a node whose consensus halted: the operator must act before it starts again. */
export const EXIT_HALTED = 3
/** The same, when a certified block has a different result on this node's state. */
export const EXIT_MISMATCH = 4

function tellParent(message: NodeMessage): void {
  if (process.connected) process.send?.(message)
}

interface StopRequest {
  /** Resolves with the reason when this process is told to stop, or when its parent process has ended. */
  readonly reason: Promise<string>
  /** Listens no more. */
  release(): void
}

function awaitStop(): StopRequest {
  let resolve: (reason: string) => void = () => {}
  const reason = new Promise<string>((done) => {
    resolve = done
  })
  const onOrphaned = (): void => resolve('the parent process ended')
  const releaseSignals = onStopSignal(['SIGINT', 'SIGTERM'], resolve)
  process.once('disconnect', onOrphaned)
  if (process.send !== undefined && !process.connected) onOrphaned()
  const release = (): void => {
    releaseSignals()
    process.off('disconnect', onOrphaned)
  }
  return { reason, release }
}

/** Runs until SIGINT or SIGTERM; resolves with the exit code. */
export async function runStart(options: StartOptions): Promise<number> {
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWTH_PERCENT}`)
  const { dataDir } = options
  const config: NodeConfig = { ...loadConfig(dataDir), ...options.overrides }
  const recent = new RecentLines()
  const logger = createLogger({
    level: config.logLevel,
    format: config.logFormat,
    rotation: config.logRotation,
    recent,
    ...(config.logFile === '' ? {} : { file: resolve(dataDir, config.logFile) }),
    ...(options.name === undefined ? {} : { name: options.name }),
  })
  const genesis = parseGenesis(genesisFile(dataDir))
  const clock = nodeClock(genesis.chainId, logger)
  const { signer: own, nextSigner } = config
  const isValidator =
    own.kind !== 'local' || nextSigner !== null || hasConsensusKey(dataDir) || own.dir !== undefined
  const slow = checkCrypto(cryptoBackends, { isValidator, isSlowAllowed: options.allowSlowCrypto })
  if (slow !== undefined) logger.warn({ crypto: backendsText(cryptoBackends) }, slow)
  const stopping = awaitStop()
  try {
    return await runNode({ ...options, config, genesis, clock, logger, recent }, stopping.reason)
  } finally {
    stopping.release()
  }
}

async function runNode(
  options: Omit<StartDirOptions, 'stopSignal'>,
  stopping: Promise<string>,
): Promise<number> {
  const { logger } = options
  const stop = new AbortController()
  void stopping.then(() => stop.abort(new Error('told to stop')))
  const started = startNodeFromDir({ ...options, stopSignal: stop.signal })
  const node = await started.catch((error: unknown) => {
    // A state sync may take long; stopping it is not an error.
    if (stop.signal.aborted) return undefined
    throw error
  })
  if (node === undefined) {
    logger.info('stopped before the node was up')
    return 0
  }
  const stopFirst = node.onFinalized(({ height, hash }) => {
    stopFirst()
    tellParent({ kind: 'final', height, hash: toHex(hash) })
  })
  tellParent({ kind: 'up', rpcUrl: node.rpcUrl, p2pAddresses: node.p2pAddresses })
  // A halted node keeps serving reads for diagnosis and stops only when told to.
  void node.halted.then((reason) => tellParent({ kind: 'halted', reason }))
  const reason = await stopping
  logger.info({ reason }, 'stopping')
  await node.close()
  logger.info('stopped')
  return exitCodeOf(node)
}

/** Of a node that was closed in order. */
export function exitCodeOf(node: Pick<RunningNode, 'haltKind'>): number {
  const kind = node.haltKind()
  if (kind === undefined) return 0
  return kind === 'mismatch' ? EXIT_MISMATCH : EXIT_HALTED
}
