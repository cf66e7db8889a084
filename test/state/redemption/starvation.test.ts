// Holders whom cheap traffic of others would keep waiting: requests cancelled at once, and new terms in every block.
import assert from 'node:assert/strict'
import { MAIN_PARAMETERS, TEST_PARAMETERS } from '../../../genesis/parameters.ts'
import { laneTarget } from '../../../state/fees.ts'
import { SERVICES } from '../../../state/modules/catalogue/schema.ts'
import { ACT_STEPS } from '../../../state/modules/redemption/cursors.ts'
import { getTotals } from '../../../state/modules/redemption/redemptions.ts'
import { requestsToDraw } from '../../../state/modules/redemption/requests.ts'
import { redemptionSchema } from '../../../state/modules/redemption/schema.ts'
import { redemptionTables } from '../../../state/modules/redemption/tables.ts'
import { ALICE, BOB, coins, RedemptionChain, walletOf } from '../../support/redemptionFixture.ts'

const BLOCK_MS = 50
const ok = (failure: unknown) => assert.equal(failure, undefined)

/** Two members with so many steps a block; a holder and an attacker with their coins. */
function chainOf(options: { readonly blockSteps: number; readonly looks: number; readonly lots: number }) {
  const { capacity, issuance } = TEST_PARAMETERS
  const c = new RedemptionChain({
    providers: [{ devices: 10 }, { devices: 1 }, { devices: 10 }],
    params: { stepsPerBlockMax: options.looks, openRequestsMax: 4_000 },
    economy: {
      ...TEST_PARAMETERS,
      capacity: { ...capacity, blockStepsMax: options.blockSteps, windowMs: 60_000 },
      issuance: { ...issuance, retainPpm: 0n, lockFloorPpm: 0n },
    },
  })
  for (let i = 1; i < options.lots; i++) c.addLot(2, { classId: 2, devices: 1, region: `region-${i}` })
  c.fund(ALICE, 1, coins(100))
  c.fund(BOB, 3, coins(100))
  ok(c.list(1))
  c.recountEveryBlock = false
  return c
}

/** A request of the attacker; its id. */
function ask(c: RedemptionChain, terms: Parameters<RedemptionChain['request']>[2] = {}): number {
  const id = getTotals(c.state).nextId
  ok(c.request(BOB, coins(0.01), terms))
  return id
}

const { request, cancel, settle } = redemptionSchema.actions
/** Envelope and calldata of a voucher. */
const VOUCHER_BYTES_GAS = 21_000 + 16 * 260

/** Actions of so much gas in a block that leave the base fee of a lane where it is, with main's parameters. */
function countAtTarget(
  gas: number,
  { lane = 'redemption', periodMs = 2_000 }: { lane?: 'redemption' | 'service'; periodMs?: number } = {},
): number {
  const { gasTargetPerSecond, blockGasLimit: gasLimit } = MAIN_PARAMETERS.accounts
  const target = laneTarget(lane, { gasTargetPerSecond, gasLimit, periodMs })
  return Math.floor(Number(target) / gas)
}

describe('redemption under cheap traffic', () => {
  it('brings no more requests at the target of their lane than a block on main places and assigns', () => {
    const steps = countAtTarget(request.gas) * (ACT_STEPS.place + ACT_STEPS.assign)
    assert.ok(steps > 0 && steps <= MAIN_PARAMETERS.capacity.blockStepsMax, String(steps))
  })

  it('brings no more vouchers at the target of their lane than a block on main settles, in the part that settling gets', () => {
    const { blockStepsMax } = MAIN_PARAMETERS.capacity
    const stepsOf = (periodMs: number): number =>
      countAtTarget(settle.gas + VOUCHER_BYTES_GAS, { lane: 'service', periodMs }) * ACT_STEPS.settle
    assert.ok(stepsOf(2_000) > 0 && stepsOf(2_000) <= blockStepsMax, String(stepsOf(2_000)))
    assert.ok(stepsOf(200) > 0 && stepsOf(200) <= blockStepsMax / 2, String(stepsOf(200)))
  })

  it('ends no more requests at the target than a block removes, when their windows have passed', () => {
    const pairs = countAtTarget(request.gas + cancel.gas)
    const left = MAIN_PARAMETERS.capacity.blockStepsMax - pairs * ACT_STEPS.look
    assert.ok(pairs > 0 && pairs * ACT_STEPS.remove <= left / 2, String(pairs))
  })

  it('assigns to whoever comes behind requests that stay open, in the blocks after his own', () => {
    const { blockStepsMax } = MAIN_PARAMETERS.capacity
    const { stepsPerBlockMax } = MAIN_PARAMETERS.redemption
    const c = chainOf({ blockSteps: blockStepsMax, looks: stepsPerBlockMax, lots: 1 })
    const flooders = Array.from({ length: 8 }, (_, i) => 100 + i)
    for (const wallet of flooders) c.fund(wallet, 3, coins(1))
    const flood = (block: number): void => {
      const wallet = flooders[block % flooders.length]!
      for (let i = 0; i < countAtTarget(request.gas); i++) ok(c.request(wallet, coins(0.01)))
    }
    for (let block = 0; block < 16; block++) c.run(() => flood(block), BLOCK_MS)
    const alice = getTotals(c.state).nextId
    c.run(() => ok(c.request(ALICE, coins(10))), BLOCK_MS)
    for (let block = 17; block < 20; block++) c.run(() => flood(block), BLOCK_MS)
    assert.equal(c.query<{ state: string }>('redemption', { id: alice }).state, 'assigned')
  })

  it('draws a request in the next block, however many were cancelled before their turn', () => {
    const c = chainOf({ blockSteps: 10 * ACT_STEPS.place, looks: 128, lots: 1 })
    for (let block = 0; block < 10; block++) {
      c.run(() => {
        for (let i = 0; i < 20; i++) ok(c.act('cancel', walletOf(BOB), { id: ask(c) }))
        if (block === 8) ok(c.request(ALICE, coins(10)))
      }, BLOCK_MS)
    }
    // At the price of a place 20 would wait of each block but the five that it draws.
    assert.equal(requestsToDraw(c.state), 20)
    assert.equal(c.query<{ state: string }>('redemption', { id: 181 }).state, 'assigned')
  })

  it('serves those before new terms, though every block brings more of them than it can look at', () => {
    const lots = 20
    const c = chainOf({ blockSteps: 1_000_000, looks: 64, lots })
    const regions = ['tw-north', ...Array.from({ length: lots - 1 }, (_, i) => `region-${i + 1}`)]
    const terms = SERVICES.flatMap((service) => regions.map((region) => ({ service, region, provider: 2 })))
    for (const service of SERVICES) ok(c.list(2, { service }))
    const open: number[][] = []
    let alice = 0
    for (let block = 0; block < 24; block++) {
      c.run(() => {
        // Terms that nobody has any more are looked at anew, lot group by lot group.
        if (open.length > 2) for (const id of open.shift()!) c.act('cancel', walletOf(BOB), { id })
        open.push(Array.from({ length: 10 }, (_, i) => ask(c, terms[(10 * block + i) % terms.length]!)))
        if (block !== 2) return
        alice = getTotals(c.state).nextId
        ok(c.request(ALICE, coins(10)))
      }, BLOCK_MS)
    }
    assert.ok(redemptionTables.redemption.mustGet(c.state, { id: alice }).assignedBase > 0n)
  })
})
