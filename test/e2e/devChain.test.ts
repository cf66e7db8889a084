// A devnet in one process with time, blocks and coins at will, through the tools that researchers have: viem's test client in both
// of its modes, ethers' signer of a node's accounts, and createDevnet itself.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { JsonRpcProvider } from 'ethers'
import {
  createTestClient,
  type Hex,
  http,
  parseEther,
  publicActions,
  recoverMessageAddress,
  recoverTypedDataAddress,
  walletActions,
} from 'viem'
import { WebSocket } from 'ws'
import { privateKeyAccount } from '../../client/accounts/account.ts'
import { createClient } from '../../client/chainClient.ts'
import { issuance, redemption } from '../../client/modules.ts'
import { httpTransport } from '../../client/transports/http.ts'
import { createDevnet, type Devnet, type DevnetEvent } from '../../devnet/devnet.ts'
import { call, post } from '../support/jsonRpc.ts'

const DAY = 86_400
const STRANGER = `0x${'5e'.repeat(20)}` as const

const quantity = (height: number): Hex => `0x${height.toString(16)}`

/** The second line of a state file. */
function headOf(state: Hex) {
  const [, head] = gunzipSync(Buffer.from(state.slice(2), 'hex'))
    .toString()
    .split('\n')
  return JSON.parse(head!.replace('head ', '')) as {
    readonly height: number
    readonly blockHash: Hex
    readonly stateRoot: Hex
    readonly timestampMs: number
  }
}

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

  it('refuses coins for an account that takes none, and issues nothing', async () => {
    const supply = async () =>
      (await ask<{ reserve: { supplyBase: string } }>('chain_reserve')).reserve.supplyBase
    const before = await supply()
    const module = `0x7375616e6c69${'0'.repeat(27)}8`
    assert.match((await errorOf('anvil_setBalance', module, '0xde0b6b3a7640000'))!.message, /^NoAction/)
    const zero = `0x${'0'.repeat(40)}`
    assert.match(
      (await errorOf('anvil_setBalance', zero, '0xde0b6b3a7640000'))!.message,
      /^UnreachableAddress/,
    )
    assert.equal(await supply(), before)
  })

  it('raises a balance while other commands wait for their turn', async () => {
    const address = `0x${'a3'.repeat(20)}`
    await Promise.all([
      ask('anvil_setBalance', address, '0x5'),
      ask('hardhat_setBalance', address, '0x5'),
      ...['evm_mine', 'anvil_mine', 'evm_snapshot', 'dev_passWindows', 'evm_mine'].map((method) =>
        ask(method),
      ),
    ])
    assert.equal(await ask('eth_getBalance', address, 'latest'), '0x5')
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
    assert.match(
      unknown!.message,
      /^unknown account 0x5e5E.* anvil_impersonateAccount lets it send as any other$/,
    )
    assert.equal(await ask('anvil_impersonateAccount', from), null)
    const module = `0x7375616e6c69${'0'.repeat(27)}8`
    const refused = await errorOf('hardhat_impersonateAccount', module)
    assert.match(refused!.message, /account of the chain's own rules/)
  })

  it('signs typed data, as ethers and viem ask', async () => {
    const domain = { name: 'Shop', version: '2', chainId: devnet.chainId }
    const types = {
      Order: [
        { name: 'buyer', type: 'Person' },
        { name: 'items', type: 'uint256[]' },
      ],
      Person: [{ name: 'wallet', type: 'address' }],
    }
    const message = { buyer: { wallet: STRANGER }, items: [1n, 2n] }
    const provider = new JsonRpcProvider(devnet.rpcUrl, undefined, { staticNetwork: true })
    const signer = await provider.getSigner(1)
    const typed = { domain, types, primaryType: 'Order', message } as const
    const signatures = [
      (await signer.signTypedData(domain, types, message)) as Hex,
      await clientOf('anvil').signTypedData({ account: devnet.accounts[1]!.address, ...typed }),
    ]
    for (const signature of signatures)
      assert.equal(await recoverTypedDataAddress({ ...typed, signature }), signer.address)
    provider.destroy()
    const wrong = await errorOf('eth_signTypedData_v4', signer.address, {
      types: {},
      domain: {},
      message: {},
    })
    assert.match(wrong!.message, /^primaryType: expected the name of a type$/)
    const unknown = await errorOf('eth_signTypedData_v4', STRANGER, JSON.stringify({ ...typed, message: {} }))
    assert.match(unknown!.message, /message\.items: expected a list|unknown account/)
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

  it("goes back to a snapshot as viem's test client asks, while others wait, and on from there", async () => {
    const client = clientOf('hardhat')
    const [from, to] = [devnet.accounts[5]!.address, `0x${'5f'.repeat(20)}` as Hex]
    const pay = () => ask<Hex>('eth_sendTransaction', { from, to, value: '0x5' })
    const seen = async () => ({
      height: await client.getBlockNumber(),
      balance: await client.getBalance({ address: to }),
    })
    await pay()
    const socket = new WebSocket(devnet.wsUrl)
    await once(socket, 'open')
    const closed = once(socket, 'close')
    const before = { ...(await seen()), time: (await client.getBlock()).timestamp }
    const id = await client.snapshot()
    for (let i = 0; i < 2; i++) {
      const later = await ask<Hex>('evm_snapshot')
      const paid = await pay()
      await client.increaseTime({ seconds: 10 * DAY })
      await client.mine({ blocks: 2 })
      assert.equal((await seen()).balance, 10n)
      assert.equal(await ask('evm_revert', later), true)
      assert.deepEqual(await seen(), { height: before.height, balance: before.balance })
      assert.equal(await ask('eth_getTransactionReceipt', paid), null)
      assert.equal(await ask('evm_revert', later), false)
    }
    await pay()
    await client.revert({ id })
    assert.equal((await closed)[0], 1012)
    // Asked while it goes back, it answers once it has.
    await pay()
    const last = await ask<Hex>('evm_snapshot')
    await pay()
    const [, answered] = await Promise.all([
      ask('evm_revert', last),
      ask<Hex>('eth_getBalance', to, 'latest'),
    ])
    assert.ok([10n, 15n].includes(BigInt(answered)))
    assert.equal((await seen()).balance, 10n)
    const { timestamp } = await client.getBlock()
    assert.ok(timestamp >= before.time && timestamp < before.time + BigInt(DAY))
    await devnet.passWindows(2)
    assert.deepEqual(failures, [])
  })

  it('goes back far and often while it runs, and its folder holds that chain', async () => {
    const client = clientOf('anvil')
    const height = await client.getBlockNumber()
    const id = await client.snapshot()
    const { hash } = await client.getBlock({ blockNumber: height })
    /** A heartbeat or two may have come since, on a busy machine. */
    const isBack = async (): Promise<void> => {
      assert.equal((await client.getBlock({ blockNumber: height })).hash, hash)
      assert.ok((await client.getBlockNumber()) <= height + 3n)
    }
    // Below the heights whose trees are kept.
    await devnet.mine({ count: 66, intervalMs: 1_000 })
    await client.revert({ id })
    await isBack()
    for (let i = 0; i < 5; i++) {
      const again = await client.snapshot()
      const pay = { from: devnet.accounts[6]!.address, to: STRANGER, value: '0x1' }
      const paid = await ask<Hex>('eth_sendTransaction', pay)
      await client.revert({ id: again })
      assert.equal(await ask('eth_getTransactionReceipt', paid), null)
      await isBack()
    }
    // Trees of the blocks that were taken back are gone, those below are not.
    for (const at of [height, height - 3n])
      assert.ok((await ask<{ proof?: unknown }>('account_balance', STRANGER, true, Number(at))).proof)
    await devnet.stopValidator(0)
    await devnet.startValidator(0)
    await isBack()
    await devnet.mine({ count: 2 })
    assert.deepEqual(failures, [])
    const log = readFileSync(devnet.validators[0]!.logFile, 'utf8')
    assert.doesNotMatch(log, /"level":"(?:error|fatal)"/)
  })

  it('answers its whole state, and goes on from it again', async () => {
    const pay = () =>
      ask('eth_sendTransaction', { from: devnet.accounts[7]!.address, to: STRANGER, value: '0x9' })
    await pay()
    const balance = () => ask<Hex>('eth_getBalance', STRANGER, 'latest')
    const before = await balance()
    const state = await ask<Hex>('anvil_dumpState')
    const { height, blockHash, stateRoot } = headOf(state)
    await pay()
    await devnet.passWindows(1)
    assert.equal(await ask('anvil_loadState', state), true)
    const at = await ask<{ hash: Hex; stateRoot: Hex }>('eth_getBlockByNumber', quantity(height), false)
    assert.deepEqual([at.hash, at.stateRoot], [blockHash, stateRoot])
    assert.equal(await balance(), before)
    // No more than a heartbeat may have come since.
    assert.ok(Number(await ask<Hex>('eth_blockNumber')) <= height + 2)
    await pay()
    assert.equal(BigInt(await balance()), BigInt(before) + 9n)
    const text = gunzipSync(Buffer.from(state.slice(2), 'hex')).toString()
    const damaged = `0x${gzipSync(text.replace(/record 0x(..)/, 'record 0xff')).toString('hex')}`
    const twice = `0x${gzipSync(text + text).toString('hex')}` as const
    assert.match((await errorOf('dev_loadState', twice))!.message, /something follows its last line/)
    for (const wrong of [damaged, '0x1234', `0x${gzipSync('suanli state 1\n').toString('hex')}`]) {
      assert.match((await errorOf('dev_loadState', wrong))!.message, /state file|dev_dumpState/)
    }
  })

  it('begins a devnet from a state, with its height and its root', async () => {
    const file = join(devnet.dataDir, '..', `state-${process.pid}.gz`)
    const state = await ask<Hex>('dev_dumpState')
    const { height, stateRoot, timestampMs } = headOf(state)
    writeFileSync(file, Buffer.from(state.slice(2), 'hex'))
    try {
      const other = await createDevnet({ stateFile: file, isInProcess: true, logLevel: 'warn' })
      const at = (tag: string) =>
        call<{ number: Hex; stateRoot: Hex }>(other.rpcUrl, 'eth_getBlockByNumber', [tag, false])
      assert.equal((await at(quantity(height))).stateRoot, stateRoot)
      const { nowMs } = await call<{ nowMs: number }>(other.rpcUrl, 'dev_time')
      assert.ok(nowMs >= timestampMs && nowMs < timestampMs + 60_000)
      await other.mine()
      assert.ok(Number((await at('latest')).number) > height)
      await other.close()
      await assert.rejects(
        createDevnet({ stateFile: file, isInProcess: true, validators: 4 }),
        /validators: the state file decides it/,
      )
    } finally {
      rmSync(file)
    }
  })

  it('has no links where it is alone, and says so', async () => {
    assert.match((await errorOf('dev_partition', [[0]]))!.message, /^a single validator has no links/)
    assert.throws(() => devnet.heal(), /a single validator has no links/)
    await assert.rejects(createDevnet({ validators: 1, windowMs: 60_000, latencyMs: 5 }), /has no links/)
  })

  it('refuses times that no block could have, and goes on', async () => {
    for (const junk of ['x', true, [1], { blocks: -1 }, { blocks: 1.5 }, { timestamp: {} }])
      assert.equal((await errorOf('evm_mine', junk))!.code, -32602, JSON.stringify(junk))
    for (const timestamp of [Number.MAX_SAFE_INTEGER, 100_000_000_001])
      assert.equal((await errorOf('evm_mine', { timestamp }))!.code, -32602)
    const start = await ask<string>('evm_snapshot')
    await ask('evm_setTime', 100_000_000_000 - 1_000)
    assert.match((await errorOf('evm_increaseTime', 2_000))!.message, /goes to 100000000000 at most/)
    assert.match((await errorOf('anvil_mine', 10_000, 1_000))!.message, /goes to 100000000000 at most/)
    assert.equal(await ask('evm_mine'), '0x0')
    assert.equal(await ask('evm_revert', start), true)
    assert.equal(await ask('evm_mine'), '0x0')
  })

  it('refuses to go back in time, and says why it has no answer to the rest', async () => {
    assert.match((await errorOf('evm_setTime', 1))!.message, /goes forward alone/)
    assert.match((await errorOf('evm_setNextBlockTimestamp', 1))!.message, /is \d+(\.\d+)? at least, here 1$/)
    assert.match((await errorOf('evm_mine', { blocks: 20_000 }))!.message, /expected at most 10000 blocks/)
    assert.equal((await errorOf('dev_passWindows', 0))!.code, -32602)
    const absent = await errorOf('anvil_setCode', STRANGER, '0x00')
    assert.equal(absent!.code, -32601)
    assert.match(absent!.message, /^anvil_setCode is not available: this chain has no EVM/)
    const { methods } = await ask<{ methods: readonly { name: string }[] }>('rpc.discover')
    const names = methods.map(({ name }) => name)
    assert.ok(
      names.includes('evm_mine') && names.includes('dev_passWindows') && !names.includes('anvil_setCode'),
    )
  })
})
