// A node's data directory: configuration, genesis, key files. Owns: making and reading it. Not: what runs on it (node.ts).
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { toHex } from '../base/bytes.ts'
import { bls } from '../base/crypto/bls.ts'
import { type Json, SchemaError } from '../base/field.ts'
import { buildGenesis, GenesisError } from '../genesis/build.ts'
import { type Genesis, genesisHash, genesisSchema } from '../genesis/schema.ts'
import { peerIdBytesFromSeed, peerIdText } from '../p2p/identity.ts'
import { CONFIG_FILE, ConfigError, GENESIS_FILE, type NodeConfig, saveConfig } from './config.ts'
import {
  decryptKeystore,
  encryptKeystore,
  KeystoreError,
  keystorePublicKey,
  openKeystore,
  readKeystore,
  writeKeystore,
} from './signing/keystore.ts'

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
/** Stands while an imported consensus key has neither signed here nor got its record. */
const importedFile = (dataDir: string): string => join(dataDir, 'keys', 'consensus.imported')

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
    storeConsensusKey(dataDir, { secret, password, cost, mark: 'fresh' })
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

/** Decrypts the seed of a node's peer identity. Throws KeystoreError or OperatorError. */
export function openPeerSeed(dataDir: string, password: string): Uint8Array {
  if (!existsSync(keyFile(dataDir, 'peer')))
    throw new OperatorError(`${dataDir} has no keys: run \`suanli init\``)
  return decryptKeystore(readKeystore(keyFile(dataDir, 'peer')), 'peer', password)
}

/** Whether the consensus key has certainly never signed. */
export function isFreshKey(dataDir: string): boolean {
  return isMarkOf(dataDir, freshFile(dataDir))
}

/** Whether the consensus key came from elsewhere and its record may still follow. */
export function isImportedKey(dataDir: string): boolean {
  return isMarkOf(dataDir, importedFile(dataDir))
}

/** A mark that was left by another key says nothing: one copied into its place may have signed before. */
function isMarkOf(dataDir: string, mark: string): boolean {
  if (!existsSync(mark)) return false
  const [key] = /0x[0-9a-f]{96}/.exec(readFileSync(mark, 'utf8')) ?? []
  return key === undefined || !hasConsensusKey(dataDir) || key === toHex(consensusPublicKey(dataDir))
}

/** The signer's file exists now: from here on its loss must be noticed. */
export function markKeyUsed(dataDir: string): void {
  rmSync(freshFile(dataDir), { force: true })
  rmSync(importedFile(dataDir), { force: true })
}

/** Decrypts the consensus key alone, as a signer process does. Throws KeystoreError or OperatorError. */
export function openConsensusKey(dataDir: string, password: string): Uint8Array {
  const file = keyFile(dataDir, 'consensus')
  if (!existsSync(file)) throw new OperatorError(`${dataDir} has no consensus key`)
  return decryptKeystore(readKeystore(file), 'consensus', password)
}

/** Whether a data directory holds a consensus key. */
export function hasConsensusKey(dataDir: string): boolean {
  return existsSync(keyFile(dataDir, 'consensus'))
}

/** Public consensus key of a data directory, 48 bytes; needs no password. Throws OperatorError. */
export function consensusPublicKey(dataDir: string): Uint8Array {
  const file = keyFile(dataDir, 'consensus')
  if (!existsSync(file)) throw new OperatorError(`${dataDir} has no consensus key`)
  return keystorePublicKey(readKeystore(file))
}

/** Makes a new consensus key without a peer identity, for a signer's own directory. Throws when there is one. */
export function createConsensusKey(
  dataDir: string,
  password: string,
  cost: 'standard' | 'light' = 'standard',
): Uint8Array {
  const secret = bls.keygen(new Uint8Array(randomBytes(32)))
  storeConsensusKey(dataDir, { secret, password, cost, mark: 'fresh' })
  return bls.publicKey(secret)
}

/**
 * Takes a consensus key from an EIP-2335 file of any maker and stores it under this directory's password. Its record must
 * follow (`signer import`), else it observes. Throws KeystoreError or OperatorError; changes nothing then.
 */
