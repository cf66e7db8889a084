// Which incoming connections may shake hands: a handshake costs milliseconds, and who asks is known only after it. Bounds
// handshakes under way and their rate, by address and in all. Owns: those bounds. Not: who stays afterwards (strangers.ts).
import { LOOPBACK } from './addressGroup.ts'
import { Budget } from './budget.ts'

/** Handshakes under way. When all are taken, the oldest of the address that has most makes room. */
export const PENDING_MAX = 64
/** Of one address. */
export const PENDING_PER_GROUP_MAX = 8
/** Handshakes of one address a second, and saved up; of an address that members use; of this machine: many nodes of a devnet. */
const RATE = { perSecond: 3, burst: 10 }
const MEMBERS_RATE = { perSecond: 10, burst: 30 }
const LOOPBACK_RATE = { perSecond: 20, burst: 60 }
/** Of all addresses that no member uses. */
const STRANGERS_RATE = { perSecond: 20, burst: 40 }
const GROUPS_MAX = 4_096

/** A connection that shakes hands. */
interface Knock {
  readonly group: string
  readonly end: (reason: string) => void
}

export class Door {
  readonly #nowMs: () => number
  readonly #isMemberGroup: (group: string) => boolean
  /** Oldest first. */
  readonly #pending = new Map<object, Knock>()
  readonly #rates = new Map<string, Budget>()
  readonly #strangers: Budget

  constructor(options: {
    /** Whether a member's connection has come, or could come, from this address. */
    readonly isMemberGroup: (group: string) => boolean
    readonly nowMs?: () => number
  }) {
    this.#nowMs = options.nowMs ?? (() => performance.now())
    this.#isMemberGroup = options.isMemberGroup
    this.#strangers = new Budget(STRANGERS_RATE, this.#nowMs)
  }

  get pendingCount(): number {
    return this.#pending.size
  }

  /** Whether this connection may shake hands; `end` ends it when another needs its place. */
  knock(key: object, group: string, end: (reason: string) => void): boolean {
    if (!this.#rateOf(group).tryCharge(1)) return false
    const isPrivileged = group === LOOPBACK || this.#isMemberGroup(group)
    if (!isPrivileged && !this.#strangers.tryCharge(1)) return false
    const own = this.#countOf(group)
    if (group !== LOOPBACK && own >= PENDING_PER_GROUP_MAX) this.#endOldest(group)
    else if (this.#pending.size >= PENDING_MAX) this.#endOldest(this.#mostCrowded())
    this.#pending.set(key, { group, end })
    return true
  }

  /** The handshake is over, one way or the other. */
  settled(key: object): void {
    this.#pending.delete(key)
  }

  #rateOf(group: string): Budget {
    const known = this.#rates.get(group)
    const rate = group === LOOPBACK ? LOOPBACK_RATE : this.#isMemberGroup(group) ? MEMBERS_RATE : RATE
    const budget = known ?? new Budget(rate, this.#nowMs)
    budget.allowance = rate
    // Re-inserted, so that the map forgets the address that was silent longest.
    this.#rates.delete(group)
    if (this.#rates.size >= GROUPS_MAX) this.#rates.delete(this.#rates.keys().next().value!)
    this.#rates.set(group, budget)
    return budget
  }

  #countOf(group: string): number {
    let count = 0
    for (const knock of this.#pending.values()) if (knock.group === group) count++
    return count
  }

  #mostCrowded(): string {
    const counts = new Map<string, number>()
    for (const { group } of this.#pending.values()) counts.set(group, (counts.get(group) ?? 0) + 1)
    return [...counts].reduce((most, entry) => (entry[1] > most[1] ? entry : most))[0]
  }

  #endOldest(group: string): void {
    for (const [key, knock] of this.#pending) {
      if (knock.group !== group) continue
      this.#pending.delete(key)
      knock.end('another connection needs the place')
      return
    }
  }
}
