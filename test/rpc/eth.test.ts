import assert from 'node:assert/strict'
import { toHex, utf8 } from '../../base/bytes.ts'
import { keccak256 } from '../../base/crypto/hash.ts'
import { moduleAddress } from '../../base/moduleDefinition.ts'
import { MULTICALL_ADDRESS } from '../../state/dispatch.ts'
import { accountsSchema } from '../../state/modules/accounts/schema.ts'
import { assetAddress } from '../../state/modules/assets/ledger.ts'
import { logsBloom } from '../../state/receipt.ts'
import { addressOf, COIN, DOLLAR } from '../support/chainHarness.ts'
import { accountOf } from '../support/fakeBackend.ts'
import { type Loose, type Served, serve } from '../support/rpcHarness.ts'
import { check, checkResult } from '../support/schemaCheck.ts'
import { signed } from '../support/sign.ts'

const alice = accountOf('alice')
const bob = accountOf('bob')
const carol = accountOf('carol')

describe('rpc.eth', () => {
  let served: Served
  let hashes: string[]
  let failedHash: string
  const ask = async (method: string, params: Loose = []): Promise<Loose> => {
    const result = await served.call(method, params)
    assert.equal(checkResult(method, result), undefined)
    return result
  }

  before(async () => {
    served = await serve()
    const { backend } = served
    backend.fund([alice, carol], 100n * COIN)
    backend.automine = false
    const access = [{ address: bob.address, storageKeys: [keccak256(utf8('slot'))] }]
    hashes = [
      await ask('eth_sendRawTransaction', [signed(alice)]),
      await ask('eth_sendRawTransaction', [
        signed(alice, { type: 1, nonce: 1, accessList: access, gasLimit: 30_000 }),
      ]),
      await ask('eth_sendRawTransaction', [signed(alice, { type: 0, nonce: 2 })]),
    ]
    const to = moduleAddress(accountsSchema)
    const raw = signed(carol, { to, valueBase: 0n, data: new Uint8Array([1, 2, 3, 4]), gasLimit: 100_000 })
    failedHash = await ask('eth_sendRawTransaction', [raw])
    backend.mine()
    backend.automine = true
  })
  after(async () => {
    await served.rpc.close()
    assert.deepEqual(served.logged, [])
  })

  it('returns chain and node identity', async () => {
    assert.equal(await ask('eth_chainId'), '0x1cbd')
    assert.equal(await ask('net_version'), '7357')
    assert.equal(await served.call('net_listening'), true)
    assert.equal(await served.call('web3_clientVersion'), 'suanli/0.1.0/test/node')
    assert.equal(await served.call('web3_sha3', ['0x']), toHex(keccak256(new Uint8Array(0))))
    assert.deepEqual(await ask('eth_accounts'), [])
    assert.equal(await ask('eth_syncing'), false)
    served.backend.progress = { startingHeight: 1, currentHeight: 5, highestHeight: 16 }
    assert.deepEqual(await ask('eth_syncing'), {
      startingBlock: '0x1',
      currentBlock: '0x5',
      highestBlock: '0x10',
    })
    served.backend.progress = undefined
    assert.equal(await ask('eth_blockNumber'), '0x2')
  })

  it('returns balance, nonce, code and storage at any available block', async () => {
    const a = toHex(bob.address)
    assert.equal(await ask('eth_getBalance', [a, 'latest']), '0xbb8')
    assert.equal(await ask('eth_getBalance', [a]), '0xbb8')
    for (const tag of ['safe', 'finalized', 'pending', '0x2']) {
      assert.equal(await ask('eth_getBalance', [a, tag]), '0xbb8')
    }
    for (const tag of ['earliest', '0x1', { blockNumber: '0x1' }]) {
      assert.equal(await ask('eth_getBalance', [a, tag]), '0x0')
    }
    const { hash } = await ask('eth_getBlockByNumber', ['0x1', false])
    assert.equal(await ask('eth_getBalance', [a, hash]), '0x0')
    assert.equal(await ask('eth_getBalance', [a, { blockHash: hash, requireCanonical: true }]), '0x0')
    assert.equal(await ask('eth_getTransactionCount', [toHex(alice.address), 'latest']), '0x3')
    assert.equal(await ask('eth_getTransactionCount', [toHex(alice.address), 'pending']), '0x3')
    for (const address of [moduleAddress(accountsSchema), assetAddress(DOLLAR), MULTICALL_ADDRESS]) {
      assert.equal(await ask('eth_getCode', [toHex(address), 'latest']), '0xfe')
    }
    for (const address of [bob.address, assetAddress(99)]) {
      assert.equal(await ask('eth_getCode', [toHex(address), 'latest']), '0x')
    }
    assert.equal(await ask('eth_getStorageAt', [a, '0x0', 'latest']), `0x${'0'.repeat(64)}`)
  })

  it('reports the blocks whose state is available', async () => {
    const a = toHex(bob.address)
    await assert.rejects(
      served.call('eth_getBalance', [a, '0x63']),
      /header not found: block 99 is above the latest, 2/,
    )
    await assert.rejects(
      served.call('eth_getBalance', [a, `0x${'ab'.repeat(32)}`]),
      /header for hash not found/,
    )
    served.backend.heightMin = 2
    await assert.rejects(
      served.call('eth_getBalance', [a, '0x1']),
      /is not held: this node serves blocks 2 to 2/,
    )
    served.backend.heightMin = 0
  })

  it('returns blocks with every field that strict clients require', async () => {
    const full = await ask('eth_getBlockByNumber', ['latest', true])
    assert.equal(full.transactions.length, 4)
    assert.deepEqual(await ask('eth_getBlockByHash', [full.hash, true]), full)
    const light = await ask('eth_getBlockByNumber', ['0x2', false])
    assert.deepEqual(
      light.transactions,
      full.transactions.map((t: Loose) => t.hash),
    )
    for (const field of ['difficulty', 'nonce', 'miner', 'baseFeePerGas', 'uncles']) assert.ok(field in light)
    assert.equal(light.logsBloom.length, 2 + 512)
    const { block } = { block: served.backend.head() }
    assert.equal(light.hash, toHex(block.hash))
    assert.equal(Number(light.timestamp), Math.floor(block.header.timestampMs / 1000))
    const logs = [...block.receipts.flatMap((r) => r.logs), ...block.systemLogs]
    assert.equal(light.logsBloom, toHex(logsBloom(logs)))
    for (const tag of ['safe', 'finalized', 'pending']) {
      assert.equal((await ask('eth_getBlockByNumber', [tag, false])).hash, light.hash)
    }
    assert.equal((await ask('eth_getBlockByNumber', ['earliest', false])).number, '0x0')
    assert.equal(await ask('eth_getBlockTransactionCountByNumber', ['latest']), '0x4')
    assert.equal(await ask('eth_getBlockTransactionCountByHash', [light.hash]), '0x4')
    assert.equal(await served.call('eth_getUncleCountByBlockNumber', ['latest']), '0x0')
    assert.equal(await served.call('eth_getUncleCountByBlockHash', [light.hash]), '0x0')
  })

  it('returns null for unknown blocks, transactions and receipts', async () => {
    const none = `0x${'cd'.repeat(32)}`
    for (const [method, params] of [
      ['eth_getBlockByNumber', ['0x999', false]],
      ['eth_getBlockByNumber', ['0x20000000000001', false]],
      ['eth_getBlockByNumber', ['0x7fffffffffffffff', false]],
      ['eth_getBlockReceipts', ['0x20000000000001']],
      ['eth_getTransactionByBlockNumberAndIndex', ['latest', '0x20000000000001']],
      ['eth_getBlockByHash', [none, true]],
      ['eth_getTransactionByHash', [none]],
      ['eth_getTransactionReceipt', [none]],
      ['eth_getBlockReceipts', ['0x999']],
      ['eth_getBlockTransactionCountByHash', [none]],
      ['eth_getTransactionByBlockNumberAndIndex', ['latest', '0x4']],
      ['eth_getTransactionByBlockHashAndIndex', [none, '0x0']],
    ] as const) {
      assert.equal(await ask(method, params), null, method)
    }
  })

  it('returns transactions of all three types from every method', async () => {
    for (const [i, hash] of hashes.entries()) {
      const transaction = await ask('eth_getTransactionByHash', [hash])
      assert.equal(transaction.hash, hash)
      assert.equal(transaction.type, ['0x2', '0x1', '0x0'][i])
      assert.equal(transaction.from, toHex(alice.address))
      assert.equal(transaction.to, toHex(bob.address))
      const { blockHash, blockNumber, transactionIndex: at } = transaction
      assert.deepEqual(await ask('eth_getTransactionByBlockHashAndIndex', [blockHash, at]), transaction)
      assert.deepEqual(await ask('eth_getTransactionByBlockNumberAndIndex', [blockNumber, at]), transaction)
    }
    const legacy = await ask('eth_getTransactionByHash', [hashes[2]])
    assert.ok([7357 * 2 + 35, 7357 * 2 + 36].includes(Number(legacy.v)))
  })

  it('returns receipts with a closed schema, failed ones with one log', async () => {
    const receipts = await ask('eth_getBlockReceipts', ['latest'])
    assert.equal(receipts.length, 4)
    let gas = 0
    let logIndex = 0
    for (const receipt of receipts) {
      assert.deepEqual(await ask('eth_getTransactionReceipt', [receipt.transactionHash]), receipt)
      assert.equal(receipt.contractAddress, null)
      gas += Number(receipt.gasUsed)
      assert.equal(Number(receipt.cumulativeGasUsed), gas)
      for (const log of receipt.logs) assert.equal(Number(log.logIndex), logIndex++)
    }
    const failed = await ask('eth_getTransactionReceipt', [failedHash])
    assert.equal(failed.status, '0x0')
    assert.equal(failed.logs.length, 1)
    assert.equal(failed.logs[0].topics[0], toHex(keccak256(utf8('Failed(bytes4,bytes)'))))
  })

  it('returns a known receipt again, but not once its block is pruned', async () => {
    const { backend } = served
    const receipt = await ask('eth_getTransactionReceipt', [failedHash])
    const { lowestBlock, locateTransaction } = backend
    let lookUps = 0
    backend.locateTransaction = () => void lookUps++
    try {
      assert.deepEqual(await ask('eth_getTransactionReceipt', [failedHash]), receipt)
      assert.equal(lookUps, 0)
      backend.lowestBlock = Number(receipt.blockNumber) + 1
      assert.equal(await ask('eth_getTransactionReceipt', [failedHash]), null)
      assert.equal(lookUps, 1)
    } finally {
      backend.lowestBlock = lowestBlock
      backend.locateTransaction = locateTransaction
    }
  })

  it('returns a pending transaction without block fields', async () => {
    served.backend.automine = false
    const hash = await ask('eth_sendRawTransaction', [signed(alice, { nonce: 3 })])
    const pending = (await served.call('eth_getTransactionByHash', [hash])) as Loose
    assert.equal(pending.blockHash, null)
    assert.equal(pending.blockNumber, null)
    assert.equal(pending.blockTimestamp, null)
    assert.equal(await ask('eth_getTransactionReceipt', [hash]), null)
    assert.equal(await ask('eth_getTransactionCount', [toHex(alice.address), 'pending']), '0x4')
    assert.equal(await ask('eth_getTransactionCount', [toHex(alice.address), 'latest']), '0x3')
    served.backend.mine()
    served.backend.automine = true
    assert.equal((await ask('eth_getTransactionReceipt', [hash])).status, '0x1')
  })

  it('suggests fees and returns fee history', async () => {
    const base = BigInt(await ask('eth_baseFee'))
    assert.equal(BigInt(await ask('eth_maxPriorityFeePerGas')), 1_000_000_000n)
    assert.equal(BigInt(await ask('eth_gasPrice')), 2n * base + 1_000_000_000n)
    const history = await ask('eth_feeHistory', ['0x3', 'latest', [10, 50, 90]])
    assert.equal(history.baseFeePerGas.length, 4)
    assert.equal(history.reward.length, 3)
    assert.ok(history.reward.flat().every((tip: string) => BigInt(tip) > 0n))
    assert.equal((await ask('eth_feeHistory', [1000, 'earliest', []])).reward, undefined)
    const nothing = { oldestBlock: '0x0', baseFeePerGas: [], gasUsedRatio: [] }
    for (const none of ['0x0', 0, '0'])
      assert.deepEqual(await ask('eth_feeHistory', [none, 'latest']), nothing)
    // As geth: a count may be a decimal string.
    for (const two of ['0x2', 2, '2', '0X2']) {
      assert.equal((await ask('eth_feeHistory', [two, 'latest'])).gasUsedRatio.length, 2)
    }
    await assert.rejects(served.call('eth_feeHistory', ['two', 'latest']), /argument 0 \(blockCount\)/)
    await assert.rejects(served.call('eth_feeHistory', ['0x1', 'latest', [50, 10]]), /ascending percentiles/)
    await assert.rejects(served.call('eth_feeHistory', ['0x1', '0x999']), /no such block/)
  })

  it('estimates transfers and calls; returns reverts as code 3 with data', async () => {
    const from = toHex(alice.address)
    const to = toHex(bob.address)
    assert.equal(await ask('eth_estimateGas', [{ from, to, value: '0x1' }]), '0x5208')
    const accessList = [{ address: to, storageKeys: [`0x${'00'.repeat(32)}`] }]
    assert.equal(Number(await ask('eth_estimateGas', [{ from, to, accessList }])), 21_000 + 2_400 + 1_900)
    const call = { from, to: toHex(moduleAddress(accountsSchema)), data: '0x01020304' }
    for (const method of ['eth_call', 'eth_estimateGas']) {
      await assert.rejects(served.call(method, [call]), (error: Loose) => {
        assert.equal(error.code, 3)
        assert.match(error.message, /^execution reverted: UnknownAction\(selector=0x01020304\)$/)
        assert.match(error.data, /^0x[0-9a-f]+$/)
        return true
      })
      const poor = { from: toHex(accountOf('nobody').address), to, value: '0x1' }
      await assert.rejects(
        served.call(method, [poor]),
        /insufficient funds for gas \* price \+ value: address 0x[0-9a-f]{40} have 0 ACPC want 0\.0{17}1 ACPC$/,
      )
      await assert.rejects(served.call(method, [{ from, data: '0x60' }]), /creation is not supported/)
      await assert.rejects(
        served.call(method, [{ from, to, chainId: '0x1' }]),
        /invalid chain id: have 1 want 7357/,
      )
      await assert.rejects(
        served.call(method, [{ to }, 'latest', { [to]: { code: '0x60' } }]),
        /code is not supported: there is no EVM, only balances/,
      )
    }
    const supply = keccak256(utf8('supply()')).slice(0, 4)
    const answer = await ask('eth_call', [{ to: toHex(moduleAddress(accountsSchema)), input: toHex(supply) }])
    assert.equal(BigInt(answer), 10n ** 24n)
  })

  it('returns the receipt of a sync submission, or code 4 with the hash', async () => {
    const receipt = (await served.call('eth_sendRawTransactionSync', [signed(alice, { nonce: 4 })])) as Loose
    assert.equal(receipt.status, '0x1')
    assert.deepEqual(await ask('eth_getTransactionReceipt', [receipt.transactionHash]), receipt)
    served.backend.automine = false
    await assert.rejects(
      served.call('eth_sendRawTransactionSync', [signed(alice, { nonce: 5 }), 20]),
      (error: Loose) => error.code === 4 && /^0x[0-9a-f]{64}$/.test(error.data),
    )
    await assert.rejects(
      served.call('eth_sendRawTransactionSync', [signed(alice, { nonce: 0, valueBase: 77n })]),
      /nonce too low/,
    )
    await assert.rejects(served.call('eth_sendRawTransactionSync', ['0x', 70_000]), /expected 1 to 60000/)
    served.backend.mine()
    served.backend.automine = true
  })

  it('rejects bad transactions with the phrases that clients match, without side effects', async () => {
    const before = served.backend.head().header.height
    const nonce = 6
    const cases: [string, RegExp][] = [
      ['0x', /malformed transaction/],
      ['0x02c0', /malformed transaction/],
      [`0x02${'00'.repeat(70_000)}`, /oversized data/],
      ['0x03c0', /transaction type not supported/],
      ['0x04c0', /transaction type not supported/],
      [signed(alice, { nonce, chainId: 1 }), /invalid chain id for signer: have 1 want 7357/],
      [signed(alice, { nonce: 0, valueBase: 77n }), /nonce too low/],
      [signed(alice, { nonce: 9_000 }), /nonce too high: nonce 9000 is 8994 ahead of 6: send 6 first/],
      [
        signed(alice, { nonce, valueBase: 10n ** 24n }),
        /^insufficient funds for gas \* price \+ value: balance \d+(\.\d+)? ACPC, tx cost 10000\d\d(\.\d+)? ACPC$/,
      ],
      [signed(alice, { nonce, gasLimit: 20_999 }), /intrinsic gas too low/],
      [
        signed(alice, { nonce, maxPriorityFeePerGas: 2n * 10n ** 10n }),
        /max priority fee per gas higher than max fee per gas/,
      ],
    ]
    for (const [raw, wording] of cases) {
      await assert.rejects(served.call('eth_sendRawTransaction', [raw]), (error: Loose) => {
        assert.equal(error.code, -32000)
        assert.match(error.message, wording)
        assert.equal(typeof error.data.code, 'string')
        return true
      })
    }
    assert.equal(served.backend.head().header.height, before)
    assert.equal(served.backend.pool.size, 0)
  })

  it('returns "already known" and "replacement transaction underpriced"', async () => {
    served.backend.automine = false
    const raw = signed(alice, { nonce: 6 })
    await ask('eth_sendRawTransaction', [raw])
    await assert.rejects(served.call('eth_sendRawTransaction', [raw]), /already known/)
    const other = signed(alice, { nonce: 6, valueBase: 5n })
    await assert.rejects(
      served.call('eth_sendRawTransaction', [other]),
      /replacement transaction underpriced/,
    )
    served.backend.mine()
    await assert.rejects(served.call('eth_sendRawTransaction', [raw]), /already known/)
    served.backend.automine = true
  })

  it('lets a sync submission be repeated: pending it waits, included it returns the receipt', async () => {
    served.backend.automine = false
    const raw = signed(alice, { nonce: 7 })
    const hash = await ask('eth_sendRawTransaction', [raw])
    const repeated = served.call('eth_sendRawTransactionSync', [raw]) as Promise<Loose>
    // The repeated submission is refused as known before the block exists.
    await assert.rejects(served.call('eth_sendRawTransactionSync', [raw, 20]), { code: 4 })
    served.backend.mine()
    const receipt = await repeated
    assert.equal(receipt.transactionHash, hash)
    assert.deepEqual(await served.call('eth_sendRawTransactionSync', [raw]), receipt)
    served.backend.automine = true
  })

  it('reports bad arguments by position and name', async () => {
    const cases: [string, Loose, RegExp][] = [
      ['eth_getBalance', [], /missing value for required argument 0 \(address\)/],
      ['eth_getBalance', ['0x12'], /invalid argument 0 \(address\): expected an address/],
      [
        'eth_getBalance',
        [toHex(bob.address), 'newest'],
        /argument 1 \(block\): hex string without 0x prefix/,
      ],
      ['eth_getBlockByNumber', ['0x8000000000000000', false], /number larger than int64/],
      ['eth_getBalance', [toHex(bob.address), '0x01'], /leading zero digits/],
      ['eth_getBalance', [toHex(bob.address), '0xzz'], /invalid hex digits/],
      ['eth_getBalance', [toHex(bob.address), 5], /expected a block number, a tag/],
      ['eth_getBalance', { address: toHex(bob.address), blok: '0x1' }, /unknown argument blok/],
      ['eth_getBlockByHash', ['0x12', true], /argument 0 \(hash\): expected 32 bytes/],
      ['eth_getBlockByNumber', ['0x1', 'yes'], /argument 1 \(hydrated\): expected true or false/],
      ['eth_sendRawTransaction', ['0x123'], /hex string of odd length/],
      ['eth_sendRawTransaction', ['0xzz'], /invalid hex digits/],
      ['eth_sendRawTransaction', [7], /expected bytes as a 0x hex string/],
      ['eth_call', [{ to: 'x' }], /argument 0 \(call\): to: expected an address/],
      ['eth_call', [{ value: '0x01' }], /argument 0 \(call\): value: hex number with leading zero digits/],
      ['eth_call', [{ authorizationList: [{}] }], /authorizationList is not supported/],
      ['eth_call', [{ data: '0x01', input: '0x02' }], /data and input are both set/],
    ]
    for (const [method, params, message] of cases) {
      await assert.rejects(served.call(method, params), (error: Loose) => {
        assert.equal(error.code, -32602, `${method}: ${error.message}`)
        assert.match(error.message, message)
        return true
      })
    }
    const named = await served.call('eth_getBalance', { address: toHex(addressOf('empty')) })
    assert.equal(named, '0x0')
  })

  it('rejects methods that need an EVM as unknown', async () => {
    for (const method of ['eth_getProof', 'eth_sendTransaction', 'eth_sign', 'debug_traceCall']) {
      await assert.rejects(served.call(method, []), (error: Loose) => error.code === -32601)
    }
  })
})

describe('test support: schema checker', () => {
  it('finds extra, missing and malformed fields', () => {
    const schema = {
      type: 'object',
      required: ['a'],
      additionalProperties: false,
      properties: { a: { type: 'string' } },
    }
    assert.equal(check(schema, { a: 'x' }), undefined)
    assert.match(check(schema, {})!, /missing/)
    assert.match(check(schema, { a: 'x', b: 1 })!, /extra/)
    assert.match(check(schema, { a: 1 })!, /number instead of string/)
  })
})
