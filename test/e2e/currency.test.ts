// The currency's whole story on a running devnet, through JSON-RPC alone: future compute is sold and becomes coins, coins are paid
// on and redeemed for each service, mainstream hardware moves a generation on, a provider fails, and all leave but the last.
import assert from 'node:assert/strict'
import type { Address } from '../../base/ids.ts'
import { bidCommitment } from '../../base/protocol/sealedBid.ts'
import { COIN, minBigint, mulDivCeil, mulDivFloor, PPM } from '../../base/units.ts'
import { encodeCall, transfer } from '../../client/calls.ts'
import {
  assets,
  capacity,
  defaults,
  governance,
  issuance,
  oracle,
  providers,
  redemption,
  series,
} from '../../client/modules.ts'
import { developmentGenesis } from '../../devnet/genesisOptions.ts'
import { developmentAccounts } from '../../genesis/devKeys.ts'
import { DEVNET_ASSET_ID } from '../../genesis/devnet.ts'
import type { Genesis } from '../../genesis/schema.ts'
import { erc20Schema } from '../../state/modules/assets/schema.ts'
import { ALL_SERVICES } from '../../state/modules/capacity/schema.ts'
import { type Halves, type Person, type Service, StoryDevnet } from '../support/storyDevnet.ts'

const WINDOW_MS = 600_000
const K = 12
/** Twice that of the test rules, so that a generation passes in half as many windows. */
const DRIFT_PPM = 100_000n
const DISPUTED_DRIFT_PPM = 33_000n
const CURE_WINDOWS = 3
const TAIL_WINDOWS = 3
const ACCOUNTS = 6
const GENESIS_SUPPLY = 7_000n * COIN
const OWED_AT_GENESIS = 1_750n * COIN
const CAP = 2_000n * COIN
/** Of one coin in units of the settlement asset, and what the reporters say all along. */
const PRICE_BASE = 3_028_200n
const BOND_BASE = 30_000_000_000n
const [AURORA, BOREALIS, CUMULUS, DUNES] = [1, 2, 3, 4] as const
const PROVIDERS = [AURORA, BOREALIS, CUMULUS, DUNES]
const H100 = 1_000_000n
const B200 = 2_020_000n
/** What a B200 delivers of inference; its least rating is that of another service. */
const B200_INFER = 2_960_000n
/** Below a tenth of the least request: what is left for fees on an account, and no rule lets it be redeemed. */
const DUST_BASE = COIN / 1_000n - 1n
/** Of an operator, for the calls with which it leaves. */
const FEES_BASE = COIN / 10n

const sumOf = (amounts: readonly bigint[]): bigint => amounts.reduce((sum, one) => sum + one, 0n)

/** Four providers that owe 1,750 coins each, a short horizon, and three of the six accounts as reporters. */
function genesisOfStory(): Genesis {
  const genesis = developmentGenesis({
    // Blocks of a fifth of a second hold more of what is sent at once: fewer of them are made.
    ...{ validators: 4, blockTimeMs: 200, windowMs: WINDOW_MS },
    ...{ accounts: ACCOUNTS, balanceCoins: 1_000 },
    params: {
      'capacity.horizonWindows': K,
      'oracle.driftPpm': `${DRIFT_PPM}`,
      'oracle.disputedDriftPpm': `${DISPUTED_DRIFT_PPM}`,
      // At least the rise of the anchor over K windows, and classes that still count after twice that.
      'issuance.marginPpm': '3200000',
      'capacity.minClassPpm': '50000',
      'issuance.cureWindows': CURE_WINDOWS,
      // At most K/8.
      'redemption.assignAhead': 1,
      'redemption.tailWindows': TAIL_WINDOWS,
      // The set never falls below it: with more, the last but one could not leave.
      'providers.validatorsMin': 1,
    },
  })
  const [aurora, ...others] = genesis.providers
  // Little room beyond genesis: what aurora sells needs hardware that it does not have yet.
  const lots = aurora!.lots.map((lot) => ({ ...lot, devices: 75 }))
  const reporters = developmentAccounts(ACCOUNTS)
    .slice(3)
    .map(({ address: account }, i) => ({ account, name: `Reporter ${i + 1}` }))
  // Time jumps by up to a window: a block that was proposed before a jump is not too old after it.
  const consensus = { ...genesis.consensus, messageDelayMs: WINDOW_MS }
  return { ...genesis, consensus, providers: [{ ...aurora!, lots }, ...others], oracle: { reporters } }
}

/** Receipts are a token of its own address. */
const receiptsTransfer = (receipts: Address, to: Address, value: bigint) => ({
  ...encodeCall(erc20Schema, 'transfer', { to, value }),
  to: receipts,
})

