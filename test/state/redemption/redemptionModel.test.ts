// Random histories of redemption against a naive model: plain lists, full scans in every block, no cursors.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { COIN, PPM } from '../../../base/units.ts'
import { windowSnapshot } from '../../../state/modules/issuance/ledger.ts'
import { getTotals } from '../../../state/modules/redemption/redemptions.ts'
import { redemptionTables } from '../../../state/modules/redemption/tables.ts'
import { coins, RedemptionChain, WINDOW_MS, walletOf } from '../../support/redemptionFixture.ts'

const WALLETS = [20, 21, 22]
const PROVIDERS = [1, 2, 3, 4]
const WINDOW_COINS = coins(228)
const AHEAD = 2
const MINIMUM = COIN / 100n

interface Part {
  n: number
  provider: number
  window: number
  amount: bigint
  vouchered: bigint
  settled: bigint
  hours: bigint
  granted: 'no' | 'late' | 'yes'
}
interface Wish {
  id: number
  owner: number
  sequence: number
  provider: number
  startBy: number
  finishBy: number
  service: 'infer' | 'train'
  atMs: number
  queued: bigint
  burned: bigint
  paid: bigint
  refunded: bigint
  next: number
  parts: Part[]
}
interface Offer {
  bonus: bigint
  nextBonus: bigint
  nextWindow: number
  changed: number
}

/** The rules of ECONOMY §6 in their plainest form; the anchor is 1,000,000, so hours equal coins. */
class Model {
  readonly wishes: Wish[] = []
  readonly owed = new Map<number, bigint>(PROVIDERS.map((p) => [p, 0n]))
  readonly balances = new Map<number, bigint>()
  readonly offers = new Map<string, Offer>()
  readonly suspended = new Map<number, number>()
  /** Parts with a voucher that this block's end settles. */
  readonly vouchers: { readonly w: Wish; readonly part: Part }[] = []
  window = 0

  move(wallet: number, amount: bigint): void {
    this.balances.set(wallet, (this.balances.get(wallet) ?? 0n) + amount)
  }

  lastWindow(w: Wish): number {
    if (w.parts.length > 0 || w.burned + w.paid > 0n || w.startBy === 0) return w.finishBy
    return w.finishBy === 0 ? w.startBy : Math.min(w.startBy, w.finishBy)
  }

  refund(w: Wish): void {
    this.move(w.owner, w.queued)
    w.refunded += w.queued
    w.queued = 0n
  }

  settle(w: Wish, part: Part): void {
    const amount = part.vouchered - part.settled
    const owed = this.owed.get(part.provider)!
    const burned = amount < owed ? amount : owed
    this.owed.set(part.provider, owed - burned)
    this.move(part.provider, amount - burned)
    w.burned += burned
    w.paid += amount - burned
    part.settled = part.vouchered
    if (part.settled === part.amount) w.parts = w.parts.filter((p) => p !== part)
  }

  giveBack(w: Wish, part: Part): void {
    w.queued += part.amount - part.settled
    w.parts = w.parts.filter((p) => p !== part)
  }

  each(visit: (w: Wish, part: Part) => void): void {
    for (const w of this.wishes) for (const part of [...w.parts]) visit(w, part)
  }

  expire(): void {
    for (const w of this.wishes) {
      const last = this.lastWindow(w)
      if (w.queued > 0n && w.sequence > 0 && last !== 0 && last <= this.window) this.refund(w)
    }
  }

  endWindow(): void {
    const ended = this.window++
    const failed = new Set<number>()
    const back: Wish[] = []
    this.each((w, part) => {
      if (part.window !== ended) return
      if (part.granted !== 'yes') back.push(w)
      if (part.granted !== 'yes' && !this.suspended.has(part.provider)) failed.add(part.provider)
      this.giveBack(w, part)
    })
    for (const provider of failed) this.suspended.set(provider, this.window)
    this.each((w, part) => {
      if (!failed.has(part.provider)) return
      if (part.window === this.window && (part.granted !== 'no' || part.vouchered > 0n)) return
      this.giveBack(w, part)
      back.push(w)
    })
    // Coins refunded on return need no capacity.
    this.expire()
    const least = Math.min(...back.filter((w) => w.queued > 0n).map((w) => w.sequence))
    this.each((w, part) => {
      if (part.window > this.window && w.sequence > least) this.giveBack(w, part)
    })
  }

