// What a member may do besides consensus: addresses, transactions, evidence, blocks and snapshots; and what it kept of older epochs.
import { peerIdFromString } from '@libp2p/peer-id'
import { concatBytes, u32be } from '../../../../base/bytes.ts'
import { evidenceSchema, voteAsCertificate } from '../../../../base/protocol/evidence.ts'
import type { Vote } from '../../../../base/protocol/vote.ts'
import type { ConsensusMessage, MessageKind } from '../../../../consensus/messages.ts'
import { ADDRESS_PROTOCOL, encodeAddressRecords } from '../../../../p2p/addressExchange.ts'
import { type AddressRecord, signAddresses } from '../../../../p2p/addressRecord.ts'
import { EVIDENCE_PROTOCOL } from '../../../../p2p/evidenceGossip.ts'
import { ADDRESSES_PER_PEER_MAX } from '../../../../p2p/limits.ts'
import { RANGE_PROTOCOL } from '../../../../p2p/rangeProtocol.ts'
import { SNAPSHOT_PROTOCOL, snapshotRequestSchema } from '../../../../p2p/snapshotProtocol.ts'
import { syncRequestSchema } from '../../../../p2p/syncMessages.ts'
import { encodeBatches, GOSSIP_PROTOCOL } from '../../../../p2p/txGossip.ts'
import { unfundedTransfers } from '../../unfunded.ts'
import { ALL, anyDigest, type Behaviour, type Hand, type Sent, withheld } from '../behaviour.ts'

const RECORDS_PER_FRAME = 48
/** Reserved for documentation: nobody answers. */
const TARPIT = '/ip4/192.0.2.1/tcp/26600'
const GOSSIP_TXS = 256
/** Asks of a peer in a second, a little below what it serves. */
const RANGES_PER_SECOND = 48
const SNAPSHOTS_PER_SECOND = 18
const HEIGHTS = [1, 0, 60, 2, 1_000_000, Number.MAX_SAFE_INTEGER]
const SNAPSHOT_KINDS = ['offers', 'manifest', 'chunk', 'receipts', 'epochs', 'set'] as const
const REQUEST = 0
const KEPT_MAX = 256
const KEPT_KINDS: readonly MessageKind[] = ['proposal', 'vote', 'certificate', 'status', 'certificates']

/** Frames of one protocol to all members. */
function flood(
  about: string,
  perSecond: number,
  [protocol, make]: readonly [string, (hand: Hand) => readonly Uint8Array[]],
): Behaviour {
  return {
    about,
    outgoing: withheld,
    flood: {
      perSecond,
      frames: (hand) => make(hand).map((message): Sent => ({ to: ALL, message, protocol })),
    },
  }
}

/** Its own record again and again, each newer, at addresses of others and at one that never answers. */
function restlessRecords(hand: Hand): AddressRecord[] {
  const lies = Array.from(
    { length: ADDRESSES_PER_PEER_MAX },
    (_, i) => hand.addresses[i % (hand.addresses.length + 1)] ?? TARPIT,
  )
  return Array.from({ length: RECORDS_PER_FRAME }, (_, i) =>
    signAddresses(hand.peerSeed, {
      genesisHash: hand.genesisHash,
      sequence: hand.nowMs * RECORDS_PER_FRAME + i,
      addresses: lies,
    }),
  )
}

/** A record in the name of another member, at the largest number there is. */
function forgedRecord(hand: Hand): AddressRecord {
  const record = signAddresses(hand.peerSeed, {
    genesisHash: hand.genesisHash,
    sequence: Number.MAX_SAFE_INTEGER,
    addresses: [TARPIT],
  })
  const peerId = peerIdFromString(hand.random.pick(hand.peers)).toMultihash().bytes
  return { ...record, addresses: { ...record.addresses, peerId } }
}

/** Votes that members cast long ago, as if they contradicted each other. */
function oldVotes(hand: Hand): Uint8Array[] {
  const votes = hand.heard('vote')
  if (votes.length < 2) return []
  const [first, second] = [hand.random.pick(votes), hand.random.pick(votes)]
  return [proofOf(hand, first, second)]
}

