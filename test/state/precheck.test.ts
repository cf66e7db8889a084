import assert from 'node:assert/strict'
import { AssertionFailed } from '../../base/assert.ts'
import { utf8 } from '../../base/bytes.ts'
import { systemAddress } from '../../base/moduleDefinition.ts'
import { buildBlock, executeBlock } from '../../state/execute.ts'
import { accountsSchema } from '../../state/modules/accounts/schema.ts'
import { ACCOUNTS_ADDRESS } from '../../state/modules/accounts/tables.ts'
import { PRECHECK_BYTES_MAX, precheckKey, precheckModule, runPrecheck } from '../../state/precheck.ts'
import { calldata } from '../support/calldata.ts'
import { addressOf, CHAIN, COIN, LEDGER_MODULES, TestChain } from '../support/chainHarness.ts'
import {
  computed,
  digestOf,
  PROVING_ADDRESS,
  proveCall,
  provingModule,
  provingTables,
} from '../support/precheckModule.ts'

const modules = [...LEDGER_MODULES, provingModule]
const CALLS = Array.from({ length: 8 }, (_, i) => proveCall(i, utf8(`proof ${i}`)))

const FACTS = { chainId: CHAIN.chainId, definitions: modules.map(({ definition }) => definition) }

const batchOf = (calls: readonly object[]) => calldata(accountsSchema, 'batch', { calls })

describe('precheck', () => {
  it('gives the same block whether results are known, partly known or computed in the block', () => {
    const chain = new TestChain({ balances: { alice: COIN } })
    const template = chain.template(
      CALLS.map((data, nonce) => ({ from: 'alice', nonce, to: PROVING_ADDRESS, data })),
    )
    const plain = { ...CHAIN, modules }
    computed.count = 0
    const built = buildBlock(chain.parent, template, { chain: plain }).executed
    assert.equal(computed.count, CALLS.length)
    const outcomes = built.receipts.map(({ succeeded }) => succeeded)
    assert.deepEqual(
      outcomes,
      CALLS.map((data) => digestOf(data)[0]! < 128),
    )
    assert.ok(outcomes.includes(true) && outcomes.includes(false), 'some are refused')
    CALLS.forEach((data, number) => {
      const stored = provingTables.proof.get(built.overlay, { number })
      assert.deepEqual(stored?.digest, outcomes[number] ? digestOf(data) : undefined)
    })
    const known = new Map(CALLS.map((data) => [precheckKey(210, data), digestOf(data)]))
    for (const share of [0, 3, CALLS.length]) {
      const some = new Map([...known].slice(0, share))
      computed.count = 0
      const knownPrecheck = (id: number, data: Uint8Array) => some.get(precheckKey(id, data))
      const options = { chain: { ...plain, knownPrecheck }, senderOf: chain.senderOf }
      const verified = executeBlock(chain.parent, built.block, options)
      if ('rejected' in verified) assert.fail(verified.rejected.detail)
      assert.equal(computed.count, CALLS.length - share)
      verified.executed.tree.release()
    }
    built.tree.release()
  })

  it('is computed inside a batch, too, from the inner call’s own calldata', () => {
    const chain = new TestChain({ balances: { alice: COIN } })
    const data = CALLS.find((call) => digestOf(call)[0]! < 128)!
    assert.deepEqual(runPrecheck(provingModule, data, FACTS), digestOf(data))
    const number = CALLS.indexOf(data)
    const inner = { to: PROVING_ADDRESS, value: 0n, data }
    const draft = { from: 'alice', nonce: 0, to: ACCOUNTS_ADDRESS, data: batchOf([inner]) }
    const built = buildBlock(chain.parent, chain.template([draft]), { chain: { ...CHAIN, modules } }).executed
    assert.equal(built.receipts[0]!.succeeded, true)
    assert.deepEqual(provingTables.proof.get(built.overlay, { number })?.digest, digestOf(data))
    built.tree.release()
  })

  it('belongs to the address of its module alone', () => {
    const data = CALLS[0]!
    assert.equal(precheckModule(modules, { to: PROVING_ADDRESS, data }), provingModule)
    for (const to of [systemAddress(0, 1), systemAddress(1, 210), addressOf('alice')])
      assert.equal(precheckModule(modules, { to, data }), undefined)
    assert.notEqual(precheckKey(210, CALLS[0]!), precheckKey(211, CALLS[0]!))
  })

  it('asserts that a result is short', () => {
    const rules = { ...provingModule.rules, precheck: () => new Uint8Array(PRECHECK_BYTES_MAX + 1) }
    assert.throws(() => runPrecheck({ ...provingModule, rules }, CALLS[0]!, FACTS), AssertionFailed)
  })
})
