// The example module: everything it has besides its folder and two lines derives from its definition.
import { strict as assert } from 'node:assert'
import { moduleAddress, presetOf, sectionsMessage } from '../../../base/moduleDefinition.ts'
import { DEV_PARAMETERS, TEST_PARAMETERS } from '../../../genesis/parameters.ts'
import { genesisSchema } from '../../../genesis/schema.ts'
import type { StateSelector, StateView } from '../../../rpc/backend.ts'
import { moduleMethods } from '../../../rpc/native/modules.ts'
import { abiFiles } from '../../../state/abiExport.ts'
import { failureReader } from '../../../state/call.ts'
import { dispatcherOf, laneOf } from '../../../state/dispatch.ts'
import { dueAtMs, hasWork } from '../../../state/hooks.ts'
import { COIN_ASSET, escrowsOf, ledger } from '../../../state/ledger.ts'
import { getAccount } from '../../../state/modules/accounts/ledger.ts'
import { accountsParams } from '../../../state/modules/accounts/tables.ts'
import { capacityParams } from '../../../state/modules/capacity/tables.ts'
import { checkParameters } from '../../../state/parameters.ts'
import { precheckModule, runPrecheck } from '../../../state/precheck.ts'
import { calldata } from '../../support/calldata.ts'
import { addressOf, CHAIN, COIN, type Draft, LEDGER_MODULES, TestChain } from '../../support/chainHarness.ts'
import { FakeBackend } from '../../support/fakeBackend.ts'
import { getTotals, sealCall } from '../../support/notary/deeds.ts'
import { modulesWithNotary, schemasWithNotary } from '../../support/notary/lists.ts'
import { notaryModule } from '../../support/notary/module.ts'
import { notarySchema } from '../../support/notary/schema.ts'
import { notaryTables } from '../../support/notary/tables.ts'

const MODULES = [...LEDGER_MODULES, notaryModule]
const TO = moduleAddress(notarySchema)
const HASH = new Uint8Array(32).fill(9)
const DEPOSIT = COIN / 100n
const FACTS = { chainId: CHAIN.chainId, definitions: MODULES.map(({ definition }) => definition) }
const NEXT = { height: 9, parentEndsEpoch: false }

/** Alice's chain; the notary's tests count her transactions. */
class NotaryChain extends TestChain {
  #nonce = 0

  constructor() {
    super({ modules: MODULES, balances: { alice: 10n * COIN } })
    // Its walk shares the budget that capacity keeps.
    capacityParams.set(this.full, TEST_PARAMETERS.capacity)
  }

  upgrade(protocolVersion: number): this {
    accountsParams.set(this.full, { ...accountsParams.get(this.full), protocolVersion })
    return this
  }

  /** Runs one block with Alice's calls; returns how each ended. */
  run(calls: readonly (readonly [action: string, args: object])[] = [], afterMs = 100): readonly string[] {
    const drafts = calls.map(
      ([action, args]): Draft => ({
        from: 'alice',
        nonce: this.#nonce++,
        to: TO,
        data: calldata(notarySchema, action, { ...args }),
      }),
    )
    const timestampMs = this.parent.header.timestampMs + afterMs
    const { receipts } = this.next(drafts, { timestampMs })
    assert.deepEqual(this.recount(), [])
    return receipts.map(({ succeeded, failure }) =>
      succeeded ? 'done' : failureReader(MODULES).describe(failure),
    )
  }

  held(): bigint {
    return getTotals(this.full).heldBase
  }
}

/** A node whose chain has got to a later version. */
class LaterBackend extends FakeBackend {
  version = 2

  override stateAt(selector: StateSelector): StateView | undefined {
    const view = super.stateAt(selector)
    if (view === undefined) return undefined
    return { ...view, context: { ...view.context, protocolVersion: this.version } }
  }
}

const deposit = ['deposit', { documentHash: HASH }] as const

