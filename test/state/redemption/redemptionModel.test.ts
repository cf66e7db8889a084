// Random histories of redemption against a naive model: plain lists, full scans in every block, no cursors.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { getClock } from '../../../state/modules/capacity/windows.ts'
import { windowSnapshot } from '../../../state/modules/issuance/ledger.ts'
import { isSuspended } from '../../../state/modules/providers/suspension.ts'
import { getTotals } from '../../../state/modules/redemption/redemptions.ts'
import { redemptionTables } from '../../../state/modules/redemption/tables.ts'
import { coins, longEconomy, RedemptionChain, WINDOW_MS, walletOf } from '../../support/redemptionFixture.ts'
import { AHEAD, type Block, HORIZON, Model, type Part, type Wish } from '../../support/redemptionReference.ts'

const WALLETS = [20, 21, 22]
const PROVIDERS = [1, 2, 3, 4]
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
        const failure = chain.mint(step.wallet, step.provider, coins(step.amount))
        // Who is suspended may not mint (ECONOMY §3).
        assert.equal(failure?.code, model.suspended.has(step.provider) ? 'ProviderSuspended' : undefined)
        if (failure !== undefined) return
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
      spoiled: 0n,
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
    if (part.vouchered < part.amount) w.spoiled += part.vouchered
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
      const { capacityBase } = windowSnapshot(chain.state, part.provider)
      if (!model.tolerated.has(at)) model.tolerated.set(at, capacityBase / (100n * BigInt(HORIZON)))
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
      { numRuns: 10 },
    )
  }).timeout(60_000)
})
