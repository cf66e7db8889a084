// EIP-712 digests of flat structs (WALLETS §1). Owns: type strings, hashes, the voucher. Not: which actions are signed.
import { abiSignature, encodeAbi } from './abi.ts'
import { assert } from './assert.ts'
import { concatBytes, utf8 } from './bytes.ts'
import { keccak256 } from './crypto/hash.ts'
import type { AbiType, AbiValue } from './field.ts'
import type { Address, Hash32 } from './ids.ts'

/** Shown by wallets when they ask for a signature. */
export const DOMAIN_NAME = 'Suanli'
export const DOMAIN_VERSION = '1'

/** Where a signature is valid: one chain, one system address. */
export interface TypedDomain {
  readonly chainId: number
  readonly verifyingContract: Address
}

/** One member of a flat struct: no arrays, no tuples. */
export interface TypedField {
  readonly name: string
  readonly type: AbiType
}

const UINT256: AbiType = { kind: 'uint', bits: 256 }
const BYTES32: AbiType = { kind: 'fixedBytes', size: 32 }
const DOMAIN_FIELDS: readonly TypedField[] = [
  { name: 'name', type: { kind: 'string' } },
  { name: 'version', type: { kind: 'string' } },
  { name: 'chainId', type: UINT256 },
  { name: 'verifyingContract', type: { kind: 'address' } },
]

/** `Voucher(uint64 redemptionId,uint32 assignment,…)`. */
export function encodeType(primaryType: string, fields: readonly TypedField[]): string {
  const members = fields.map((field) => {
    assert(
      field.type.kind !== 'array' && field.type.kind !== 'tuple',
      `${primaryType}.${field.name} is not flat`,
    )
    return `${abiSignature(field.type)} ${field.name}`
  })
  return `${primaryType}(${members.join(',')})`
}

function encodeMember(type: AbiType, value: AbiValue): Uint8Array {
  if (type.kind === 'string') return keccak256(utf8(value as string))
  if (type.kind === 'bytes') return keccak256(value as Uint8Array)
  return encodeAbi([type], [value])
}

/** keccak(typeHash ‖ one word per member); `values` in the order of `fields`, typed as for the ABI coder. */
export function structHash(
  primaryType: string,
  fields: readonly TypedField[],
  values: readonly AbiValue[],
): Hash32 {
  assert(fields.length === values.length, `${primaryType} has ${fields.length} members`)
  const typeHash = keccak256(utf8(encodeType(primaryType, fields)))
  return keccak256(concatBytes(typeHash, ...fields.map((field, i) => encodeMember(field.type, values[i]!))))
}

export function domainSeparator(domain: TypedDomain): Hash32 {
  return structHash('EIP712Domain', DOMAIN_FIELDS, [
    DOMAIN_NAME,
    DOMAIN_VERSION,
    BigInt(domain.chainId),
    domain.verifyingContract,
  ])
}

/** What a wallet signs for `eth_signTypedData_v4`: keccak(0x1901 ‖ domain separator ‖ struct hash). */
export function typedDataDigest(options: {
  domain: TypedDomain
  primaryType: string
  fields: readonly TypedField[]
  values: readonly AbiValue[]
}): Hash32 {
  const { domain, primaryType, fields, values } = options
  return keccak256(
    concatBytes(
      new Uint8Array([0x19, 0x01]),
      domainSeparator(domain),
      structHash(primaryType, fields, values),
    ),
  )
}

/** The members of `Voucher`, for wallets and libraries. */
export const VOUCHER_FIELDS: readonly TypedField[] = [
  { name: 'redemptionId', type: { kind: 'uint', bits: 64 } },
  { name: 'assignment', type: { kind: 'uint', bits: 32 } },
  { name: 'provider', type: { kind: 'address' } },
  { name: 'deliveredBase', type: UINT256 },
  { name: 'genesis', type: BYTES32 },
]

/** A client's cumulative statement of how much of an assignment has been delivered (ECONOMY §6). */
export interface Voucher {
  readonly redemptionId: number
  readonly assignment: number
  /** Account of the provider that delivers. */
  readonly provider: Address
  /** Base units delivered so far under this assignment. */
  readonly deliveredBase: bigint
  /** Hash of the chain's genesis. */
  readonly genesis: Hash32
}

/** The digest signed by the redeemer or by the key named in the request. */
export function voucherDigest(voucher: Voucher & TypedDomain): Hash32 {
  return typedDataDigest({
    domain: voucher,
    primaryType: 'Voucher',
    fields: VOUCHER_FIELDS,
    values: [
      BigInt(voucher.redemptionId),
      BigInt(voucher.assignment),
      voucher.provider,
      voucher.deliveredBase,
      voucher.genesis,
    ],
  })
}

/** Wallets give 27 or 28 as the last byte of a signature; other code gives the parity, which recovery takes. */
export function withParity(signature: Uint8Array): Uint8Array {
  const last = signature[64]
  if (signature.length !== 65 || (last !== 27 && last !== 28)) return signature
  const out = signature.slice()
  out[64] = last - 27
  return out
}
