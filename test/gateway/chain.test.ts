// A whole gateway on a chain: grants as soon as assigned, vouchers settled in time, restarts, and two gateways of one provider.
import { strict as assert } from 'node:assert'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mustExist } from '../../base/assert.ts'
import { parseHex } from '../../base/bytes.ts'
import { type Hash32, ZERO_ADDRESS, ZERO_HASH } from '../../base/ids.ts'
import { COIN } from '../../base/units.ts'
import { privateKeyAccount } from '../../client/accounts/account.ts'
import { type ChainClient, createClient } from '../../client/chainClient.ts'
import { eventsOf } from '../../client/logs.ts'
import { capacity, redemption } from '../../client/modules.ts'
import { apiKeyText, clientKeyOf, openGrant } from '../../client/redemption/grant.ts'
import { parseTariff, tariffHash } from '../../client/redemption/tariff.ts'
import { signVoucher } from '../../client/redemption/voucher.ts'
import { httpTransport } from '../../client/transports/http.ts'
import { createDevnet, type Devnet } from '../../devnet/devnet.ts'
import { parseGatewayConfig } from '../../gateway/config.ts'
import { createGateway, type RunningGateway } from '../../gateway/gateway.ts'
import { TARIFF } from './door.ts'
import { FakeUpstream } from './fakeUpstream.ts'

const CLIENT_SECRET = new Uint8Array(32).fill(5)
const QUIET = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }
const AMOUNT_BASE = 5n * COIN
/** Assignments of a redemption are numbered from here. */
const FIRST = 1

