import assert from 'node:assert/strict'
import { toHex } from '../../../base/bytes.ts'
import { COIN } from '../../support/chainHarness.ts'
import { accountOf } from '../../support/fakeBackend.ts'
import { type Loose, type Served, serve } from '../../support/rpcHarness.ts'
import { checkResult } from '../../support/schemaCheck.ts'
import { signed } from '../../support/sign.ts'

const alice = accountOf('alice')
const bob = accountOf('bob')
const EMPTY_TRIE = '0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421'
const EMPTY_UNCLES = '0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347'

describe('rpc.eth blocks and transactions', () => {
  let served: Served
  const raws = [0, 1, 2].map((nonce) => signed(alice, { nonce }))
  const hashes: string[] = []
  const ask = async (method: string, params: Loose = []): Promise<Loose> => served.call(method, params)

  before(async () => {
    served = await serve()
    served.backend.fund([alice], COIN)
    served.backend.automine = false
    hashes.push(await ask('eth_sendRawTransaction', [raws[0]]))
    served.backend.mine()
    for (const raw of raws.slice(1)) hashes.push(await ask('eth_sendRawTransaction', [raw]))
    served.backend.mine()
    served.backend.mine()
  })
  after(async () => {
    await served.rpc.close()
    assert.deepEqual(served.logged, [])
  })

  it('give an empty block the roots of nothing, and one with transactions its own', async () => {
    const empty = await ask('eth_getBlockByNumber', ['latest', false])
    assert.equal(checkResult('eth_getBlockByNumber', empty), undefined)
    // What go-ethereum's client compares with the lists.
    assert.deepEqual(empty.transactions, [])
    assert.equal(empty.transactionsRoot, EMPTY_TRIE)
    assert.equal(empty.receiptsRoot, EMPTY_TRIE)
    assert.equal(empty.sha3Uncles, EMPTY_UNCLES)
    const full = await ask('eth_getBlockByNumber', ['0x3', false])
    const { header } = (await served.backend.blockByHeight(3))!
    assert.equal(full.transactions.length, 2)
    assert.equal(full.transactionsRoot, toHex(header.transactionsRoot))
    assert.equal(full.receiptsRoot, toHex(header.receiptsRoot))
  })

  it('give headers alone', async () => {
    const { transactions, uncles, size, ...header } = await ask('eth_getBlockByNumber', ['0x3', false])
    assert.deepEqual(await ask('eth_getHeaderByNumber', ['0x3']), header)
    assert.deepEqual(await ask('eth_getHeaderByHash', [header.hash]), header)
    assert.equal(await ask('eth_getHeaderByNumber', ['0x99']), null)
    assert.equal(await ask('eth_getHeaderByHash', [hashes[0]]), null)
  })

  it('give the bytes of transactions as they were received', async () => {
    const { hash } = await ask('eth_getBlockByNumber', ['0x3', false])
    assert.equal(await ask('eth_getRawTransactionByHash', [hashes[0]]), raws[0])
    assert.equal(await ask('eth_getRawTransactionByBlockNumberAndIndex', ['0x3', '0x1']), raws[2])
    assert.equal(await ask('eth_getRawTransactionByBlockHashAndIndex', [hash, '0x0']), raws[1])
    assert.equal(await ask('eth_getRawTransactionByHash', [hash]), null)
    assert.equal(await ask('eth_getRawTransactionByBlockNumberAndIndex', ['0x3', '0x2']), null)
    assert.equal(await ask('eth_getRawTransactionByBlockHashAndIndex', [hashes[0], '0x0']), null)
  })

  it('find a transaction by sender and nonce, final or pending', async () => {
    const byNonce = (nonce: string) =>
      ask('eth_getTransactionBySenderAndNonce', [toHex(alice.address), nonce])
    for (const [i, hash] of hashes.entries()) {
      assert.deepEqual(await byNonce(`0x${i}`), await ask('eth_getTransactionByHash', [hash]))
      const found = await ask('ots_getTransactionBySenderAndNonce', [toHex(alice.address), i])
      assert.equal(found, hash)
    }
    assert.equal(await byNonce('0x3'), null)
    const pending = await ask('eth_sendRawTransaction', [signed(alice, { nonce: 3 })])
    assert.equal((await byNonce('0x3')).hash, pending)
    assert.equal(await ask('ots_getTransactionBySenderAndNonce', [toHex(alice.address), 3]), null)
    assert.equal(await byNonce('0x4'), null)
    assert.equal(
      await ask('eth_getTransactionBySenderAndNonce', [toHex(accountOf('nobody').address), '0x0']),
      null,
    )
    served.backend.heightMin = 3
    assert.equal((await byNonce('0x3')).hash, pending)
    await assert.rejects(byNonce('0x0'), /is in block 3 or below, where this node holds no states/)
    served.backend.heightMin = 0
  })

  it('have no uncles', async () => {
    const { hash } = await ask('eth_getBlockByNumber', ['0x3', false])
    assert.equal(await ask('eth_getUncleByBlockNumberAndIndex', ['0x3', '0x0']), null)
    assert.equal(await ask('eth_getUncleByBlockHashAndIndex', [hash, '0x0']), null)
  })

  it('take 0X for 0x in every kind of argument', async () => {
    const upper = (hex: string): string => `0X${hex.slice(2)}`
    const [hash, address] = [hashes[0]!, toHex(bob.address)]
    assert.equal((await ask('eth_getTransactionByHash', [upper(hash)])).hash, hash)
    assert.equal((await ask('eth_getBlockByNumber', ['0X3', false])).number, '0x3')
    assert.equal(await ask('eth_getBalance', [upper(address), '0X3']), '0xbb8')
    const call = { from: toHex(alice.address), to: upper(address), value: '0X1', input: '0X' }
    assert.equal(await ask('eth_estimateGas', [call]), '0x5208')
    assert.equal(await ask('eth_getStorageAt', [address, '0X0']), `0x${'0'.repeat(64)}`)
  })

  it('say what a node does not do as nodes say it', async () => {
    assert.equal(await ask('eth_blobBaseFee'), '0x0')
    assert.equal(await ask('eth_mining'), false)
    assert.equal(await ask('eth_protocolVersion'), '0x1')
    const coinbase = await ask('eth_coinbase')
    assert.equal(checkResult('eth_coinbase', coinbase), undefined)
    assert.equal(coinbase, `0x${'0'.repeat(40)}`)
    const health = served.backend.health.bind(served.backend)
    served.backend.health = () => ({ ...health(), validatorIndex: 2 })
    const { height } = served.backend.head().header
    const set = await served.backend.validatorsAt(height)
    const validatorsAt = served.backend.validatorsAt.bind(served.backend)
    served.backend.validatorsAt = async (at) => (at === height + 1 ? set : undefined)
    assert.equal(await ask('eth_coinbase'), toHex(set!.validators[2]!.operator))
    Object.assign(served.backend, { health, validatorsAt })
    const modules = await ask('rpc_modules')
    for (const name of ['debug', 'eth', 'net', 'ots', 'rpc', 'trace', 'txpool', 'web3', 'chain', 'assets']) {
      assert.equal(modules[name], '1.0', name)
    }
  })
})
