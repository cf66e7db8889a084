import { strict as assert } from 'node:assert'
import { toHex } from '../../base/bytes.ts'
import { defineModule, moduleAddress } from '../../base/moduleDefinition.ts'
import { t } from '../../base/schema.ts'
import { selectorOf } from '../../base/selector.ts'
import { simulateCall } from '../../state/call.ts'
import { callSchema, dispatcherOf, gasOf, hasCode, laneOf } from '../../state/dispatch.ts'
import { blockContextOf } from '../../state/engine.ts'
import { executeBlock } from '../../state/execute.ts'
import { accountsParams } from '../../state/modules/accounts/tables.ts'
import { implement, type Module } from '../../state/rules.ts'
import { bytesGas } from '../../state/transaction.ts'
import { calldata } from '../support/calldata.ts'
import { addressOf, COIN, type Draft, LEDGER_MODULES, TestChain } from '../support/chainHarness.ts'

/** Exists in versions 2 to 4; one action ends with version 2, another begins with version 3. */
const probeSchema = defineModule({
  name: 'probe',
  id: 210,
  since: 2,
  until: 4,
  lane: 'proof',
  doc: 'A module of the test.',
  params: {},
  records: {},
  errors: {},
  events: {},
  actions: {
    always: { args: { n: t.u64 }, fails: [], gas: 60_000, doc: 'In every version of the module.' },
    early: { args: {}, fails: [], gas: 50_000, until: 2, doc: 'Until version 2.' },
    late: { args: {}, fails: [], gas: 40_000, since: 3, lane: 'redemption', doc: 'From version 3 on.' },
  },
  queries: {
    size: { args: {}, returns: t.u64, doc: 'In every version.' },
    depth: { args: {}, returns: t.u64, since: 3, doc: 'From version 3 on.' },
  },
})
const TO = moduleAddress(probeSchema)

/** Modules of a newer build, and in which blocks their hooks and invariants ran. */
function newerBuild() {
  const ran: string[] = []
  const note = (what: string) => (ctx: { block: { height: number } }) => {
    ran.push(`${what} ${ctx.block.height}`)
  }
  const probe = implement(probeSchema, {
    actions: { always: () => undefined, early: () => undefined, late: () => undefined },
    queries: { size: () => 7, depth: () => 9 },
    beginBlock: note('begin'),
    endBlock: note('end'),
    invariants: [
      {
        id: 'probe',
        severity: 'halt',
        doc: 'None.',
        check: (ctx) => void ran.push(`check ${ctx.block.height}`),
      },
    ],
  })
  return { modules: [...LEDGER_MODULES, probe], ran }
}

const upgrades: readonly (readonly [height: number, version: number])[] = [
  [1, 2],
  [2, 3],
  [4, 5],
]

/** Decides the next version at the heights of `upgrades`, as governance would. */
const scheduler: Module = implement(
  defineModule({
    ...{ name: 'scheduler', id: 211, doc: 'Schedules versions.', params: {}, records: {}, errors: {} },
    ...{ events: {}, actions: {}, queries: {} },
  }),
  {
    actions: {},
    queries: {},
    endBlock: ({ state, block }) => {
      const next = upgrades.find(([height]) => height === block.height)
      if (next === undefined) return
      accountsParams.set(state, { ...accountsParams.get(state), protocolVersion: next[1] })
    },
  },
)

const call = (nonce: number, name: string, args = {}): Draft => ({
  from: 'alice',
  nonce,
  to: TO,
  data: calldata(probeSchema, name, args),
})

