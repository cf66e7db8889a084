// The consensus key's files in a data directory. Owns: creating, opening and moving the key, and its marker files.
// Not: encryption (keystore.ts), what the key signed (signerRecords.ts), the peer's key (node/nodeKeys.ts).
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { toHex } from '../base/bytes.ts'
import { bls } from '../base/crypto/bls.ts'
import { OperatorError } from '../base/errors.ts'
import { isThere, makeFolder, PUBLIC, writeDurablySync } from '../storage/durableFile.ts'
import {
  encryptKeystore,
  KeystoreError,
  keystorePublicKey,
  openKeyFile,
  readKeystore,
  writeKeystore,
} from './keystore.ts'

/** Path of a key file in a data directory. */
export const keyFile = (dataDir: string, name: 'consensus' | 'peer' | 'operator'): string =>
  join(dataDir, 'keys', `${name}.json`)
/** Exists while the consensus key has never signed; removed at the end of the first start. */
const freshFile = (dataDir: string): string => join(dataDir, 'keys', 'consensus.fresh')
/** Exists until an imported consensus key has signed here or its record is imported. */
const importedFile = (dataDir: string): string => join(dataDir, 'keys', 'consensus.imported')

/** Whether the consensus key has certainly never signed. */
export function isFreshKey(dataDir: string): boolean {
  return isMarkOf(dataDir, freshFile(dataDir))
}

/** Whether the consensus key was imported and its record may still follow. */
export function isImportedKey(dataDir: string): boolean {
  return isMarkOf(dataDir, importedFile(dataDir))
}

/** Ignores a mark that names another key: a key copied into its place may have signed before. */
function isMarkOf(dataDir: string, mark: string): boolean {
  if (!existsSync(mark)) return false
  const [key] = /0x[0-9a-f]{96}/.exec(readFileSync(mark, 'utf8')) ?? []
  return key === undefined || !hasConsensusKey(dataDir) || key === toHex(consensusPublicKey(dataDir))
}

/** Removes the marks once the signer's record exists: from now on its loss must be noticed. */
export function markKeyUsed(dataDir: string): void {
  rmSync(freshFile(dataDir), { force: true })
  rmSync(importedFile(dataDir), { force: true })
}

/** Decrypts only the consensus key, as a signer process does. Throws KeystoreError or OperatorError. */
export function openConsensusKey(dataDir: string, password: string): Uint8Array {
  const file = keyFile(dataDir, 'consensus')
  if (!isThere(file)) throw new OperatorError(`${dataDir} has no consensus key`)
  return openKeyFile(file, 'consensus', password)
}

/** Whether a data directory holds a consensus key. */
export function hasConsensusKey(dataDir: string): boolean {
  return isThere(keyFile(dataDir, 'consensus'))
}

/** A data directory's public consensus key, 48 bytes; needs no password. Throws OperatorError. */
export function consensusPublicKey(dataDir: string): Uint8Array {
  const file = keyFile(dataDir, 'consensus')
  if (!isThere(file)) throw new OperatorError(`${dataDir} has no consensus key`)
  return keystorePublicKey(readKeystore(file))
}

/** Creates a consensus key without a peer identity, for a signer's own directory. Throws if one exists. */
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
 * Imports a consensus key from any EIP-2335 file and stores it under this directory's password. Until its record is
 * imported (`signer import`) the signer observes. Throws KeystoreError or OperatorError and then changes nothing.
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
  const secret = openKeyFile(options.file, undefined, options.filePassword)
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

/** Undefined when the bytes are not a secret key. */
function publicKeyOf(secret: Uint8Array): Uint8Array | undefined {
  try {
    const publicKey = bls.publicKey(secret)
    return bls.isKey(publicKey) ? publicKey : undefined
  } catch {
    return undefined
  }
}

/** Writes the consensus key to a new EIP-2335 file under a separate password. Throws KeystoreError or OperatorError. */
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

/** Writes a new consensus key with a mark for its origin. Throws OperatorError if one exists. */
export function storeConsensusKey(
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
  if (existsSync(file)) throw new OperatorError(`${file} exists already: a directory holds one consensus key`)
  makeFolder(join(dataDir, 'keys'), 0o700)
  const publicKey = bls.publicKey(secret)
  if (mark === 'fresh') {
    writeDurablySync(
      freshFile(dataDir),
      `The consensus key ${toHex(publicKey)} has never signed. The first start removes this file; never copy it.\n`,
      PUBLIC,
    )
  } else {
    writeDurablySync(
      importedFile(dataDir),
      `The consensus key ${toHex(publicKey)} was imported. Import its record (suanli signer import) before the first start.\n`,
      PUBLIC,
    )
  }
  const given = path === undefined ? {} : { path }
  writeKeystore(file, encryptKeystore({ secret, publicKey, purpose: 'consensus', password, cost, ...given }))
}
