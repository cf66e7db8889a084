import assert from 'node:assert/strict'
import { toHex } from '../../../base/bytes.ts'
import { SYSTEM_KIND, systemAddress } from '../../../base/moduleDefinition.ts'
import { dispatcherOf, hasCode, runCall } from '../../../state/dispatch.ts'
import { erc20Rules } from '../../../state/modules/assets/facade.ts'
import { assetIds, receiptAsset } from '../../../state/modules/assets/ledger.ts'
import { assetsModule } from '../../../state/modules/assets/module.ts'
import { erc20Schema, RECEIPTS_FROM } from '../../../state/modules/assets/schema.ts'
import { receiptsAddress } from '../../../state/modules/series/external.ts'
import { calldata } from '../../support/calldata.ts'
import { modulesThrough } from '../../support/modules.ts'
import { accountOf, BUYER, code, coins, SeriesChain } from '../../support/seriesFixture.ts'

const MODULES = modulesThrough('series')

function withReceipts(): { readonly chain: SeriesChain; readonly id: number } {
  const chain = new SeriesChain()
  const id = chain.open(1, { kind: 'forward', closesAt: 5 })
  chain.bought(BUYER, id, coins(10))
  return { chain, id }
}

/** Sends a call to an address as a wallet does; true when it succeeded. */
function send(
  chain: SeriesChain,
  account: number,
  call: { readonly to: Uint8Array; readonly data: Uint8Array },
): boolean {
  const env = {
    dispatcher: dispatcherOf(MODULES, 1),
    state: chain.state,
    block: chain.block,
    sender: accountOf(account),
    txId: new Uint8Array(32) as never,
    txIndex: 0,
    logs: [],
  }
  return !runCall(env, { ...call, valueBase: 0n } as never).failed
}

describe('series: receipts as tokens', () => {
  it('have the ERC-20 interface at an address of their series', () => {
    const { chain, id } = withReceipts()
    const to = receiptsAddress(id)
    assert.equal(toHex(to), toHex(systemAddress(SYSTEM_KIND.series, id)))
    assert.equal(hasCode(MODULES, chain.state, to), true)
    assert.equal(hasCode(MODULES, chain.state, receiptsAddress(id + 1)), false)
    // The same token has no second address among registered assets.
    assert.equal(hasCode(MODULES, chain.state, systemAddress(SYSTEM_KIND.asset, RECEIPTS_FROM + id)), false)
    const read = { state: chain.state, block: chain.block }
    assert.equal(erc20Rules.queries.symbol(read, receiptAsset(id)), 'SR1')
    assert.equal(erc20Rules.queries.decimals(read, receiptAsset(id)), 18)
    assert.equal(erc20Rules.queries.totalSupply(read, receiptAsset(id)), coins(10))
    assert.deepEqual(assetIds(chain.state), [1])
    const transfer = calldata(erc20Schema, 'transfer', { to: accountOf(30), value: coins(4) })
    assert.equal(send(chain, BUYER, { to, data: transfer }), true)
    assert.equal(
      send(chain, 30, {
        to,
        data: calldata(erc20Schema, 'approve', { spender: accountOf(31), value: coins(1) }),
      }),
      true,
    )
    const pull = { from: accountOf(30), to: accountOf(31), value: coins(1) }
    assert.equal(send(chain, 31, { to, data: calldata(erc20Schema, 'transferFrom', pull) }), true)
    assert.equal(send(chain, 31, { to, data: calldata(erc20Schema, 'transferFrom', pull) }), false)
    assert.deepEqual(
      [BUYER, 30, 31].map((account) => chain.receipts(account, id)),
      [coins(6), coins(3), coins(1)],
    )
    chain.checkInvariants()
  })

  it('are issued and destroyed by the chain alone', () => {
    const { chain, id } = withReceipts()
    const asset = receiptAsset(id)
    assert.equal(code(chain.act('redeem', BUYER, { asset, amountBase: 1n }, assetsModule)), 'IssuedByChain')
    const issue = { asset, to: accountOf(1), amountBase: 1n }
    assert.equal(code(chain.act('issue', 1, issue, assetsModule)), 'NotIssuer')
  })

  it('leave the state with their series', () => {
    const { chain, id } = withReceipts()
    chain.endWindows(6)
    assert.equal(chain.series(id).state, 'converted')
    assert.equal(chain.claim(BUYER, id), undefined)
    assert.equal(hasCode(MODULES, chain.state, receiptsAddress(id)), true)
    chain.endWindows(4)
    assert.equal(hasCode(MODULES, chain.state, receiptsAddress(id)), false)
  })
})