describe('notary.deposit', () => {
  it('does nothing before version 2', () => {
    const chain = new NotaryChain()
    assert.match(chain.run([deposit])[0]!, /^UnreachableAddress/)
    assert.equal(notaryTables.totals.has(chain.full, {}), false)
  })

  it('holds the deposit until its time and returns it, two deeds a block', () => {
    const chain = new NotaryChain().upgrade(2)
    assert.deepEqual(chain.run([deposit, deposit, deposit]), ['done', 'done', 'done'])
    assert.equal(chain.held(), 3n * DEPOSIT)
    const due = chain.parent.header.timestampMs + 1_000
    assert.equal(dueAtMs(MODULES, chain.full), due)
    chain.run([], 980)
    assert.equal(chain.held(), 3n * DEPOSIT)
    chain.run([], 20)
    assert.equal(chain.held(), DEPOSIT)
    assert.equal(dueAtMs(MODULES, chain.full), due)
    chain.run()
    assert.deepEqual([chain.held(), getTotals(chain.full).sealedCount], [0n, 3])
    assert.equal(dueAtMs(MODULES, chain.full), Number.POSITIVE_INFINITY)
  })

  it('keeps what its precheck computed', () => {
    const chain = new NotaryChain().upgrade(2)
    const data = calldata(notarySchema, ...deposit)
    chain.run([deposit])
    const { sealHash } = notaryTables.deed.mustGet(chain.full, { id: 1 })
    assert.deepEqual(sealHash, sealCall(data))
    assert.equal(precheckModule(MODULES, { to: TO, data }), notaryModule)
    assert.deepEqual(runPrecheck(notaryModule, data, FACTS), sealHash)
    // Malformed calldata has a result, too.
    assert.equal(runPrecheck(notaryModule, new Uint8Array(0), FACTS).length, 32)
  })

  it('holds each deposit in an escrow of its own', () => {
    const chain = new NotaryChain().upgrade(2)
    chain.run([deposit, deposit])
    const { deposits } = escrowsOf(notarySchema)
    for (const deed of [1, 2])
      assert.equal(ledger.balanceOf(chain.full, { asset: COIN_ASSET, owner: deposits(deed) }), DEPOSIT)
    chain.run([], 1_000)
    assert.equal(ledger.balanceOf(chain.full, { asset: COIN_ASSET, owner: deposits(1) }), 0n)
  })

  it('fails without coins', () => {
    const chain = new NotaryChain().upgrade(2)
    const balance = getAccount(chain.full, addressOf('alice')).balanceBase
    const draft = { from: 'alice', nonce: 0, to: addressOf('bob'), valueBase: balance - COIN / 100n }
    chain.next([{ ...draft, gasLimit: 30_000, maxFeePerGas: 2_000_000_000n }])
    const { receipts } = chain.next([
      {
        from: 'alice',
        nonce: 1,
        to: TO,
        data: calldata(notarySchema, ...deposit),
        gasLimit: 100_000,
        maxFeePerGas: 1_000_000_000n,
      },
    ])
    assert.match(failureReader(MODULES).describe(receipts[0]!.failure), /^CannotPay/)
  })
})

describe('notary.amend', () => {
  it('works in version 2 and is an unknown action after it', () => {
    const chain = new NotaryChain().upgrade(2)
    const amend = ['amend', { deed: 1, documentHash: new Uint8Array(32).fill(3) }] as const
    assert.deepEqual(chain.run([deposit, amend]), ['done', 'done'])
    assert.equal(notaryTables.deed.mustGet(chain.full, { id: 1 }).documentHash[0], 3)
    assert.deepEqual(chain.run([['amend', { deed: 7, documentHash: HASH }]]), ['UnknownDeed(deed=7)'])
    chain.upgrade(3)
    assert.match(chain.run([amend])[0]!, /^UnknownAction/)
  })
})

describe('notary.withdraw', () => {
  it('exists from version 3 on and returns the deposit early', () => {
    const chain = new NotaryChain().upgrade(2)
    const withdraw = ['withdraw', { deed: 1 }] as const
    assert.match(chain.run([deposit, withdraw])[1]!, /^UnknownAction/)
    chain.upgrade(3).run()
    assert.equal(hasWork(MODULES, chain.full, NEXT), false)
    assert.deepEqual(chain.run([deposit, withdraw, withdraw]), ['done', 'done', 'UnknownDeed(deed=1)'])
    assert.equal(chain.held(), DEPOSIT)
  })

  it('leaves work when it withdraws the oldest after the block looked at it', () => {
    const chain = new NotaryChain().upgrade(3)
    chain.run()
    chain.run([deposit, deposit, deposit, deposit])
    chain.run([
      ['withdraw', { deed: 1 }],
      ['withdraw', { deed: 2 }],
      ['withdraw', { deed: 3 }],
    ])
    assert.equal(hasWork(MODULES, chain.full, NEXT), true)
    chain.run()
    assert.equal(hasWork(MODULES, chain.full, NEXT), false)
    assert.equal(getTotals(chain.full).head, 4)
  })
})

