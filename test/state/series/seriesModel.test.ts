import assert from 'node:assert/strict'
import fc from 'fast-check'
import { equalBytes } from '../../../base/bytes.ts'
import { COIN } from '../../../base/units.ts'
import { ledger } from '../../../state/ledger.ts'
import { issueCoins, liabilityBurn } from '../../../state/modules/issuance/ledger.ts'
import { judgeMint } from '../../../state/modules/issuance/limits.ts'
import { getProvider, setProviderStatus } from '../../../state/modules/providers/members.ts'
import { isSuspended, resumeProvider, suspendProvider } from '../../../state/modules/providers/suspension.ts'
import { getTotals } from '../../../state/modules/series/books.ts'
import { escrowOf } from '../../../state/modules/series/external.ts'
import type { Series } from '../../../state/modules/series/schema.ts'
import { seriesTables } from '../../../state/modules/series/tables.ts'
import { ASSET, accountOf, coins, PRICE, SeriesChain } from '../../support/seriesFixture.ts'

const BUYERS = [20, 21, 22] as const
const PROVIDERS = [1, 2] as const
/** Parts of a receipt that have become coins are kept with so many digits: an exact fraction would grow for ever. */
const SCALE = 10n ** 60n

/** By the words of the rules alone: each receipt of a series is `converted` of a coin, and the rest is worth its price. */
interface Modelled {
  readonly priceBase: bigint
  /** Of one receipt, times SCALE. */
  converted: bigint
  /** Receipts of each holder that it has not handed in for good, and coins it has taken for them. */
  readonly faces: Map<number, bigint>
  readonly taken: Map<number, bigint>
}

interface Step {
  readonly kind: string
  readonly who: number
  readonly which: number
  readonly share: number
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom(
    ...[
      'forward',
      'forward',
      'immediate',
      'buy',
      'buy',
      'buy',
      'buy',
      'buy',
      'buy',
      'transfer',
      'claim',
      'claim',
    ],
    ...['claim', 'refund', 'refund', 'secure', 'reclaim', 'stop', 'mint', 'lot', 'lot', 'price', 'suspend'],
    ...['window', 'window', 'window', 'window', 'fill', 'squeeze', 'squeeze', 'drain', 'default'],
  ),
  who: fc.nat(2),
  which: fc.nat(5),
  share: fc.integer({ min: 1, max: 100 }),
})

class Run {
  readonly chain = new SeriesChain({ devices: [40, 60, 100, 100] })
  readonly model = new Map<number, Modelled>()
  price = PRICE

  constructor() {
    this.chain.livePrice = PRICE
    this.chain.setPrice(PRICE)
    for (const account of [...BUYERS, ...PROVIDERS]) this.chain.fund(account)
    // Provider 1 has no room left: its receipts wait for new lots.
    this.chain.run(() => assert.equal(this.chain.mint(1, this.chain.roomOf(1)), undefined))
  }

  /** A series that exists, by chance. */
  pick(which: number): number | undefined {
    const count = getTotals(this.chain.state).nextSeries - 1
    // Rather a new one than one that is over.
    const id = count - (which % Math.max(1, Math.min(4, count)))
    return seriesTables.series.has(this.chain.state, { id }) ? id : undefined
  }

  totalOf(id: number): bigint {
    return [...this.model.get(id)!.faces.values()].reduce((sum, face) => sum + face, 0n)
  }

  /** Runs a block and takes note of what it did to receipts: purchases filled, and coins that came. */
  block(act: () => void = () => {}, isEnd = false): void {
    const { chain } = this
    const before = new Map([...this.model].map(([id]) => [id, this.coinsOf(id)]))
    const waiting = this.waiting()
    const wrapped = (): void => {
      // Purchases of the block before are settled first.
      this.noteFilled(waiting)
      act()
    }
    if (isEnd) chain.endWindow(wrapped)
    // So short that windows end only where the story ends them.
    else chain.run(wrapped, 1)
    for (const [id, known] of before) {
      const modelled = this.model.get(id)!
      const gained = this.coinsOf(id) - known
      if (gained > 0n && this.lastEnd === chain.height)
        modelled.converted += (gained * SCALE) / this.totalOf(id)
    }
  }

  lastEnd = 0

  coinsOf(id: number): bigint {
    return seriesTables.series.get(this.chain.state, { id })?.coinsBase ?? 0n
  }

  waiting(): readonly number[] {
    const { nextPurchase } = getTotals(this.chain.state)
    const all = Array.from({ length: nextPurchase - 1 }, (_, i) => i + 1)
    return all.filter((id) => seriesTables.purchase.get(this.chain.state, { id })?.state === 'waiting')
  }

