// Random histories of redemption against a naive model: plain lists, full scans in every block, no cursors.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { COIN, PPM } from '../../../base/units.ts'
import { getClock } from '../../../state/modules/capacity/windows.ts'
import { windowSnapshot } from '../../../state/modules/issuance/ledger.ts'
import { isSuspended } from '../../../state/modules/providers/suspension.ts'
import { getTotals } from '../../../state/modules/redemption/redemptions.ts'
import { redemptionTables } from '../../../state/modules/redemption/tables.ts'
import { coins, longEconomy, RedemptionChain, WINDOW_MS, walletOf } from '../../support/redemptionFixture.ts'

const WALLETS = [20, 21, 22]
const PROVIDERS = [1, 2, 3, 4]
const WINDOW_COINS = coins(228)
const AHEAD = 2
const HORIZON = 16
const MINIMUM = COIN / 100n
const NO_SHOW = 10_000n

interface Part {
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
interface Wish {
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
  signedIn: number
  excluded: number[]
  next: number
  parts: Part[]
}
interface Offer {
  bonus: bigint
  nextBonus: bigint
  nextWindow: number
  changed: number
}

const fee = (amount: bigint): bigint => (amount * NO_SHOW) / PPM
const least = (a: bigint, b: bigint): bigint => (a < b ? a : b)

/** The rules of ECONOMY §6 in their plainest form; the anchor is 1,000,000, so hours equal coins. */
class Model {
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
    if (w.rejected <= w.burned + w.paid) w.rejected = 0n
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
      const isPoor = (this.vouched.get(`${p}/${ended}`) ?? 0n) * 2n < granted
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
      this.assign(w, place, match)
      // The first part of a request may change until when the rest of it can be served.
      if (this.kindOf(w) !== kind && w.places.length > 0) this.join(w, at, matchable)
    }
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

interface Block {
  readonly order: readonly number[]
  readonly windows: readonly number[]
  readonly nowMs: number
}

type Step =
  | { kind: 'mint'; provider: number; wallet: number; amount: number }
  | {
      kind: 'request'
      wallet: number
      amount: number
      provider: number
      start: number
      finish: number
      train: boolean
    }
  | { kind: 'cancel'; pick: number }
  | { kind: 'grant'; pick: number }
  | { kind: 'settle'; pick: number; percent: number }
  | { kind: 'reject'; pick: number }
  | { kind: 'list'; provider: number; train: boolean; bonus: number }
  | { kind: 'unlist'; provider: number; train: boolean }
  | { kind: 'resume'; provider: number }
  | { kind: 'block'; endsWindow: boolean }

class Pair {
  readonly chain = new RedemptionChain({
    providers: PROVIDERS.map(() => ({ devices: 10 })),
    economy: longEconomy(),
    params: { assignAhead: AHEAD, tailWindows: 1_000 },
  })
  readonly model = new Model()
  readonly #steps: (() => void)[] = []
  #checked = 0

  take(step: Step): void {
    if (step.kind === 'block') this.#block(step.endsWindow)
    else this.#steps.push(() => this.#act(step))
  }

  #block(endsWindow: boolean): void {
    const { chain, model } = this
    const transactions = () => {
      if (this.#checked < model.window) model.findMissing()
      this.#checked = model.window
      this.#drawn()
      for (const step of this.#steps.splice(0)) step()
    }
    if (endsWindow) chain.endWindow(transactions)
    else chain.run(transactions, 60)
    const nowMs = chain.block.timestampMs
    // In the order of their first voucher: who comes first burns what is still owed, the rest is paid.
    for (const { w, part } of model.vouchers.splice(0)) model.settle(w, part)
    if (chain.window > model.window) model.endWindow(nowMs)
    model.expire()
    // Until the first block of a window has returned missing grants, nothing is assigned.
    if (this.#checked === model.window) model.work(this.#facts(nowMs))
    this.compare()
  }

  #facts(nowMs: number): Block {
    const { chain, model } = this
    const order = [...PROVIDERS].sort((a, b) => {
      const [x, y] = [windowSnapshot(chain.state, a), windowSnapshot(chain.state, b)]
      const left = x.liabilityBase * (y.capacityBase || 1n)
      const right = y.liabilityBase * (x.capacityBase || 1n)
      return left === right ? a - b : left > right ? -1 : 1
    })
    const isLate = nowMs >= getClock(chain.state).endsAtMs - WINDOW_MS / 4
    const windows = [1, 2].filter((k) => k > 1 || !isLate).map((k) => model.window + k)
    return { order, windows, nowMs }
  }

  /** Places are drawn by the mix: the model copies them, and refunds requests whose place came too late. */
  #drawn(): void {
    const { chain, model } = this
    for (const w of model.wishes) {
      if (w.drawn) continue
      const { sequence } = redemptionTables.redemption.mustGet(chain.state, { id: w.id })
      if (sequence === 0) continue
      w.drawn = true
      model.put(w, sequence, w.amount)
      model.since.push({ sequence, atMs: chain.block.timestampMs })
      model.nextSequence = Math.max(model.nextSequence, sequence + 1)
    }
    model.expire()
  }

