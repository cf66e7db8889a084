// A node's data directory: configuration, genesis, key files. Owns: making and reading it. Not: what runs on it (node.ts).
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { toHex } from '../base/bytes.ts'
import { bls } from '../base/crypto/bls.ts'
import { type Json, SchemaError } from '../base/field.ts'
import { buildGenesis, GenesisError } from '../genesis/build.ts'
import { type Genesis, genesisSchema } from '../genesis/schema.ts'
import { peerIdBytesFromSeed, peerIdText } from '../p2p/identity.ts'
import { CONFIG_FILE, ConfigError, GENESIS_FILE, type NodeConfig, saveConfig } from './config.ts'
import {
  decryptKeystore,
  encryptKeystore,
  keystorePublicKey,
  readKeystore,
  writeKeystore,
} from './keystore.ts'

/** Something an operator must mend; `message` says what. */
export class OperatorError extends Error {
  readonly code = 'OperatorError'
  constructor(message: string) {
    super(message)
    this.name = 'OperatorError'
  }
}

const keyFile = (dataDir: string, name: 'consensus' | 'peer'): string => join(dataDir, 'keys', `${name}.json`)
/** Stands while the consensus key has never signed; removed at the end of the first start. */
const freshFile = (dataDir: string): string => join(dataDir, 'keys', 'consensus.fresh')

/** What other members need to know of a node, as it stands in the genesis document. */
export interface PublicKeys {
  readonly peerId: string
  readonly peerIdBytes: `0x${string}`
  readonly consensusKey?: `0x${string}`
  /** Needs the secret, so it is there only right after the key was made or with the password. */
  readonly possessionProof?: `0x${string}`
}

export interface KeySecrets {
  readonly peerSeed: Uint8Array
  readonly consensusSecret?: Uint8Array
}

/** Writes key files that are not there yet. Random unless given (development keys). */
export function createKeys(options: {
  readonly dataDir: string
  readonly password: string
  readonly isValidator: boolean
  readonly given?: KeySecrets
  readonly cost: 'standard' | 'light'
}): PublicKeys {
  const { dataDir, password, given, cost } = options
  mkdirSync(join(dataDir, 'keys'), { recursive: true, mode: 0o700 })
  const peerFile = keyFile(dataDir, 'peer')
  if (!existsSync(peerFile)) {
    const secret = given?.peerSeed ?? new Uint8Array(randomBytes(32))
    const publicKey = peerIdBytesFromSeed(secret)
    writeKeystore(peerFile, encryptKeystore({ secret, publicKey, purpose: 'peer', password, cost }))
  }
  const consensusFile = keyFile(dataDir, 'consensus')
  if (options.isValidator && !existsSync(consensusFile)) {
    const secret = given?.consensusSecret ?? bls.keygen(new Uint8Array(randomBytes(32)))
    const publicKey = bls.publicKey(secret)
    writeFileSync(
      freshFile(dataDir),
      'This consensus key has never signed. The first start removes this file.\n',
    )
    writeKeystore(consensusFile, encryptKeystore({ secret, publicKey, purpose: 'consensus', password, cost }))
  }
  return showKeys(dataDir, password)
}

/** Public parts of a node's keys; with the password also the proof of possession. */
export function showKeys(dataDir: string, password?: string): PublicKeys {
  if (!existsSync(keyFile(dataDir, 'peer')))
    throw new OperatorError(`${dataDir} has no keys: run \`suanli init\``)
  const peerIdBytes = keystorePublicKey(readKeystore(keyFile(dataDir, 'peer')))
  const peer = { peerId: peerIdText(peerIdBytes), peerIdBytes: toHex(peerIdBytes) }
  const consensusFile = keyFile(dataDir, 'consensus')
  if (!existsSync(consensusFile)) return peer
  const keystore = readKeystore(consensusFile)
  const consensusKey = toHex(keystorePublicKey(keystore))
  if (password === undefined) return { ...peer, consensusKey }
  const secret = decryptKeystore(keystore, 'consensus', password)
  return { ...peer, consensusKey, possessionProof: toHex(bls.prove(secret)) }
}

/** Decrypts the keys of a node. Throws KeystoreError or OperatorError. */
export function openKeys(dataDir: string, password: string): KeySecrets {
  if (!existsSync(keyFile(dataDir, 'peer')))
    throw new OperatorError(`${dataDir} has no keys: run \`suanli init\``)
  const peerSeed = decryptKeystore(readKeystore(keyFile(dataDir, 'peer')), 'peer', password)
  const consensusFile = keyFile(dataDir, 'consensus')
  if (!existsSync(consensusFile)) return { peerSeed }
  return { peerSeed, consensusSecret: decryptKeystore(readKeystore(consensusFile), 'consensus', password) }
}

/** Whether the consensus key has certainly never signed. */
export function isFreshKey(dataDir: string): boolean {
  return existsSync(freshFile(dataDir))
}

/** The signer's file exists now: from here on its loss must be noticed. */
export function markKeyUsed(dataDir: string): void {
  rmSync(freshFile(dataDir), { force: true })
}

/** Reads a genesis document without building block 0 from it; throws OperatorError naming file, field and reason. */
export function parseGenesis(file: string): Genesis {
  let json: unknown
  try {
    json = JSON.parse(readFileSync(file, 'utf8'))
  } catch (cause) {
    const reason = cause instanceof SyntaxError ? 'is not JSON' : (cause as Error).message
    throw new OperatorError(`${file}: ${reason}`)
  }
  return refusing(file, () => genesisSchema.fromJson(json as Json))
}

/** Reads a genesis document and checks every rule; throws OperatorError naming file, field and reason. */
export function readGenesis(file: string): Genesis {
  const genesis = parseGenesis(file)
  refusing(file, () => buildGenesis(genesis).tree.release())
  return genesis
}

function refusing<T>(file: string, run: () => T): T {
  try {
    return run()
  } catch (cause) {
    if (cause instanceof SchemaError || cause instanceof GenesisError) {
      throw new OperatorError(`${file}: ${cause.message}`)
    }
    throw cause
  }
}

/** Writes configuration and genesis into a new data directory; refuses one that belongs to a node already. */
export function writeNodeDir(dataDir: string, genesis: Genesis, config: NodeConfig): void {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  for (const name of [CONFIG_FILE, GENESIS_FILE]) {
    if (existsSync(join(dataDir, name))) throw new OperatorError(`${dataDir} already has a ${name}`)
  }
  writeFileSync(join(dataDir, GENESIS_FILE), `${JSON.stringify(genesisSchema.toJson(genesis), null, 2)}\n`)
  saveConfig(dataDir, config)
}

export function genesisFile(dataDir: string): string {
  const file = join(dataDir, GENESIS_FILE)
  if (!existsSync(file)) throw new ConfigError(`${dataDir} has no ${GENESIS_FILE}: run \`suanli init\``)
  return file
}
