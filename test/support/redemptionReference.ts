// The rules of redemption in their plainest form: plain lists, full scans, no cursors. Shares no code with state/.
import { COIN, PPM } from '../../base/units.ts'
import { coins, WINDOW_MS } from './redemptionFixture.ts'

const PROVIDERS = [1, 2, 3, 4]
const WINDOW_COINS = coins(228)
export const AHEAD = 2
export const HORIZON = 16
const MINIMUM = COIN / 100n
const NO_SHOW = 10_000n

export interface Part {
  n: number
  provider: number
  window: number
  sequence: number
  amount: bigint
  vouchered: bigint
  settled: bigint
  hours: bigint
  granted: boolean
}
interface Place {
  sequence: number
  amount: bigint
}
export interface Wish {
  id: number
  owner: number
  drawn: boolean
  provider: number
  startBy: number
  finishBy: number
  service: 'infer' | 'train'
  amount: bigint
  places: Place[]
  burned: bigint
  paid: bigint
  refunded: bigint
  fees: bigint
  rejected: bigint
  /** Vouchered on parts whose rest was then rejected. */
  spoiled: bigint
  signedIn: number
  excluded: number[]
  next: number
  parts: Part[]
}
export interface Offer {
  bonus: bigint
  nextBonus: bigint
  nextWindow: number
  changed: number
}

const fee = (amount: bigint): bigint => (amount * NO_SHOW) / PPM
const least = (a: bigint, b: bigint): bigint => (a < b ? a : b)

/** The rules of ECONOMY §6 in their plainest form; the anchor is 1,000,000, so hours equal coins. */
export class Model {
  readonly wishes: Wish[] = []
  readonly owed = new Map<number, bigint>(PROVIDERS.map((p) => [p, 0n]))
  readonly balances = new Map<number, bigint>()
  readonly offers = new Map<string, Offer>()
  readonly suspended = new Map<number, number>()
  readonly lastFault = new Map<number, number>()
  /** Whether each of the last windows in which a provider granted was poor, newest first. */
  readonly records = new Map<number, boolean[]>(PROVIDERS.map((p) => [p, []]))
  readonly granted = new Map<string, bigint>()
  readonly vouched = new Map<string, bigint>()
  /** Unsigned coins below this make no window poor: a hundredth of C/K of the snapshot at the first grant. */
  readonly tolerated = new Map<string, bigint>()
  /** Coins at fault or rejected in the running window. */
  readonly trouble = new Map<number, bigint>()
  /** Parts with a voucher that this block's end settles. */
  readonly vouchers: { readonly w: Wish; readonly part: Part }[] = []
  readonly returned = new Set<number>()
  /** When places from a number on were made. */
  readonly since: { sequence: number; atMs: number }[] = []
  fund = 0n
  window = 0
  nextSequence = 1

  move(wallet: number, amount: bigint): void {
    this.balances.set(wallet, (this.balances.get(wallet) ?? 0n) + amount)
  }

  queued(w: Wish): bigint {
    return w.places.reduce((sum, { amount }) => sum + amount, 0n)
  }

  lastWindow(w: Wish): number {
    if (w.parts.length > 0 || w.burned + w.paid > 0n || w.startBy === 0) return w.finishBy
    return w.finishBy === 0 ? w.startBy : Math.min(w.startBy, w.finishBy)
  }

  charge(w: Wish, amount: bigint): void {
    w.fees += amount
    this.fund += amount
  }

  refund(w: Wish): void {
    const queued = this.queued(w)
    const due = least(queued, fee(w.rejected))
    w.rejected = 0n
    this.charge(w, due)
    this.move(w.owner, queued - due)
    w.refunded += queued - due
    w.places = []
  }

  settle(w: Wish, part: Part): void {
    if (!w.parts.includes(part) || part.vouchered === part.settled) return
    const amount = part.vouchered - part.settled
    const burned = least(amount, this.owed.get(part.provider)!)
    this.owed.set(part.provider, this.owed.get(part.provider)! - burned)
    this.move(part.provider, amount - burned)
    w.burned += burned
    w.paid += amount - burned
    w.signedIn = part.window
    part.settled = part.vouchered
    if (w.rejected <= w.burned + w.paid - w.spoiled) w.rejected = 0n
    if (part.settled === part.amount) w.parts = w.parts.filter((p) => p !== part)
  }

  put(w: Wish, sequence: number, amount: bigint): void {
    if (amount === 0n) return
    const known = w.places.find((place) => place.sequence === sequence)
    if (known === undefined) w.places.push({ sequence, amount })
    else known.amount += amount
    w.places.sort((a, b) => a.sequence - b.sequence)
  }

