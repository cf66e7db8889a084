// The holder's side on a real chain: a coin becomes an answer, and the voucher for it burns the coin. The provider is a fake one.
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { parseHex } from '../../base/bytes.ts'
import { type Hash32, parseHash32, ZERO_HASH } from '../../base/ids.ts'
import { addRedeem } from '../../cli/commands/redeem.ts'
import { type LocalAccount, parseAddress, privateKeyAccount } from '../../client/accounts/account.ts'
import { type ChainClient, createClient } from '../../client/chainClient.ts'
import { capacity, catalogue, redemption } from '../../client/modules.ts'
import { redeemKeys } from '../../client/redemption/keys.ts'
import { Redeemer } from '../../client/redemption/redeemer.ts'
import { requestRedemption } from '../../client/redemption/request.ts'
import type { RedeemProblemEvent } from '../../client/redemption/states.ts'
import { parseTariff, tariffHash } from '../../client/redemption/tariff.ts'
import { httpTransport } from '../../client/transports/http.ts'
import { createDevnet, type Devnet } from '../../devnet/devnet.ts'
import { FakeProvider } from '../support/fakeProvider.ts'

const COIN = 10n ** 18n
const TARIFF = parseTariff(
  '{"version":1,"minimumBase":"10","models":{"tiny":{"promptBase":"1000000000000","completionBase":"2000000000000"}}}',
)
const COST = 20_000_000_000n

