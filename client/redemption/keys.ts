// The two keys of a holder's redemptions, derived from its wallet's key: one opens grants, one signs vouchers. Nothing of them needs
// to be stored, and what serves requests holds neither the wallet's key nor a way to it. Not: the wallet (accounts/).
import { expand, extract } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { secretKeyAddress } from '../../base/address.ts'
import { utf8 } from '../../base/bytes.ts'
import type { Voucher } from '../../base/eip712.ts'
import type { Address, Hash32 } from '../../base/ids.ts'
import { clientKeyOf, type Grant, type GrantFor, openGrant } from './grant.ts'
import { RedeemError } from './redeemError.ts'
import { type SignedVoucher, signVoucher } from './voucher.ts'

const CLIENT = 'suanli/redeem/client/v1'
const VOUCHER = 'suanli/redeem/voucher/v1'
/** A derived secret is no valid one about once in 2^128. */
const TRIES = 4

/** Opens grants and signs vouchers. Its secrets are in no property that JSON or a log could show. */
export class RedeemKeys {
  /** For `redemption.request`. */
  readonly clientKey: Uint8Array
  readonly voucherKey: Address
  readonly #clientSecret: Uint8Array
  readonly #voucherSecret: Uint8Array

  constructor(secrets: { readonly clientSecret: Uint8Array; readonly voucherSecret: Uint8Array }) {
    this.#clientSecret = Uint8Array.from(secrets.clientSecret)
    this.#voucherSecret = Uint8Array.from(secrets.voucherSecret)
    this.clientKey = clientKeyOf(this.#clientSecret)
    this.voucherKey = secretKeyAddress(this.#voucherSecret)
  }

  open(on: GrantFor, sealed: Uint8Array): Promise<Grant> {
    return openGrant({ ...on, clientSecret: this.#clientSecret }, sealed)
  }

  sign(voucher: Voucher, chainId: number): SignedVoucher {
    return signVoucher(voucher, chainId, this.#voucherSecret)
  }
}

/**
 * The keys of an account on a chain: the same ones each time. Throws RedeemError `input`.
 *
 * @example
 * redeemKeys(new Uint8Array(32).fill(1), new Uint8Array(32)).clientKey.length // 32
 */
export function redeemKeys(secretKey: Uint8Array, genesis: Hash32 | Uint8Array): RedeemKeys {
  if (secretKey.length !== 32) throw new RedeemError('input', 'the secret key is not 32 bytes')
  const seed = extract(sha256, secretKey, genesis)
  const derived = (use: string): Uint8Array => expand(sha256, seed, utf8(use), 32)
  for (let i = 0; i < TRIES; i++) {
    const voucherSecret = derived(i === 0 ? VOUCHER : `${VOUCHER}/${i}`)
    try {
      secretKeyAddress(voucherSecret)
    } catch {
      continue
    }
    return new RedeemKeys({ clientSecret: derived(CLIENT), voucherSecret })
  }
  throw new RedeemError('input', 'no voucher key can be derived')
}
