import assert from 'node:assert/strict'
import { AssertionFailed } from '../../base/assert.ts'
import { ZERO_ADDRESS } from '../../base/ids.ts'
import { defineModule } from '../../base/moduleDefinition.ts'
import type { Fault, WriteContext } from '../../state/context.ts'
import { deliverFaults, FAULTS_PER_BLOCK } from '../../state/faults.ts'
import {
  FAULTS_MAX,
  faultRoom,
  faultsWaiting,
  postFault,
  recountFaults,
} from '../../state/modules/providers/faultQueue.ts'
import { addProvider } from '../../state/modules/providers/members.ts'
import { providersModule } from '../../state/modules/providers/module.ts'
import { providersTables } from '../../state/modules/providers/tables.ts'
import { redemptionTables } from '../../state/modules/redemption/tables.ts'
import { MemoryState } from '../../state/overlay.ts'
import { recountNow } from '../../state/recount.ts'
import { implement, type Module } from '../../state/rules.ts'
import { addressOf, blockContext, profileOf } from '../support/chainHarness.ts'
import { coins, RedemptionChain, walletOf } from '../support/redemptionFixture.ts'

/** A module that keeps the faults it is told of. */
function listener(id: number, heard: string[]): Module {
  const definition = defineModule({
    name: `listener${id}`,
    id,
    doc: 'Test module that hears of faults.',
    params: {},
    records: {},
    errors: {},
    events: {},
    actions: {},
    queries: {},
  })
  const onFault = (_ctx: WriteContext, fault: Fault) => void heard.push(`${id} hears ${fault.amountBase}`)
  return implement(definition, { actions: {}, queries: {}, onFault })
}

function open(height = 7): WriteContext {
  const ctx = { state: new MemoryState(), block: blockContext({ height }), emit: () => undefined }
  const keys = { consensusKey: new Uint8Array(48).fill(1), peerId: new Uint8Array([1]) }
  addProvider(ctx, { id: 1, operator: addressOf('operator1'), ...keys, profile: profileOf(1) })
  return ctx
}

const fault = (amountBase: bigint) => ({
  module: 9,
  provider: 1,
  victim: addressOf('alice'),
  amountBase,
  cause: 'delivery' as const,
})

const broken = (ctx: WriteContext) => recountNow({ recount: recountFaults }, ctx.state as MemoryState, ctx)

describe('faults', () => {
  it('reach every module with the rule, in the order found and in registry order, each once', () => {
    const ctx = open()
    const heard: string[] = []
    const modules = [listener(201, heard), providersModule, listener(202, heard)]
    postFault(ctx, fault(5n))
    postFault(ctx, fault(6n))
    assert.equal(faultsWaiting(ctx.state), 2)
    assert.deepEqual(providersTables.faultEntry.get(ctx.state, { number: 1 }), { ...fault(6n), height: 7 })
    assert.equal(broken(ctx), undefined)
    deliverFaults(ctx, modules)
    deliverFaults(ctx, modules)
    assert.deepEqual(heard, ['201 hears 5', '202 hears 5', '201 hears 6', '202 hears 6'])
    const tally = providersTables.fault.mustGet(ctx.state, { provider: 1, kind: 'delivery' })
    assert.deepEqual([tally.count, tally.amountBase], [2, 11n])
    assert.equal(faultsWaiting(ctx.state), 0)
    assert.equal(broken(ctx), undefined)
  })

  it('wait for the next block beyond what one block delivers', () => {
    // In genesis members join the set at once, so that no change of the set is pending.
    const ctx = open(0)
    const heard: string[] = []
    for (let i = 0; i < FAULTS_PER_BLOCK + 3; i++) postFault(ctx, fault(BigInt(i)))
    deliverFaults(ctx, [listener(201, heard)])
    assert.equal(heard.length, FAULTS_PER_BLOCK)
    const next = { height: 1, parentEndsEpoch: false }
    assert.equal(providersModule.rules.hasWork!(ctx.state, next), true)
    deliverFaults(ctx, [listener(201, heard)])
    assert.equal(providersModule.rules.hasWork!(ctx.state, next), false)
    assert.equal(heard.at(-1), `201 hears ${FAULTS_PER_BLOCK + 2}`)
    assert.equal(new Set(heard).size, FAULTS_PER_BLOCK + 3)
  })

  it('are bounded: a full queue takes none, and has room again after a block', () => {
    const ctx = open()
    for (let i = 0; i < FAULTS_MAX; i++) postFault(ctx, fault(1n))
    assert.equal(faultRoom(ctx.state), 0)
    assert.throws(() => postFault(ctx, fault(1n)), AssertionFailed)
    assert.equal(broken(ctx), undefined)
    deliverFaults(ctx, [])
    assert.equal(faultRoom(ctx.state), FAULTS_PER_BLOCK)
  })

  it('are of members only', () => {
    assert.throws(() => postFault(open(), { ...fault(1n), provider: 2 }), AssertionFailed)
  })

  it('are missed by a recount when one is lost', () => {
    const ctx = open()
    postFault(ctx, fault(1n))
    providersTables.faultEntry.delete(ctx.state, { number: 0 })
    assert.match(broken(ctx)!, /0 faults are kept, 1 wait/)
  })
})

