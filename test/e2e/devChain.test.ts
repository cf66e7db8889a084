// A devnet in one process with time, blocks and coins at will, through the tools that researchers have: viem's test client in both
// of its modes, ethers' signer of a node's accounts, and createDevnet itself.
import assert from 'node:assert/strict'
import { JsonRpcProvider } from 'ethers'
import {
  createTestClient,
  type Hex,
  http,
  parseEther,
  publicActions,
  recoverMessageAddress,
  walletActions,
} from 'viem'
import { privateKeyAccount } from '../../client/accounts/account.ts'
import { createClient } from '../../client/chainClient.ts'
import { issuance, redemption } from '../../client/modules.ts'
import { httpTransport } from '../../client/transports/http.ts'
import { createDevnet, type Devnet, type DevnetEvent } from '../../devnet/devnet.ts'
import { call, post } from '../support/jsonRpc.ts'

const DAY = 86_400
const STRANGER = `0x${'5e'.repeat(20)}` as const

describe('a devnet in one process', function () {
  this.timeout(60_000)
  let devnet: Devnet
  const failures: DevnetEvent[] = []
  before(async () => {
    devnet = await createDevnet({
      ...{ validators: 1, isInProcess: true, isGranting: true, logLevel: 'warn', windowMs: 3_600_000 },
      onEvent: (event) => event.kind === 'notGranted' && failures.push(event),
    })
  })
  after(() => devnet?.close())

  const clientOf = (mode: 'anvil' | 'hardhat') =>
    createTestClient({ mode, transport: http(devnet.rpcUrl), cacheTime: 0, pollingInterval: 20 })
      .extend(publicActions)
      .extend(walletActions)
  const ask = <T>(method: string, ...params: readonly unknown[]): Promise<T> =>
    call<T>(devnet.rpcUrl, method, params)
  const errorOf = async (method: string, ...params: readonly unknown[]) =>
    (await post(devnet.rpcUrl, JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }))).error
  const windowNow = async (): Promise<number> =>
    (await ask<{ windowIndex: number }>('capacity_clock')).windowIndex

  for (const mode of ['anvil', 'hardhat'] as const) {
    it(`travels in time as viem's test client for ${mode} asks`, async () => {
      const client = clientOf(mode)
      const before = await client.getBlock()
      await client.increaseTime({ seconds: DAY })
      await client.mine({ blocks: 1 })
      const after = await client.getBlock()
      assert.ok(
        after.timestamp >= before.timestamp + BigInt(DAY),
        `${after.timestamp} after ${before.timestamp}`,
      )
      const next = after.timestamp + 5_000n
      await client.setNextBlockTimestamp({ timestamp: next })
      await client.mine({ blocks: 1 })
      assert.equal((await client.getBlock()).timestamp, next)
      await client.mine({ blocks: 5, interval: 60 })
      const last = await client.getBlock()
      assert.ok(last.timestamp >= next + 240n && last.timestamp < next + 300n, `${last.timestamp}`)
    })

    it(`raises a balance exactly as viem's test client for ${mode} asks, backed by a pledge`, async () => {
      const client = clientOf(mode)
      const address = `0x${(mode === 'anvil' ? 'a1' : 'a2').repeat(20)}` as Hex
      const value = parseEther('123') + 7n
      await client.setBalance({ address, value })
      assert.equal(await client.getBalance({ address }), value)
      await assert.rejects(client.setBalance({ address, value: 1n }), /coins are not destroyed/)
      const { reserve } = await ask<{ reserve: { supplyBase: string; liabilitiesBase: string } }>(
        'chain_reserve',
      )
      assert.equal(reserve.supplyBase, reserve.liabilitiesBase)
    })
  }

  it('refuses a balance that no pledge backs, and issues nothing', async () => {
    const supply = async () =>
      (await ask<{ reserve: { supplyBase: string } }>('chain_reserve')).reserve.supplyBase
    const before = await supply()
    const error = await errorOf('anvil_setBalance', STRANGER, `0x${(10n ** 30n).toString(16)}`)
    assert.match(error!.message, /^QuotaExceeded: the providers may issue \d+ of these \d+ base units$/)
    assert.equal(await supply(), before)
  })

  it('signs and sends for its accounts, as ethers asks', async () => {
    const provider = new JsonRpcProvider(devnet.rpcUrl, undefined, {
      staticNetwork: true,
      polling: true,
      pollingInterval: 20,
    })
    const signer = await provider.getSigner(1)
    assert.equal(signer.address, devnet.accounts[1]!.address)
    const sent = await signer.sendTransaction({ to: STRANGER, value: 5n })
    assert.equal((await sent.wait())?.status, 1)
    assert.equal(await provider.getBalance(STRANGER), 5n)
    const signature = (await signer.signMessage('hello')) as Hex
    assert.equal(await recoverMessageAddress({ message: 'hello', signature }), signer.address)
    provider.destroy()
    const from = devnet.accounts[2]!.address
    const raw = await ask<Hex>('eth_signTransaction', { from, to: STRANGER, value: '0x2' })
    await ask('eth_sendRawTransactionSync', raw)
    assert.equal(BigInt(await ask<Hex>('eth_getBalance', STRANGER, 'latest')), 7n)
    const unknown = await errorOf('eth_sendTransaction', { from: STRANGER, to: STRANGER, value: '0x1' })
    assert.match(unknown!.message, /^unknown account 0x5e5E.* signed transactions only$/)
    assert.equal(await ask('anvil_impersonateAccount', from), null)
    assert.match((await errorOf('hardhat_impersonateAccount', STRANGER))!.message, /^unknown account/)
  })

  it('drops what waits', async () => {
    const from = devnet.accounts[3]!.address
    // A gap before it: nothing includes it.
    const hash = await ask<Hex>('eth_sendTransaction', { from, to: STRANGER, value: '0x1', nonce: '0x5' })
    assert.equal(await ask('anvil_dropTransaction', hash), hash)
    assert.equal(await ask('anvil_dropTransaction', hash), null)
    assert.match((await ask<{ reason: string }>('tx_status', hash)).reason, /dropped/)
    await ask('eth_sendTransaction', { from, to: STRANGER, value: '0x1', nonce: '0x5' })
    await ask('anvil_dropAllTransactions')
    assert.deepEqual(await ask('txpool_status'), { pending: '0x0', queued: '0x0' })
  })

  it('ends windows one after another, and one at most where time alone passes', async () => {
    const first = await windowNow()
    await ask('dev_passWindows', 3)
    assert.equal(await windowNow(), first + 3)
    await devnet.passWindows()
    assert.equal(await windowNow(), first + 4)
    devnet.increaseTime(10 * 3_600_000)
    await devnet.mine()
    assert.equal(await windowNow(), first + 5)
    const height = Number(await ask<Hex>('eth_blockNumber'))
    await devnet.mine({ count: 3, intervalMs: 1_000 })
    assert.ok(Number(await ask<Hex>('eth_blockNumber')) >= height + 3)
  })

  it('grants what is assigned by itself: a request left alone suspends nobody', async () => {
    const client = createClient(httpTransport(devnet.rpcUrl))
    const holder = privateKeyAccount(devnet.accounts[4]!.privateKey)
    const wanted = {
      amountBase: parseEther('25'),
      service: 'infer',
      provider: 0,
      ratingMin: 0n,
      region: '',
    } as const
    const none = {
      jobHash: `0x${'00'.repeat(32)}`,
      clientKey: '0x',
      voucherKey: `0x${'00'.repeat(20)}`,
    } as const
    await client.send(holder, redemption.request({ ...wanted, startBy: 0, finishBy: 0, ...none }))
    // Fees of windows in which nobody signed show that it was granted; a second missing grant would have suspended the provider.
    await devnet.passWindows(6)
    const { feesBase, state } = (await client.query(redemption, 'redemption', { id: 1 }))!
    assert.ok(feesBase >= parseEther('0.25'), `${state}: ${feesBase}`)
    assert.equal((await client.query(issuance, 'quota', { provider: 1 }))!.blocked, '')
    assert.deepEqual(failures, [])
  })

  it('refuses to go back, and says why it has no answer to the rest', async () => {
    assert.match((await errorOf('evm_setTime', 1))!.message, /goes forward alone/)
    assert.match((await errorOf('evm_setNextBlockTimestamp', 1))!.message, /is \d+(\.\d+)? at least, here 1$/)
    assert.match((await errorOf('evm_mine', { blocks: 20_000 }))!.message, /at most 10000 blocks/)
    assert.equal((await errorOf('dev_passWindows', 0))!.code, -32602)
    const absent = await errorOf('anvil_setCode', STRANGER, '0x00')
    assert.equal(absent!.code, -32601)
    assert.match(absent!.message, /^anvil_setCode is not available: this chain has no EVM/)
    await assert.rejects(clientOf('anvil').snapshot(), /is final, as on the real chain/)
    const { methods } = await ask<{ methods: readonly { name: string }[] }>('rpc.discover')
    const names = methods.map(({ name }) => name)
    assert.ok(
      names.includes('evm_mine') && names.includes('dev_passWindows') && !names.includes('anvil_setCode'),
    )
  })
})