  toPlace(w: Wish, part: Part): void {
    w.parts = w.parts.filter((p) => p !== part)
    this.put(w, part.sequence, part.amount - part.settled)
  }

  toTail(w: Wish, part: Part, nowMs: number, charged: boolean): void {
    w.parts = w.parts.filter((p) => p !== part)
    const left = part.amount - part.settled
    let due = charged ? fee(left) : 0n
    if (charged && w.rejected > 0n && w.signedIn !== part.window) {
      due += least(left - due, fee(w.rejected))
      w.rejected = 0n
    }
    this.charge(w, due)
    const sequence = this.nextSequence++
    this.since.push({ sequence, atMs: nowMs })
    this.put(w, sequence, left - due)
    this.expire()
  }

  /** All open parts in the order of places, then of their numbers. */
  inOrder(): { w: Wish; part: Part }[] {
    return this.wishes
      .flatMap((w) => w.parts.map((part) => ({ w, part })))
      .sort((a, b) => a.part.sequence - b.part.sequence || a.part.n - b.part.n)
  }

  expire(): void {
    for (const w of this.wishes) {
      const last = this.lastWindow(w)
      if (w.places.length > 0 && last !== 0 && last <= this.window) this.refund(w)
    }
  }

  endWindow(nowMs: number): void {
    const ended = this.window++
    for (const { w, part } of this.inOrder()) {
      if (part.window === ended) this.toTail(w, part, nowMs, true)
    }
    this.trouble.clear()
    for (const p of PROVIDERS) {
      const granted = this.granted.get(`${p}/${ended}`) ?? 0n
      if (granted === 0n) continue
      const unsigned = granted - (this.vouched.get(`${p}/${ended}`) ?? 0n)
      const isPoor = unsigned * 2n > granted && unsigned >= this.tolerated.get(`${p}/${ended}`)!
      this.records.set(p, [isPoor, ...this.records.get(p)!].slice(0, HORIZON))
    }
  }

  addTrouble(provider: number, amount: bigint): void {
    this.trouble.set(provider, (this.trouble.get(provider) ?? 0n) + amount)
  }

  /** The first block of a window. */
  findMissing(): void {
    const failed: number[] = []
    for (const { w, part } of this.inOrder()) {
      if (part.window !== this.window || part.granted) continue
      this.addTrouble(part.provider, part.amount)
      if (!failed.includes(part.provider)) failed.push(part.provider)
      this.toPlace(w, part)
      this.returned.add(part.sequence)
    }
    for (const p of failed) {
      const last = this.lastFault.get(p)
      this.lastFault.set(p, this.window)
      if (last !== undefined && this.window - last < HORIZON && !this.suspended.has(p))
        this.suspended.set(p, this.window)
    }
    for (const { w, part } of this.inOrder()) {
      if (part.window <= this.window || part.granted || !this.suspended.has(part.provider)) continue
      this.toPlace(w, part)
      this.returned.add(part.sequence)
    }
    this.expire()
  }

  free(provider: number, window: number): bigint {
    let free = WINDOW_COINS
    for (const { part } of this.inOrder())
      if (part.provider === provider && part.window === window) free -= part.hours
    return free
  }

  bonusOf(p: number, service: string, isAtPar: boolean): bigint | undefined {
    const offer = this.offers.get(`${p}/${service}`)
    if (offer === undefined) return undefined
    if (isAtPar || this.records.get(p)!.filter((isPoor) => isPoor).length >= 3) return 0n
    return this.window >= offer.nextWindow ? offer.nextBonus : offer.bonus
  }

  isObliged(sequence: number, nowMs: number): boolean {
    return this.since.some((mark) => mark.sequence >= sequence && mark.atMs + WINDOW_MS / 4 <= nowMs)
  }

  match(w: Wish, sequence: number, at: Block, isAtPar: boolean) {
    const isObliged = this.isObliged(sequence, at.nowMs)
    const able = at.order
      .filter((p) => !this.suspended.has(p) && !w.excluded.includes(p))
      .filter((p) => w.provider === 0 || w.provider === p)
      .flatMap((p) => {
        const bonus = this.bonusOf(p, w.service, isAtPar) ?? (isObliged ? 0n : undefined)
        return bonus === undefined ? [] : [{ p, bonus }]
      })
      .sort((a, b) => (a.bonus === b.bonus ? 0 : a.bonus > b.bonus ? -1 : 1))
    const last = this.lastWindow(w)
    for (const window of at.windows) {
      if (last !== 0 && window > last) return undefined
      for (const { p, bonus } of able) {
        const takes = (this.free(p, window) * PPM) / (PPM + bonus)
        if (takes >= MINIMUM) return { p, bonus, window, takes }
      }
    }
    return undefined
  }

