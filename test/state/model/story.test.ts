// Hand-computed histories of the model's queue and delivery: the small inputs that broke the rules' first edition.
import { strict as assert } from 'node:assert'
import { openRequest, refuseRequest } from './admission.ts'
import { COIN } from './arithmetic.ts'
import { type BlockFacts, runBlock } from './block.ts'
import { capacityC, capacityCStar, reservedR } from './capacity.ts'
import { brokenMintLimits, groupOf, quota } from './coverage.ts'
import { grant, reject, settle } from './delivery.ts'
import { createCoins } from './ledger.ts'
import { addBond, addLot, addProvider, begin, emptyWorld } from './newWorld.ts'
import { TEST } from './parameters.ts'
import { attest, list, pledge } from './pledges.ts'
import { queuedOf, type RequestTerms } from './queue.ts'
import { type Parameters, SERVICES, type World } from './world.ts'

const MIX = `0x${'07'.repeat(32)}`
const UNLIMITED = { reservations: 1_000, unbooked: 1_000, atPar: new Set<number>() }
const TURN = { epoch: 1, view: 1, parentView: undefined, proposer: 'operator 1' }
const HASH = `0x${'01'.repeat(32)}`

/** A device serves 22.8 coins a window at rating 1,000,000. */
function worldOf(devices: readonly number[], parameters: Partial<Parameters> = {}): World {
  const world = emptyWorld({ ...TEST, ...parameters }, 0, 1_000_000n)
  world.assets.set(1, { issuer: 'issuer', supplyBase: 0n })
  world.prices.set(1, 3_000_000n)
  const rated = (ppm: bigint) => ({ train: ppm, finetune: ppm, infer: ppm })
  world.classes.set(1, { id: 1, ratingsPpm: rated(1_000_000n), specOnly: false })
  world.classes.set(2, { id: 2, ratingsPpm: rated(2_000_000n), specOnly: false })
  devices.forEach((count, i) => {
    const id = i + 1
    addBond(world, addProvider(world, { id, operator: `operator ${id}`, legalGroup: '' }), 1, 10n ** 15n)
    addLot(world, { provider: id, classId: 1, devices: count, region: 'tw', countsFrom: 0 })
  })
  begin(world)
  return world
}

/** Runs a block of provider `proposer`; the window ends with it when `isLast`. */
function block(world: World, over: Partial<BlockFacts> & { readonly isLast?: boolean } = {}): void {
  const { isLast = false, ...facts } = over
  const proposer = `operator ${(world.height % 2) + 1}`
  const timestampMs = isLast ? world.windowEndsMs : world.timestampMs + 100
  const defaults = { timestampMs, proposer, groups: 4, mix: MIX, validators: ['operator 1'] }
  const governance = {
    approvalPpm: 666_667n,
    votingMs: 1_000,
    lockWindows: {
      admit: 0,
      remove: 0,
      jail: 0,
      unjail: 0,
      parameters: 0,
      reporters: 0,
      absentReporters: 0,
      class: 1,
      spend: 0,
    },
    openPerMemberMax: 4,
    votersMin: 3,
    validatorsMin: 4,
  }
  const proposerGroup = `provider ${(world.height % 2) + 1}`
  runBlock(
    world,
    {
      ...defaults,
      proposerGroup,
      governance,
      matching: UNLIMITED,
      recounting: undefined,
      turn: TURN,
      defaults: [],
      ...facts,
    },
    [],
  )
}

const terms = (amount: number, over: Partial<RequestTerms> = {}): RequestTerms => ({
  amountBase: BigInt(amount) * COIN,
  service: 'infer',
  provider: 0,
  ratingMinPpm: 0n,
  region: '',
  startBy: 0,
  finishBy: 0,
  voucherKey: '',
  ...over,
})

/** Gives an account coins of provider 1 and escrows a request. */
function request(world: World, owner: string, wanted: RequestTerms): number {
  createCoins(world, 1, owner, wanted.amountBase)
  assert.equal(refuseRequest(world, owner, wanted), undefined)
  const { id } = openRequest(world, owner, wanted)
  const proposerGroup = 'provider 9'
  world.pending.push({ what: id, height: world.height, proposerGroup, txHash: HASH, index: id })
  return id
}

const listOne = (world: World, operator: string): void =>
  assert.equal(list(world, operator, { service: 'infer', classId: 1, region: 'tw', bonusPpm: 0n }), undefined)

