import assert from 'node:assert/strict'
import { COIN } from '../support/chainHarness.ts'
import { accountOf } from '../support/fakeBackend.ts'
import { type Loose, type Served, serve } from '../support/rpcHarness.ts'

describe('rpc.pruned', () => {
  let served: Served
  before(async () => {
    served = await serve()
    // Every funding makes a block.
    for (const name of ['alice', 'bob', 'carol', 'dan']) served.backend.fund([accountOf(name)], COIN)
    served.backend.lowestBlock = 3
  })
  after(async () => {
    await served.rpc.close()
    assert.deepEqual(served.logged, [])
  })

  const refused = (height: number) => ({
    code: 4444,
    message: new RegExp(
      `^pruned history unavailable: block ${height} is no longer held, this node keeps blocks from 3 on`,
    ),
  })

  it("returns geth's error for a pruned height, with the lowest available height", async () => {
    for (const method of [
      'eth_getBlockByNumber',
      'eth_getBlockReceipts',
      'eth_getBlockTransactionCountByNumber',
    ]) {
      await assert.rejects(served.call(method, ['0x2']), refused(2), method)
    }
    await assert.rejects(served.call('chain_header', [2]), refused(2))
    assert.equal(((await served.call('chain_info', [])) as Loose).blockHeightMin, 3)
  })

  it('serves genesis and available blocks, and null for future heights', async () => {
    assert.equal(((await served.call('eth_getBlockByNumber', ['0x0'])) as Loose).number, '0x0')
    assert.equal(((await served.call('eth_getBlockByNumber', ['0x3'])) as Loose).number, '0x3')
    assert.equal(await served.call('eth_getBlockByNumber', ['0x64']), null)
  })

  it('never returns partial logs, and suggests a range that works', async () => {
    const search = (fromBlock: string, toBlock = 'latest') =>
      served.call('eth_getLogs', [{ fromBlock, toBlock }])
    await assert.rejects(search('0x1'), refused(1))
    await assert.rejects(search('0x1'), { message: /Try with this block range \[0x3, 0x[4-9]\]/ })
    await assert.rejects(search('earliest'), refused(1))
    assert.ok(Array.isArray(await search('0x3')))
  })
})
