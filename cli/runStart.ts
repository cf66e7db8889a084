// `suanli start`: runs one node until a signal. Owns: signals, exit codes, the message to a parent process.
import { setFlagsFromString } from 'node:v8'
import type { Logger } from 'pino'
import { toHex } from '../base/bytes.ts'
import { backendsText, cryptoBackends } from '../base/crypto/backends.ts'
import { OperatorError } from '../base/errors.ts'
import { genesisValidators } from '../client/trust.ts'
import type { Signer } from '../consensus/ports.ts'
import { type Genesis, genesisHash } from '../genesis/schema.ts'
import { nodeClock } from '../node/clock.ts'
import { loadConfig, type NodeConfig } from '../node/config.ts'
import { createLogger, RecentLines } from '../node/logging.ts'
import { isGenesisValidator, startNode } from '../node/node.ts'
import { genesisFile, parseGenesis } from '../node/nodeDir.ts'
import { openPeerSeed } from '../node/nodeKeys.ts'
import type { NodeMessage } from '../node/nodeMessage.ts'
import { peerIdBytesFromSeed, peerIdText } from '../p2p/identity.ts'
import { hasConsensusKey, keyFile } from '../signer/keyFiles.ts'
import { openSigner } from '../signer/openSigner.ts'
import { openOperatorKey } from '../signer/operatorKey.ts'
import { SignerRing } from '../signer/signerRing.ts'
import { checkCrypto } from './slowCrypto.ts'

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

/** Resolves with the reason when this process is told to stop, or when its parent process has ended. */
function reasonToStop(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve(signal))
    const onOrphaned = (): void => resolve('the parent process ended')
    process.once('disconnect', onOrphaned)
    if (process.send !== undefined && !process.connected) onOrphaned()
  })
}

/** The configured signer; during a rotation a ring of the old and the new key's signers. */
async function openSigners(
  options: StartOptions,
  node: {
    readonly config: NodeConfig
    readonly genesis: Genesis
    readonly peerSeed: Uint8Array
    readonly logger: Logger
  },
): Promise<Signer | undefined> {
  const log = node.logger.child({ room: 'signer' })
  const signers: Signer[] = []
  for (const config of [node.config.signer, node.config.nextSigner]) {
    if (config === null) continue
    const opened = await openSigner({
      dataDir: options.dataDir,
      genesisHash: genesisHash(node.genesis),
      genesisSet: genesisValidators(node.genesis),
      config,
      password: options.password,
      client: peerIdText(peerIdBytesFromSeed(node.peerSeed)),
      takeOver: options.takeOverSigner,
      forceMoved: options.forceMovedSigner,
      log: (level, text, fields) => log[level](fields ?? {}, text),
    })
    if (opened !== undefined) signers.push(opened)
  }
  if (signers.length === 0 && node.config.validator) {
    throw new OperatorError(
      `${keyFile(options.dataDir, 'consensus')} is missing, and config.json says "validator": true: ` +
        'restore the key from your offline copy, or set it to false to follow the chain without signing',
    )
  }
  return signers.length > 1 ? new SignerRing(signers) : signers[0]
}

/** Runs until SIGINT or SIGTERM; resolves with the exit code. */
export async function runStart(options: StartOptions): Promise<number> {
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWTH_PERCENT}`)
  const { dataDir } = options
  const config: NodeConfig = { ...loadConfig(dataDir), ...options.overrides }
  const recent = new RecentLines()
  const logger = createLogger({
    level: config.logLevel,
    recent,
    ...(options.name === undefined ? {} : { name: options.name }),
  })
  const genesis = parseGenesis(genesisFile(dataDir))
  const clock = nodeClock(genesis.chainId, logger)
  const peerSeed = openPeerSeed(dataDir, options.password)
  const { signer: own, nextSigner } = config
  const isValidator =
    own.kind !== 'local' || nextSigner !== null || hasConsensusKey(dataDir) || own.dir !== undefined
  const slow = checkCrypto(cryptoBackends, { isValidator, isSlowAllowed: options.allowSlowCrypto })
  if (slow !== undefined) logger.warn({ crypto: backendsText(cryptoBackends) }, slow)
  const signer = await openSigners(options, { config, genesis, peerSeed, logger })
  if (signer !== undefined && !isGenesisValidator(genesis, signer.publicKey)) {
    logger.info(
      { consensusKey: toHex(signer.publicKey) },
      'this consensus key is not in genesis: it votes in the epochs whose set has it, in others the node follows',
    )
  }
  const stopping = reasonToStop()
  const stop = new AbortController()
  void stopping.then(() => stop.abort(new Error('told to stop')))
  const started = startNode({
    dataDir,
    genesis,
    config,
    peerSeed,
    signer,
    operatorSecret: openOperatorKey(dataDir, options.password),
    clock,
    logger,
    recentLog: () => recent.lines(),
    stopSignal: stop.signal,
  })
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
  let isHalted = false
  void node.halted.then((reason) => {
    isHalted = true
    tellParent({ kind: 'halted', reason })
  })
  const reason = await stopping
  logger.info({ reason }, 'stopping')
  await node.close()
  logger.info('stopped')
  if (isHalted) return node.isMismatch() ? EXIT_MISMATCH : EXIT_HALTED
  return 0
}