describe('redeeming on a devnet', function () {
  this.timeout(60_000)
  let devnet: Devnet
  let client: ChainClient
  let genesis: Hash32
  let operator: LocalAccount
  let operatorSecret: Uint8Array
  let aliceSecret: Uint8Array
  let alice: LocalAccount
  const state = mkdtempSync(join(tmpdir(), 'suanli-redeem-'))
  const providers: FakeProvider[] = []

  before(async () => {
    devnet = await createDevnet({
      isInProcess: true,
      logLevel: 'silent',
      validators: 1,
      accounts: 3,
      balanceCoins: 1_000,
    })
    client = createClient(httpTransport(devnet.rpcUrl))
    genesis = parseHash32(devnet.genesisHash)!
    const secretOf = (key: string): Uint8Array => parseHex(key.slice(2))!
    operatorSecret = secretOf(devnet.validators[0]!.operator.privateKey)
    aliceSecret = secretOf(devnet.accounts[0]!.privateKey)
    operator = privateKeyAccount(operatorSecret)
    alice = privateKeyAccount(aliceSecret)
    const classes = (await client.query(catalogue, 'classes', {}))!
    const { id } = classes.find(({ slug }) => slug === 'h100-sxm')!
    const terms = { classId: id, region: 'local', endpoint: '', bonusPpm: 0n, runtimeHash: ZERO_HASH }
    await client.send(
      operator,
      redemption.list({ service: 'infer', ...terms, tariffHash: tariffHash(TARIFF) }),
    )
  })

  after(async () => {
    await Promise.all(providers.map((one) => one.close()))
    await devnet.close()
    rmSync(state, { recursive: true, force: true })
  })

  /** Makes blocks until a redemption is assigned; resolves with its assignment. */
  async function assigned(id: number) {
    for (let blocks = 0; blocks < 40; blocks++) {
      const info = await client.query(redemption, 'redemption', { id })
      const [assignment] = info?.assignments ?? []
      if (assignment !== undefined) return assignment
      await devnet.mine()
    }
    throw new Error('nothing is assigned')
  }

  async function serve(id: number, assignment: number, amountBase: bigint): Promise<FakeProvider> {
    const keys = redeemKeys(aliceSecret, genesis)
    const provider = await FakeProvider.start({
      ...{ chainId: devnet.chainId, genesis, redemptionId: id, assignment, amountBase },
      tariff: TARIFF,
      secretKey: operatorSecret,
      signers: { owner: alice.address, voucherKey: keys.voucherKey },
      nowMs: (await client.query(capacity, 'clock', {}))!.startedAtMs,
    })
    providers.push(provider)
    return provider
  }

  const grantTo = async (id: number, assignment: number, ciphertext: Uint8Array): Promise<void> =>
    void (await client.send(operator, redemption.grant({ id, assignment, ciphertext })))

  it('has references for what the devnet pledges', async () => {
    const references = (await client.query(catalogue, 'references', {}))!
    const classes = (await client.query(catalogue, 'classes', {}))!
    for (const slug of ['h100-sxm', 'h200-sxm', 'b200-sxm', 'mi300x'] as const) {
      const { id } = classes.find((one) => one.slug === slug)!
      const found = references.find(({ classId, model }) => classId === id && model === 'llama2-70b')
      assert.ok(found !== undefined && found.tokensPerHour > 10_000_000, slug)
      assert.match(found.source, /MLPerf Inference v5\.1/)
    }
  })

  it('turns a coin into an answer, and its voucher into burned coins', async () => {
    const keys = redeemKeys(aliceSecret, genesis)
    const id = await requestRedemption(client, alice, keys, {
      amountBase: COIN,
      service: 'infer',
      provider: 1,
    })
    const { assignment, amountBase } = await assigned(id)
    const provider = await serve(id, assignment, amountBase)
    await grantTo(id, assignment, await provider.grant(keys.clientKey))
    const redeemer = new Redeemer({ client, id, keys, account: alice, pollMs: 50 })
    const problems: string[] = []
    redeemer.on('problem', ({ error }) => problems.push(error.message)).start()
    await devnet.passWindows()
    const body = JSON.stringify({ model: 'tiny', messages: [{ role: 'user', content: 'Who?' }] })
    const headers = { 'content-type': 'application/json' }
    const response = await redeemer.fetch('/v1/chat/completions', { method: 'POST', headers, body })
    assert.match(await response.text(), /Ishmael/)
    await redeemer.close()
    assert.deepEqual(problems, [])
    assert.equal(provider.voucheredBase, COST)
    const { signature } = provider
    await client.send(operator, redemption.settle({ id, assignment, deliveredBase: COST, signature }))
    const info = (await client.query(redemption, 'redemption', { id }))!
    assert.equal(info.burnedBase + info.transferredBase, COST)
  })

  it('rejects a junk grant, and the chain counts it', async () => {
    const keys = redeemKeys(aliceSecret, genesis)
    const id = await requestRedemption(client, alice, keys, {
      amountBase: COIN,
      service: 'infer',
      provider: 1,
    })
    const { assignment } = await assigned(id)
    await grantTo(id, assignment, new Uint8Array(99).fill(1))
    await devnet.passWindows()
    const redeemer = new Redeemer({ client, id, keys, account: alice, pollMs: 50 })
    const problem = new Promise<RedeemProblemEvent>((resolve) => redeemer.on('problem', resolve))
    redeemer.start()
    const { error, isRejected } = await problem
    await redeemer.close()
    assert.deepEqual([error.code, isRejected], ['grantSealed', true])
    const tallies = (await client.query(redemption, 'rejections', { provider: 1 }))!
    assert.equal(tallies.find(({ reason }) => reason === 'unreachable')?.count, 1)
  })

  /** Runs a command line in this process; resolves with what it printed. */
  async function printed(args: readonly string[]): Promise<string> {
    const { write } = process.stdout
    let text = ''
    process.stdout.write = (piece: string | Uint8Array): boolean => {
      text += String(piece)
      return true
    }
    try {
      const program = new Command('suanli').exitOverride()
      addRedeem(program, () => undefined)
      const where = ['--json', '--rpc', devnet.rpcUrl, '--state', state]
      await program.parseAsync(['node', 'suanli', 'redeem', ...args, ...where])
    } finally {
      process.stdout.write = write
    }
    return text
  }

  /** Makes blocks until an account's first redemption is there. */
  async function requestedBy(owner: string): Promise<number> {
    for (let blocks = 0; blocks < 40; blocks++) {
      const page = await client.query(redemption, 'redemptions', {
        owner: parseAddress(owner),
        cursor: 0,
        limit: 1,
      })
      const [found] = page?.redemptions ?? []
      if (found !== undefined) return found.id
      await devnet.mine()
    }
    throw new Error('nothing is requested')
  }

  it('is one command for a person: base URL and key, and no key in any file', async () => {
    const { address, privateKey } = devnet.accounts[2]!
    const run = printed(['1', '--dev', '2', '--service', 'inference', '--provider', '1', '--model', 'tiny'])
    const id = await requestedBy(address)
    const { assignment, amountBase } = await assigned(id)
    const provider = await serve(id, assignment, amountBase)
    const { clientKey } = (await client.query(redemption, 'redemption', { id }))!
    await grantTo(id, assignment, await provider.grant(clientKey))
    await devnet.passWindows()
    const answer = JSON.parse(await run) as {
      baseUrl: string
      apiKey: string
      models: string[]
      redemption: number
    }
    assert.deepEqual([answer.redemption, answer.models], [id, ['tiny']])
    const headers = { authorization: `Bearer ${answer.apiKey}` }
    assert.equal((await fetch(`${answer.baseUrl}/models`, { headers })).status, 200)
    const [file] = readdirSync(state)
    assert.equal(statSync(join(state, file!)).mode & 0o777, 0o600)
    const kept = readFileSync(join(state, file!), 'utf8')
    assert.ok(!kept.includes(privateKey.slice(2)) && !kept.includes(answer.apiKey))
    const [row] = JSON.parse(await printed(['status'])) as { redemption: number; coins: string }[]
    assert.deepEqual([row!.redemption, row!.coins], [id, '1'])
  })
})