describe("the currency's story", function () {
  this.timeout(300_000)
  let story: StoryDevnet
  let alice: Person
  let bob: Person
  let carol: Person
  let reporters: readonly Person[] = []
  let rating = H100
  let id = 0
  let lot = 0

  before(async () => {
    story = await StoryDevnet.start(genesisOfStory())
    reporters = story.accounts.slice(3)
    ;[alice, bob, carol] = story.accounts as [Person, Person, Person]
  })
  after(() => story?.devnet.close())

  const query = ((...given: Parameters<StoryDevnet['client']['query']>) =>
    story.client.query(...given)) as StoryDevnet['client']['query']
  const operator = (provider: number): Person => story.operatorOf(provider)
  const owedBy = async (provider: number) => (await query(issuance, 'liability', { provider }))!.liabilityBase
  const unitsOf = async ({ address }: Person) =>
    (await query(assets, 'balance', { asset: DEVNET_ASSET_ID, owner: address }))!
  const bondOf = async (provider: number) =>
    sumOf((await query(providers, 'bonds', { id: provider }))!.map(({ amountBase }) => amountBase))
  const anchorNow = async () => (await query(oracle, 'anchor', {}))!.anchor
  const sale = async () => (await query(series, 'show', { series: id }))!
  const caseOf = (provider: number) => query(defaults, 'case', { provider })
  const withdrawBond = (amountBase: bigint) => defaults.withdrawBond({ asset: DEVNET_ASSET_ID, amountBase })

  /** Ends a window with two of three reporters: a quorum, while the providers' chamber says nothing. */
  const endWindow = (halves?: Halves) =>
    story.endWindow(reporters.slice(0, 2), { rating, priceBase: PRICE_BASE }, halves)

  /** What the header says. Whoever owes it, the providers' liabilities add up to the supply. */
  async function reserve() {
    const answer = (await story.client.request('chain_reserve')) as {
      readonly reserve: Readonly<Record<string, string>>
    }
    const of = (name: string) => BigInt(answer.reserve[name]!)
    const supply = of('supplyBase')
    assert.equal(of('liabilitiesBase'), supply)
    assert.equal(sumOf(await Promise.all(PROVIDERS.map(owedBy))), supply)
    return { supply, shortfall: of('shortfallBase'), locked: of('lockedInRedemptionBase') }
  }

  /** Three of four validators let aurora's new lot count, for as long as they may: K windows after the time lock of one. */
  async function attest(): Promise<void> {
    const lastWindow = (await story.windowIndex()) + 1 + K
    const proposal = governance.proposeAttestation({ lot, lastWindow })
    await story.decide([AURORA, BOREALIS, CUMULUS].map(operator), proposal)
  }

  const listed = async (provider: number, service: Service, slug: string) =>
    redemption.list({
      ...{ service, classId: await story.classIdOf(slug), region: 'local', bonusPpm: 0n },
      ...{ endpoint: 'https://provider.example', runtimeHash: new Uint8Array(32).fill(provider) },
      tariffHash: new Uint8Array(32).fill(7),
    })

  it('begins with every coin backed', async () => {
    assert.deepEqual(await reserve(), { supply: GENESIS_SUPPLY, shortfall: 0n, locked: 0n })
    for (const provider of PROVIDERS) assert.equal(await owedBy(provider), OWED_AT_GENESIS)
  })

  it('sells future compute: receipts that pass from hand to hand, and the money in escrow', async () => {
    const window = await story.windowIndex()
    const before = await unitsOf(operator(AURORA))
    const times = { opensAt: 0, closesAt: window, dueAt: window + 6 }
    const terms = { kind: 'forward', asset: DEVNET_ASSET_ID, capBase: CAP } as const
    const prices = { startPriceBase: PRICE_BASE, endPriceBase: 0n }
    await story.send(operator(AURORA), series.open({ ...terms, ...prices, ...times }))
    id = (await query(series, 'live', { provider: AURORA }))![0]!.id
    // A fifth of the cap at its price.
    const lockBase = mulDivCeil(CAP, PRICE_BASE, 5n * COIN)
    assert.equal(before - (await unitsOf(operator(AURORA))), lockBase)

    const buy = (amountBase: bigint) =>
      series.buy({ series: id, amountBase, payMaxBase: mulDivCeil(amountBase, PRICE_BASE, COIN) })
    await story.send(alice, buy(1_200n * COIN))
    await story.send(bob, buy(800n * COIN))
    await story.until('the purchases are settled', async () => (await sale()).soldBase === CAP)
    assert.match(await story.refusal(carol, buy(COIN)), /^CapReached\(/)
    const { receipts, escrowBase } = await sale()
    assert.equal(escrowBase, mulDivCeil(CAP, PRICE_BASE, COIN))
    await story.send(alice, receiptsTransfer(receipts, carol.address, 200n * COIN))
    assert.equal((await reserve()).supply, GENESIS_SUPPLY)
  })

  it('brings the hardware, and all receipts become coins', async () => {
    const { quotaBase } = (await query(issuance, 'quota', { provider: AURORA }))!
    assert.ok(quotaBase < CAP / 10n)
    const classId = await story.classIdOf('b200-sxm')
    const pledge = { classId, devices: 128, region: 'local', services: ALL_SERVICES }
    const firstWindow = (await story.windowIndex()) + 2
    const deviceRoot = new Uint8Array(32).fill(7)
    await story.send(operator(AURORA), capacity.pledge({ ...pledge, deviceRoot, firstWindow }))
    lot = (await query(capacity, 'lots', { provider: AURORA }))!.at(-1)!.id
    await attest()

    // The time lock: until the lot counts there is room for a part, the same of each receipt.
    await endWindow()
    assert.deepEqual([(await sale()).state, (await sale()).coinsBase], ['delivering', quotaBase])
    const [duty] = (await query(series, 'status', { provider: AURORA }))!
    assert.deepEqual([duty!.duty, duty!.blockedBy], ['bringCapacity', 'QuotaExceeded'])

    await endWindow()
    assert.equal((await sale()).state, 'converted')
    assert.equal(await owedBy(AURORA), OWED_AT_GENESIS + CAP)
    assert.deepEqual(await reserve(), { supply: GENESIS_SUPPLY + CAP, shortfall: 0n, locked: 0n })
    for (const [owner, amountBase] of [
      [alice, 1_000n * COIN],
      [bob, 800n * COIN],
      [carol, 200n * COIN],
    ] as const) {
      const before = await story.balanceOf(owner)
      const { feeBase } = await story.send(owner, series.claim({ series: id, amountBase }))
      assert.equal(await story.balanceOf(owner), before + amountBase - feeBase)
    }
    assert.equal((await sale()).state, 'ended')
  })

  it('pays coins on, and redeems them for inference, fine-tuning and training', async () => {
    for (const [provider, service, slug] of [
      [AURORA, 'infer', 'h100-sxm'],
      [BOREALIS, 'finetune', 'h200-sxm'],
      [CUMULUS, 'train', 'b200-sxm'],
    ] as const)
      await story.send(operator(provider), await listed(provider, service, slug))
    await story.send(alice, transfer(bob.address, 40n * COIN))
    await story.send(bob, transfer(carol.address, 20n * COIN))
    const asked: [number, Person, number][] = []
    for (const [owner, service, provider] of [
      [alice, 'infer', AURORA],
      [bob, 'finetune', BOREALIS],
      [carol, 'train', CUMULUS],
    ] as const)
      asked.push([await story.request(owner, { amountBase: 20n * COIN, service, provider }), owner, provider])
    const before = await reserve()
    assert.equal(before.locked, 60n * COIN)
    for (const [request] of asked) await story.grant(request)
    await endWindow()
    for (const [request, owner, provider] of asked) {
      const owed = await owedBy(provider)
      await story.settle(request, owner)
      assert.equal(await owedBy(provider), owed - 20n * COIN)
      const { state, burnedBase } = await story.redemptionOf(request)
      assert.deepEqual([state, burnedBase], ['settled', 20n * COIN])
    }
    assert.deepEqual(await reserve(), { supply: before.supply - 60n * COIN, shortfall: 0n, locked: 0n })
  })

  it('passes a generation: the anchor moves from the H100 to the B200, no faster than the rules let it', async () => {
    rating = B200
    // The reporters alone, as long as the providers say nothing: the long-run trend.
    await endWindow()
    let anchor = mulDivFloor(H100, PPM + DISPUTED_DRIFT_PPM, PPM)
    assert.equal(await anchorNow(), anchor)
    let windows = 0
    for (; anchor < B200; windows++) {
      const { lastWindow } = (await query(capacity, 'lot', { id: lot }))!
      // An attestation ends, and what it backs would be missing.
      if (lastWindow! - (await story.windowIndex()) <= 4) await attest()
      const both = [...reporters.slice(0, 2), ...[AURORA, BOREALIS, CUMULUS].map(operator)]
      await story.endWindow(both, { rating, priceBase: PRICE_BASE })
      anchor = minBigint(B200, mulDivFloor(anchor, PPM + DRIFT_PPM, PPM))
      assert.equal(await anchorNow(), anchor)
      assert.equal((await reserve()).shortfall, 0n)
    }
    // 1.033 · 1.1^8 is the first beyond 2.02.
    assert.equal(windows, 8)
  })

  it('buys the newer hardware with the same coin', async () => {
    await story.send(operator(CUMULUS), await listed(CUMULUS, 'infer', 'b200-sxm'))
    const amountBase = 10n * COIN
    const request = await story.request(alice, { amountBase, service: 'infer', provider: CUMULUS })
    const { deviceMicroHours, className, assignments } = await story.redemptionOf(request)
    // Ten hours of an H100 have become twice as many, or 6.82 of a B200; at the old anchor ten coins bought 3.38.
    assert.deepEqual([deviceMicroHours, className], [20_200_000n, 'h100-sxm'])
    const [open] = assignments
    assert.deepEqual([open!.className, open!.anchor, open!.rating], ['b200-sxm', B200, B200_INFER])
    assert.equal(open!.deviceMicroHours, mulDivFloor(10_000_000n, B200, B200_INFER))
    await story.grant(request)
    await endWindow()
    await story.settle(request, alice)
    assert.equal((await story.redemptionOf(request)).state, 'settled')
  })

  it('suspends a provider that misses its deliveries twice, and pays its client', async () => {
    await story.send(operator(DUNES), await listed(DUNES, 'infer', 'mi300x'))
    const request = await story.request(bob, { amountBase: 10n * COIN, service: 'infer', provider: DUNES })
    let bond = BOND_BASE
    for (const isFirst of [true, false]) {
      const before = await unitsOf(bob)
      await endWindow()
      // 5 % of ten coins is less than the least penalty, a thousandth of the bond.
      const penalty = mulDivCeil(bond, 1_000n, PPM)
      bond -= penalty
      assert.equal(await bondOf(DUNES), bond)
      assert.equal((await unitsOf(bob)) - before, penalty / 2n)
      const suspended = (await query(providers, 'suspensions', {}))!.map(({ provider }) => provider)
      assert.deepEqual(suspended, isFirst ? [] : [DUNES])
      if (isFirst) await story.until('it is assigned anew', () => story.isAssigned(request))
    }
    // It named the provider, which gets nothing new: the coins are its owner's again.
    const before = await story.balanceOf(bob)
    const { feeBase } = await story.send(bob, redemption.cancel({ id: request }))
    assert.equal(await story.balanceOf(bob), before + 10n * COIN - feeBase)
    assert.match(
      await story.refusal(operator(DUNES), issuance.mint({ to: bob.address, amountBase: COIN })),
      /^ProviderSuspended\(/,
    )
  })

  it('hands on what it owes when it defaults; no balance is cut', async () => {
    const suspendedAt = (await story.windowIndex()) - 1
    const before = await reserve()
    const owed = await owedBy(DUNES)
    for (let window = 0; window <= CURE_WINDOWS; window++) {
      assert.equal(await caseOf(DUNES), undefined)
      assert.equal((await query(defaults, 'status', { provider: DUNES }))!.step, 'resume')
      await endWindow()
    }
    const declared = (await caseOf(DUNES))!
    assert.deepEqual([declared.cause, declared.stage], ['suspension', 'auction'])
    assert.equal(declared.declaredWindow - suspendedAt, CURE_WINDOWS + 2)
    assert.equal(await bondOf(DUNES), 0n)

    while ((await story.windowIndex()) < declared.auctionWindow) await endWindow()
    const wanted = { provider: DUNES, amountBase: 500n * COIN, sharePpm: 100_000n }
    const salt = new Uint8Array(32).fill(5)
    const commitment = bidCommitment(story.genesisHash, { ...wanted, bidder: CUMULUS, salt })
    await endWindow({
      first: () => story.send(operator(CUMULUS), defaults.commitBid({ provider: DUNES, commitment })),
      second: () => story.send(operator(CUMULUS), defaults.revealBid({ ...wanted, salt })),
    })
    const closed = (await caseOf(DUNES))!
    const { stage, novatedBase, assumedBase, orphanedBase } = closed
    assert.deepEqual([stage, novatedBase, orphanedBase], ['closed', wanted.amountBase, 0n])
    assert.equal(novatedBase + assumedBase, owed)
    assert.ok(closed.estate.every(({ leftBase }) => leftBase === 0n))
    assert.equal(await owedBy(DUNES), 0n)
    assert.deepEqual(await reserve(), before)
    const voters = (await query(providers, 'validators', {}))!.map((validator) => validator.id)
    assert.deepEqual(voters, [AURORA, BOREALIS, CUMULUS])
  })

  it('redeems every coin that anybody holds', async () => {
    await story.send(operator(BOREALIS), await listed(BOREALIS, 'infer', 'h200-sxm'))
    const asked: [number, Person][] = []
    for (const owner of story.accounts) {
      const amountBase = (await story.balanceOf(owner)) - DUST_BASE
      asked.push([await story.ask(owner, { amountBase, service: 'infer' }), owner])
    }
    const { locked } = await reserve()
    // What is listed is assigned at once, other hardware from the second quarter of the window on: it is obliged then.
    const grantAll = async (): Promise<void> => {
      for (const [request] of asked) await story.grant(request)
    }
    await story.devnet.mine({ count: 3 })
    for (let window = 0; window < 4 && (await reserve()).locked > 0n; window++) {
      await grantAll()
      await endWindow({ second: grantAll })
      for (const [request, owner] of asked) await story.settle(request, owner)
    }
    const ended = await Promise.all(asked.map(([request]) => story.redemptionOf(request)))
    for (const { state, amountBase, burnedBase, transferredBase } of ended) {
      assert.equal(state, 'settled')
      assert.equal(burnedBase + transferredBase, amountBase)
    }
    assert.equal(sumOf(ended.map(({ amountBase }) => amountBase)), locked)
    for (const owner of story.accounts) {
      const amountBase = await story.balanceOf(owner)
      assert.ok(amountBase <= DUST_BASE)
      const wanted = story.requestOf({ amountBase, service: 'infer' })
      assert.match(await story.refusal(owner, wanted), /^BelowMinimum\(/)
    }
  })

  it('lets all leave but the last, whose coins are what the fund and the receivers of fees hold', async () => {
    for (const provider of [AURORA, BOREALIS, CUMULUS]) {
      const freeBase = (await story.balanceOf(operator(provider))) - FEES_BASE
      const amountBase = minBigint(await owedBy(provider), freeBase)
      if (amountBase > 0n) await story.send(operator(provider), issuance.retire({ amountBase }))
    }
    // While all three count: the quota of one whose capacity alone is left is 0.
    for (const provider of [AURORA, BOREALIS]) {
      await story.send(operator(provider), defaults.beginExit())
      const amountBase = await owedBy(provider)
      if (amountBase === 0n) continue
      assert.match(await story.refusal(operator(provider), defaults.completeExit()), /^LiabilityLeft\(/)
      const paymentBase = mulDivCeil(amountBase, PRICE_BASE, COIN)
      const terms = { amountBase, asset: DEVNET_ASSET_ID, paymentBase }
      await story.send(operator(provider), defaults.offerNovation({ to: CUMULUS, ...terms }))
      await story.send(operator(CUMULUS), defaults.acceptNovation({ from: provider, ...terms }))
    }
    for (const provider of [AURORA, BOREALIS]) {
      await story.send(operator(provider), defaults.completeExit())
      assert.match(await story.refusal(operator(provider), withdrawBond(BOND_BASE)), /^BondLocked\(/)
    }
    assert.match(await story.refusal(operator(CUMULUS), defaults.beginExit()), /^LastProvider\(/)
    await story.devnet.passWindows(1 + TAIL_WINDOWS)
    for (const provider of [AURORA, BOREALIS]) {
      const before = await unitsOf(operator(provider))
      await story.send(operator(provider), withdrawBond(BOND_BASE))
      assert.equal(await unitsOf(operator(provider)), before + BOND_BASE)
    }
    // Whoever defaulted has no bond left: it was the estate. The last one's waits for coins that nobody else would owe.
    assert.match(await story.refusal(operator(DUNES), withdrawBond(1n)), /^InsufficientBond\(/)
    assert.match(await story.refusal(operator(CUMULUS), withdrawBond(1n)), /^LiabilityLeft\(/)
    assert.match(await story.refusal(operator(CUMULUS), defaults.beginExit()), /^LastProvider\(/)
    assert.equal(await bondOf(CUMULUS), BOND_BASE)

    const { supply, locked } = await reserve()
    const { heldBase, feesBase } = (await query(defaults, 'fund', {}))!
    const receivers = sumOf(await Promise.all(PROVIDERS.map((one) => story.balanceOf(operator(one)))))
    const dust = sumOf(await Promise.all(story.accounts.map((one) => story.balanceOf(one))))
    assert.equal(locked, 0n)
    assert.equal(await owedBy(CUMULUS), supply)
    assert.equal(supply, heldBase + feesBase + receivers + dust)
    assert.ok(dust <= BigInt(ACCOUNTS) * DUST_BASE)
  })
})
