// Sealed bids for the liability of a provider that has defaulted (ECONOMY §9): what is committed first and revealed later.
// Not: when either is taken, or who wins (state/modules/default).
import { bigintToFixed, concatBytes, u64be, utf8 } from '../bytes.ts'
import { sha256 } from '../crypto/hash.ts'
import type { Hash32 } from '../ids.ts'

/** What a bidder hides until the second half of the auction's window. */
export interface SealedBid {
  /** The provider that has defaulted, and the one that bids. */
  readonly provider: number
  readonly bidder: number
  /** Most of the liability that the bidder takes, base units. */
  readonly amountBase: bigint
  /** Compensation per coin that it asks for, as a share of the estate per coin, ppm. */
  readonly sharePpm: bigint
  /** 32 random bytes, or the bid could be guessed. */
  readonly salt: Uint8Array
}

/** SHA256(tag ‖ genesis ‖ provider ‖ bidder ‖ amount ‖ share ‖ salt): bound to one chain, one default and one bidder. */
export function bidCommitment(genesisHash: Hash32, bid: SealedBid): Hash32 {
  const { provider, bidder, amountBase, sharePpm, salt } = bid
  return sha256(
    concatBytes(
      utf8('suanli/default/bid/v1'),
      genesisHash,
      u64be(provider),
      u64be(bidder),
      bigintToFixed(amountBase, 32),
      bigintToFixed(sharePpm, 32),
      salt,
    ),
  )
}