  free(provider: number, window: number): bigint {
    let free = WINDOW_COINS
    this.each((_, part) => {
      if (part.provider === provider && part.window === window) free -= part.hours
    })
    return free
  }

  assign(order: readonly number[], nowMs: number): void {
    const servers = order.filter((p) => !this.suspended.has(p))
    const queued = this.wishes.reduce((sum, w) => sum + w.queued, 0n)
    const nextFree = servers.reduce((sum, p) => sum + this.free(p, this.window + 1), 0n)
    const par = queued * 2n > nextFree
    const bonusOf = (p: number, service: string): bigint | undefined => {
      const offer = this.offers.get(`${p}/${service}`)
      if (offer === undefined) return undefined
      return par ? 0n : this.window >= offer.nextWindow ? offer.nextBonus : offer.bonus
    }
    const waiting = this.wishes.filter((w) => w.sequence > 0 && w.queued > 0n)
    waiting.sort((a, b) => a.sequence - b.sequence)
    for (const w of waiting) {
      while (w.queued > 0n && this.assignOne(w, servers, bonusOf, nowMs));
    }
  }

  assignOne(
    w: Wish,
    servers: readonly number[],
    bonusOf: (p: number, service: string) => bigint | undefined,
    nowMs: number,
  ): boolean {
    const volunteers = servers
      .filter((p) => bonusOf(p, w.service) !== undefined)
      .map((p) => [p, bonusOf(p, w.service)!] as const)
      .sort((a, b) => (a[1] === b[1] ? 0 : a[1] > b[1] ? -1 : 1))
    const obliged = w.atMs + WINDOW_MS / 4 <= nowMs ? servers.map((p) => [p, 0n] as const) : []
    const last = this.lastWindow(w)
    for (let window = this.window + 1; window <= this.window + AHEAD; window++) {
      if (last !== 0 && window > last) return false
      for (const [p, bonus] of [...volunteers, ...obliged]) {
        if (w.provider !== 0 && w.provider !== p) continue
        const takes = (this.free(p, window) * PPM) / (PPM + bonus)
        if (takes < MINIMUM) continue
        const amount = w.queued < takes ? w.queued : takes
        const hours = (amount * (PPM + bonus) + PPM - 1n) / PPM
        w.queued -= amount
        w.parts.push({
          n: w.next++,
          provider: p,
          window,
          amount,
          vouchered: 0n,
          settled: 0n,
          hours,
          granted: 'no',
        })
        return true
      }
    }
    return false
  }
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
  | { kind: 'list'; provider: number; train: boolean; bonus: number }
  | { kind: 'unlist'; provider: number; train: boolean }
  | { kind: 'resume'; provider: number }
  | { kind: 'block'; endsWindow: boolean }

class Pair {
  readonly chain = new RedemptionChain({
    providers: PROVIDERS.map(() => ({ devices: 10 })),
    params: { assignAhead: AHEAD },
  })
  readonly model = new Model()
  readonly #steps: (() => void)[] = []

  take(step: Step): void {
    if (step.kind === 'block') this.#block(step.endsWindow)
    else this.#steps.push(() => this.#act(step))
  }

  #block(endsWindow: boolean): void {
    const { chain, model } = this
    const transactions = () => {
      this.#drawn()
      for (const step of this.#steps.splice(0)) step()
    }
    if (endsWindow) chain.endWindow(transactions)
    else chain.run(transactions, 60)
    // In the order of their first voucher: who comes first burns what is still owed, the rest is paid.
    for (const { w, part } of model.vouchers.splice(0)) model.settle(w, part)
    if (endsWindow) model.endWindow()
    model.expire()
    const order = [...PROVIDERS].sort((a, b) => {
      const [x, y] = [windowSnapshot(chain.state, a), windowSnapshot(chain.state, b)]
      const left = x.liabilityBase * (y.capacityBase || 1n)
      const right = y.liabilityBase * (x.capacityBase || 1n)
      return left === right ? a - b : left > right ? -1 : 1
    })
    model.assign(order, chain.block.timestampMs)
    this.compare()
  }

