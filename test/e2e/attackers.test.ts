// Attackers of the economy on a running devnet, through JSON-RPC alone: a feed that is dead, a provider that mints what it may and
// vanishes, its friends at the auction, a backer that sees the default coming. What they gain is what docs/economy.md says.
import assert from 'node:assert/strict'
import { bidCommitment } from '../../base/protocol/sealedBid.ts'
import { COIN, minBigint, mulDivFloor, PPM } from '../../base/units.ts'
import {
  assets,
  backing,
  capacity,
  defaults,
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
import { ALL_SERVICES } from '../../state/modules/capacity/schema.ts'
import { type Person, StoryDevnet } from '../support/storyDevnet.ts'

const WINDOW_MS = 600_000
const ACCOUNTS = 6
const CURE_WINDOWS = 3
/** As many as there is time to cure: only what keeps backers while a fault is open makes them bear it. */
const UNBOND_WINDOWS = CURE_WINDOWS
const FRESH_WINDOWS = 3
const GRACE_WINDOWS = 5
const DISPUTED_DRIFT_PPM = 33_000n
const PRICE_BASE = 3_028_200n
const H100 = 1_000_000n
const [AURORA, BOREALIS, CUMULUS, DUNES] = [1, 2, 3, 4] as const
const PROVIDERS = [AURORA, BOREALIS, CUMULUS, DUNES]

function genesisOfAttacks(): Genesis {
  const genesis = developmentGenesis({
    ...{ validators: 4, blockTimeMs: 200, windowMs: WINDOW_MS },
    ...{ accounts: ACCOUNTS, balanceCoins: 1_000 },
    params: {
      'capacity.horizonWindows': 12,
      'oracle.driftPpm': '50000',
      'oracle.disputedDriftPpm': `${DISPUTED_DRIFT_PPM}`,
      'issuance.marginPpm': '1800000',
      'issuance.cureWindows': CURE_WINDOWS,
      'backing.unbondWindows': UNBOND_WINDOWS,
      'redemption.assignAhead': 1,
      'redemption.tailWindows': 3,
    },
  })
  const reporters = developmentAccounts(ACCOUNTS)
    .slice(3)
    .map(({ address: account }, i) => ({ account, name: `Reporter ${i + 1}` }))
  // Time jumps by up to a window: a block that was proposed before a jump is not too old after it.
  const consensus = { ...genesis.consensus, messageDelayMs: WINDOW_MS }
  return { ...genesis, consensus, oracle: { reporters } }
}

const sumOf = (amounts: readonly bigint[]): bigint => amounts.reduce((sum, one) => sum + one, 0n)

describe('attackers on a running devnet', function () {
  this.timeout(300_000)
  let story: StoryDevnet
  let reporters: readonly Person[] = []
  let alice: Person
  let bob: Person
  let carol: Person

  before(async () => {
    story = await StoryDevnet.start(genesisOfAttacks())
    reporters = story.accounts.slice(3)
    ;[alice, bob, carol] = story.accounts as [Person, Person, Person]
  })
  after(() => story?.devnet.close())

  const query = ((...given: Parameters<StoryDevnet['client']['query']>) =>
    story.client.query(...given)) as StoryDevnet['client']['query']
  const operator = (provider: number): Person => story.operatorOf(provider)
  const unitsOf = async ({ address }: Person) =>
    (await query(assets, 'balance', { asset: DEVNET_ASSET_ID, owner: address }))!
  const owedBy = async (provider: number) => (await query(issuance, 'liability', { provider }))!.liabilityBase
  const anchorNow = async () => (await query(oracle, 'anchor', {}))!.anchor
  const caseOf = (provider: number) => query(defaults, 'case', { provider })
  const worth = (coinsBase: bigint): bigint => mulDivFloor(coinsBase, PRICE_BASE, COIN)
  const mint = (to: Person, amountBase = COIN) => issuance.mint({ to: to.address, amountBase })
  const reported = (first?: () => Promise<unknown>, second?: () => Promise<unknown>) =>
    story.endWindow(
      reporters.slice(0, 2),
      { rating: H100, priceBase: PRICE_BASE },
      { ...(first && { first }), ...(second && { second }) },
    )

  const listed = async (provider: number, slug: string) =>
    redemption.list({
      ...{ service: 'infer', classId: await story.classIdOf(slug), region: 'local', bonusPpm: 0n },
      ...{ endpoint: 'https://provider.example', runtimeHash: new Uint8Array(32).fill(provider) },
      tariffHash: new Uint8Array(32).fill(7),
    })

  it('a dead feed: what rests on the price is refused by name, redemption goes on, the anchor rises by the trend', async () => {
    await story.send(operator(BOREALIS), await listed(BOREALIS, 'h200-sxm'))
    const sale = { kind: 'immediate', asset: DEVNET_ASSET_ID, capBase: 10n * COIN, dueAt: 0 } as const
    const window = await story.windowIndex()
    const terms = { ...sale, opensAt: 0, closesAt: window + 20, startPriceBase: PRICE_BASE, endPriceBase: 0n }
    await story.send(operator(AURORA), series.open(terms))
    const { id } = (await query(series, 'live', { provider: AURORA }))![0]!
    const buy = series.buy({ series: id, amountBase: COIN, payMaxBase: 2n * PRICE_BASE })
    await story.send(alice, buy)

    await story.devnet.passWindows(FRESH_WINDOWS + 1)
    for (const refused of [
      await story.refusal(operator(BOREALIS), mint(bob)),
      await story.refusal(operator(BOREALIS), series.open(terms)),
      await story.refusal(bob, buy),
    ])
      assert.match(refused, /^OracleStale\(/)
    const status = (await query(oracle, 'status', {}))!
    assert.match(status.status, /without a quorum, 5 are the grace; stale prices of asset 1: mints and sales/)
    assert.equal(status.prices[0]!.staleSince, FRESH_WINDOWS + 1)
    const owed = await owedBy(BOREALIS)
    const request = await story.request(carol, { amountBase: 10n * COIN, service: 'infer' })
    await story.grant(request)
    await story.devnet.passWindows()
    await story.settle(request, carol)
    assert.equal((await story.redemptionOf(request)).state, 'settled')
    assert.equal(await owedBy(BOREALIS), owed - 10n * COIN)

    while ((await story.windowIndex()) <= GRACE_WINDOWS) await story.devnet.passWindows()
    const anchor = await anchorNow()
    await story.devnet.passWindows()
    assert.equal(await anchorNow(), mulDivFloor(anchor, PPM + DISPUTED_DRIFT_PPM, PPM))
    await reported()
    await story.send(operator(BOREALIS), mint(bob))
  })

  it('hardware of the same window gives no room: it counts once it is attested, and not before', async () => {
    const { capacityBase } = (await query(capacity, 'summary', { provider: DUNES }))!
    const classId = await story.classIdOf('b200-sxm')
    const pledge = { classId, devices: 100_000, region: 'local', services: ALL_SERVICES }
    const firstWindow = (await story.windowIndex()) + 1
    await story.send(
      operator(DUNES),
      capacity.pledge({ ...pledge, deviceRoot: new Uint8Array(32).fill(9), firstWindow }),
    )
    await reported()
    await reported()
    const after = (await query(issuance, 'quota', { provider: DUNES }))!
    assert.equal((await query(capacity, 'summary', { provider: DUNES }))!.capacityBase, capacityBase)
    const refused = await story.refusal(operator(DUNES), mint(operator(DUNES), after.mintableBase + COIN))
    assert.match(
      refused,
      /^(QuotaExceeded|BondTooSmall|OwnBackingExceeded|FrontLoadExceeded|JointLimitExceeded)\(/,
    )
  })

  it('who mints what it may and vanishes gains no more than `unsecured`; its backers, leaving late, bear it', async () => {
    await story.send(alice, backing.back({ provider: DUNES, amountBase: 100n * COIN }))
    const early = backing.unback({ provider: DUNES, amountBase: 30n * COIN })
    await story.send(operator(DUNES), await listed(DUNES, 'mi300x'))
    const request = await story.request(bob, { amountBase: 10n * COIN, service: 'infer', provider: DUNES })
    await story.send(alice, early)
    const { mintableBase } = (await query(issuance, 'quota', { provider: DUNES }))!
    const before = await story.balanceOf(operator(DUNES))
    const bondBefore = sumOf((await query(providers, 'bonds', { id: DUNES }))!.map((bond) => bond.amountBase))
    const { feeBase } = await story.send(operator(DUNES), mint(operator(DUNES), mintableBase))
    const takenBase = (await story.balanceOf(operator(DUNES))) + feeBase - before
    const securityNow = async () => (await query(issuance, 'security', { provider: DUNES }))!
    let { unsecuredBase, lockedBase } = await securityNow()
    const firstLockedBase = lockedBase
    assert.equal(takenBase + firstLockedBase, mintableBase)

    // It grants nothing, and is suspended by its second fault.
    for (let faults = 0; (await query(providers, 'suspensions', {}))!.length === 0; faults++) {
      assert.ok(faults < 3, 'it is suspended')
      await story.until('it is assigned', () => story.isAssigned(request))
      await reported()
    }
    await reported()
    await story.send(alice, backing.unback({ provider: DUNES, amountBase: 70n * COIN }))
    const { heldSince } = (await query(backing, 'pool', { provider: DUNES }))!
    assert.ok(heldSince !== undefined)
    for (let window = 0; (await caseOf(DUNES)) === undefined; window++) {
      assert.ok(window <= CURE_WINDOWS + 2, 'it defaults')
      assert.match(await story.refusal(alice, backing.claim({ provider: DUNES })), /^NothingToClaim\(/)
      // Good windows before its first fault have released a part of the lock.
      ;({ unsecuredBase, lockedBase } = await securityNow())
      await reported()
    }
    const { cause, burnedBase, backingBurnedBase, estate } = (await caseOf(DUNES))!
    assert.deepEqual([cause, burnedBase, backingBurnedBase], ['suspension', lockedBase, 100n * COIN])
    // Penalties came out of the bond before; the rest of it is the estate. No more of the coins is unsecured than was said.
    assert.ok(estate[0]!.totalBase <= bondBefore)
    const gained = worth(takenBase + firstLockedBase - lockedBase) - bondBefore
    assert.ok(gained <= worth(unsecuredBase), `${gained} of ${worth(unsecuredBase)}`)
  })

  it('a friend that takes its liability for nothing gains nothing, and who does not reveal pays its deposit', async () => {
    const { auctionWindow } = (await caseOf(DUNES))!
    const salt = new Uint8Array(32).fill(3)
    const bid = { provider: DUNES, amountBase: 200n * COIN, sharePpm: 0n }
    const sealed = (bidder: number) =>
      defaults.commitBid({
        provider: DUNES,
        commitment: bidCommitment(story.genesisHash, { ...bid, bidder, salt }),
      })
    if ((await story.windowIndex()) < auctionWindow) {
      assert.match(await story.refusal(operator(CUMULUS), sealed(CUMULUS)), /^NotInAuction\(/)
      await reported()
    }
    const [units, fund] = [await unitsOf(operator(CUMULUS)), await fundCoins()]
    const owed = await owedBy(CUMULUS)
    await reported(
      async () => {
        assert.match(await story.refusal(operator(DUNES), sealed(DUNES)), /^ProviderNotServing\(/)
        for (const bidder of [CUMULUS, BOREALIS]) await story.send(operator(bidder), sealed(bidder))
        assert.match(await story.refusal(operator(CUMULUS), sealed(CUMULUS)), /^AlreadyBid\(/)
      },
      async () => {
        const other = defaults.revealBid({ ...bid, amountBase: COIN, salt })
        assert.match(await story.refusal(operator(CUMULUS), other), /^BidMismatch\(/)
        await story.send(operator(CUMULUS), defaults.revealBid({ ...bid, salt }))
      },
    )
    await story.until('the default is closed', async () => (await caseOf(DUNES))!.stage === 'closed')
    const { novatedBase, assumedBase, orphanedBase, liabilityBase } = (await caseOf(DUNES))!
    assert.equal(novatedBase, 200n * COIN)
    assert.equal(novatedBase + assumedBase + orphanedBase, liabilityBase)
    assert.ok((await owedBy(CUMULUS)) >= owed + 200n * COIN)
    assert.equal(await unitsOf(operator(CUMULUS)), units)
    assert.ok((await fundCoins()) > fund, 'the fund has the deposit')
  })

  const fundCoins = async () => (await query(defaults, 'fund', {}))!.heldBase

  it('leaves every coin owed by somebody, and what is asked for is served', async () => {
    const { reserve } = (await story.client.request('chain_reserve')) as {
      readonly reserve: Readonly<Record<string, string>>
    }
    const supply = BigInt(reserve.supplyBase!)
    assert.equal(BigInt(reserve.liabilitiesBase!), supply)
    assert.equal(sumOf(await Promise.all(PROVIDERS.map(owedBy))), supply)
    const amountBase = minBigint(20n * COIN, (await story.balanceOf(bob)) - COIN)
    const request = await story.request(bob, { amountBase, service: 'infer' })
    await story.grant(request)
    await reported()
    await story.settle(request, bob)
    assert.equal((await story.redemptionOf(request)).state, 'settled')
  })
})