  waiting(): { w: Wish; place: Place }[] {
    return this.wishes
      .flatMap((w) => w.places.map((place) => ({ w, place })))
      .sort((a, b) => a.place.sequence - b.place.sequence)
  }

  kindOf(w: Wish): string {
    return `${w.service}/${w.provider}/${this.lastWindow(w)}/${w.excluded.join()}`
  }

  /** One pass: what matches is found first, then served in the order of places. */
  pass(at: Block): void {
    const matchable = new Set<string>()
    const looked = new Set<string>()
    for (const { w, place } of this.waiting()) {
      const kind = this.kindOf(w)
      if (!looked.has(kind) && this.match(w, place.sequence, at, true) !== undefined) matchable.add(kind)
      looked.add(kind)
    }
    for (;;) {
      const all = this.waiting()
      const first = all.find(({ w }) => matchable.has(this.kindOf(w)))
      if (first === undefined) return
      const { w, place } = first
      const kind = this.kindOf(w)
      const sum = all.reduce(
        (total, o) => total + (matchable.has(this.kindOf(o.w)) ? o.place.amount : 0n),
        0n,
      )
      const next = at.order
        .filter((p) => !this.suspended.has(p))
        .reduce((total, p) => total + this.free(p, this.window + 1), 0n)
      const match = this.match(w, place.sequence, at, sum * 2n > next)
      if (match === undefined) {
        matchable.delete(kind)
        continue
      }
      const wasObliged = this.isObliged(place.sequence, at.nowMs)
      this.assign(w, place, match)
      if (wasObliged) this.lookAgain(kind, at, matchable)
      // The first part of a request may change until when the rest of it can be served.
      if (this.kindOf(w) !== kind && w.places.length > 0) this.join(w, at, matchable)
    }
  }

  /** Once those of a kind whom all must serve are served, the rest of it matches only where somebody offers it. */
  lookAgain(kind: string, at: Block, matchable: Set<string>): void {
    const head = this.waiting().find(({ w }) => this.kindOf(w) === kind)
    if (head === undefined || this.isObliged(head.place.sequence, at.nowMs)) return
    if (this.match(head.w, head.place.sequence, at, true) === undefined) matchable.delete(kind)
  }

  join(w: Wish, at: Block, matchable: Set<string>): void {
    const first = this.waiting().find((o) => this.kindOf(o.w) === this.kindOf(w))!
    if (this.match(first.w, first.place.sequence, at, true) !== undefined) matchable.add(this.kindOf(w))
  }

  assign(w: Wish, place: Place, match: { p: number; bonus: bigint; window: number; takes: bigint }): void {
    const { p, bonus, window, takes } = match
    const amount = least(place.amount, takes)
    place.amount -= amount
    w.places = w.places.filter((other) => other.amount > 0n)
    w.parts.push({
      n: w.next++,
      provider: p,
      window,
      sequence: place.sequence,
      amount,
      vouchered: 0n,
      settled: 0n,
      hours: (amount * (PPM + bonus) + PPM - 1n) / PPM,
      granted: false,
    })
  }

  /** Matches, and gives up the latest reservations for places that a fault has returned. */
  work(at: Block): void {
    this.pass(at)
    for (const sequence of [...this.returned].sort((a, b) => a - b)) {
      let below: readonly [number, number] = [Number.MAX_SAFE_INTEGER, 0]
      for (;;) {
        const own = this.waiting().find(({ place }) => place.sequence === sequence)
        if (own === undefined) break
        const last = this.lastWindow(own.w)
        const latest = this.inOrder()
          .filter(({ part }) => at.windows.includes(part.window) && (last === 0 || part.window <= last))
          .filter(({ part }) => part.sequence > sequence)
          .filter(({ part: { sequence: s, n } }) => s < below[0] || (s === below[0] && n < below[1]))
          .filter(({ part: { provider: p } }) => !this.suspended.has(p) && !own.w.excluded.includes(p))
          .filter(({ part }) => own.w.provider === 0 || own.w.provider === part.provider)
          .at(-1)
        if (latest === undefined) break
        below = [latest.part.sequence, latest.part.n]
        this.toPlace(latest.w, latest.part)
        this.expire()
        this.pass(at)
      }
      this.returned.delete(sequence)
    }
  }
}

export interface Block {
  readonly order: readonly number[]
  readonly windows: readonly number[]
  readonly nowMs: number
}
