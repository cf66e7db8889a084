// Ethereum account addresses. Owns: EIP-55 text, addresses of keys and signatures. Not: system addresses (moduleDefinition.ts).
import { toHex, utf8 } from './bytes.ts'
import { keccak256 } from './crypto/hash.ts'
import { publicKeyOf, recoverKeyView } from './crypto/secp256k1.ts'
import { type Address, parseAddress } from './ids.ts'

/**
 * EIP-55 mixed-case text, `0x` and 40 digits.
 *
 * @example
 * const address = parseChecksumAddress('0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266')!
 * checksumAddress(address) // '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266'
 */
export function checksumAddress(address: Address): `0x${string}` {
  const digits = toHex(address).slice(2)
  const hash = keccak256(utf8(digits))
  let out = ''
  for (let i = 0; i < digits.length; i++) {
    const nibble = i % 2 === 0 ? hash[i >> 1]! >> 4 : hash[i >> 1]! & 15
    out += nibble >= 8 ? digits[i]!.toUpperCase() : digits[i]!
  }
  return `0x${out}`
}

/**
 * Parses text typed by a person: one case throughout, or mixed case with the right EIP-55 checksum.
 *
 * @example
 * parseChecksumAddress('0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266')?.length // 20
 * parseChecksumAddress('0xF39Fd6e51aad88F6F4ce6aB8827279cffFb92266') // undefined
 */
export function parseChecksumAddress(text: string): Address | undefined {
  const address = parseAddress(text)
  if (address === undefined) return undefined
  const digits = text.slice(2)
  const oneCase = digits === digits.toLowerCase() || digits === digits.toUpperCase()
  return oneCase || checksumAddress(address) === text ? address : undefined
}

/** Last 20 bytes of keccak of an uncompressed public key (65 bytes). */
export function publicKeyAddress(publicKey: Uint8Array): Address {
  return keccak256(publicKey.subarray(1)).slice(12)
}

/** Throws on an invalid secret key. */
export function secretKeyAddress(secretKey: Uint8Array): Address {
  return publicKeyAddress(publicKeyOf(secretKey))
}

/** The account that signed `hash` with a 65-byte signature; `undefined` when it is not canonical or matches no key. */
export function recoverAddress(hash: Uint8Array, signature: Uint8Array): Address | undefined {
  const publicKey = recoverKeyView(hash, signature)
  return publicKey === undefined ? undefined : publicKeyAddress(publicKey)
}
