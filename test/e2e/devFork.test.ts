// A devnet that begins with the state of another chain: of foreign validators, by a file; of another devnet, by its JSON-RPC.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import {
  createTestClient,
  createWalletClient,
  type Hex,
  http,
  parseEther,
  publicActions,
  walletActions,
} from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { parseChecksumAddress } from '../../base/address.ts'
import { toHex } from '../../base/bytes.ts'
import { parseHash32 } from '../../base/ids.ts'
import { privateKeyAccount } from '../../client/accounts/account.ts'
import { type ChainClient, createClient } from '../../client/chainClient.ts'
import { LightClient } from '../../client/lightClient.ts'
import { issuance, providers, redemption } from '../../client/modules.ts'
import { httpProvider } from '../../client/provider.ts'
import { httpTransport } from '../../client/transports/http.ts'
import { trustGenesis } from '../../client/trust.ts'
import { createDevnet, type Devnet } from '../../devnet/devnet.ts'
import { ForeignChain, foreignSecret } from '../support/foreignChain.ts'
import { call, post } from '../support/jsonRpc.ts'

const CHAIN_ID = 7_357
const STRANGER = `0x${'5e'.repeat(20)}` as const
const NO_JOB = {
  jobHash: `0x${'00'.repeat(32)}`,
  clientKey: '0x',
  voucherKey: `0x${'00'.repeat(20)}`,
} as const

