// The account that pays for the evidence a node submits (`keys/operator.json`). Owns: the file. Not: what is signed.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { secretKeyAddress } from '../base/address.ts'
import { OperatorError } from '../base/errors.ts'
import type { Address } from '../base/ids.ts'
import { makeFolder } from '../storage/durableFile.ts'
import { encryptKeystore, keystorePublicKey, openKeyFile, readKeystore, writeKeystore } from './keystore.ts'

const keyFile = (dataDir: string): string => join(dataDir, 'keys', 'operator.json')

/** Stores a secp256k1 secret key, 32 bytes, under the password. Throws OperatorError if one exists. */
export function storeOperatorKey(
  dataDir: string,
  options: { readonly secret: Uint8Array; readonly password: string; readonly cost: 'standard' | 'light' },
): Address {
  const { secret, password, cost } = options
  const file = keyFile(dataDir)
  if (existsSync(file)) throw new OperatorError(`${file} exists already: remove it to store another account`)
  const address = secretKeyAddress(secret)
  makeFolder(join(dataDir, 'keys'), 0o700)
  writeKeystore(file, encryptKeystore({ secret, publicKey: address, purpose: 'operator', password, cost }))
  return address
}

/** The secret key, or undefined for a node without an account. Throws KeystoreError. */
export function openOperatorKey(dataDir: string, password: string): Uint8Array | undefined {
  const file = keyFile(dataDir)
  if (!existsSync(file)) return undefined
  return openKeyFile(file, 'operator', password)
}

/** The account's address; needs no password. */
export function operatorAddress(dataDir: string): Address | undefined {
  const file = keyFile(dataDir)
  return existsSync(file) ? keystorePublicKey(readKeystore(file)) : undefined
}