describe('gateway: on a chain', function () {
  this.timeout(120_000)
  let devnet: Devnet
  let client: ChainClient
  let upstream: FakeUpstream
  let folder: string
  const gateways: RunningGateway[] = []

  before(async () => {
    devnet = await createDevnet({ isInProcess: true, validators: 1, windowMs: 600_000, logLevel: 'warn' })
    client = createClient(httpTransport(devnet.rpcUrl))
    upstream = await FakeUpstream.start()
    folder = mkdtempSync(join(tmpdir(), 'suanli-gateway-chain-'))
    writeFileSync(join(folder, 'tariff.json'), JSON.stringify(TARIFF))
    const [lot] = (await client.query(capacity, 'lots', { provider: 1 }))!
    const { classId, region } = lot!
    const tariff = tariffHash(parseTariff(JSON.stringify(TARIFF)))
    const offer = { classId, region, endpoint: '', bonusPpm: 0n, runtimeHash: ZERO_HASH }
    const operator = privateKeyAccount(devnet.validators[0]!.operator.privateKey)
    await client.send(operator, redemption.list({ service: 'infer', ...offer, tariffHash: tariff }))
    await client.send(operator, redemption.list({ service: 'train', ...offer, tariffHash: ZERO_HASH }))
  })
  afterEach(async () => {
    for (const gateway of gateways.splice(0)) await gateway.close()
  })
  after(async () => {
    await upstream.close()
    await devnet.close()
    rmSync(folder, { recursive: true, force: true })
  })

  async function start(name: string, more: object = {}): Promise<RunningGateway> {
    const config = parseGatewayConfig(
      {
        listen: '127.0.0.1:0',
        node: devnet.rpcUrl,
        keystore: 'none',
        dataDir: name,
        tariff: 'tariff.json',
        backends: [{ models: ['tiny'], url: upstream.url, kind: 'openai', contextTokens: 256 }],
        pollMs: 200,
        ...more,
      },
      folder,
    )
    const providerSecret = parseHex(devnet.validators[0]!.operator.privateKey.slice(2))!
    const gateway = await createGateway({ config, providerSecret, log: QUIET })
    gateways.push(gateway)
    return gateway
  }

  const holderSecret = (): Uint8Array => parseHex(devnet.accounts[1]!.privateKey.slice(2))!

  async function request(clientKey = clientKeyOf(CLIENT_SECRET)): Promise<number> {
    const call = redemption.request({
      ...{
        amountBase: AMOUNT_BASE,
        service: 'infer',
        provider: 1,
        ratingMin: 0n,
        region: '',
        startBy: 0,
        finishBy: 0,
      },
      ...{ jobHash: ZERO_HASH, clientKey, voucherKey: ZERO_ADDRESS },
    })
    const { logs } = await client.send(privateKeyAccount(holderSecret()), call)
    const asked = mustExist(
      eventsOf(redemption, logs).find(({ name }) => name === 'Requested'),
      'requested',
    )
    return (asked.args as { readonly id: number }).id
  }

  /** Blocks until something holds; each is awaited, so that the gateway sees it. */
  async function until<T>(what: string, find: () => Promise<T | undefined | false>): Promise<T> {
    for (let block = 0; block < 40; block++) {
      const found = await find()
      if (found !== undefined && found !== false) return found
      await devnet.mine()
      for (const gateway of gateways) await gateway.catchUp()
    }
    throw new Error(`not within 40 blocks: ${what}`)
  }

  const assignment = (id: number) => client.query(redemption, 'assignment', { id, assignment: FIRST })
  const granted = (id: number) =>
    until(`redemption ${id} is granted`, async () => {
      const info = await assignment(id)
      return info?.grant === undefined || info.grantedAtMs === 0 ? undefined : info
    })

  async function opened(id: number, ciphertext: Uint8Array) {
    const genesis = parseHex(devnet.genesisHash.slice(2)) as Hash32
    return openGrant(
      { genesis, redemptionId: id, assignment: FIRST, clientSecret: CLIENT_SECRET },
      ciphertext,
    )
  }

  async function enter(id: number) {
    const info = await granted(id)
    const grant = await opened(id, mustExist(info.grant, 'granted'))
    while ((await windowOf()) < info.window) await devnet.passWindows()
    for (const gateway of gateways) await gateway.catchUp()
    return { grant, info }
  }

  async function windowOf(): Promise<number> {
    return (await client.query(capacity, 'clock', {}))!.windowIndex
  }

  const chat = (baseUrl: string, apiKey: Uint8Array) =>
    fetch(`${baseUrl}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${apiKeyText(apiKey)}` },
      body: JSON.stringify({ model: 'tiny', messages: [{ role: 'user', content: 'a b c' }], max_tokens: 4 }),
    })

  async function vouch(
    baseUrl: string,
    apiKey: Uint8Array,
    id: number,
    deliveredBase: bigint,
  ): Promise<number> {
    const provider = parseHex(devnet.validators[0]!.operator.address.slice(2).toLowerCase())!
    const genesis = parseHex(devnet.genesisHash.slice(2)) as Hash32
    const voucher = { redemptionId: id, assignment: FIRST, provider, deliveredBase, genesis }
    const { signature } = signVoucher(voucher, devnet.chainId, holderSecret())
    const response = await fetch(`${baseUrl}/suanli/v1/vouchers`, {
      method: 'POST',
      headers: { authorization: `Bearer ${apiKeyText(apiKey)}` },
      body: JSON.stringify({
        deliveredBase: `${deliveredBase}`,
        signature: `0x${Buffer.from(signature).toString('hex')}`,
      }),
    })
    return response.status
  }

  it('grants what is assigned, serves it in its window, settles before the end, and reads back what was settled', async () => {
    const gateway = await start('one')
    const id = await request()
    const { grant, info } = await enter(id)
    assert.equal(grant.baseUrl, gateway.url)
    assert.equal(grant.validUntilMs - grant.validFromMs, 600_000)
    const answer = await chat(grant.baseUrl, grant.apiKey)
    assert.equal(answer.status, 200)
    assert.equal(await vouch(grant.baseUrl, grant.apiKey, id, 11_000n), 200)
    // A tenth of the assignment it is not: it waits for the last fifth of the window.
    await gateway.catchUp()
    assert.equal((await assignment(id))!.voucheredBase, 0n)
    devnet.increaseTime(500_000)
    await devnet.mine()
    const settled = await until('the voucher is settled', async () => {
      const now = await assignment(id)
      return now !== undefined && now.settledBase > 0n && now
    })
    assert.equal(settled.voucheredBase, 11_000n)
    await gateway.catchUp()
    assert.equal(
      gateway.context.sessions.get({ redemptionId: id, assignment: FIRST })!.assigned.settledBase,
      11_000n,
    )
    assert.equal(info.provider, gateway.provider)
  })

  it('finds everything again after a restart: assignments, meters, and the vouchers that were not settled', async () => {
    const first = await start('again')
    const id = await request()
    const { grant } = await enter(id)
    await chat(grant.baseUrl, grant.apiKey)
    // It ends without settling: as a crash would, but in order.
    assert.equal(await vouch(grant.baseUrl, grant.apiKey, id, 11_000n), 200)
    gateways.length = 0
    await first.close()
    const next = await start('again')
    const answer = await chat(next.url, grant.apiKey)
    assert.equal(answer.status, 200)
    assert.equal(answer.headers.get('suanli-metered'), '22000')
    assert.equal(answer.headers.get('suanli-vouchered'), '11000')
  })

  it('takes what another gateway of the provider granted, with the same key, and settles the higher voucher', async () => {
    const [one, two] = [await start('left'), await start('right')]
    const id = await request()
    const { grant } = await enter(id)
    assert.ok([one.url, two.url].includes(grant.baseUrl))
    for (const { url } of [one, two]) assert.equal((await chat(url, grant.apiKey)).status, 200)
    await chat(two.url, grant.apiKey)
    assert.equal(await vouch(one.url, grant.apiKey, id, 11_000n), 200)
    assert.equal(await vouch(two.url, grant.apiKey, id, 22_000n), 200)
    devnet.increaseTime(500_000)
    await devnet.mine()
    await until('the higher voucher is settled', async () => (await assignment(id))?.settledBase === 22_000n)
    assert.equal(one.alarms.standing.has('vouchersUnsettled'), false)
  })

  it('posts something for a client key that nothing can be sealed for: the mistake is not its own', async () => {
    await start('junk')
    const id = await request(new Uint8Array(0))
    const info = await granted(id)
    assert.match(Buffer.from(info.grant!).toString(), /nothing can be sealed/)
  })

  it('alarms when the listing names another tariff, and for an account that is no member', async () => {
    const gateway = await start('listing', { services: ['infer', 'train', 'finetune'] })
    await until('the listing is looked at', async () => gateway.alarms.standing.has('listingDiffers'))
    const alarm = gateway.alarms.standing.get('listingDiffers')!
    assert.match(alarm, /^train: the listing names another tariff: .*; finetune is not listed/)
    const stranger = parseHex(devnet.accounts[5]!.privateKey.slice(2))!
    const { config } = gateway.context
    const other = { ...config, dataDir: join(folder, 'stranger') }
    await assert.rejects(
      createGateway({ config: other, providerSecret: stranger, log: QUIET }),
      /no member of this chain/,
    )
  })
})