describe('versions gate', () => {
  const { modules } = newerBuild()
  const always = { to: TO, data: calldata(probeSchema, 'always', { n: 1 }) }

  it('the gas of a call to a module that is absent: what the bytes alone cost', () => {
    const known = gasOf(dispatcherOf(modules, 2), always)
    const gas = (version: number) => gasOf(dispatcherOf(modules, version), always)
    assert.equal(gas(1), bytesGas(always))
    // Its lane is that of proofs, whose bytes cost 2 instead of 16.
    assert.equal(gas(2), gas(1) + 60_000 - 14 * always.data.length)
    assert.deepEqual([gas(3), gas(4), gas(5)], [known, known, gas(1)])
  })

  it('the gas of a single action', () => {
    const gas = (version: number, name: string) =>
      gasOf(dispatcherOf(modules, version), { to: TO, data: calldata(probeSchema, name, {}) })
    const early = gas(2, 'early') - gas(3, 'early')
    const late = gas(3, 'late') - gas(2, 'late')
    assert.deepEqual([early, late], [50_000 - 14 * 4, 40_000])
  })

  it('lanes: general for what is absent, the action before the module', () => {
    const lane = (version: number, data: Uint8Array) =>
      laneOf(dispatcherOf(modules, version), { to: TO, data })
    assert.deepEqual(
      [1, 2, 5].map((version) => lane(version, always.data)),
      ['general', 'proof', 'general'],
    )
    const late = calldata(probeSchema, 'late', {})
    assert.deepEqual(
      [1, 2, 3].map((version) => lane(version, late)),
      ['general', 'proof', 'redemption'],
    )
    assert.equal(lane(2, new Uint8Array([1])), 'proof')
  })

  it('code and queries', () => {
    const chain = new TestChain({ modules, balances: { alice: COIN } })
    const facts = { ...chain.template([]), epoch: 0 }
    const answers = [1, 2, 3, 5].map((protocolVersion) => {
      accountsParams.set(chain.full, { ...accountsParams.get(chain.full), protocolVersion })
      const view = { state: chain.full, block: blockContextOf(chain.chain, chain.parent, facts) }
      const ask = (name: string) => {
        const data = calldata(probeSchema, name, {})
        const result = simulateCall(view, modules, { from: addressOf('alice'), to: TO, valueBase: 0n, data })
        return 'revert' in result ? result.revert.message : result.returnData.at(-1)
      }
      return [hasCode(modules, chain.full, TO), ask('size'), ask('depth')]
    })
    const absent = `execution reverted: UnreachableAddress(to=${toHex(TO)})`
    const unknown = toHex(selectorOf('depth', {}))
    assert.deepEqual(answers, [
      [false, absent, absent],
      [true, 7, `execution reverted: UnknownAction(selector=${unknown})`],
      [true, 7, 9],
      [false, absent, absent],
    ])
  })
})

describe('versions: replay', () => {
  /** Five blocks over the versions 1, 2, 3, 3, 5, each with a call of every action. */
  function history() {
    const { modules, ran } = newerBuild()
    const chain = new TestChain({ modules: [...modules, scheduler], balances: { alice: 10n * COIN } })
    const outcomes: (readonly [version: number, ...gas: readonly string[]])[] = []
    for (let i = 0; i < 5; i++) {
      const nonce = 3 * i
      const { block, receipts } = chain.next([
        call(nonce, 'always', { n: i }),
        call(nonce + 1, 'early'),
        call(nonce + 2, 'late'),
      ])
      const words = receipts.map((receipt) =>
        receipt.succeeded ? 'done' : toHex(receipt.failure.subarray(0, 4)),
      )
      outcomes.push([block.header.version, ...words])
    }
    return { outcomes, ran }
  }

  it('runs hooks, invariants and actions in their versions only', () => {
    const { outcomes, ran } = history()
    const { UnreachableAddress, UnknownAction } = callSchema.errors
    const unreachable = toHex(selectorOf('UnreachableAddress', UnreachableAddress))
    const unknown = toHex(selectorOf('UnknownAction', UnknownAction))
    assert.deepEqual(
      outcomes.map(([version]) => version),
      [1, 2, 3, 3, 5],
    )
    assert.deepEqual(
      outcomes.map(([, ...words]) => words),
      [
        [unreachable, unreachable, unreachable],
        ['done', 'done', unknown],
        ['done', unknown, 'done'],
        ['done', unknown, 'done'],
        [unreachable, unreachable, unreachable],
      ],
    )
    // Proposer and verifier each run the block.
    const twice = [2, 2, 3, 3, 4, 4].flatMap((h) => [`begin ${h}`, `end ${h}`, `check ${h}`])
    assert.deepEqual(ran, twice)
  })

  it('an older build, without the module, agrees on every block before its version', () => {
    const { modules } = newerBuild()
    const newer = new TestChain({ modules, balances: { alice: 10n * COIN } })
    const older = new TestChain({ balances: { alice: 10n * COIN } })
    for (let i = 0; i < 3; i++) {
      const { block } = newer.next([call(i, 'always', { n: i })])
      older.draft(call(i, 'always', { n: i }))
      const verdict = executeBlock(older.parent, block, { chain: older.chain, senderOf: older.senderOf })
      assert.ok('executed' in verdict, 'the older build accepts the block')
      assert.equal(verdict.executed.receipts[0]!.gasUsed, block.header.gasUsed)
      older.commit(verdict.executed)
    }
  })
})
