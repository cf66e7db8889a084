// Snapshots that peers offer at the moment. Owns: asking for them, which is tried first. Not: proving one (stateSync.ts).
import { bytesKey } from '../../base/bytes.ts'
import type { P2pHost, PeerKey } from '../../p2p/protocol.ts'
import { offerSchema, type SnapshotOffer, type SnapshotProtocol } from '../../p2p/snapshotProtocol.ts'
import { pause, type Timers } from '../../p2p/timers.ts'
import type { PeerAsker } from './peerAsker.ts'

/** Nobody waits longer for an answer, so that a silent peer does not hold up the offers of others. */
const ANSWERS_MS = 3_000
/** Failed attempts with one snapshot. */
const TRIES_MAX = 2

/** A snapshot and the peers that offer exactly it. */
export interface Candidate {
  readonly name: string
  readonly offer: SnapshotOffer
  readonly peers: readonly PeerKey[]
  /** Attempts that the best of them has wasted before. */
  readonly wasted: number
}

type Found = Omit<Candidate, 'wasted' | 'peers'> & { readonly peers: PeerKey[] }

export interface OfferBookOptions {
  readonly host: Pick<P2pHost, 'getPeer'>
  readonly snapshots: Pick<SnapshotProtocol, 'offers' | 'peers'>
  readonly asker: PeerAsker
  readonly clock: Timers
  /** Members of the genesis set: a third of them may lie. */
  readonly memberCount: number
  /** How long to wait for further offers after the first. */
  readonly gatherMs: number
}

export class OfferBook {
  readonly #options: OfferBookOptions
  readonly #offers = new Map<PeerKey, readonly SnapshotOffer[]>()
  readonly #asking = new Set<PeerKey>()
  /** Failed attempts by snapshot: liars may offer ever new ones. */
  readonly #tries = new Map<string, number>()
  /** Wasted attempts by peer: offers of peers that wasted fewer come first. */
  readonly #wasted = new Map<PeerKey, number>()

  constructor(options: OfferBookOptions) {
    this.#options = options
  }

  /** Asks every usable peer; when one of them offers something, once more after a moment, as others may just connect. */
  async gather(): Promise<void> {
    const { clock, gatherMs, snapshots, asker } = this.#options
    const connected = new Set(snapshots.peers())
    for (const peer of this.#offers.keys())
      if (!connected.has(peer) || asker.isLiar(peer)) this.#offers.delete(peer)
    await this.#ask()
    if (this.#offers.size === 0) return
    await pause(clock, gatherMs)
    await this.#ask()
  }

  /** What to try now; undefined when nothing is offered that could still be installed. */
  best(): Candidate | undefined {
    return this.#candidates()
      .filter(({ name }) => (this.#tries.get(name) ?? 0) < TRIES_MAX)
      .map((candidate) => ({ candidate, rank: this.#rankOf(candidate) }))
      .sort((a, b) => compareRanks(a.rank, b.rank))[0]?.candidate
  }

  /** It cannot be proven or fetched. */
  failed(candidate: Candidate): void {
    this.#tries.set(candidate.name, (this.#tries.get(candidate.name) ?? 0) + 1)
    this.putBehind(candidate)
  }

  /** The snapshots of others come first now. */
  putBehind({ peers }: Candidate): void {
    for (const peer of peers) this.#wasted.set(peer, (this.#wasted.get(peer) ?? 0) + 1)
  }

  async #ask(): Promise<void> {
    const { asker, snapshots, clock } = this.#options
    const answers = asker
      .peers()
      .filter((peer) => !this.#asking.has(peer))
      .map(async (peer) => {
        this.#asking.add(peer)
        const offers = await asker.ask(peer, (from) => snapshots.offers(from))
        this.#asking.delete(peer)
        if (offers === undefined || offers.length === 0) this.#offers.delete(peer)
        else this.#offers.set(peer, offers)
      })
    await Promise.race([Promise.all(answers), pause(clock, ANSWERS_MS)])
  }

  /** An offer that differs in any field is another one, so that nobody answers for a liar's. */
  #candidates(): readonly Candidate[] {
    const found = new Map<string, Found>()
    for (const [peer, offers] of this.#offers) {
      if (this.#options.asker.isLiar(peer)) continue
      for (const offer of offers) {
        const name = bytesKey(offerSchema.encode(offer))
        const known = found.get(name)
        if (known === undefined) found.set(name, { name, offer, peers: [peer] })
        else if (!known.peers.includes(peer)) known.peers.push(peer)
      }
    }
    return [...found.values()].map((one) => ({
      ...one,
      wasted: Math.min(...one.peers.map((peer) => this.#wasted.get(peer) ?? 0)),
    }))
  }

  /**
   * Fewest wasted attempts of its best peer; offered by so many members that one of them is honest; by a peer that this node
   * knows; the highest; the one that most peers offer. Lower is better.
   */
  #rankOf({ offer, peers, wasted }: Candidate): readonly number[] {
    const { host, memberCount } = this.#options
    const known = peers.map((peer) => host.getPeer(peer)).filter((info) => info?.known === true)
    const members = known.filter((info) => info?.validatorIndex !== undefined)
    const isBacked = members.length > Math.floor((memberCount - 1) / 3)
    return [wasted, isBacked ? 0 : 1, known.length > 0 ? 0 : 1, -offer.height, -peers.length]
  }
}

function compareRanks(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, i) => value !== b[i])
  return at === -1 ? 0 : a[at]! - b[at]!
}