  #act(step: Exclude<Step, { kind: 'block' }>): void {
    const { chain, model } = this
    switch (step.kind) {
      case 'mint': {
        chain.fund(step.wallet, step.provider, coins(step.amount))
        model.owed.set(step.provider, model.owed.get(step.provider)! + coins(step.amount))
        model.move(step.wallet, coins(step.amount))
        return
      }
      case 'request':
        this.#request(step)
        return
      case 'cancel': {
        const w = model.wishes[step.pick % (model.wishes.length || 1)]
        if (w === undefined) return
        const failure = chain.act('cancel', walletOf(w.owner), { id: w.id })
        const isPending = !w.drawn && w.refunded === 0n
        assert.equal(failure === undefined, isPending || w.places.length > 0)
        if (failure !== undefined) return
        if (isPending) {
          w.refunded = w.amount
          model.move(w.owner, w.amount)
        } else model.refund(w)
        return
      }
      case 'list':
      case 'unlist':
        this.#listing(step)
        return
      case 'resume': {
        const since = model.suspended.get(step.provider)
        const may = since !== undefined && model.window >= since + 1
        assert.equal(chain.act('resume', walletOf(step.provider), {}) === undefined, may)
        if (may) model.suspended.delete(step.provider)
        return
      }
      case 'reject':
        this.#reject(step.pick)
        return
      default:
        this.#deliver(step)
    }
  }

  #request(step: Extract<Step, { kind: 'request' }>): void {
    const { chain, model } = this
    const { wallet, provider } = step
    const startBy = step.start === 0 ? 0 : chain.window + step.start
    const finishBy = step.finish === 0 ? 0 : chain.window + step.finish
    const service = step.train ? 'train' : 'infer'
    const id = getTotals(chain.state).nextId
    if (chain.request(wallet, coins(step.amount), { provider, startBy, finishBy, service }) !== undefined)
      return
    model.move(wallet, -coins(step.amount))
    const isConstrained = provider !== 0 || startBy !== 0 || finishBy !== 0
    model.wishes.push({
      id,
      owner: wallet,
      drawn: false,
      provider,
      startBy,
      finishBy: isConstrained && finishBy === 0 ? chain.window + HORIZON : finishBy,
      service,
      amount: coins(step.amount),
      places: [],
      burned: 0n,
      paid: 0n,
      refunded: 0n,
      fees: 0n,
      rejected: 0n,
      signedIn: 0,
      excluded: [],
      next: 1,
      parts: [],
    })
  }

  #listing(step: { kind: 'list' | 'unlist'; provider: number; train: boolean; bonus?: number }): void {
    const { chain, model } = this
    const service = step.train ? 'train' : 'infer'
    const key = `${step.provider}/${service}`
    const known = model.offers.get(key)
    if (step.kind === 'unlist') {
      const failure = chain.act('unlist', walletOf(step.provider), { service })
      assert.equal(failure === undefined, known !== undefined && known.changed !== model.window)
      if (failure === undefined) model.offers.delete(key)
      return
    }
    const nextBonus = BigInt(step.bonus ?? 0)
    const failure = chain.list(step.provider, { service, bonusPpm: nextBonus })
    assert.equal(failure === undefined, known?.changed !== model.window)
    if (failure !== undefined) return
    const bonus = known === undefined ? 0n : model.window >= known.nextWindow ? known.nextBonus : known.bonus
    model.offers.set(key, { bonus, nextBonus, nextWindow: model.window + 1, changed: model.window })
  }

  #pick(pick: number): { w: Wish; part: Part } | undefined {
    const parts = this.model.wishes.flatMap((w) => w.parts.map((part) => ({ w, part })))
    return parts[pick % (parts.length || 1)]
  }

  #reject(pick: number): void {
    const { chain, model } = this
    const picked = this.#pick(pick)
    if (picked === undefined) return
    const { w, part } = picked
    const failure = chain.reject(w.owner, w.id, part.n)
    const may = part.window === model.window && part.granted && !w.excluded.includes(part.provider)
    assert.equal(failure === undefined, may, failure?.code)
    if (!may) return
    model.settle(w, part)
    if (!w.parts.includes(part)) return
    const left = part.amount - part.settled
    const { provider: p } = part
    w.excluded = [...w.excluded, p].sort((a, b) => a - b)
    w.rejected += left
    model.addTrouble(p, left)
    const own = model.trouble.get(p)!
    const worse = [...model.trouble].filter(([q, sum]) => sum > own || (sum === own && q < p))
    if (worse.length < 1) {
      model.toPlace(w, part)
      model.expire()
    } else model.toTail(w, part, chain.block.timestampMs, false)
  }

  #deliver(step: { kind: 'grant' | 'settle'; pick: number; percent?: number }): void {
    const { chain, model } = this
    const picked = this.#pick(step.pick)
    if (picked === undefined) return
    const { w, part } = picked
    const at = `${part.provider}/${part.window}`
    if (step.kind === 'grant') {
      const may = !part.granted && part.window > model.window
      assert.equal(chain.grant(w.id, part.n) === undefined, may)
      if (!may) return
      part.granted = true
      model.granted.set(at, (model.granted.get(at) ?? 0n) + part.amount)
      return
    }
    const deliveredBase = (part.amount * BigInt(step.percent ?? 0)) / 100n
    const failure = chain.settle({ id: w.id, assignment: part.n, deliveredBase, signer: w.owner })
    const may =
      part.granted &&
      part.window === model.window &&
      deliveredBase >= part.vouchered &&
      deliveredBase <= part.amount
    assert.equal(failure === undefined, may, failure?.code)
    if (!may || deliveredBase === part.vouchered) return
    if (!model.vouchers.some((voucher) => voucher.part === part)) model.vouchers.push({ w, part })
    model.vouched.set(at, (model.vouched.get(at) ?? 0n) + deliveredBase - part.vouchered)
    part.vouchered = deliveredBase
  }

  compare(): void {
    const { chain, model } = this
    assert.equal(chain.window, model.window)
    for (const w of model.wishes) {
      const r = redemptionTables.redemption.mustGet(chain.state, { id: w.id })
      const name = `redemption ${w.id} in window ${model.window}`
      assert.deepEqual(
        [r.burnedBase, r.transferredBase, r.refundedBase, r.feesBase, r.rejectedBase],
        [w.burned, w.paid, w.refunded, w.fees, w.rejected],
        name,
      )
      const places = w.places.map(({ sequence, amount }) => ({ sequence, queuedBase: amount }))
      assert.deepEqual(r.places, places, name)
      assert.equal(
        r.open.reduce((sum, { count }) => sum + count, 0),
        w.parts.length,
        name,
      )
      for (const part of w.parts) {
        const a = redemptionTables.assignment.get(chain.state, { id: w.id, assignment: part.n })
        assert.deepEqual(
          [a?.provider, a?.window, a?.sequence, a?.amountBase, a?.settledBase, a?.bookedHours],
          [part.provider, part.window, part.sequence, part.amount, part.settled, part.hours],
          `assignment ${part.n} of ${w.id}`,
        )
      }
    }
    for (const p of PROVIDERS) {
      assert.equal(chain.liability(p), model.owed.get(p))
      assert.equal(isSuspended(chain.state, p), model.suspended.has(p), `suspension of ${p}`)
    }
    for (const account of [...WALLETS, ...PROVIDERS])
      assert.equal(chain.balance(account), model.balances.get(account) ?? 0n)
    assert.equal(chain.guarantee(), model.fund)
    let owed = 0n
    for (const amount of model.owed.values()) owed += amount
    assert.equal(chain.supply, owed)
  }
}

