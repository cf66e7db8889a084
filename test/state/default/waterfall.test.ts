// Random faults, defaults, bids and handovers: who takes what equals a naive model of ECONOMY §9, and nothing is created or lost.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { TEST_PARAMETERS } from '../../../genesis/parameters.ts'
import { ledger } from '../../../state/ledger.ts'
import { getLot } from '../../../state/modules/capacity/lots.ts'
import { capacityModule } from '../../../state/modules/capacity/module.ts'
import { getSummary } from '../../../state/modules/capacity/sums.ts'
import { openCases } from '../../../state/modules/default/cases.ts'
import { compensationOf } from '../../../state/modules/issuance/compensations.ts'
import { getLiability } from '../../../state/modules/issuance/ledger.ts'
import { bondValue } from '../../../state/modules/issuance/limits.ts'
import { issuanceModule } from '../../../state/modules/issuance/module.ts'
import { jailProvider, unjailProvider } from '../../../state/modules/providers/members.ts'
import { isGroupSuspended, suspendProvider } from '../../../state/modules/providers/suspension.ts'
import { ASSET, coins, DefaultChain, HOLDER, PRICE, walletOf } from '../../support/defaultFixture.ts'
import { type ModelBid, waterfall } from './waterfallModel.ts'

const RUNS = 12
const SERVING = ['active', 'amortizing', 'curing', 'retiring']

const setup = fc.record({
  devices: fc.array(fc.integer({ min: 20, max: 200 }), { minLength: 4, maxLength: 7 }),
  bonds: fc.array(fc.integer({ min: 0, max: 3_000 }), { minLength: 7, maxLength: 7 }),
  owed: fc.array(fc.integer({ min: 0, max: 3_000 }), { minLength: 7, maxLength: 7 }),
  isGrouped: fc.boolean(),
  isLocked: fc.boolean(),
  fund: fc.integer({ min: 0, max: 500 }),
})
const operation = fc.record({
  kind: fc.constantFrom(
    ...[
      'jail',
      'unjail',
      'lose',
      'suspend',
      'notice',
      'retire',
      'mint',
      'novate',
      'exit',
      'pass',
      'pass',
      'pass',
    ],
  ),
  pick: fc.nat(30),
  amount: fc.integer({ min: 1, max: 2_000 }),
  bids: fc.array(
    fc.record({ bidder: fc.nat(30), amount: fc.integer({ min: 1, max: 4_000 }), share: fc.nat(1_000_000) }),
    { maxLength: 4 },
  ),
})
type Setup = typeof setup extends fc.Arbitrary<infer T> ? T : never
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never

class Driver {
  readonly chain: DefaultChain
  readonly ids: readonly number[]
  readonly groups: readonly string[]
  /** Revealed bids by defaulted provider. */
  readonly bids = new Map<number, ModelBid[]>()
  closed = 0

  constructor({ devices, bonds, owed, isGrouped, isLocked, fund }: Setup) {
    this.groups = devices.map((_, i) => (isGrouped && i < 2 ? 'one owner' : `owner ${i}`))
    this.chain = new DefaultChain({
      providers: devices.map((count, i) => ({
        devices: count,
        legalGroup: this.groups[i]!,
        bondBase: BigInt(bonds[i]!) * PRICE,
      })),
      ...(isLocked ? { economy: TEST_PARAMETERS } : {}),
    })
    this.ids = devices.map((_, i) => i + 1)
    this.chain.run(() => {
      for (const id of this.ids)
        if (owed[id - 1]! > 0) this.chain.owe(id, coins(owed[id - 1]!), { locked: isLocked })
      for (const id of this.ids) this.pay(id, 50)
      this.chain.give(999, BigInt(fund) * PRICE)
      this.chain.toFund(999, BigInt(fund) * PRICE)
    })
  }

  /** Gives a member coins of the holder's. */
  pay(id: number, amount: number): void {
    const move = { asset: 0, from: walletOf(HOLDER), to: walletOf(id), amountBase: coins(amount) }
    ledger.move(this.chain.ctx(), move)
  }

  member(id: number) {
    const { state } = this.chain
    const { capacityBase, lastingBase } = getSummary(state, id)
    const { liabilityBase, exemptBase } = getLiability(state, id)
    return {
      id,
      group: this.groups[id - 1]!,
      serves: SERVING.includes(this.chain.status(id)) && !isGroupSuspended(state, id),
      capacity: capacityBase,
      lasting: lastingBase,
      liability: liabilityBase,
      // A compensation is the bond of what it was paid for.
      bond: bondValue(state, id) + (exemptBase * TEST_PARAMETERS.issuance.bondPpm) / 1_000_000n,
    }
  }

  apply({ kind, pick, amount, bids }: Operation): void {
    const { chain, ids } = this
    const id = ids[pick % ids.length]!
    const isServing = SERVING.includes(chain.status(id))
    const amountBase = coins(amount)
    const other = ids[(pick + 1) % ids.length]!
    if (kind === 'pass') {
      this.pass(bids)
      return
    }
    chain.run(() => {
      if (kind === 'jail' && isServing) jailProvider(chain.ctx(), id)
      if (kind === 'unjail' && chain.status(id) === 'jailed') unjailProvider(chain.ctx(), id)
      if (kind === 'lose' && getLot(chain.state, id) !== undefined) chain.loseCapacity(id)
      if (kind === 'suspend' && isServing && !isGroupSuspended(chain.state, id))
        suspendProvider(chain.ctx(), id, chain.window)
      if (kind === 'notice') chain.act('giveNotice', walletOf(id), { lot: id }, capacityModule)
      if (kind === 'retire') {
        this.pay(id, amount)
        chain.act('retire', walletOf(id), { amountBase }, issuanceModule)
      }
      if (kind === 'mint')
        chain.act('mint', walletOf(id), { to: walletOf(HOLDER), amountBase }, issuanceModule)
      if (kind === 'exit') chain.do(id, 'beginExit')
      if (kind === 'novate') {
        const terms = { amountBase, asset: 0, paymentBase: coins(1) }
        chain.do(id, 'offerNovation', { to: other, ...terms })
        chain.do(other, 'acceptNovation', { from: id, ...terms })
      }
    }, 50)
  }

