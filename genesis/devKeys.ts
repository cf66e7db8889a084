// Development keys: public, derived from well-known text, never for anything of value. Owns: derivation.
import { HDKey } from '@scure/bip32'
import { mnemonicToSeedSync } from '@scure/bip39'
import { secretKeyAddress } from '../base/address.ts'
import { utf8 } from '../base/bytes.ts'
import { bls } from '../base/crypto/bls.ts'
import { sha256 } from '../base/crypto/hash.ts'
import type { Address } from '../base/ids.ts'

/** The mnemonic of anvil and hardhat. */
export const DEVELOPMENT_MNEMONIC = 'test test test test test test test test test test test junk'
/** Accounts funded with coins: m/44'/60'/0'/0/0 to 9. */
export const DEVELOPMENT_ACCOUNTS = 10
/** Operators follow the accounts: m/44'/60'/0'/0/10 onwards. */
const OPERATOR_INDEX_FIRST = 10
/** Further accounts follow the operators. */
const MORE_INDEX_FIRST = 26

export interface DevelopmentAccount {
  /** Index in the derivation path, as `cast --mnemonic-index` takes it. */
  readonly index: number
  readonly address: Address
  readonly secretKey: Uint8Array
}

// Cached and lazy: stretching the mnemonic and a proof of possession take tens of milliseconds each, an account ten.
let branch: HDKey | undefined
const accounts = new Map<number, DevelopmentAccount>()
const validators = new Map<number, DevelopmentValidator>()

function derive(index: number): DevelopmentAccount {
  const known = accounts.get(index)
  if (known !== undefined) return known
  branch ??= HDKey.fromMasterSeed(mnemonicToSeedSync(DEVELOPMENT_MNEMONIC)).derive("m/44'/60'/0'/0")
  const secretKey = branch.deriveChild(index).privateKey
  if (secretKey === null) throw new Error('the derivation gave no key')
  const account = { index, address: secretKeyAddress(secretKey), secretKey }
  accounts.set(index, account)
  return account
}

/** The funded accounts: ten, unless a devnet has fewer or more. */
export function developmentAccounts(count = DEVELOPMENT_ACCOUNTS): readonly DevelopmentAccount[] {
  return Array.from({ length: count }, (_, i) =>
    derive(i < DEVELOPMENT_ACCOUNTS ? i : MORE_INDEX_FIRST + i - DEVELOPMENT_ACCOUNTS),
  )
}

export interface DevelopmentValidator {
  readonly operator: DevelopmentAccount
  /** BLS secret, 32 bytes. */
  readonly consensusSecret: Uint8Array
  /** ed25519 seed of the peer identity, 32 bytes. */
  readonly peerSeed: Uint8Array
  /** Of `consensusSecret`, 96 bytes. */
  possessionProof(): Uint8Array
}

/** Keys of the i-th development validator. */
export function developmentValidator(i: number): DevelopmentValidator {
  const known = validators.get(i)
  if (known !== undefined) return known
  const consensusSecret = bls.keygen(sha256(utf8(`suanli development consensus key ${i}`)))
  let proof: Uint8Array | undefined
  const validator: DevelopmentValidator = {
    operator: derive(OPERATOR_INDEX_FIRST + i),
    consensusSecret,
    peerSeed: sha256(utf8(`suanli development peer key ${i}`)),
    possessionProof: () => {
      proof ??= bls.prove(consensusSecret)
      return proof
    },
  }
  validators.set(i, validator)
  return validator
}
