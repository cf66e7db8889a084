import assert from 'node:assert/strict'
import { toHex } from '../../base/bytes.ts'
import { keccak256 } from '../../base/crypto/hash.ts'
import { logsBloom } from '../../state/receipt.ts'
import { addressTopic, TRANSFER_EMITTER, TRANSFER_TOPIC } from '../../state/transferLog.ts'
import { COIN } from '../support/chainHarness.ts'
import { accountOf } from '../support/fakeBackend.ts'
import { type Loose, type Served, serve } from '../support/rpcHarness.ts'
import { checkResult } from '../support/schemaCheck.ts'
import { signed } from '../support/sign.ts'

const alice = accountOf('alice')
const bob = accountOf('bob')
const topic = (account: { address: Uint8Array }): string => toHex(addressTopic(account.address))
const transfer = toHex(TRANSFER_TOPIC)

/** The bits of all blooms. */
function unionOf(blooms: readonly Uint8Array[]): Uint8Array {
  return blooms.reduce((union, bloom) => union.map((byte, i) => byte | bloom[i]!), new Uint8Array(256))
}

describe('rpc.logs', () => {
  let served: Served
  let nowMs = 0
  const ask = async (method: string, params: Loose = []): Promise<Loose> => {
    const result = await served.call(method, params)
    assert.equal(checkResult(method, result), undefined)
    return result
  }
  before(async () => {
    served = await serve({
      logLimits: { blocksMax: 8, resultsMax: 4, workMsMax: 5_000 },
      filterLimits: { filtersMax: 3, perAddressMax: 9, idleMs: 1_000, pendingMax: 3 },
      nowMs: () => nowMs,
    })
    served.backend.fund([alice], COIN)
    for (let nonce = 0; nonce < 3; nonce++)
      await served.call('eth_sendRawTransaction', [signed(alice, { nonce })])
  })
  after(async () => {
    await served.rpc.close()
    assert.deepEqual(served.logged, [])
  })

  it('filters by address and topics', async () => {
    const all = await ask('eth_getLogs', [
      { fromBlock: '0x2', toBlock: '0x4', address: toHex(TRANSFER_EMITTER) },
    ])
    assert.equal(all.length, 3)
    const range = { fromBlock: '0x0', toBlock: 'latest' }
    const toBob = await ask('eth_getLogs', [{ ...range, topics: [transfer, null, topic(bob)] }])
    assert.equal(toBob.length, 3)
    assert.equal(BigInt(toBob[0].data), 1_000n)
    const either = await ask('eth_getLogs', [
      { ...range, topics: [[transfer], topic(alice), [topic(bob), transfer]] },
    ])
    assert.equal(either.length, 3)
    for (const nothing of [
      { address: toHex(alice.address) },
      { topics: [topic(bob)] },
      { topics: [transfer, null, null, null] },
    ]) {
      assert.deepEqual(await ask('eth_getLogs', [{ ...range, ...nothing }]), [])
    }
    const { blockHash } = toBob[0]
    assert.deepEqual(await ask('eth_getLogs', [{ blockHash, topics: [transfer] }]), [toBob[0]])
  })

  it('returns the same logs from cached blooms', async () => {
    const query = [{ fromBlock: '0x0', toBlock: 'latest', topics: [transfer, topic(alice)] }]
    assert.deepEqual(await ask('eth_getLogs', query), await ask('eth_getLogs', query))
  })

  it('suggests a range that works when the query is too large', async () => {
    served.backend.fund([bob, bob], 1n)
    const error = await served
      .call('eth_getLogs', [{ fromBlock: '0x1', toBlock: '0x5' }])
      .catch((e: Loose) => e)
    assert.equal(error.code, -32005)
    const match = /more than 4 results\. Try with this block range \[(0x\w+), (0x\w+)\]/.exec(error.message)
    assert.ok(match !== null)
    const works = await ask('eth_getLogs', [{ fromBlock: match[1], toBlock: match[2] }])
    assert.equal(works.length, 4)
    for (let i = 0; i < 10; i++) served.backend.mine()
    await assert.rejects(
      served.call('eth_getLogs', [{ fromBlock: '0x0' }]),
      /block range too large, at most 8 blocks\. Try with this block range \[0x0, 0x7\]/,
    )
  })

  it('suggests a range that works when a query takes too long', async () => {
    const slow = await serve({ logLimits: { blocksMax: 100, resultsMax: 100, workMsMax: 1 } })
    const { backend } = slow
    const read = backend.blockByHeight.bind(backend)
    backend.blockByHeight = (height) => {
      const endMs = performance.now() + 10
      while (performance.now() < endMs);
      return read(height)
    }
    for (let i = 0; i < 5; i++) backend.mine()
    await assert.rejects(
      slow.call('eth_getLogs', [{ fromBlock: '0x0' }]),
      /query took too long\. Try with this block range \[0x0, 0x0\]/,
    )
    const history = (await slow.call('eth_feeHistory', ['0x3', 'latest', [50]])) as Loose
    assert.equal(history.oldestBlock, '0x3')
    await slow.rpc.close()
  })

  it('reports why a filter is invalid', async () => {
    const cases: [Loose, RegExp][] = [
      [5, /expected a filter object/],
      [{ fromBlock: '0x3', toBlock: '0x1' }, /fromBlock is above toBlock/],
      [{ blockHash: `0x${'00'.repeat(32)}` }, /unknown block/],
      [{ blockHash: `0x${'00'.repeat(32)}`, fromBlock: '0x1' }, /cannot specify both/],
      [{ topics: [1] }, /expected 32 bytes/],
      [{ topics: [null, null, null, null, null] }, /at most 4 positions/],
      [{ address: Array.from({ length: 1001 }, () => toHex(bob.address)) }, /at most 1000 addresses/],
    ]
    for (const [filter, message] of cases) await assert.rejects(served.call('eth_getLogs', [filter]), message)
  })

  it('refuses ranges beyond the head instead of answering a part', async () => {
    const head = served.backend.head().header.height
    const at = (height: number): string => `0x${height.toString(16)}`
    const beyond = /^block range extends beyond current head block: requested \d+, head \d+$/
    for (const range of [
      { fromBlock: at(head), toBlock: at(head + 50) },
      { fromBlock: at(head + 5), toBlock: 'latest' },
      { fromBlock: at(head + 5), toBlock: at(head + 6) },
      { fromBlock: at(head + 5), toBlock: at(head) },
      { fromBlock: '0x20000000000001' },
    ]) {
      await assert.rejects(served.call('eth_getLogs', [range]), (error: Loose) => {
        assert.equal(error.code, -32602)
        assert.match(error.message, beyond)
        return true
      })
    }
    const whole = await ask('eth_getLogs', [{ fromBlock: at(head), toBlock: at(head) }])
    // A filter may reach beyond the head: it answers what it has so far.
    for (const [range, logs] of [
      [{ fromBlock: at(head), toBlock: at(head + 50) }, whole],
      [{ fromBlock: at(head + 5), toBlock: at(head + 50) }, []],
    ] as const) {
      const id = await ask('eth_newFilter', [range])
      assert.deepEqual(await ask('eth_getFilterLogs', [id]), logs)
      await ask('eth_uninstallFilter', [id])
    }
  })

  it('ignores members of a filter that the standard does not define', async () => {
    const filter = { fromBlock: '0x2', toBlock: '0x2', topics: [transfer] }
    const more = { ...filter, limit: 1, chain: 'mainnet', from: '0x1' }
    assert.deepEqual(await ask('eth_getLogs', [more]), await ask('eth_getLogs', [filter]))
  })

  it('returns system logs with the zero transaction hash, and the block has their bloom', async () => {
    const { backend } = served
    const block = backend.head()
    const log = { address: bob.address, topics: [keccak256(new Uint8Array([1]))], data: new Uint8Array([7]) }
    const withLogs = { ...block, systemLogs: [log] }
    const original = backend.blockByHash.bind(backend)
    backend.blockByHash = async () => withLogs
    const [found] = await ask('eth_getLogs', [{ blockHash: toHex(block.hash), address: toHex(bob.address) }])
    const shown = await ask('eth_getBlockByHash', [toHex(block.hash), false])
    backend.blockByHash = original
    assert.equal(found.transactionHash, `0x${'0'.repeat(64)}`)
    const receipts = block.receipts.map((receipt) => logsBloom(receipt.logs))
    assert.equal(shown.logsBloom, toHex(unionOf([...receipts, logsBloom([log])])))
    assert.equal(Number(found.transactionIndex), block.transactions.length)
    assert.equal(found.data, '0x07')
  })

  it('serves polled filters from their cursors', async () => {
    const blocks = await ask('eth_newBlockFilter')
    const logs = await ask('eth_newFilter', [{ topics: [transfer] }])
    const pending = await ask('eth_newPendingTransactionFilter')
    assert.deepEqual(await ask('eth_getFilterChanges', [blocks]), [])
    const hash = await ask('eth_sendRawTransaction', [signed(alice, { nonce: 3 })])
    assert.deepEqual(await ask('eth_getFilterChanges', [blocks]), [toHex(served.backend.head().hash)])
    assert.deepEqual(await ask('eth_getFilterChanges', [blocks]), [])
    const [log] = await ask('eth_getFilterChanges', [logs])
    assert.equal(log.transactionHash, hash)
    assert.deepEqual(await ask('eth_getFilterChanges', [logs]), [])
    assert.deepEqual(await ask('eth_getFilterLogs', [logs]), [log])
    assert.deepEqual(await ask('eth_getFilterChanges', [pending]), [hash])
    await assert.rejects(served.call('eth_getFilterLogs', [pending]), /filter not found/)
    await assert.rejects(served.call('eth_newBlockFilter'), /this node holds at most 3 filters/)
    assert.equal(await ask('eth_uninstallFilter', [blocks]), true)
    assert.equal(await ask('eth_uninstallFilter', [blocks]), false)
    await assert.rejects(served.call('eth_getFilterChanges', [blocks]), /filter not found/)
  })

  it('pages a lagging filter, and expires one that is not polled', async () => {
    nowMs += 2_000
    const logs = await ask('eth_newFilter', [{ topics: [transfer], fromBlock: 'latest' }])
    for (let nonce = 4; nonce < 10; nonce++) await ask('eth_sendRawTransaction', [signed(alice, { nonce })])
    const first = await ask('eth_getFilterChanges', [logs])
    const second = await ask('eth_getFilterChanges', [logs])
    assert.equal(first.length, 4)
    assert.equal(second.length, 2)
    nowMs += 2_000
    await assert.rejects(served.call('eth_getFilterChanges', [logs]), /filter not found/)
  })
})
