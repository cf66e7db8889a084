import assert from 'node:assert/strict'
import { toHex } from '../../../base/bytes.ts'
import { moduleAddress } from '../../../base/moduleDefinition.ts'
import { MULTICALL_ADDRESS } from '../../../state/dispatch.ts'
import { accountsSchema } from '../../../state/modules/accounts/schema.ts'
import { calldata } from '../../support/calldata.ts'
import { COIN } from '../../support/chainHarness.ts'
import { accountOf } from '../../support/fakeBackend.ts'
import { type Loose, type Served, serve } from '../../support/rpcHarness.ts'
import { signed } from '../../support/sign.ts'

const alice = accountOf('alice')
const bob = accountOf('bob')
const carol = accountOf('carol')
const [from, to, third] = [alice, bob, carol].map(({ address }) => toHex(address)) as [string, string, string]
const accounts = moduleAddress(accountsSchema)

describe('rpc.eth traces and explorers', () => {
  let served: Served
  const ask = async (method: string, params: Loose = []): Promise<Loose> => served.call(method, params)
  const noData = new Uint8Array(0)
  const batch = calldata(accountsSchema, 'batch', {
    calls: [
      { to: bob.address, value: 2n, data: noData },
      { to: carol.address, value: 3n, data: noData },
    ],
  })
  /** A transfer, a batch of two, one that fails; all in block 2. Then a transfer in block 3, and an empty block. */
  let hashes: string[]
  const transfer = { from, to, value: '0x3e8' }

  before(async () => {
    served = await serve()
    const { backend } = served
    backend.fund([alice], COIN)
    backend.automine = false
    const call = { to: accounts, valueBase: 0n, gasLimit: 200_000 }
    const raws = [
      signed(alice),
      signed(alice, { ...call, nonce: 1, data: batch }),
      signed(alice, { ...call, nonce: 2, data: new Uint8Array([1, 2, 3, 4]) }),
    ]
    hashes = []
    for (const raw of raws) hashes.push(await ask('eth_sendRawTransaction', [raw]))
    backend.mine()
    hashes.push(await ask('eth_sendRawTransaction', [signed(alice, { nonce: 3 })]))
    backend.mine()
    backend.mine()
  })
  after(async () => {
    await served.rpc.close()
    assert.deepEqual(served.logged, [])
  })

  it('debug_traceTransaction shows the action and the movements of coins below it', async () => {
    const trace = (hash: Loose, options: Loose = { tracer: 'callTracer' }) =>
      ask('debug_traceTransaction', [hash, options])
    const plain = { from, to, gas: '0x5208', gasUsed: '0x5208', input: '0x', value: '0x3e8', type: 'CALL' }
    assert.deepEqual(await trace(hashes[0]), plain)
    const batched = await trace(hashes[1])
    const { gasUsed } = await ask('eth_getTransactionReceipt', [hashes[1]])
    assert.deepEqual([batched.to, batched.value, batched.gasUsed], [toHex(accounts), '0x0', gasUsed])
    assert.equal(batched.input, toHex(batch))
    const free = { from, gas: '0x0', gasUsed: '0x0', input: '0x', type: 'CALL' }
    assert.deepEqual(batched.calls, [
      { ...free, to, value: '0x2' },
      { ...free, to: third, value: '0x3' },
    ])
    const failed = await trace(hashes[2])
    assert.equal(failed.error, 'execution reverted')
    assert.equal(failed.revertReason, 'UnknownAction(selector=0x01020304)')
    assert.match(failed.output, /^0x[0-9a-f]{72}$/)
    const config = { tracer: 'callTracer', tracerConfig: { onlyTopCall: true, withLog: true } }
    const { calls, logs } = await trace(hashes[1], config)
    assert.equal(calls, undefined)
    const receipt = await ask('eth_getTransactionReceipt', [hashes[1]])
    assert.deepEqual(
      logs.map(({ address, topics, data }: Loose) => ({ address, topics, data })),
      receipt.logs.map(({ address, topics, data }: Loose) => ({ address, topics, data })),
    )
    const steps = { gas: 21_000, failed: false, returnValue: '0x', structLogs: [] }
    assert.deepEqual(await ask('debug_traceTransaction', [hashes[0]]), steps)
    assert.deepEqual(await trace(hashes[0], { tracer: 'noopTracer' }), {})
    await assert.rejects(trace(hashes[0], { tracer: 'prestateTracer' }), /prestateTracer is not supported/)
    await assert.rejects(trace(`0x${'ab'.repeat(32)}`), /transaction not found/)
  })

  it("trace_block shows a block's calls in Parity's form", async () => {
    const traces = await ask('trace_block', ['0x2'])
    const { hash } = await ask('eth_getBlockByNumber', ['0x2', false])
    assert.deepEqual(
      traces.map(({ transactionPosition, traceAddress, subtraces }: Loose) => [
        transactionPosition,
        traceAddress,
        subtraces,
      ]),
      [
        [0, [], 0],
        [1, [], 2],
        [1, [0], 0],
        [1, [1], 0],
        [2, [], 0],
      ],
    )
    assert.deepEqual(traces[0], {
      action: { ...transfer, callType: 'call', gas: '0x5208', input: '0x' },
      blockHash: hash,
      blockNumber: 2,
      result: { gasUsed: '0x5208', output: '0x' },
      subtraces: 0,
      traceAddress: [],
      transactionHash: hashes[0],
      transactionPosition: 0,
      type: 'call',
    })
    assert.deepEqual([traces[3].action.to, traces[3].action.value], [third, '0x3'])
    assert.equal(traces[4].error, 'Reverted')
    assert.deepEqual(await ask('trace_block', ['latest']), [])
    assert.equal(await ask('trace_block', ['0x99']), null)
  })

  it('serves the block pages of Otterscan', async () => {
    assert.equal(await ask('ots_getApiLevel'), 8)
    const details = await ask('ots_getBlockDetails', [2])
    const { logsBloom, transactions, ...head } = await ask('eth_getBlockByNumber', ['0x2', false])
    assert.deepEqual(details.block, { ...head, logsBloom: null, totalDifficulty: '0x0', transactionCount: 3 })
    assert.deepEqual(details.issuance, { blockReward: '0x0', uncleReward: '0x0', issuance: '0x0' })
    const receipts = await ask('eth_getBlockReceipts', ['0x2'])
    const fees = receipts.reduce(
      (sum: bigint, one: Loose) => sum + BigInt(one.gasUsed) * BigInt(one.effectiveGasPrice),
      0n,
    )
    assert.equal(BigInt(details.totalFees), fees)
    assert.deepEqual(await ask('ots_getBlockDetailsByHash', [head.hash]), details)
    assert.equal(await ask('ots_getBlockDetails', [99]), null)
    // Page 0 is the end of the block.
    const pages = [0, 1, 2].map((page) => ask('ots_getBlockTransactions', [2, page, 2]))
    const [last, first, none] = await Promise.all(pages)
    const shown = (page: Loose) => page.fullblock.transactions.map((one: Loose) => one.hash)
    assert.deepEqual(shown(last), [hashes[1], hashes[2]])
    assert.deepEqual(shown(first), [hashes[0]])
    assert.deepEqual(shown(none), [])
    assert.equal(last.fullblock.transactions[0].input, toHex(batch).slice(0, 10))
    assert.equal(last.fullblock.transactionCount, 3)
    assert.deepEqual(last.receipts, [
      { ...receipts[1], logs: null, logsBloom: null },
      { ...receipts[2], logs: null, logsBloom: null },
    ])
    await assert.rejects(ask('ots_getBlockTransactions', [2, 0, 101]), /pageSize\): expected 1 to 100/)
  })

  it('serves the transaction pages of Otterscan', async () => {
    const top = { type: 'CALL', depth: 0, from, output: '0x' }
    const below = { type: 'CALL', depth: 1, from, input: '0x', output: '0x' }
    assert.deepEqual(await ask('ots_traceTransaction', [hashes[0]]), [
      { ...top, to, value: '0x3e8', input: '0x' },
    ])
    assert.deepEqual(await ask('ots_traceTransaction', [hashes[1]]), [
      { ...top, to: toHex(accounts), value: '0x0', input: toHex(batch) },
      { ...below, to, value: '0x2' },
      { ...below, to: third, value: '0x3' },
    ])
    assert.deepEqual(await ask('ots_getInternalOperations', [hashes[0]]), [])
    assert.deepEqual(await ask('ots_getInternalOperations', [hashes[1]]), [
      { type: 0, from, to, value: '0x2' },
      { type: 0, from, to: third, value: '0x3' },
    ])
    assert.equal(await ask('ots_getTransactionError', [hashes[0]]), '0x')
    assert.match(await ask('ots_getTransactionError', [hashes[2]]), /^0x[0-9a-f]{72}$/)
  })

  it('serves the account pages of Otterscan', async () => {
    assert.equal(await ask('ots_hasCode', [toHex(MULTICALL_ADDRESS), 'latest']), true)
    assert.equal(await ask('ots_hasCode', [from, 2]), false)
    assert.equal(await ask('ots_getContractCreator', [from]), null)
    const search = async (direction: string, address: string, height: number, size: number) => {
      const page = await ask(`ots_searchTransactions${direction}`, [address, height, size])
      return [page.txs.map((one: Loose) => hashes.indexOf(one.hash)), page.firstPage, page.lastPage]
    }
    // The first is the faucet's in block 1. A block is never split over pages.
    assert.deepEqual(await search('Before', from, 0, 25), [[3, 2, 1, 0, -1], true, true])
    assert.deepEqual(await search('Before', from, 0, 1), [[3], true, false])
    assert.deepEqual(await search('Before', from, 3, 2), [[2, 1, 0], false, false])
    assert.deepEqual(await search('Before', from, 2, 2), [[-1], false, true])
    assert.deepEqual(await search('After', from, 0, 1), [[-1], false, true])
    assert.deepEqual(await search('After', from, 1, 1), [[2, 1, 0], false, false])
    assert.deepEqual(await search('After', from, 1, 25), [[3, 2, 1, 0], true, false])
    // Called modules, and receivers inside a batch, too.
    assert.deepEqual(await search('Before', toHex(accounts), 0, 25), [[2, 1], true, true])
    assert.deepEqual(await search('Before', third, 0, 25), [[1], true, true])
    assert.deepEqual(await search('Before', toHex(accountOf('nobody').address), 0, 25), [[], true, true])
    const { txs, receipts } = await ask('ots_searchTransactionsBefore', [from, 0, 1])
    assert.deepEqual(txs, [await ask('eth_getTransactionByHash', [hashes[3]])])
    const receipt = await ask('eth_getTransactionReceipt', [hashes[3]])
    const block = await ask('eth_getBlockByNumber', ['0x3', false])
    const timestamp = Number(block.timestamp)
    assert.deepEqual(receipts, [{ ...receipt, logs: null, logsBloom: null, timestamp }])
  })
})