const provider = fc.constantFrom(...PROVIDERS)
const wallet = fc.constantFrom(...WALLETS)
const kind = <K extends string>(name: K) => fc.constant(name)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 1,
    arbitrary: fc.record({ kind: kind('mint'), provider, wallet, amount: fc.integer({ min: 1, max: 20 }) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: kind('request'),
      wallet,
      amount: fc.integer({ min: 1, max: 200 }),
      provider: fc.constantFrom(0, 0, 0, ...PROVIDERS),
      start: fc.constantFrom(0, 0, 0, 0, 0, 1, 2, 3),
      finish: fc.constantFrom(0, 0, 0, 0, 0, 3, 4),
      train: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: kind('cancel'), pick: fc.nat(50) }) },
  { weight: 8, arbitrary: fc.record({ kind: kind('grant'), pick: fc.nat(50) }) },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: kind('settle'),
      pick: fc.nat(50),
      percent: fc.constantFrom(10, 50, 100, 100, 100, 101),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: kind('reject'), pick: fc.nat(50) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: kind('list'),
      provider,
      train: fc.boolean(),
      bonus: fc.constantFrom(0, 0, 10_000, 250_000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: kind('unlist'), provider, train: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('resume'), provider }) },
  {
    weight: 9,
    arbitrary: fc.record({ kind: kind('block'), endsWindow: fc.constantFrom(false, false, true) }),
  },
)

describe('redemption.model', () => {
  it('agrees with the naive model after every block of random histories', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 40, maxLength: 120, size: 'max' }), (steps) => {
        const pair = new Pair()
        for (const w of WALLETS) pair.take({ kind: 'mint', provider: w - 19, wallet: w, amount: 400 })
        pair.take({ kind: 'block', endsWindow: false })
        for (const taken of steps) pair.take(taken)
        pair.take({ kind: 'block', endsWindow: true })
      }),
      { numRuns: 6 },
    )
  }).timeout(60_000)
})