  /** Places are drawn by the mix: the model copies them, and refunds requests whose place came too late. */
  #drawn(): void {
    for (const w of this.model.wishes)
      w.sequence = redemptionTables.redemption.mustGet(this.chain.state, { id: w.id }).sequence
    this.model.expire()
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
      case 'request': {
        const { wallet, provider } = step
        const startBy = step.start === 0 ? 0 : chain.window + step.start
        const finishBy = step.finish === 0 ? 0 : chain.window + step.finish
        const service = step.train ? 'train' : 'infer'
        const options = { provider, startBy, finishBy, service } as const
        const id = getTotals(chain.state).nextId
        if (chain.request(wallet, coins(step.amount), options) !== undefined) return
        model.move(wallet, -coins(step.amount))
        const sums = { queued: coins(step.amount), burned: 0n, paid: 0n, refunded: 0n }
        const atMs = chain.block.timestampMs
        model.wishes.push({ id, owner: wallet, sequence: 0, atMs, ...options, ...sums, next: 1, parts: [] })
        return
      }
      case 'cancel': {
        const w = model.wishes[step.pick % (model.wishes.length || 1)]
        if (w === undefined) return
        const failure = chain.act('cancel', walletOf(w.owner), { id: w.id })
        assert.equal(failure === undefined, w.queued > 0n)
        if (failure === undefined) model.refund(w)
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
      default:
        this.#deliver(step)
    }
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

  #deliver(step: { kind: 'grant' | 'settle'; pick: number; percent?: number }): void {
    const { chain, model } = this
    const parts: { w: Wish; part: Part }[] = []
    model.each((w, part) => parts.push({ w, part }))
    const picked = parts[step.pick % (parts.length || 1)]
    if (picked === undefined) return
    const { w, part } = picked
    if (step.kind === 'grant') {
      assert.equal(chain.grant(w.id, part.n) === undefined, part.granted === 'no')
      if (part.granted === 'no') part.granted = part.window === model.window ? 'late' : 'yes'
      return
    }
    const deliveredBase = (part.amount * BigInt(step.percent ?? 0)) / 100n
    const failure = chain.settle({ id: w.id, assignment: part.n, deliveredBase, signer: w.owner })
    const may =
      part.window === model.window && deliveredBase >= part.vouchered && deliveredBase <= part.amount
    assert.equal(failure === undefined, may, failure?.code)
    if (!may || deliveredBase === part.vouchered) return
    if (part.vouchered === part.settled) model.vouchers.push({ w, part })
    part.vouchered = deliveredBase
  }

  compare(): void {
    const { chain, model } = this
    assert.equal(chain.window, model.window)
    for (const w of model.wishes) {
      const r = redemptionTables.redemption.mustGet(chain.state, { id: w.id })
      assert.deepEqual(
        [r.queuedBase, r.burnedBase, r.transferredBase, r.refundedBase],
        [w.queued, w.burned, w.paid, w.refunded],
        `redemption ${w.id} at place ${w.sequence} in window ${model.window}`,
      )
      for (const part of w.parts) {
        const a = redemptionTables.assignment.get(chain.state, { id: w.id, assignment: part.n })
        assert.deepEqual(
          [a?.provider, a?.window, a?.amountBase, a?.settledBase, a?.bookedHours],
          [part.provider, part.window, part.amount, part.settled, part.hours],
          `assignment ${part.n} of ${w.id}`,
        )
      }
    }
    for (const p of PROVIDERS) {
      assert.equal(chain.liability(p), model.owed.get(p))
      assert.equal(
        redemptionTables.suspension.has(chain.state, { provider: p }),
        model.suspended.has(p),
        `suspension of ${p}`,
      )
    }
    for (const account of [...WALLETS, ...PROVIDERS])
      assert.equal(chain.balance(account), model.balances.get(account) ?? 0n)
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
      { numRuns: 15 },
    )
  }).timeout(60_000)
})
