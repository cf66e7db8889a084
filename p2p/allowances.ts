// What each peer may ask of a protocol, kept beyond its channels and connections: opening them again renews nothing. Identities
// are free, so strangers of one address share an allowance, and all strangers another. Owns: who pays. Not: costs (the protocols).
import { RecentMap } from '../base/recentMap.ts'
import { groupOfMultiaddr, LOOPBACK } from './addressGroup.ts'
import { type Allowance, Budget } from './budget.ts'
import type { P2pHost, PeerKey } from './protocol.ts'

/** A bound, forgotten peers first; each new identity costs a handshake, of which the door lets in 20 a second. */
const PEERS_MAX = 4_096
const ADDRESSES_MAX = 4_096

export interface AllowanceRules {
  /** Of one identity. */
  readonly peer: Allowance
  /** Of a member, which has no other bound; default as `peer`. */
  readonly member?: Allowance
  /** Of all strangers of one address. Processes of this machine share only `strangers`. */
  readonly address: Allowance
  readonly strangers: Allowance
}

/** `over`: the peer asks for too much. `flood`: it goes on doing so. `crowded`: strangers together do. */
export type Taking = 'taken' | 'over' | 'flood' | 'crowded'

interface Account {
  readonly own: Budget
  /** What may be refused before it is a flood. */
  readonly refusals: Budget
}

export class Allowances {
  readonly #host: Pick<P2pHost, 'getPeer'>
  readonly #rules: AllowanceRules
  readonly #nowMs: () => number
  readonly #accounts = new RecentMap<Account>(PEERS_MAX)
  readonly #addresses = new RecentMap<Budget>(ADDRESSES_MAX)
  readonly #strangers: Budget

  /** `nowMs`: a monotonic clock. */
  constructor(host: Pick<P2pHost, 'getPeer'>, rules: AllowanceRules, nowMs: () => number) {
    this.#host = host
    this.#rules = rules
    this.#nowMs = nowMs
    this.#strangers = new Budget(rules.strangers, nowMs)
  }

  /** Charges `cost` to all who pay for this peer, or to nobody. */
  take(peer: PeerKey, cost: number): Taking {
    const { own, refusals } = this.#accountOf(peer)
    if (!own.hasCreditFor(cost)) {
      if (refusals.tryCharge(cost)) return 'over'
      refusals.reset()
      return 'flood'
    }
    const shared = this.#sharedBy(peer)
    if (!shared.every((budget) => budget.hasCreditFor(cost))) return 'crowded'
    for (const budget of [own, ...shared]) budget.charge(cost)
    return 'taken'
  }

  /** Charges work that is done already. */
  charge(peer: PeerKey, cost: number): void {
    for (const budget of this.#payersOf(peer)) budget.charge(cost)
  }

  /** Milliseconds until all who pay for this peer have credit. */
  waitMs(peer: PeerKey): number {
    return Math.max(...this.#payersOf(peer).map((budget) => budget.waitMs()))
  }

  #payersOf(peer: PeerKey): readonly Budget[] {
    return [this.#accountOf(peer).own, ...this.#sharedBy(peer)]
  }

  #accountOf(peer: PeerKey): Account {
    const { peer: ordinary, member = ordinary } = this.#rules
    const allowance = this.#isMember(peer) ? member : ordinary
    const account = this.#accounts.get(peer) ?? {
      own: new Budget(allowance, this.#nowMs),
      refusals: new Budget(ordinary, this.#nowMs),
    }
    account.own.allowance = allowance
    this.#accounts.set(peer, account)
    return account
  }

  #isMember(peer: PeerKey): boolean {
    return this.#host.getPeer(peer)?.known === true
  }

  #sharedBy(peer: PeerKey): readonly Budget[] {
    const info = this.#host.getPeer(peer)
    if (info?.known === true) return []
    const group = info?.remoteAddress === undefined ? LOOPBACK : groupOfMultiaddr(info.remoteAddress)
    if (group === LOOPBACK) return [this.#strangers]
    const address = this.#addresses.get(group) ?? new Budget(this.#rules.address, this.#nowMs)
    this.#addresses.set(group, address)
    return [address, this.#strangers]
  }
}