describe('a forked devnet', function () {
  this.timeout(120_000)
  const dataDir = mkdtempSync(join(tmpdir(), 'suanli-fork-'))
  const holder = privateKeyToAccount(toHex(foreignSecret('holder')))
  let foreign: ForeignChain
  let file: string
  let known: { readonly height: number; readonly state: Record<string, unknown> }
  let devnet: Devnet

  const ask = <T>(method: string, ...params: readonly unknown[]): Promise<T> =>
    call<T>(devnet.rpcUrl, method, params)
  /** What must be as it was. */
  const figuresOf = async (url: string): Promise<Record<string, unknown>> => {
    const client = createClient(httpTransport(url))
    const { reserve } = await call<{ reserve: object }>(url, 'chain_reserve', [])
    return {
      reserve,
      holder: await call(url, 'eth_getBalance', [holder.address, 'latest']),
      stranger: await call(url, 'eth_getBalance', [STRANGER, 'latest']),
      nonce: await call(url, 'eth_getTransactionCount', [holder.address, 'latest']),
      request: await client.query(redemption, 'redemption', { id: 1 }),
      quota: await client.query(issuance, 'quota', { provider: 1 }),
    }
  }
  const heightOf = async (url: string): Promise<number> => Number(await call<Hex>(url, 'eth_blockNumber', []))
  const providerOf = (client: ChainClient, id: number) => client.query(providers, 'provider', { id })
  /** Resolves once the newest recount of invariants has found nothing. */
  const assertWhole = async (): Promise<void> => {
    const { reserve } = await ask<{ reserve: Record<string, string> }>('chain_reserve')
    assert.equal(reserve.supplyBase, reserve.liabilitiesBase)
    assert.ok(!('mintStop' in reserve) || reserve.mintStop === null, JSON.stringify(reserve))
    for (const { logFile } of devnet.validators)
      assert.doesNotMatch(readFileSync(logFile, 'utf8'), /"level":"(?:error|fatal)"|invariant/)
  }

  before(async () => {
    foreign = await ForeignChain.start({ validators: 2, holders: ['holder'], chainId: CHAIN_ID })
    const client = createClient(httpTransport(foreign.rpcUrl))
    const wallet = createWalletClient({ account: holder, transport: http(foreign.rpcUrl) }).extend(
      publicActions,
    )
    for (let i = 0; i < 3; i++) {
      const hash = await wallet.sendTransaction({ to: STRANGER, value: parseEther('5'), chain: null })
      await wallet.waitForTransactionReceipt({ hash, pollingInterval: 20 })
    }
    await client.send(
      privateKeyAccount(foreignSecret('holder')),
      redemption.request({
        ...{ amountBase: parseEther('25'), service: 'infer', provider: 0, ratingMin: 0n, region: '' },
        ...{ startBy: 0, finishBy: 0 },
        ...NO_JOB,
      }),
    )
    // The next block queues the request; after that nothing changes by itself.
    for (
      let tries = 0;
      ((await client.query(redemption, 'redemption', { id: 1 }))?.sequence ?? 0) === 0;
      tries++
    )
      assert.ok(tries < 1_000, 'the request is queued')
    const figures = await figuresOf(foreign.rpcUrl)
    known = { height: await heightOf(foreign.rpcUrl), state: figures }
    file = await foreign.end()
    devnet = await createDevnet({ fork: file, dataDir, logLevel: 'warn' })
  })
  after(async () => {
    await devnet?.close()
    foreign?.remove()
    rmSync(dataDir, { recursive: true, force: true })
  })

  it('has the state of the other chain, an id of its own, and makes blocks with its own validators', async () => {
    assert.equal(devnet.validators.length, 2)
    assert.equal(await ask('eth_chainId'), `0x${(83_838).toString(16)}`)
    assert.ok(devnet.firstFinal.height >= known.height)
    const { reserve: _, ...was } = known.state
    const { reserve: __, ...is } = await figuresOf(devnet.rpcUrl)
    assert.deepEqual(is, was)
    const client = createClient(httpTransport(devnet.rpcUrl))
    const [first] = foreign.genesis.providers
    const member = (await providerOf(client, 1))!
    assert.equal(toHex(member.operator), toHex(first!.operator))
    assert.notEqual(toHex(member.consensusKey), toHex(first!.consensusKey))
    await devnet.mine({ count: 8 })
    await assertWhole()
  })

  it('sends as any account that it is told to impersonate, and as the operators', async () => {
    const client = createTestClient({
      mode: 'anvil',
      transport: http(devnet.rpcUrl),
      cacheTime: 0,
      pollingInterval: 20,
    })
      .extend(publicActions)
      .extend(walletActions)
    const to = `0x${'7a'.repeat(20)}` as Hex
    const pay = () => client.sendTransaction({ account: STRANGER, to, value: parseEther('1'), chain: null })
    await assert.rejects(pay(), /anvil_impersonateAccount lets it send as any other/)
    await client.impersonateAccount({ address: STRANGER })
    const hash = await pay()
    const receipt = await client.waitForTransactionReceipt({ hash })
    assert.deepEqual([receipt.status, receipt.from], ['success', STRANGER])
    assert.equal((await client.getTransaction({ hash })).from, STRANGER)
    assert.equal(await client.getBalance({ address: to }), parseEther('1'))
    await client.stopImpersonatingAccount({ address: STRANGER })
    await assert.rejects(pay(), /unknown account/)
    await client.setBalance({ address: to, value: parseEther('2') })
    assert.equal(await client.getBalance({ address: to }), parseEther('2'))
    const escrow = `0x7375616e6c69${'03'.padEnd(26, '0')}01`
    const { error } = await post(
      devnet.rpcUrl,
      JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'anvil_impersonateAccount', params: [escrow] }),
    )
    assert.match(error!.message, /account of the chain's own rules/)
    await ask('anvil_autoImpersonateAccount', true)
    await pay()
    await ask('anvil_autoImpersonateAccount', false)
    await assertWhole()
  })

  it('is a chain that light clients follow from its own genesis, and goes on through windows and reverts', async () => {
    const id = await devnet.snapshot()
    const supply = (await ask<{ reserve: { supplyBase: string } }>('chain_reserve')).reserve.supplyBase
    await devnet.passWindows(3)
    assert.equal(await devnet.revert(id), true)
    assert.equal((await ask<{ reserve: { supplyBase: string } }>('chain_reserve')).reserve.supplyBase, supply)
    await assertWhole()
    const provider = httpProvider(devnet.rpcUrl)
    const trusted = trustGenesis(
      await provider.request('chain_genesis', {}),
      parseHash32(devnet.genesisHash)!,
    )
    assert.ok(trusted.ok)
    const light = new LightClient({ origin: { kind: 'set', trusted: trusted.value }, providers: [provider] })
    const { balanceBase } = await light.balance(parseChecksumAddress(holder.address)!)
    assert.equal(balanceBase, BigInt(await ask<Hex>('eth_getBalance', holder.address, 'latest')))
  })

  it('is dumped and loaded, and goes on where it was when it is started again', async () => {
    const state = await ask<Hex>('dev_dumpState')
    await ask('anvil_autoImpersonateAccount', true)
    await ask('eth_sendTransaction', { from: STRANGER, to: holder.address, value: '0x1' })
    const paid = await ask<Hex>('eth_getBalance', holder.address, 'latest')
    assert.equal(await ask('dev_loadState', state), true)
    assert.notEqual(await ask<Hex>('eth_getBalance', holder.address, 'latest'), paid)
    await ask('anvil_autoImpersonateAccount', true)
    const sent = await ask<Hex>('eth_sendTransaction', { from: STRANGER, to: holder.address, value: '0x3' })
    const height = await heightOf(devnet.rpcUrl)
    await devnet.close()
    devnet = await createDevnet({ fork: file, dataDir, logLevel: 'warn' })
    assert.ok((await heightOf(devnet.rpcUrl)) >= height)
    assert.equal((await ask<{ from: string }>('eth_getTransactionByHash', sent)).from, STRANGER)
    await assertWhole()
  })

  it('forks a devnet that runs, by its JSON-RPC', async () => {
    const own = await createDevnet({ fork: devnet.rpcUrl, chainId: 4_242, logLevel: 'warn' })
    try {
      assert.equal(own.chainId, 4_242)
      const { reserve: _, ...here } = await figuresOf(own.rpcUrl)
      const { reserve: __, ...there } = await figuresOf(devnet.rpcUrl)
      assert.deepEqual(here, there)
      assert.notEqual(own.genesisHash, devnet.genesisHash)
    } finally {
      await own.close()
    }
  })

  it('refuses what it cannot fork, and changes nothing', async () => {
    const refuses = (options: object, reason: RegExp) =>
      assert.rejects(createDevnet({ fork: file, ...options }), reason)
    await refuses({ validators: 2 }, /^OperatorError: validators: the forked state decides it/)
    await refuses({ isInProcess: false }, /a forked chain runs in one process/)
    await devnet.close()
    await refuses({ dataDir, chainId: 5 }, /holds a devnet with other settings/)
    const text = gunzipSync(readFileSync(file)).toString()
    const damaged = join(dataDir, 'damaged.gz')
    writeFileSync(damaged, gzipSync(text.replace(/(\nepochProof 0x[0-9a-f]+)..\n/, '$100\n')))
    await assert.rejects(createDevnet({ fork: damaged }), /malformed|does not follow from its genesis/)
    await assert.rejects(createDevnet({ fork: 'http://127.0.0.1:9' }), /127\.0\.0\.1:9/)
  })
})