export function importConsensusKey(
  dataDir: string,
  options: {
    readonly file: string
    readonly filePassword: string
    readonly password: string
    readonly cost?: 'standard' | 'light'
  },
): Uint8Array {
  const keystore = readKeystore(options.file)
  const secret = openKeystore(keystore, options.filePassword)
  const publicKey = publicKeyOf(secret)
  if (publicKey === undefined) throw new KeystoreError('WrongKey', `${options.file} holds no BLS12-381 key`)
  if (keystore.pubkey !== undefined && toHex(publicKey) !== toHex(keystorePublicKey(keystore))) {
    throw new KeystoreError('WrongKey', `${options.file}: the secret does not belong to its pubkey`)
  }
  const { path } = keystore
  const { password, cost = 'standard' } = options
  storeConsensusKey(dataDir, { secret, password, cost, mark: 'imported', path })
  return publicKey
}

/** Undefined when the bytes are no secret key. */
function publicKeyOf(secret: Uint8Array): Uint8Array | undefined {
  try {
    const publicKey = bls.publicKey(secret)
    return bls.isKey(publicKey) ? publicKey : undefined
  } catch {
    return undefined
  }
}

/** Writes the consensus key to a new EIP-2335 file under another password. Throws KeystoreError or OperatorError. */
export function exportConsensusKey(
  dataDir: string,
  options: {
    readonly out: string
    readonly password: string
    readonly filePassword: string
    readonly cost?: 'standard' | 'light'
  },
): Uint8Array {
  const { path } = readKeystore(keyFile(dataDir, 'consensus'))
  const secret = openConsensusKey(dataDir, options.password)
  const publicKey = bls.publicKey(secret)
  const { filePassword: password, cost = 'standard' } = options
  writeKeystore(
    options.out,
    encryptKeystore({ secret, publicKey, purpose: 'consensus', password, cost, path }),
  )
  return publicKey
}

function storeConsensusKey(
  dataDir: string,
  options: {
    readonly secret: Uint8Array
    readonly password: string
    readonly cost: 'standard' | 'light'
    readonly mark: 'fresh' | 'imported'
    readonly path?: string
  },
): void {
  const { secret, password, cost, mark, path } = options
  const file = keyFile(dataDir, 'consensus')
  if (existsSync(file)) throw new OperatorError(`${file} exists already: one directory has one consensus key`)
  mkdirSync(join(dataDir, 'keys'), { recursive: true, mode: 0o700 })
  const publicKey = bls.publicKey(secret)
  if (mark === 'fresh') {
    writeFileSync(
      freshFile(dataDir),
      `The consensus key ${toHex(publicKey)} has never signed. The first start removes this file; never copy it.\n`,
    )
  } else {
    writeFileSync(
      importedFile(dataDir),
      `The consensus key ${toHex(publicKey)} was imported. Import its record (suanli signer import) before the first start.\n`,
    )
  }
  const given = path === undefined ? {} : { path }
  writeKeystore(file, encryptKeystore({ secret, publicKey, purpose: 'consensus', password, cost, ...given }))
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

/** Names the genesis document whose proofs of possession were checked, so that they are not at every start. */
const CHECKED_FILE = 'genesis.checked'

/** Whether the proofs of possession of this document were checked for this directory. */
export function areProofsChecked(dataDir: string, genesis: Genesis): boolean {
  const file = join(dataDir, CHECKED_FILE)
  return existsSync(file) && readFileSync(file, 'utf8').trim() === toHex(genesisHash(genesis))
}

/** Notes that they were. Only for a document that `buildGenesis` accepted with its proofs, or whose proofs were just made. */
export function noteProofsChecked(dataDir: string, genesis: Genesis): void {
  writeFileSync(join(dataDir, CHECKED_FILE), `${toHex(genesisHash(genesis))}\n`)
}

/** The document as it stands in a file. */
export function genesisText(genesis: Genesis): string {
  return `${JSON.stringify(genesisSchema.toJson(genesis), null, 2)}\n`
}

/** Writes configuration and genesis into a new data directory; refuses one that belongs to a node already. */
export function writeNodeDir(dataDir: string, genesis: Genesis, config: NodeConfig): void {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  for (const name of [CONFIG_FILE, GENESIS_FILE]) {
    if (existsSync(join(dataDir, name))) throw new OperatorError(`${dataDir} already has a ${name}`)
  }
  writeFileSync(join(dataDir, GENESIS_FILE), genesisText(genesis))
  saveConfig(dataDir, config)
}

export function genesisFile(dataDir: string): string {
  const file = join(dataDir, GENESIS_FILE)
  if (!existsSync(file)) throw new ConfigError(`${dataDir} has no ${GENESIS_FILE}: run \`suanli init\``)
  return file
}
