// Where a member can be dialled, in its own words: signed by its peer identity for one chain. Owns: bytes, signature, order.
// Not: whom it is told (addressExchange.ts).
import { concatBytes, utf8 } from '../base/bytes.ts'
import type { Hash32 } from '../base/ids.ts'
import { message, t } from '../base/schema.ts'
import { peerIdBytesFromSeed, signAsPeer, verifyPeerSignature } from './identity.ts'
import { ADDRESSES_PER_PEER_MAX } from './limits.ts'

export const ADDRESS_CHARS_MAX = 128

const addressesSchema = message('PeerAddresses', {
  /** Multihash bytes. */
  peerId: t.bytes(64),
  /** A record replaces those with a lower number; the time at which it was made, unless that is not above the last one. */
  sequence: t.u64,
  /** Multiaddrs without the peer id, best first; none for a member that only dials. */
  addresses: t.list(t.text(ADDRESS_CHARS_MAX), ADDRESSES_PER_PEER_MAX),
})
export type PeerAddresses = ReturnType<typeof addressesSchema.decode>

export const addressRecordSchema = message('AddressRecord', {
  addresses: addressesSchema,
  /** ed25519. */
  signature: t.fixed(64),
})
export type AddressRecord = ReturnType<typeof addressRecordSchema.decode>

/** What is signed: a record of another chain proves nothing here. */
function signedBytes(genesisHash: Hash32, addresses: PeerAddresses): Uint8Array {
  return concatBytes(utf8('suanli peer addresses 1'), genesisHash, addressesSchema.encode(addresses))
}

export function signAddresses(
  seed: Uint8Array,
  options: {
    readonly genesisHash: Hash32
    readonly sequence: number
    readonly addresses: readonly string[]
  },
): AddressRecord {
  const { genesisHash, sequence, addresses } = options
  const signed = { peerId: peerIdBytesFromSeed(seed), sequence, addresses: [...addresses] }
  return { addresses: signed, signature: signAsPeer(seed, signedBytes(genesisHash, signed)) }
}

export function verifyAddresses({ addresses, signature }: AddressRecord, genesisHash: Hash32): boolean {
  return verifyPeerSignature(addresses.peerId, { bytes: signedBytes(genesisHash, addresses), signature })
}

const isLoopback = (address: string): boolean => /^\/ip4\/127\.|^\/ip6\/::1\//.test(address)
const isLinkLocal = (address: string): boolean => /^\/ip4\/169\.254\.|^\/ip6\/fe80/i.test(address)

/** What a node that listens on these multiaddrs announces: loopback addresses only when it has no others. */
export function announcedAddresses(listenAddresses: readonly string[]): readonly string[] {
  const bare = listenAddresses.map((address) => address.replace(/\/p2p\/[^/]+$/, ''))
  const usable = bare.filter((address) => address.length <= ADDRESS_CHARS_MAX && !isLinkLocal(address))
  const reachable = usable.filter((address) => !isLoopback(address))
  return (reachable.length > 0 ? reachable : usable).slice(0, ADDRESSES_PER_PEER_MAX)
}
