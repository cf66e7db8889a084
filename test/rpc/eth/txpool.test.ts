import assert from 'node:assert/strict'
import { checksumAddress } from '../../../base/address.ts'
import { toHex } from '../../../base/bytes.ts'
import { COIN } from '../../support/chainHarness.ts'
import { accountOf } from '../../support/fakeBackend.ts'
import { type Loose, type Served, serve } from '../../support/rpcHarness.ts'
import { signed } from '../../support/sign.ts'

const alice = accountOf('alice')
const carol = accountOf('carol')
const bob = accountOf('bob')

describe('rpc.eth txpool', () => {
  let served: Served
  const ask = async (method: string, params: Loose = []): Promise<Loose> => served.call(method, params)
  const sent: { [nonce: number]: Loose } = {}
  const [aliceName, carolName] = [alice, carol].map(({ address }) => checksumAddress(address)) as [
    string,
    string,
  ]

  before(async () => {
    served = await serve()
    served.backend.fund([alice, carol], COIN)
    served.backend.automine = false
    for (const nonce of [0, 1, 3]) {
      sent[nonce] = await ask('eth_sendRawTransaction', [signed(alice, { nonce })])
      sent[nonce] = await ask('eth_getTransactionByHash', [sent[nonce]])
    }
    await ask('eth_sendRawTransaction', [signed(carol, { nonce: 2 })])
  })
  after(async () => {
    await served.rpc.close()
    assert.deepEqual(served.logged, [])
  })

  it('counts what can be in a block now, and what waits for a nonce', async () => {
    assert.deepEqual(await ask('txpool_status'), { pending: '0x2', queued: '0x2' })
  })

  it('shows the transactions by account and nonce', async () => {
    const { pending, queued } = await ask('txpool_content')
    assert.deepEqual(pending, { [aliceName]: { 0: sent[0], 1: sent[1] } })
    assert.deepEqual(Object.keys(queued).sort(), [aliceName, carolName].sort())
    assert.deepEqual(queued[aliceName], { 3: sent[3] })
    assert.equal(sent[0].blockHash, null)
    const own = { pending: { 0: sent[0], 1: sent[1] }, queued: { 3: sent[3] } }
    assert.deepEqual(await ask('txpool_contentFrom', [toHex(alice.address)]), own)
    assert.deepEqual(await ask('txpool_contentFrom', [toHex(bob.address)]), { pending: {}, queued: {} })
    assert.deepEqual(await ask('eth_pendingTransactions'), [sent[0], sent[1]])
  })

  it('shows each in one line', async () => {
    const { pending, queued } = await ask('txpool_inspect')
    const line = `${checksumAddress(bob.address)}: 1000 wei + 21000 gas × 10000000000 wei`
    assert.deepEqual(pending, { [aliceName]: { 0: line, 1: line } })
    assert.deepEqual(queued[carolName], { 2: line })
  })

  it('refuses to show more than an answer holds, but counts it', async () => {
    const { backend } = served
    const pooled = backend.pooledTransactions.bind(backend)
    const [one] = pooled()
    backend.pooledTransactions = () => Array.from({ length: 10_001 }, () => one!)
    for (const method of ['txpool_content', 'txpool_inspect', 'eth_pendingTransactions']) {
      await assert.rejects(ask(method), /more than 10000 transactions wait: ask txpool_contentFrom/)
    }
    assert.deepEqual(await ask('txpool_status'), { pending: '0x2711', queued: '0x0' })
    backend.pooledTransactions = pooled
  })
})
