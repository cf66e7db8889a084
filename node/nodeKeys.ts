// A node's key files: peer identity, and consensus key if it has one. Owns: creating both, showing their public parts.
// Not: the consensus key's rules (signer/keyFiles.ts).
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { toHex } from '../base/bytes.ts'
import { bls } from '../base/crypto/bls.ts'
import { OperatorError } from '../base/errors.ts'
import { peerIdBytesFromSeed, peerIdText } from '../p2p/identity.ts'
import { keyFile, storeConsensusKey } from '../signer/keyFiles.ts'
import {
  encryptKeystore,
  keystorePublicKey,
  openKeyFile,
  readKeystore,
  writeKeystore,
} from '../signer/keystore.ts'
import { isThere, makeFolder } from '../storage/durableFile.ts'

/** A node's public keys, as written in the genesis document. */
export interface PublicKeys extends ConsensusPublicKeys {
  readonly peerId: string
  readonly peerIdBytes: `0x${string}`
}

/** The public parts of a consensus key; nothing where there is none. */
export interface ConsensusPublicKeys {
  readonly consensusKey?: `0x${string}`
  /** Needs the secret, so it is present only right after key creation or with the password. */
  readonly possessionProof?: `0x${string}`
}

export interface KeySecrets {
  readonly peerSeed: Uint8Array
  readonly consensusSecret?: Uint8Array
}

/** Creates missing key files. Keys are random unless given (development keys); `showKeys` gives their public parts. */
export function createKeys(options: {
  readonly dataDir: string
  readonly password: string
  readonly isValidator: boolean
  readonly given?: KeySecrets
  readonly cost: 'standard' | 'light'
}): void {
  const { dataDir, password, given, cost } = options
  makeFolder(join(dataDir, 'keys'), 0o700)
  const peerFile = keyFile(dataDir, 'peer')
  if (!existsSync(peerFile)) {
    const secret = given?.peerSeed ?? new Uint8Array(randomBytes(32))
    const publicKey = peerIdBytesFromSeed(secret)
    writeKeystore(peerFile, encryptKeystore({ secret, publicKey, purpose: 'peer', password, cost }))
  }
  const consensusFile = keyFile(dataDir, 'consensus')
  if (options.isValidator && !existsSync(consensusFile)) {
    const secret = given?.consensusSecret ?? bls.keygen(new Uint8Array(randomBytes(32)))
    storeConsensusKey(dataDir, { secret, password, cost, mark: 'fresh' })
  }
}

/** Public parts of a node's keys; with the password also the proof of possession. Throws OperatorError without a peer identity. */
export function showKeys(dataDir: string, password?: string): PublicKeys {
  if (!isThere(keyFile(dataDir, 'peer')))
    throw new OperatorError(`${dataDir} has no keys: run \`suanli init\``)
  const peerIdBytes = keystorePublicKey(readKeystore(keyFile(dataDir, 'peer')))
  return {
    peerId: peerIdText(peerIdBytes),
    peerIdBytes: toHex(peerIdBytes),
    ...showConsensusKey(dataDir, password),
  }
}

/** As `showKeys`, of the consensus key alone: a signer's directory has no peer identity. */
export function showConsensusKey(dataDir: string, password?: string): ConsensusPublicKeys {
  const consensusFile = keyFile(dataDir, 'consensus')
  if (!isThere(consensusFile)) return {}
  const keystore = readKeystore(consensusFile)
  const consensusKey = toHex(keystorePublicKey(keystore))
  if (password === undefined) return { consensusKey }
  const secret = openKeyFile(consensusFile, 'consensus', password)
  return { consensusKey, possessionProof: toHex(bls.prove(secret)) }
}

/** Decrypts the seed of a node's peer identity. Throws KeystoreError or OperatorError. */
export function openPeerSeed(dataDir: string, password: string): Uint8Array {
  if (!isThere(keyFile(dataDir, 'peer')))
    throw new OperatorError(`${dataDir} has no keys: run \`suanli init\``)
  return openKeyFile(keyFile(dataDir, 'peer'), 'peer', password)
}
