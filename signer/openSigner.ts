// Opens a node's signer, local or remote, as configured. Owns: that choice. Not: the signers.
import { isAbsolute, join } from 'node:path'
import { fromHex } from '../base/bytes.ts'
import { bls } from '../base/crypto/bls.ts'
import type { Bls } from '../base/crypto/types.ts'
import { OperatorError } from '../base/errors.ts'
import type { Hash32 } from '../base/ids.ts'
import type { ValidatorSet } from '../base/protocol/validators.ts'
import type { Log, Signer } from '../consensus/ports.ts'
import { hasConsensusKey, openConsensusKey } from './keyFiles.ts'
import { QUIET_REFUSALS } from './localSigner.ts'
import { RemoteSigner } from './remoteSigner.ts'
import { type SignerConfig, signerAddress } from './signerConfig.ts'
import { openLocalSigner } from './signerDir.ts'
import { addressText, connectSigner } from './signerTransport.ts'

/** The directory whose key and record a signer uses: the node's own unless the configuration names another. */
function signerDataDir(dataDir: string, config: SignerConfig): string {
  if (config.kind !== 'local' || config.dir === undefined) return dataDir
  return isAbsolute(config.dir) ? config.dir : join(dataDir, config.dir)
}

/** Undefined for a follower. Throws OperatorError or KeystoreError and then leaves nothing open. */
export async function openSigner(options: {
  readonly dataDir: string
  readonly genesisHash: Hash32
  /** The set of epoch 0, from the genesis document. */
  readonly genesisSet: ValidatorSet
  readonly config: SignerConfig
  readonly password: string
  /** This node's peer id, for the log of a remote signer. */
  readonly client: string
  /** Takes a remote signer from the node that holds it. */
  readonly takeOver: boolean
  /** Signs although the record of this directory was exported. */
  readonly forceMoved: boolean
  readonly log: Log
  /** Of a local signer; default: the fastest there is. */
  readonly bls?: Bls
}): Promise<Signer | undefined> {
  const { genesisHash, config, log } = options
  const dataDir = signerDataDir(options.dataDir, config)
  if (config.kind === 'local') {
    if (!hasConsensusKey(dataDir)) {
      if (config.dir !== undefined) throw new OperatorError(`${dataDir} has no consensus key`)
      return undefined
    }
    const secretKey = openConsensusKey(dataDir, options.password)
    if (options.forceMoved) {
      log('warn', 'forced to sign although the record of this key may be in use on another machine', {})
    }
    return openLocalSigner({
      dataDir,
      genesisHash,
      secretKey,
      ...(options.bls === undefined ? {} : { bls: options.bls }),
      forceMoved: options.forceMoved,
      genesisSet: options.genesisSet,
      onUnproven: (epoch, reason) =>
        log('error', 'the signer does not take an epoch without proof: it signs nothing in it', {
          epoch,
          reason,
        }),
      onLost: (reason) =>
        log(
          'warn',
          'the record of what this key signed is lost: it signs nothing until a later epoch is proven',
          {
            reason,
          },
        ),
      onRefused: ({ kind, epoch, view }, refusal) => {
        if (QUIET_REFUSALS.has(refusal)) return
        log('warn', 'the signer refused a vote', { kind, epoch, view, refusal })
      },
    })
  }
  if (hasConsensusKey(dataDir)) {
    throw new OperatorError(
      `${dataDir} holds a consensus key although its signer is remote: move keys/consensus.json to the signer`,
    )
  }
  const address = signerAddress(config, dataDir)
  return new RemoteSigner({
    publicKey: fromHex(config.publicKey),
    genesisHash,
    bls,
    connect: (onReady) => connectSigner(address, onReady),
    address: addressText(address),
    client: options.client,
    takeOver: options.takeOver,
    log,
  })
}

/** The signer's state for `node_health`; empty for a follower. A node that catches up has it sign nothing. */
export function signerHealth(
  signer: Signer | undefined,
  isSyncing = false,
): {
  readonly signer?: 'ready' | 'observing' | 'away'
} {
  if (signer === undefined) return {}
  if (signer.isReady === false) return { signer: 'away' }
  return { signer: signer.observing || isSyncing ? 'observing' : 'ready' }
}
