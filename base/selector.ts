// Canonical ABI signatures and what is hashed from them. Not: encoding arguments (abi.ts), tables by selector (state/abiTable.ts).
import { abiSignature } from './abi.ts'
import { assert } from './assert.ts'
import { utf8 } from './bytes.ts'
import { keccak256 } from './crypto/hash.ts'
import type { Fields } from './field.ts'

/** Canonical signature, e.g. `request(uint256,uint8)`. */
export function signatureOf(name: string, fields: Fields): string {
  const types = Object.entries(fields).map(([fieldName, field]) => {
    assert(field.abi !== undefined, `${name}.${fieldName} has no ABI type`)
    return abiSignature(field.abi)
  })
  return `${name}(${types.join(',')})`
}

/** First four bytes of keccak(signature). */
export function selectorOf(name: string, fields: Fields): Uint8Array {
  return keccak256(utf8(signatureOf(name, fields))).slice(0, 4)
}
