// Starts a node from its data directory: opens keys and signers as configured, then the node. Not: configuration and logger
// (whoever starts it has both), the node (node.ts).
import type { Logger } from 'pino'
import { OperatorError } from '../base/errors.ts'
import type { Clock, Signer } from '../consensus/ports.ts'
import { type Genesis, genesisHash, genesisValidators } from '../genesis/schema.ts'
import { peerIdBytesFromSeed, peerIdText } from '../p2p/identity.ts'
import { keyFile } from '../signer/keyFiles.ts'
import { openSigner } from '../signer/openSigner.ts'
import { openOperatorKey } from '../signer/operatorKey.ts'
import { SignerRing } from '../signer/signerRing.ts'
import type { NodeConfig } from './config.ts'
import type { RecentLines } from './logging.ts'
import { type DevnetParts, type RunningNode, startNode } from './node.ts'
import { openPeerSeed } from './nodeKeys.ts'

export interface StartDirOptions {
  readonly dataDir: string
  readonly password: string
  readonly config: NodeConfig
  readonly genesis: Genesis
  /** Takes a remote signer over from the node that holds it. */
  readonly takeOverSigner: boolean
  /** Signs although the record of this directory was exported. */
  readonly forceMovedSigner: boolean
  readonly clock: Clock
  readonly logger: Logger
  /** The latest lines of `logger`, for a diagnosis file. */
  readonly recent: RecentLines
  /** What a devnet in one process adds. */
  readonly devnet?: DevnetParts
  /** Aborts a running state sync: rejects with the signal's reason. */
  readonly stopSignal?: AbortSignal
}

/** Resolves once JSON-RPC listens. Throws OperatorError or KeystoreError and then leaves nothing open. */
export async function startNodeFromDir(options: StartDirOptions): Promise<RunningNode> {
  const { dataDir, password, config, genesis, clock, logger, recent, stopSignal } = options
  const peerSeed = openPeerSeed(dataDir, password)
  const operatorSecret = openOperatorKey(dataDir, password)
  const signer = options.devnet?.signer ?? (await openSigners(options, peerSeed))
  return startNode({
    dataDir,
    genesis,
    config,
    peerSeed,
    signer,
    operatorSecret,
    clock,
    logger,
    recentLog: () => recent.lines(),
    ...(options.devnet === undefined ? {} : { devnet: options.devnet }),
    ...(stopSignal === undefined ? {} : { stopSignal }),
  })
}

/** The configured signer; during a rotation a ring of the old and the new key's signers. */
async function openSigners(options: StartDirOptions, peerSeed: Uint8Array): Promise<Signer | undefined> {
  const { config, genesis } = options
  const log = options.logger.child({ room: 'signer' })
  const signers: Signer[] = []
  for (const own of [config.signer, config.nextSigner]) {
    if (own === null) continue
    const opened = await openSigner({
      dataDir: options.dataDir,
      genesisHash: genesisHash(genesis),
      genesisSet: genesisValidators(genesis),
      config: own,
      password: options.password,
      client: peerIdText(peerIdBytesFromSeed(peerSeed)),
      takeOver: options.takeOverSigner,
      forceMoved: options.forceMovedSigner,
      log: (level, text, fields) => log[level](fields ?? {}, text),
      ...(options.devnet?.bls === undefined ? {} : { bls: options.devnet.bls }),
    })
    if (opened !== undefined) signers.push(opened)
  }
  if (signers.length === 0 && config.validator) {
    throw new OperatorError(
      `${keyFile(options.dataDir, 'consensus')} is missing, and config.json says "validator": true: ` +
        'restore the key from your offline copy, or set it to false to follow the chain without signing',
    )
  }
  return signers.length > 1 ? new SignerRing(signers) : signers[0]
}
