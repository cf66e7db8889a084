import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { JsonRpcProvider, Wallet, WebSocketProvider } from 'ethers'
import {
  BaseError,
  ContractFunctionRevertedError,
  createPublicClient,
  createWalletClient,
  defineChain,
  http,
  parseAbi,
  webSocket,
} from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { toHex } from '../../base/bytes.ts'
import { moduleAddress } from '../../base/moduleDefinition.ts'
import { accountsSchema } from '../../state/modules/accounts/schema.ts'
import { assetAddress } from '../../state/modules/assets/ledger.ts'
import { COIN, DOLLAR } from '../support/chainHarness.ts'
import { accountOf } from '../support/fakeBackend.ts'
import { type Served, serve } from '../support/rpcHarness.ts'

const run = promisify(execFile)
const alice = accountOf('alice')
const bob = accountOf('bob')
const aliceKey = toHex(alice.secretKey)
const bobAddress = toHex(bob.address)

describe('rpc clients', () => {
  let served: Served
  before(async () => {
    served = await serve()
    served.backend.fund([alice], 1_000n * COIN)
  })
  after(async () => {
    await served.rpc.close()
    assert.deepEqual(served.logged, [])
  })

  it('viem reads, sends, waits and watches', async () => {
    const chain = defineChain({
      id: 7357,
      name: 'Suanli',
      nativeCurrency: { name: 'ACPC', symbol: 'ACPC', decimals: 18 },
      rpcUrls: { default: { http: [served.rpc.url] } },
      contracts: { multicall3: { address: '0xca11bde05977b3631167028862be2a173976ca11' } },
    })
    const client = createPublicClient({ chain, transport: http(), pollingInterval: 20 })
    const account = privateKeyToAccount(aliceKey)
    const wallet = createWalletClient({ chain, transport: http(), account })
    assert.equal(await client.getChainId(), 7357)
    const before = await client.getBalance({ address: bobAddress })
    const fees = await client.estimateFeesPerGas()
    assert.ok(fees.maxFeePerGas > fees.maxPriorityFeePerGas)
    const hash = await wallet.sendTransaction({ to: bobAddress, value: 7n })
    const receipt = await client.waitForTransactionReceipt({ hash })
    assert.equal(receipt.status, 'success')
    assert.equal(receipt.type, 'eip1559')
    assert.equal(await client.getBalance({ address: bobAddress }), before + 7n)
    const transaction = await client.getTransaction({ hash })
    assert.equal(transaction.value, 7n)
    const block = await client.getBlock({ blockHash: receipt.blockHash, includeTransactions: true })
    assert.equal(block.transactions[0]!.hash, hash)
    const logs = await client.getLogs({ fromBlock: receipt.blockNumber, toBlock: receipt.blockNumber })
    assert.equal(logs.length, receipt.logs.length)
    const history = await client.getFeeHistory({ blockCount: 2, rewardPercentiles: [50] })
    assert.equal(history.reward?.length, 2)
  })

  it('viem decodes a custom error and multicalls', async () => {
    const chain = { id: 7357, name: 'Suanli' } as const
    const client = createPublicClient({ transport: http(served.rpc.url) })
    const abi = parseAbi([
      'function nothing()',
      'error UnknownAction(bytes4 selector)',
      'function symbol() view returns (string)',
    ])
    const address = toHex(moduleAddress(accountsSchema))
    const failure = await client.simulateContract({ address, abi, functionName: 'nothing' }).catch((e) => e)
    assert.ok(failure instanceof BaseError)
    const reverted = failure.walk((e) => e instanceof ContractFunctionRevertedError)
    assert.ok(reverted instanceof ContractFunctionRevertedError)
    assert.equal(reverted.data?.errorName, 'UnknownAction')
    const token = toHex(assetAddress(DOLLAR))
    assert.equal(await client.readContract({ address: token, abi, functionName: 'symbol' }), 'USDX')
    const many = await client.multicall({
      multicallAddress: '0xca11bde05977b3631167028862be2a173976ca11',
      contracts: [
        { address: token, abi, functionName: 'symbol' },
        { address: token, abi, functionName: 'symbol' },
      ],
    })
    assert.deepEqual(
      many.map((m) => m.result),
      ['USDX', 'USDX'],
    )
    assert.equal(chain.id, 7357)
  })

  it('viem watches blocks over WebSocket', async () => {
    const client = createPublicClient({ transport: webSocket(served.rpc.url.replace('http', 'ws')) })
    const seen = new Promise<bigint>((resolve, reject) => {
      const stop = client.watchBlockNumber({
        emitOnBegin: false,
        onBlockNumber: (number) => {
          stop()
          resolve(number)
        },
        onError: reject,
      })
    })
    // The subscription's response is sent before this one.
    await client.getBlockNumber()
    const { header } = served.backend.mine()
    assert.equal(await seen, BigInt(header.height))
    const socket = await client.transport.getRpcClient()
    socket.close()
  })

  it('viem maps errors to its own classes', async () => {
    const client = createPublicClient({ transport: http(served.rpc.url, { retryCount: 0 }) })
    const account = privateKeyToAccount(aliceKey)
    const send = (nonce: number, value: bigint, chainId = 7357) =>
      account
        .signTransaction({
          chainId,
          nonce,
          value,
          to: bobAddress,
          gas: 21_000n,
          maxFeePerGas: 10n ** 10n,
          maxPriorityFeePerGas: 1n,
        })
        .then((serializedTransaction) => client.sendRawTransaction({ serializedTransaction }))
    const nonce = await client.getTransactionCount({ address: account.address })
    await assert.rejects(send(0, 1n), /nonce too low/i)
    await assert.rejects(send(nonce, 10n ** 24n), /insufficient funds/i)
    await assert.rejects(send(nonce, 1n, 1), /invalid chain id for signer/)
    const wallet = createWalletClient({ transport: http(served.rpc.url, { retryCount: 0 }), account })
    const failed = await wallet
      .sendTransaction({ chain: null, to: bobAddress, value: 10n ** 24n })
      .catch((error: unknown) => error)
    assert.ok(failed instanceof BaseError)
    assert.ok(failed.walk((e) => (e as Error).name === 'InsufficientFundsError') !== null)
  })

  it('ethers reads, sends, waits and listens', async () => {
    const provider = new JsonRpcProvider(served.rpc.url, undefined, { pollingInterval: 20, cacheTimeout: -1 })
    try {
      assert.equal((await provider.getNetwork()).chainId, 7357n)
      const before = await provider.getBalance(bobAddress)
      const fees = await provider.getFeeData()
      assert.ok(fees.maxFeePerGas! > 0n)
      const wallet = new Wallet(aliceKey, provider)
      const sent = await wallet.sendTransaction({ to: bobAddress, value: 9n })
      const receipt = await sent.wait()
      assert.equal(receipt?.status, 1)
      assert.equal((await provider.getBalance(bobAddress)) - before, 9n)
      assert.equal((await provider.getTransaction(sent.hash))?.value, 9n)
      const block = await provider.getBlock('latest', true)
      assert.equal(block?.prefetchedTransactions[0]?.hash, sent.hash)
      assert.ok((await provider.getLogs({ fromBlock: 0, toBlock: 'latest' })).length > 0)
      await assert.rejects(
        wallet.sendTransaction({ to: bobAddress, value: 1n, nonce: 0, gasLimit: 21_000 }),
        (error: { code?: string }) => error.code === 'NONCE_EXPIRED',
      )
      await assert.rejects(
        wallet.sendTransaction({ to: bobAddress, value: 10n ** 24n }),
        (error: { code?: string }) => error.code === 'INSUFFICIENT_FUNDS',
      )
    } finally {
      provider.destroy()
    }
  })

  it('ethers listens over WebSocket', async () => {
    const provider = new WebSocketProvider(served.rpc.url.replace('http', 'ws'), 7357)
    try {
      let onSeen: (height: number) => void = () => undefined
      const seen = new Promise<number>((resolve) => {
        onSeen = resolve
      })
      await provider.once('block', onSeen)
      // Messages of a connection are answered in their order, so this comes after the subscription.
      await provider.getBlockNumber()
      const { header } = served.backend.mine()
      assert.equal(await seen, header.height)
    } finally {
      await provider.destroy()
    }
  })

  it('cast reads, sends and waits', async () => {
    const cast = async (...args: string[]): Promise<string> => {
      const { stdout } = await run('node_modules/.bin/cast', [...args, '--rpc-url', served.rpc.url])
      return stdout.trim()
    }
    assert.equal(await cast('chain-id'), '7357')
    const before = BigInt(await cast('balance', bobAddress))
    const sent = JSON.parse(
      await cast('send', bobAddress, '--value', '11', '--private-key', aliceKey, '--json'),
    ) as { status: string; transactionHash: string }
    assert.equal(sent.status, '0x1')
    assert.equal(BigInt(await cast('balance', bobAddress)) - before, 11n)
    const receipt = JSON.parse(await cast('receipt', sent.transactionHash, '--json')) as { type: string }
    assert.equal(receipt.type, '0x2')
    assert.match(await cast('block', 'latest'), /transactions:\s+\[/)
    assert.match(await cast('tx', sent.transactionHash), /value\s+11/)
    assert.equal(await cast('call', toHex(assetAddress(DOLLAR)), 'symbol()(string)'), '"USDX"')
    const address = toHex(moduleAddress(accountsSchema))
    // cast's npm wrapper loses the exit status: check its output.
    const said = await run('node_modules/.bin/cast', [
      'call',
      address,
      'nothing()',
      '--rpc-url',
      served.rpc.url,
    ])
    assert.match(said.stderr, /error code 3: execution reverted: UnknownAction\(selector=0x/)
  })
})