  noteFilled(purchases: readonly number[]): void {
    for (const id of purchases) {
      const { series, filledBase, state, paidBase, refundedBase, priceBase, buyer } = this.chain.purchase(id)
      if (state === 'waiting') continue
      // Paid is what was filled at the price, rounded up.
      assert.equal(paidBase - refundedBase, (filledBase * priceBase + COIN - 1n) / COIN)
      const modelled = this.model.get(series)
      if (modelled === undefined) continue
      const account = BUYERS.find((n) => equalBytes(accountOf(n), buyer))!
      modelled.faces.set(account, (modelled.faces.get(account) ?? 0n) + filledBase)
    }
  }
}

function openOne(run: Run, { kind, which, share }: Step): void {
  const { chain } = run
  const provider = PROVIDERS[which % 2]!
  const startPriceBase = (run.price * BigInt(70 + (share % 60))) / 100n
  const terms = { startPriceBase, capBase: coins(4 * share), closesAt: chain.window + 1 + (which % 2) }
  const forward = { ...terms, kind: 'forward' as const, dueAt: terms.closesAt + 1 + (share % 6) }
  const id = getTotals(chain.state).nextSeries
  const isForward = kind === 'forward'
  run.block(() => {
    if (chain.tryOpen(provider, isForward ? forward : terms) !== undefined || !isForward) return
    run.model.set(id, { priceBase: startPriceBase, converted: 0n, faces: new Map(), taken: new Map() })
  })
}

/** What a holder takes by handing in receipts, checked against the words of the rules. */
function take(run: Run, step: Step, action: 'claim' | 'refund'): void {
  const isBlocked = (known: number): boolean =>
    seriesTables.series.get(run.chain.state, { id: known })?.state === 'blocked'
  const blocked = action === 'refund' ? [...run.model.keys()].find(isBlocked) : undefined
  const id = blocked ?? run.pick(step.which)
  const modelled = id === undefined ? undefined : run.model.get(id)
  if (id === undefined || modelled === undefined) return
  const account = BUYERS[step.who]!
  run.block(() => checkTake(run, { id, account, action, share: step.share }))
}

function checkTake(
  run: Run,
  at: {
    readonly id: number
    readonly account: number
    readonly action: 'claim' | 'refund'
    readonly share: number
  },
): void {
  const { chain } = run
  const { id, account, action, share } = at
  const modelled = run.model.get(id)!
  const series = chain.series(id)
  const tokens = chain.receipts(account, id)
  const amountBase = (tokens * BigInt(share)) / 100n
  const handedIn = (modelled.faces.get(account) ?? 0n) - tokens
  const faceBase = handedIn + amountBase
  const before = { coins: chain.coinsOf(account), units: chain.unitsOf(account) }
  const total = run.totalOf(id)
  if (chain.act(action, account, { series: id, amountBase }) !== undefined) return
  const coinsGot = chain.coinsOf(account) - before.coins
  const unitsGot = chain.unitsOf(account) - before.units
  const taken = modelled.taken.get(account) ?? 0n
  const dueCoins = (faceBase * modelled.converted) / SCALE - taken
  near(coinsGot, dueCoins, 'coins')
  const isLeaving = action === 'refund' || !isRunning(series)
  if (!isLeaving) {
    assert.equal(unitsGot, 0n)
    modelled.taken.set(account, taken + coinsGot)
    return
  }
  const restBase = faceBase - (faceBase * modelled.converted) / SCALE
  const refund = series.state === 'converted' ? 0n : (restBase * modelled.priceBase) / COIN
  near(unitsGot, refund + (series.compensationBase * faceBase) / total, 'money')
  modelled.faces.set(account, (modelled.faces.get(account) ?? 0n) - faceBase)
  modelled.taken.set(account, 0n)
}

const isRunning = ({ state }: Series): boolean => ['selling', 'delivering', 'blocked'].includes(state)

/** Roundings of many steps are of a few units; whoever stays gains them. */
function near(got: bigint, expected: bigint, what: string): void {
  const gap = got > expected ? got - expected : expected - got
  assert.ok(gap <= 64n, `${what}: ${got}, by the rules ${expected}`)
}