describe('faults of delivery', () => {
  /** Provider 1 owes two clients a window and grants nothing. */
  function owing(): RedemptionChain {
    const chain = new RedemptionChain({ providers: [{ devices: 10 }, { devices: 10 }, { devices: 10 }] })
    chain.run(() => {
      chain.fund(20, 2, coins(30))
      chain.fund(21, 2, coins(30))
      assert.equal(chain.list(1), undefined)
    })
    chain.run(() => {
      assert.equal(chain.request(20, coins(10), { provider: 1 }), undefined)
      assert.equal(chain.request(21, coins(20), { provider: 1 }), undefined)
    })
    chain.run()
    chain.endWindow()
    return chain
  }

  const fillQueue = (chain: RedemptionChain) => {
    while (faultRoom(chain.state) > 0) postFault(chain.ctx(), { ...fault(0n), victim: ZERO_ADDRESS })
  }
  const owed = (chain: RedemptionChain) =>
    [...providersTables.faultEntry.values(chain.committed)].filter(({ amountBase }) => amountBase > 0n)

  it('name each client and what it lost', () => {
    const chain = owing()
    assert.equal(redemptionTables.suspension.has(chain.state, { provider: 1 }), false)
    // The queue is full but for what this block's faults need, so that they still wait when the block has ended.
    chain.endWindow(() => {
      fillQueue(chain)
      deliverFaults(chain.ctx(), [])
    })
    const found = owed(chain)
    assert.deepEqual(
      found.map(({ module, provider, cause }) => [module, provider, cause]),
      [
        [9, 1, 'delivery'],
        [9, 1, 'delivery'],
      ],
    )
    const byClient = new Map(found.map(({ victim, amountBase }) => [String(victim), amountBase]))
    assert.equal(byClient.get(String(walletOf(20))), coins(10))
    assert.equal(byClient.get(String(walletOf(21))), coins(20))
  })

  it('are found in a later block when the queue is full, and none is lost', () => {
    const chain = owing()
    chain.endWindow(() => fillQueue(chain))
    // The walk over the ended window's books stands still; delivery has made room meanwhile.
    assert.deepEqual(owed(chain), [])
    assert.equal(redemptionTables.suspension.has(chain.state, { provider: 1 }), false)
    assert.equal(faultRoom(chain.state), FAULTS_PER_BLOCK)
    chain.run()
    assert.equal(owed(chain).length, 2)
    assert.equal(redemptionTables.suspension.has(chain.state, { provider: 1 }), true)
    for (let block = 0; faultsWaiting(chain.state) > 0; block++) {
      assert.ok(block < 40, 'the queue empties')
      chain.run()
    }
    const tally = providersTables.fault.mustGet(chain.state, { provider: 1, kind: 'delivery' })
    assert.equal(tally.amountBase, coins(30))
    assert.equal(tally.count, FAULTS_MAX + 2)
  })
})
