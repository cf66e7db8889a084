// Vouchers as holder and provider exchange them (WALLETS §1): cumulative, EIP-712. Owns: signing and checking the signer.
// Not: the digest's form (base/eip712.ts), which amount is right (ownMeter.ts).
import { recoverAddress } from '../../base/address.ts'
import { equalBytes, toHex } from '../../base/bytes.ts'
import { signHash } from '../../base/crypto/secp256k1.ts'
import {
  DOMAIN_NAME,
  DOMAIN_VERSION,
  VOUCHER_FIELDS,
  type Voucher,
  voucherDigest,
  withParity,
} from '../../base/eip712.ts'
import type { Json } from '../../base/field.ts'
import { type Address, type Hash32, ZERO_ADDRESS } from '../../base/ids.ts'
import { moduleAddress } from '../../base/moduleDefinition.ts'
import { redemptionSchema } from '../../state/modules/redemption/schema.ts'
import { RedeemError } from './redeemError.ts'

export const SIGNATURE_BYTES = 65

/** The contract that vouchers name: the module's system address. */
export const verifyingContract: Address = /* @__PURE__ */ moduleAddress(redemptionSchema)

/** A voucher with its signature: r ‖ s ‖ parity. */
export interface SignedVoucher extends Voucher {
  readonly signature: Uint8Array
}

export function digestOf(voucher: Voucher, chainId: number): Hash32 {
  return voucherDigest({ ...voucher, chainId, verifyingContract })
}

/** Signs with the secret of the owner, or of the voucher key that the request named. */
export function signVoucher(voucher: Voucher, chainId: number, secretKey: Uint8Array): SignedVoucher {
  return { ...voucher, signature: signHash(digestOf(voucher, chainId), secretKey) }
}

/** What `eth_signTypedData_v4` takes, for a wallet that keeps its key. */
export function voucherTypedData(voucher: Voucher, chainId: number): Json {
  const domain = {
    name: DOMAIN_NAME,
    version: DOMAIN_VERSION,
    chainId,
    verifyingContract: toHex(verifyingContract),
  }
  return {
    types: {
      EIP712Domain: [
        { name: 'name', type: 'string' },
        { name: 'version', type: 'string' },
        { name: 'chainId', type: 'uint256' },
        { name: 'verifyingContract', type: 'address' },
      ],
      Voucher: VOUCHER_FIELDS.map(({ name, type }) => ({
        name,
        type:
          type.kind === 'uint'
            ? `uint${type.bits}`
            : type.kind === 'fixedBytes'
              ? `bytes${type.size}`
              : type.kind,
      })),
    },
    primaryType: 'Voucher',
    domain,
    message: {
      redemptionId: `${voucher.redemptionId}`,
      assignment: voucher.assignment,
      provider: toHex(voucher.provider),
      deliveredBase: `${voucher.deliveredBase}`,
      genesis: toHex(voucher.genesis),
    },
  }
}

/** Who may sign the vouchers of a redemption. */
export interface VoucherSigners {
  readonly owner: Address
  /** Zero: the owner alone. */
  readonly voucherKey: Address
}

/** The signature as the chain takes it. Throws RedeemError `voucher` unless one of the signers made it. */
export function verifyVoucher(
  { signature, ...voucher }: SignedVoucher,
  chainId: number,
  { owner, voucherKey }: VoucherSigners,
): Uint8Array {
  const bytes = withParity(signature)
  const signer =
    bytes.length === SIGNATURE_BYTES ? recoverAddress(digestOf(voucher, chainId), bytes) : undefined
  if (signer === undefined) throw new RedeemError('voucher', 'the voucher has no canonical signature')
  const named = !equalBytes(voucherKey, ZERO_ADDRESS)
  if (equalBytes(signer, owner) || (named && equalBytes(signer, voucherKey))) return bytes
  throw new RedeemError('voucher', `the voucher is signed by ${toHex(signer)}, who may not`)
}