describe('notary upgrades', () => {
  it('to version 3 give every open deed its time again, over several blocks', () => {
    const chain = new NotaryChain().upgrade(2)
    chain.run([deposit, deposit, deposit])
    const due = (id: number) => notaryTables.deed.mustGet(chain.full, { id }).dueMs
    const before = [1, 2, 3].map(due)
    chain.upgrade(3).run()
    assert.deepEqual([1, 2, 3].map(due), [before[0]! + 1_000, before[1]! + 1_000, before[2]])
    assert.equal(hasWork(MODULES, chain.full, NEXT), true)
    chain.run()
    assert.deepEqual(
      [1, 2, 3].map(due),
      before.map((ms) => ms + 1_000),
    )
    assert.equal(hasWork(MODULES, chain.full, NEXT), false)
  })
})

describe('notary derives from its definition', () => {
  it('a genesis section that older documents lack, and presets', () => {
    const params = sectionsMessage('GenesisParams', schemasWithNotary)
    const older = genesisSchema.fields.params!.toJson(DEV_PARAMETERS)
    assert.deepEqual(params.toJson(params.fromJson(older)), older)
    const dev = presetOf(schemasWithNotary, 'dev')
    assert.deepEqual(params.decode(params.encode(dev)).notary, {
      depositBase: COIN,
      waitMs: 5_000,
      stepsPerBlockMax: 2,
    })
  })

  it('the check of its parameters among the others', () => {
    const sections = {
      ...DEV_PARAMETERS,
      accounts: { ...DEV_PARAMETERS.accounts },
      notary: presetOf(schemasWithNotary, 'main').notary,
    }
    const check = (protocolVersion: number, waitMs: number) =>
      checkParameters(
        modulesWithNotary,
        { ...sections, notary: { ...sections.notary, waitMs } },
        { protocolVersion, providerCount: 4, groupCount: 4 },
      )
    assert.equal(check(2, 60_000), undefined)
    assert.deepEqual(check(2, 60_001), {
      path: 'notary.waitMs',
      reason: 'expected at most a window, 60000 ms',
    })
    assert.equal(check(2, 0)?.path, 'notary.waitMs')
    assert.equal(check(1, 60_000)?.path, 'notary')
  })

  it('lanes, an ABI file, and methods that answer from its version on', async () => {
    const withdraw = calldata(notarySchema, 'withdraw', { deed: 1 })
    assert.equal(laneOf(dispatcherOf(MODULES, 3), { to: TO, data: withdraw }), 'redemption')
    assert.equal(laneOf(dispatcherOf(MODULES, 2), { to: TO, data: withdraw }), 'general')
    assert.match(abiFiles(Object.values(schemasWithNotary)).get('notary.ts')!, /export const notaryAbi = \[/)
    const methods = moduleMethods(new FakeBackend(), modulesWithNotary)
    const method = methods.find(({ name }) => name === 'notary_deed')!
    await assert.rejects(
      async () => method.invoke([1], { connection: undefined, client: '' }),
      /notary_deed does not exist in version 1/,
    )
  })

  it('methods of queries that a version has dropped are refused, and answer before it', async () => {
    const backend = new LaterBackend()
    const methods = moduleMethods(backend, modulesWithNotary)
    const ask = async (name: string) =>
      methods.find((method) => method.name === name)!.invoke([], { connection: undefined, client: '' })
    assert.equal(await ask('notary_drafts'), 0)
    await assert.rejects(async () => ask('notary_sealed'), /notary_sealed does not exist in version 2/)
    backend.version = 3
    await assert.rejects(async () => ask('notary_drafts'), /notary_drafts does not exist in version 3/)
    assert.equal(await ask('notary_sealed'), 0)
  })
})