const listAll = (world: World): void => {
  for (const { operator } of world.providers.values()) listOne(world, operator)
}

const grantAll = (world: World): void => {
  for (const a of world.assignments.filter((each) => each.isOpen && !each.granted)) {
    const { operator } = world.providers.get(a.provider)!
    assert.equal(grant(world, operator, { id: a.request, assignment: a.number }), undefined)
  }
}

const open = (world: World, id: number) => world.assignments.filter((a) => a.isOpen && a.request === id)

describe('state.model.story', () => {
  it('one that never signs goes to the tail and starves nobody', () => {
    const world = worldOf([10, 10, 10, 10])
    listAll(world)
    const hoarder = request(world, 'hoarder', terms(1_830))
    block(world)
    const other = request(world, 'other', terms(10))
    block(world)
    assert.equal(open(world, other).length, 0)
    // 912 coins a window: the hoarder has the next window, then the one after; what it leaves unsigned moves behind.
    for (let windows = 0; windows < 3 && open(world, other).length === 0; windows++) {
      grantAll(world)
      block(world, { isLast: true })
      block(world)
    }
    assert.equal(open(world, other).length, 1)
    assert.ok(world.requests.get(hoarder)!.feesBase > 0n)
  })

  it('takes 1 % of what was booked and left, for the guarantee fund', () => {
    const world = worldOf([10, 10, 10, 10])
    listAll(world)
    const id = request(world, 'alice', terms(100))
    block(world)
    grantAll(world)
    block(world, { isLast: true })
    const [assignment] = open(world, id)
    const half = { id, assignment: assignment!.number, deliveredBase: 40n * COIN, signer: 'alice' }
    assert.equal(settle(world, { ...half, operator: `operator ${assignment!.provider}` }), undefined)
    block(world, { isLast: true })
    const { burnedBase, transferredBase, feesBase } = world.requests.get(id)!
    assert.equal(burnedBase + transferredBase, 40n * COIN)
    assert.equal(feesBase, (60n * COIN) / 100n)
    assert.equal(world.coins.get('guarantee fund'), feesBase)
  })

  it('books no more of a lot group than its own devices deliver', () => {
    const world = worldOf([100, 100, 100, 100])
    const terms2 = { classId: 2, devices: 1, deviceRoot: 'b200', region: 'us', firstWindow: 1 }
    assert.equal(pledge(world, 'operator 1', { ...terms2, services: SERVICES }), undefined)
    attest(world, 5)
    block(world, { isLast: true })
    assert.equal(
      list(world, 'operator 1', { service: 'infer', classId: 2, region: 'us', bonusPpm: 0n }),
      undefined,
    )
    const id = request(world, 'alice', terms(1_990, { ratingMinPpm: 2_000_000n, region: 'us' }))
    block(world)
    const booked = open(world, id).map((a) => a.amountBase)
    assert.deepEqual(booked, [(456n * COIN) / 10n])
  })

  it('books the lot groups of a provider in the order of their first attested lots', () => {
    const world = worldOf([1, 1, 1, 1])
    const lot = { devices: 1, firstWindow: 1, services: SERVICES }
    // Pledged second and attested first; its class is the higher one.
    assert.equal(
      pledge(world, 'operator 1', { ...lot, classId: 1, deviceRoot: 'h100', region: 'eu' }),
      undefined,
    )
    assert.equal(
      pledge(world, 'operator 1', { ...lot, classId: 2, deviceRoot: 'b200', region: 'us' }),
      undefined,
    )
    attest(world, 6)
    attest(world, 5)
    block(world, { isLast: true })
    const id = request(world, 'alice', terms(80, { provider: 1, finishBy: 2 }))
    block(world)
    // Nothing is listed: a quarter window later all of the provider's hours are obliged.
    block(world, { timestampMs: world.timestampMs + world.parameters.windowMs / 4 })
    const booked = open(world, id).map((a) => [a.lotGroup.split('/')[2], a.amountBase])
    assert.deepEqual(booked, [
      ['tw', (228n * COIN) / 10n],
      ['us', (456n * COIN) / 10n],
      ['eu', (116n * COIN) / 10n],
    ])
  })

  it('reserves nothing in the last quarter of a window for the next one', () => {
    const world = worldOf([10, 10, 10, 10])
    listAll(world)
    const id = request(world, 'alice', terms(1))
    block(world, { timestampMs: world.windowEndsMs - world.parameters.windowMs / 4 })
    assert.equal(open(world, id).length, 0)
    block(world, { isLast: true })
    assert.equal(open(world, id).length, 1)
  })

  it('leaves no room to mint again after redeeming to oneself', () => {
    const world = worldOf([100, 100, 100, 100])
    listAll(world)
    const limit = quota(world, groupOf(world.providers.get(1)!))
    const id = request(world, 'operator 1', { ...terms(0), amountBase: limit })
    block(world)
    assert.ok(reservedR(world, 1) > 0n && open(world, id).length > 0)
    assert.ok(brokenMintLimits(world, 1, COIN).has('quota'))
  })

  it('one unjailed while a recount is under way counts what the last complete one has of it', () => {
    const world = worldOf([10, 10, 10, 10])
    block(world)
    const provider = world.providers.get(1)!
    const [whole, lasting] = [capacityC(world, 1), capacityCStar(world, 1)]
    assert(whole > 0n && lasting > 0n)
    provider.status = 'jailed'
    block(world, { isLast: true, recounting: new Set() })
    assert.deepEqual([capacityC(world, 1), capacityCStar(world, 1)], [0n, 0n])
    provider.status = 'active'
    assert.deepEqual([capacityC(world, 1), capacityCStar(world, 1)], [whole, lasting])
  })

  it('a first missing grant costs and returns the coins, a second one suspends', () => {
    const world = worldOf([10, 10, 10, 10])
    assert.equal(
      list(world, 'operator 1', { service: 'infer', classId: 1, region: 'tw', bonusPpm: 0n }),
      undefined,
    )
    const id = request(world, 'alice', terms(100, { provider: 1 }))
    const provider = world.providers.get(1)!
    const bond = provider.bonds.get(1)!
    block(world)
    block(world, { isLast: true })
    block(world)
    // 0.1 % of the bond is more than 5 % of 100 coins at 3 units each.
    assert.equal(bond - provider.bonds.get(1)!, bond / 1_000n)
    assert.equal(provider.suspendedSince, undefined)
    assert.equal(open(world, id)[0]?.sequence, 1)
    block(world, { isLast: true })
    block(world)
    assert.equal(provider.suspendedSince, world.window)
    assert.equal(queuedOf(world, id), 100n * COIN)
    assert.ok(brokenMintLimits(world, 1, 1n).has('suspended'))
    assert.deepEqual([...brokenMintLimits(world, 2, 1n)], [])
    assert.ok(capacityCStar(world, 1) > 0n)
  })

  it('what a fault returned takes the latest reservations, granted or not, and no more than it needs', () => {
    const world = worldOf([10, 10, 10, 10], { assignAhead: 2 })
    listOne(world, 'operator 1')
    const alice = request(world, 'alice', terms(100, { finishBy: 2 }))
    block(world)
    for (const id of [2, 3, 4]) listOne(world, `operator ${id}`)
    const bob = request(world, 'bob', terms(912))
    block(world, { timestampMs: world.windowEndsMs - world.parameters.windowMs / 4 })
    const booked = (id: number) => open(world, id).map((a) => [a.provider, a.window, a.amountBase / COIN])
    assert.deepEqual(booked(alice), [[1, 1, 100n]])
    assert.deepEqual(
      booked(bob),
      [1, 2, 3, 4].map((id) => [id, 2, 228n]),
    )
    for (const { number, provider } of open(world, bob))
      assert.equal(grant(world, `operator ${provider}`, { id: bob, assignment: number }), undefined)
    block(world, { isLast: true })
    block(world)
    // Window 2 is alice's last one. Bob's latest reservation gives way; what alice leaves of it is his again.
    assert.deepEqual(booked(alice), [[4, 2, 100n]])
    assert.deepEqual(booked(bob), [...[1, 2, 3].map((id) => [id, 2, 228n]), [4, 2, 128n], [1, 3, 100n]])
  })

  it('a rejected assignment keeps its place and excludes the group', () => {
    const world = worldOf([10, 10, 10, 10])
    listAll(world)
    const id = request(world, 'alice', terms(100))
    block(world)
    grantAll(world)
    block(world, { isLast: true })
    const [assignment] = open(world, id)
    assert.equal(reject(world, 'alice', { id, assignment: assignment!.number }), undefined)
    assert.equal(reject(world, 'alice', { id, assignment: assignment!.number }), 'UnknownAssignment')
    assert.equal(world.places[0]?.sequence, assignment!.sequence)
    block(world)
    assert.notEqual(open(world, id)[0]?.provider, assignment!.provider)
  })
})