  /** Bids in the auctions of this window, ends it, and compares what becomes of each default. */
  pass(bids: Operation['bids']): void {
    const { chain } = this
    const auctions = openCases(chain.state).filter((id) => chain.case(id)!.auctionWindow === chain.window)
    if (auctions.length > 0) this.bid(auctions[0]!, bids)
    chain.endWindow()
    // What the window's end brings, block by block: each default sees what the one before has left.
    for (;;) {
      const before = this.look()
      const open = openCases(chain.state)
      chain.run(() => {}, 1)
      const closed = open.filter((id) => chain.case(id)!.stage === 'closed')
      const underWay = openCases(chain.state).filter((id) => chain.case(id)!.stage !== 'auction')
      if (closed.length > 0) for (const id of closed) this.compare(id, before)
      else if (underWay.length > 0) this.finish(underWay[0]!, before)
      if (!chain.isBusy) return
    }
  }

  look() {
    const { chain } = this
    return {
      members: this.ids.map((id) => this.member(id)),
      fundUnits: chain.fundUnits,
      fundCoins: chain.fundCoins,
      held: new Map(this.ids.map((id) => [id, this.compensation(id)])),
    }
  }

  compensation(id: number): bigint {
    return compensationOf(this.chain.state, id).assets.reduce(
      (sum, { asset, amountBase }) => sum + (asset === ASSET ? amountBase : (amountBase * PRICE) / coins(1)),
      0n,
    )
  }

  /** Lets the default under way be closed. */
  finish(id: number, before: ReturnType<Driver['look']>): void {
    while (this.chain.case(id)!.stage !== 'closed') this.chain.run(() => {}, 1)
    this.compare(id, before)
  }

  bid(provider: number, wanted: Operation['bids']): void {
    const { chain, ids } = this
    const made = wanted.map(({ bidder, amount, share }) => ({
      bidder: ids[bidder % ids.length]!,
      amountBase: coins(amount),
      sharePpm: BigInt(share),
    }))
    const first = made.filter(({ bidder }, i) => made.findIndex((one) => one.bidder === bidder) === i)
    const committed: typeof made = []
    chain.run(() => {
      for (const bid of first) if (chain.commit(provider, bid.bidder, bid) === undefined) committed.push(bid)
    }, 1)
    chain.toSecondHalf()
    const revealed: ModelBid[] = []
    chain.run(() => {
      committed.forEach((bid, i) => {
        // The last of many is never revealed.
        if (i === 3) return
        assert.equal(chain.reveal(provider, bid.bidder, bid), undefined)
        revealed.push({ bidder: bid.bidder, amount: bid.amountBase, share: bid.sharePpm })
      })
    }, 1)
    this.bids.set(provider, revealed)
  }

  compare(id: number, before: ReturnType<Driver['look']>): void {
    const { chain, ids } = this
    const known = chain.case(id)!
    const { marginPpm, bondPpm } = TEST_PARAMETERS.issuance
    const outcome = waterfall({
      group: this.groups[id - 1]!,
      liability: known.liabilityBase,
      estate: known.estate.find(({ asset }) => asset === ASSET)?.totalBase ?? 0n,
      price: PRICE,
      margin: marginPpm,
      bondShare: bondPpm,
      fundUnits: before.fundUnits,
      fundCoins: before.fundCoins,
      // Whoever has defaulted in the same block serves no more.
      members: before.members.map((m) => ({
        ...m,
        serves: m.serves && SERVING.includes(chain.status(m.id)),
      })),
      bids: this.bids.get(id) ?? [],
    })
    this.closed++
    const near = (a: bigint, b: bigint, what: string, slack = BigInt(2 * ids.length)) =>
      assert.ok(a - b <= slack && b - a <= slack, `${what}: chain ${a}, model ${b}`)
    for (const [member, { byBid, forced, paid }] of outcome.taken) {
      if (member === id || openCases(chain.state).includes(member)) continue
      const tookBase = getLiability(chain.state, member).liabilityBase - before.members[member - 1]!.liability
      near(tookBase, byBid + forced, `provider ${member} takes of ${id}`)
      near(
        this.compensation(member) - before.held.get(member)!,
        paid,
        `provider ${member} is paid for ${id}`,
        100n,
      )
    }
    near(known.orphanedBase, outcome.orphans, `orphans of ${id}`)
  }
}

describe('default: the waterfall against a naive model', function () {
  this.timeout(120_000)

  it('agrees, and nothing is created, lost or stuck', () => {
    let closed = 0
    fc.assert(
      fc.property(setup, fc.array(operation, { minLength: 25, maxLength: 45 }), (made, operations) => {
        const driver = new Driver(made)
        const { units } = driver.chain.sums
        for (const next of operations) {
          driver.apply(next)
          const sums = driver.chain.sums
          assert.equal(sums.units, units)
          assert.equal(sums.coins, sums.owed)
          const { slashedBase, victimsBase, fundBase, burnedBase } = driver.chain.slashed
          assert.equal(slashedBase, victimsBase + fundBase + burnedBase)
        }
        // Every default ends, whatever has happened.
        for (const id of openCases(driver.chain.state)) driver.chain.close(id)
        closed += driver.closed
      }),
      { numRuns: RUNS },
    )
    assert.ok(closed > RUNS / 2, `${closed} defaults were compared`)
  })
})