function proofOf(hand: Hand, first: Vote, second: Vote): Uint8Array {
  const { validatorCount } = hand.status
  return evidenceSchema.encode({
    first: voteAsCertificate(first, validatorCount),
    second: voteAsCertificate(second, validatorCount),
  })
}

/** Double votes of its own, each time others. */
function ownDoubleVotes(hand: Hand): Uint8Array[] {
  const { epoch, view } = hand.status
  const at = 1 + hand.random.between(0, view)
  const vote = () =>
    hand.sign({ kind: 'notarize', epoch, view: at, parentView: at - 1, digest: anyDigest(hand.random) })
  return [proofOf(hand, vote(), vote())]
}

function request(hand: Hand, body: Uint8Array): Uint8Array {
  return concatBytes(Uint8Array.of(REQUEST), u32be(hand.random.between(0, 2 ** 32 - 1)), body)
}

/** Messages of others from epochs that have ended, by hand. */
const kept = new WeakMap<Hand, { epoch: number; messages: ConsensusMessage[]; old: ConsensusMessage[] }>()

function replay(hand: Hand): readonly ConsensusMessage[] {
  const { epoch } = hand.status
  const book = kept.get(hand) ?? { epoch, messages: [], old: [] }
  kept.set(hand, book)
  if (epoch !== book.epoch) book.old = book.messages
  book.epoch = epoch
  book.messages = KEPT_KINDS.flatMap((kind) =>
    hand.heard(kind).map((body) => ({ kind, body }) as ConsensusMessage),
  ).slice(-KEPT_MAX)
  const all = [...book.old, ...book.messages]
  return all.length === 0 ? [] : [hand.random.pick(all)]
}

export const PROTOCOL_BEHAVIOURS: Readonly<Record<string, Behaviour>> = {
  addressRecords: flood(
    'its own address anew, 48 at a time, always one where others listen or nobody does',
    2,
    [ADDRESS_PROTOCOL, (hand) => [encodeAddressRecords(restlessRecords(hand))]],
  ),
  forgedAddresses: flood('address records of others that they did not sign', 2, [
    ADDRESS_PROTOCOL,
    (hand) => (hand.peers.length === 0 ? [] : [encodeAddressRecords([forgedRecord(hand)])]),
  ]),
  unfunded: flood('transactions of accounts without money, validly signed', 40, [
    GOSSIP_PROTOCOL,
    (hand) =>
      encodeBatches(
        unfundedTransfers(
          {
            type: 2,
            chainId: hand.chainId,
            nonce: 0,
            maxPriorityFeePerGas: 1n,
            maxFeePerGas: 20_000_000_000n,
            gasLimit: 21_000,
            to: new Uint8Array(20).fill(7),
            valueBase: 1n,
            data: new Uint8Array(0),
            accessList: [],
          },
          GOSSIP_TXS,
          () => anyDigest(hand.random),
        ),
        false,
      ),
  ]),
  oldVotes: flood('accuses others with votes that they cast', 50, [EVIDENCE_PROTOCOL, oldVotes]),
  ownEvidence: flood('proofs against itself, each another', 50, [EVIDENCE_PROTOCOL, ownDoubleVotes]),
  blockRequests: flood('asks for blocks in loops, above the tip and beyond all too', RANGES_PER_SECOND, [
    RANGE_PROTOCOL,
    (hand) => {
      const fromHeight = hand.random.pick(HEIGHTS)
      return [request(hand, syncRequestSchema.encode({ kind: 'range', fromHeight, count: 128 }))]
    },
  ]),
  snapshotRequests: flood('asks for snapshots, receipts and proofs in loops', SNAPSHOTS_PER_SECOND, [
    SNAPSHOT_PROTOCOL,
    (hand) => {
      const [kind, height] = [hand.random.pick(SNAPSHOT_KINDS), hand.random.pick(HEIGHTS)]
      return [request(hand, snapshotRequestSchema.encode({ kind, height, index: 0 }))]
    },
  ]),
  replays: {
    about: 'what others said before, also in epochs that have ended',
    outgoing: withheld,
    flood: {
      perSecond: 300,
      frames: (hand) => replay(hand).map((message): Sent => ({ to: ALL, message })),
    },
  },
}