function apply(run: Run, step: Step): void {
  const { chain } = run
  const { kind, which, share } = step
  const id = run.pick(which)
  const provider = PROVIDERS[which % 2]!
  if (kind === 'forward' || kind === 'immediate') openOne(run, step)
  else if (kind === 'claim' || kind === 'refund') take(run, step, kind)
  else if (kind === 'window') endWindow(run)
  else if (kind === 'mint')
    run.block(() => void chain.mint(provider, (chain.roomOf(provider) * BigInt(share)) / 200n))
  else if (kind === 'fill') run.block(() => fillJoint(chain))
  else if (kind === 'squeeze') {
    run.block(() => fillJoint(chain))
    for (let window = 0; window < 5; window++) endWindow(run)
  } else if (kind === 'drain') run.block(() => drain(chain, 2n))
  else if (kind === 'lot') run.block(() => addLot(chain, provider))
  else if (kind === 'price') {
    run.price = (run.price * BigInt(94 + (share % 16))) / 100n
    chain.livePrice = share > 90 ? undefined : run.price
  } else if (kind === 'suspend')
    run.block(() => {
      if (isSuspended(chain.state, 2)) resumeProvider(chain.ctx(), 2)
      else if (share > 85) suspendProvider(chain.ctx(), 2, chain.window)
    })
  else if (kind === 'default' && share > 95) run.block(() => setProviderStatus(chain.ctx(), 1, 'defaulted'))
  else if (id !== undefined) onSeries(run, step, id)
}

function addLot(chain: SeriesChain, provider: number): void {
  if (getProvider(chain.state, provider)?.status === 'active') chain.addLot(provider, 1)
}

/** Provider 3 owes all that may exist, as after an assumption: only the joint limit keeps others from minting. */
function fillJoint(chain: SeriesChain): void {
  const { jointBase: amountBase } = judgeMint(chain.state, 3).limits
  if (amountBase > 0n)
    issueCoins(chain.ctx(), { provider: 3, to: accountOf(50), amountBase, lockedBase: 0n, floorBase: 0n })
}

/** One of so many parts of what provider 3 owes is burned. */
function drain(chain: SeriesChain, parts: bigint): void {
  const amountBase = chain.coinsOf(50) / parts
  if (amountBase > 0n) liabilityBurn(chain.ctx(), { provider: 3, from: accountOf(50), amountBase })
}

function onSeries(run: Run, { kind, who, share }: Step, id: number): void {
  const { chain } = run
  const account = BUYERS[who]!
  const { provider, capBase } = chain.series(id)
  if (kind === 'buy') run.block(() => void chain.buy(account, id, (capBase * BigInt(share)) / 150n))
  if (kind === 'secure')
    run.block(
      () => void chain.act('secure', provider, { series: id, amountBase: BigInt(share) * 1_000_000n }),
    )
  if (kind === 'reclaim') run.block(() => void chain.act('reclaim', provider, { series: id }))
  if (kind === 'stop') run.block(() => void chain.act('stop', provider, { series: id }))
  const modelled = run.model.get(id)
  if (kind === 'transfer' && modelled !== undefined)
    run.block(() => {
      const to = BUYERS[(who + 1) % 3]!
      const amountBase = (chain.receipts(account, id) * BigInt(share)) / 100n
      if (amountBase === 0n) return
      chain.transfer(id, { from: account, to, amountBase })
      modelled.faces.set(account, modelled.faces.get(account)! - amountBase)
      modelled.faces.set(to, (modelled.faces.get(to) ?? 0n) + amountBase)
    })
}

function endWindow(run: Run): void {
  run.lastEnd = run.chain.height + 1
  run.block(() => {}, true)
}

/** Ends all sales and deliveries; every holder takes what is its, and nothing is left in any escrow. */
function settleAll(run: Run): void {
  const { chain } = run
  chain.livePrice = run.price
  chain.setPrice(run.price)
  run.block(() => drain(chain, 1n))
  for (let window = 0; window < 14; window++) endWindow(run)
  const { nextSeries } = getTotals(chain.state)
  for (let id = 1; id < nextSeries; id++) {
    const modelled = run.model.get(id)
    if (modelled === undefined || !seriesTables.series.has(chain.state, { id })) continue
    assert.equal(isRunning(chain.series(id)), false, `series ${id} is ${chain.series(id).state}`)
    for (const account of BUYERS)
      run.block(() => checkTake(run, { id, account, action: 'claim', share: 100 }))
    assert.equal(chain.series(id).state, 'ended')
  }
  for (let id = 1; id < nextSeries; id++)
    for (const asset of [0, ASSET])
      assert.equal(
        ledger.balanceOf(chain.state, { asset, owner: escrowOf(id) }),
        0n,
        `escrow ${id} of asset ${asset}`,
      )
}

describe('series against a naive model', function () {
  this.timeout(120_000)
  it('pays each holder its part, keeps all invariants, and leaves nothing behind', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 30, maxLength: 60 }), (steps) => {
        const run = new Run()
        // Something to begin with: each of the two providers sells receipts.
        for (const which of [0, 1]) openOne(run, { kind: 'forward', who: 0, which, share: 100 })
        for (const one of steps) apply(run, one)
        settleAll(run)
      }),
      { numRuns: 8 },
    )
  })
})
