// Coin movements as logs (EIP-7708) and the ERC-20 shaped Transfer log. Owns: topics and the emitter's address.
import { bigintToFixed, utf8 } from '../base/bytes.ts'
import { keccak256 } from '../base/crypto/hash.ts'
import type { Address, Hash32 } from '../base/ids.ts'
import type { Log } from './context.ts'

/** Where coin Transfer logs appear to come from (EIP-7708); it holds nothing and accepts nothing. */
export const TRANSFER_EMITTER: Address = new Uint8Array(20).fill(0xff, 0, 19).fill(0xfe, 19)

/** keccak256("Transfer(address,address,uint256)"). */
export const TRANSFER_TOPIC: Hash32 = keccak256(utf8('Transfer(address,address,uint256)'))

/** An address as a 32-byte topic. */
export function addressTopic(address: Address): Hash32 {
  const out = new Uint8Array(32)
  out.set(address, 12)
  return out
}

/** `Transfer(from, to, amount)` of `emitter`; minting comes from the zero address, burning goes to it. */
export function transferLog(options: {
  readonly emitter: Address
  readonly from: Address
  readonly to: Address
  readonly amountBase: bigint
}): Log {
  return {
    address: options.emitter,
    topics: [TRANSFER_TOPIC, addressTopic(options.from), addressTopic(options.to)],
    data: bigintToFixed(options.amountBase, 32),
  }
}
