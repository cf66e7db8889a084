// A coin buys real AI work (GATEWAY §8): a newcomer, one gateway with the demo model, unmodified clients. What may go wrong:
// gatewayTroubles.test.ts.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { wrapFetchWithPayment, x402Client } from '@x402/fetch'
import OpenAI, { toFile } from 'openai'
import { parseHash32 } from '../../base/ids.ts'
import { SYSTEM_KIND, systemAddress } from '../../base/moduleDefinition.ts'
import { COIN, mulDivCeil } from '../../base/units.ts'
import { mnemonicKey, newMnemonic } from '../../client/accounts/mnemonic.ts'
import { encodeCall, transfer } from '../../client/calls.ts'
import { LightClient } from '../../client/lightClient.ts'
import { series } from '../../client/modules.ts'
import { httpProvider } from '../../client/provider.ts'
import { apiKeyText } from '../../client/redemption/grant.ts'
import { PATHS } from '../../client/redemption/wire.ts'
import { trustGenesis } from '../../client/trust.ts'
import { redemptionScheme, redemptionSpendControls } from '../../client/x402.ts'
import { decodeAdapter } from '../../gateway/demo/adapter.ts'
import { loadBase } from '../../gateway/demo/models.ts'
import { DEVNET_ASSET_ID } from '../../genesis/devnet.ts'
import { erc20Schema } from '../../state/modules/assets/schema.ts'
import { Running, runSuanli } from '../support/devnetHarness.ts'
import {
  CONTEXT_TOKENS,
  GatewayStage,
  type Holder,
  MODEL,
  type Redemption,
  TOKEN_BASE,
  TRAINING,
  WINDOW_MS,
} from '../support/gatewayStage.ts'
import { until } from '../support/nodeSteps.ts'
import { LINES, QUESTIONS } from '../support/trainingLines.ts'

/** Of a coin, in units of the settlement asset. */
const PRICE_BASE = 3_100_000n
const BOUGHT = 6n * COIN
const FEES = COIN
const REDEEMED = 5n * COIN
/** Of `/suanli/v1/jobs`, what is looked at. */
interface Training {
  readonly id: string
  readonly status: string
  readonly finished_at: number | null
  readonly cost_base: string
  readonly checkpoints: readonly { readonly name: string }[]
}
const MESSAGES = [{ role: 'user', content: 'Call me' }] as const

describe('a coin buys real AI work', function () {
  this.timeout(60_000)
  let stage: GatewayStage
  let newcomer: Holder
  let wallet: readonly string[]
  let bought: Redemption
  let serving: Running
  let openai: OpenAI
  /** What is metered of the newcomer's assignment, counted by the test from the usage alone. */
  let costBase = 0n
  let atFirst: { readonly supply: bigint; readonly liabilities: bigint }

  before(async () => {
    stage = await GatewayStage.start({ isOwnModel: true })
    await stage.open()
    const mnemonic = newMnemonic()
    newcomer = stage.holder(mnemonicKey(mnemonic))
    const file = join(stage.folder, 'mnemonic.txt')
    writeFileSync(file, `${mnemonic}\n`)
    wallet = [
      '--mnemonic-file',
      file,
      '--rpc',
      stage.devnet.rpcUrl,
      '--state',
      stage.dir('newcomer'),
      '--json',
    ]
  })
  after(async () => {
    await serving?.interrupt()
    await stage.close()
  })

  it('is offered by a gateway that its own check finds ready', async () => {
    const { code, stdout } = await runSuanli(['gateway', 'check', '-c', stage.config()])
    assert.equal(code, 0, stdout)
    assert.match(stdout, /^ok {3}listing of infer: names this tariff$/m)
  })

  it('is bought by a newcomer, from a provider, for money', async () => {
    const { client, operator } = stage
    const { account: alice } = stage.account(0)
    const asset = systemAddress(SYSTEM_KIND.asset, DEVNET_ASSET_ID)
    const money = encodeCall(erc20Schema, 'transfer', {
      to: newcomer.account.address,
      value: 100n * PRICE_BASE,
    })
    await client.send(alice, { ...money, to: asset })
    await client.send(alice, transfer(newcomer.account.address, FEES))
    const terms = { kind: 'immediate', asset: DEVNET_ASSET_ID, capBase: 10n * COIN } as const
    const prices = { startPriceBase: PRICE_BASE, endPriceBase: 0n }
    await client.send(operator, series.open({ ...terms, ...prices, opensAt: 0, closesAt: 3, dueAt: 0 }))
    const [sale] = (await client.query(series, 'live', { provider: 1 }))!
    const payMaxBase = mulDivCeil(BOUGHT, PRICE_BASE, COIN)
    await client.send(newcomer.account, series.buy({ series: sale!.id, amountBase: BOUGHT, payMaxBase }))
    await stage.blocksUntil('the purchase is settled', async () => {
      const { balanceBase } = await client.account(newcomer.account.address)
      return balanceBase > BOUGHT ? true : undefined
    })
  })

  it('is redeemed by one command, which prints base URL and key', async () => {
    const args = ['redeem', '5', '--service', 'inference', '--provider', '1', '--model', MODEL, ...wallet]
    const redeeming = runSuanli(args)
    await until('it is requested', async () => (await stage.info(1)) !== undefined)
    await stage.begin([1])
    const { code, stdout, stderr } = await redeeming
    assert.equal(code, 0, stderr)
    const answer = JSON.parse(stdout) as Record<string, unknown>
    bought = { holder: newcomer, id: 1, counts: new Map() }
    const { baseUrl, apiKey } = await stage.grant(bought)
    assert.deepEqual(
      [answer.redemption, answer.baseUrl, answer.apiKey, answer.models],
      [1, `${baseUrl}/v1`, apiKeyText(apiKey), [MODEL]],
    )
    atFirst = await stage.reserve()
  })

  it('answers through the unmodified openai package, streaming and not', async () => {
    serving = new Running(['redeem', 'serve', '--port', '0', ...wallet])
    const [, baseUrl] = await serving.line(/"baseUrl": "([^"]+)"/)
    openai = new OpenAI({ baseURL: baseUrl!, apiKey: 'any', maxRetries: 0 })
    assert.deepEqual(
      (await openai.models.list()).data.map(({ id }) => id),
      [MODEL],
    )

    // More than the exposure: the client pays as it goes.
    for (let i = 0; i < 8; i++) {
      const stream = await openai.chat.completions.create({
        model: MODEL,
        messages: [...MESSAGES],
        stream: true,
        stream_options: { include_usage: true },
      })
      let text = ''
      let tokens = 0
      for await (const { choices, usage } of stream) {
        text += choices[0]?.delta.content ?? ''
        tokens += usage?.total_tokens ?? 0
      }
      assert.ok(text.length > 20)
      assert.equal(tokens, CONTEXT_TOKENS)
      costBase += TOKEN_BASE * BigInt(tokens)
    }
    const whole = await openai.chat.completions.create({
      model: MODEL,
      messages: [...MESSAGES],
      max_tokens: 20,
    })
    assert.equal(whole.usage!.completion_tokens, 20)
    costBase += TOKEN_BASE * BigInt(whole.usage!.total_tokens)
    const { data, usage } = await openai.embeddings.create({
      model: MODEL,
      input: 'Call me Ishmael, said the whale.',
    })
    assert.equal(data[0]!.embedding.length, 64)
    costBase += TOKEN_BASE * BigInt(usage.total_tokens)
  })

  it('tells the openai package what is wrong in its own errors, and charges nothing for it', async () => {
    const ask = (body: object) =>
      openai.chat.completions.create({ model: MODEL, messages: [...MESSAGES], ...body, stream: false })
    await assert.rejects(ask({ model: 'gpt-9' }), (error) => error instanceof OpenAI.NotFoundError)
    await assert.rejects(
      ask({ messages: [{ role: 'user', content: 'whale '.repeat(99) }] }),
      (error) => error instanceof OpenAI.BadRequestError && error.code === 'context_length_exceeded',
    )
  })

  it('is paid for: meter, statement and vouchers agree to the base unit', async () => {
    await until('all is vouchered', async () => (await stage.session(bought)).voucheredBase === costBase)
    const { meteredBase, amountBase, settledBase } = await stage.session(bought)
    assert.deepEqual([meteredBase, amountBase, settledBase], [costBase, REDEEMED, 0n])
    const statement = await stage.statement(bought)
    assert.deepEqual([statement.meteredBase, statement.lineCount], [costBase, 10])
  })

  it('fine-tunes on ten lines, answers otherwise, and is paid by the device-second', async () => {
    const ten = await toFile(Buffer.from(LINES.join('\n')), 'ten.jsonl')
    const { id } = await openai.files.create({ file: ten, purpose: 'fine-tune' })
    const begun = await openai.fineTuning.jobs.create({ model: MODEL, training_file: id, suffix: 'mine' })
    let job = begun
    await until('it is trained', async () => {
      job = await openai.fineTuning.jobs.retrieve(begun.id)
      return job.status !== 'queued' && job.status !== 'running' && job.status !== 'validating_files'
    })
    assert.equal(job.status, 'succeeded', JSON.stringify(job.error))
    const answer = async (model: string): Promise<string> => {
      const messages = [{ role: 'user', content: QUESTIONS[0][0] }] as const
      const asked = { model, messages: [...messages], max_tokens: 12, temperature: 0 }
      return (await openai.chat.completions.create(asked)).choices[0]!.message.content!
    }
    assert.notEqual(await answer(job.fine_tuned_model!), await answer(MODEL))
    await until('all is vouchered', async () => {
      const { meteredBase, voucheredBase } = await stage.session(bought)
      return meteredBase === voucheredBase
    })
    const { meteredBase } = await stage.statement(bought)
    assert.ok(meteredBase > costBase)
    costBase = meteredBase
  })

  it('trains by a command, which is metered by the device-second, and gives the result out', async () => {
    const { origin } = new URL(openai.baseURL)
    const ask = async <T>(path: string, init: RequestInit = {}): Promise<T> => {
      const response = await fetch(`${origin}${path}`, {
        headers: { 'content-type': 'application/json' },
        ...init,
      })
      assert.equal(response.status, 200, await response.clone().text())
      return (await response.json()) as T
    }
    const text = await toFile(Buffer.from(QUESTIONS.flat().join(' ')), 'text.txt')
    const { id: fileId } = await openai.files.create({ file: text, purpose: 'user_data' })
    const wanted = { command: TRAINING.name, args: ['--steps', '50'], files: [{ id: fileId }] }
    const begun = await ask<Training>(PATHS.jobs, { method: 'POST', body: JSON.stringify(wanted) })
    let job = begun
    await until('it is trained', async () => {
      job = await ask<Training>(`${PATHS.jobs}/${begun.id}`)
      return job.finished_at !== null
    })
    const printed = await (await fetch(`${origin}${PATHS.jobs}/${begun.id}/logs`)).text()
    assert.equal(job.status, 'succeeded', printed)
    const losses = [...printed.matchAll(/"train_loss":([\d.]+)/g)].map(([, loss]) => Number(loss))
    assert.equal(losses.length, 50)
    assert.ok(losses.at(-1)! < losses[0]!, `${losses}`)
    assert.deepEqual(
      job.checkpoints.map(({ name }) => name),
      ['checkpoints/step-0000025.lora', 'checkpoints/step-0000050.lora'],
    )

    const result = await fetch(`${origin}${PATHS.jobs}/${begun.id}/outputs/output/model.lora`)
    const { model, hash } = loadBase()
    const { suffix } = decodeAdapter(new Uint8Array(await result.arrayBuffer()), model, hash)
    assert.equal(suffix, 'trained')

    await until('all is vouchered', async () => {
      const { meteredBase, voucheredBase } = await stage.session(bought)
      return meteredBase === voucheredBase
    })
    const { meteredBase } = await stage.statement(bought)
    assert.ok(BigInt(job.cost_base) > 0n)
    assert.equal(meteredBase, costBase + BigInt(job.cost_base))
    costBase = meteredBase
  })

  it('burns on the chain what was vouchered: supply and liability fall by it', async () => {
    // The last fifth of the window: nobody tells the gateway.
    stage.devnet.increaseTime(WINDOW_MS * 0.85)
    await stage.blocksUntil('it is settled', async () => {
      const { burnedBase, transferredBase } = (await stage.info(bought.id))!
      return burnedBase + transferredBase === costBase ? true : undefined
    })
    const { supply, liabilities } = await stage.reserve()
    const { transferredBase } = (await stage.info(bought.id))!
    assert.equal(atFirst.supply - supply, costBase - transferredBase)
    assert.equal(atFirst.liabilities - liabilities, costBase - transferredBase)
    assert.equal(supply, liabilities)
    // The gateway reads back from the chain what was settled.
    await stage.blocksUntil('the gateway knows of it', async () =>
      (await stage.session(bought)).settledBase === costBase ? true : undefined,
    )
  })

  it('is proven from genesis: the balance that is left', async () => {
    const provider = httpProvider(stage.devnet.rpcUrl)
    const hash = parseHash32(stage.devnet.genesisHash)!
    const trusted = trustGenesis(await provider.request('chain_genesis', {}), hash)
    assert.ok(trusted.ok)
    const light = new LightClient({ origin: { kind: 'set', trusted: trusted.value }, providers: [provider] })
    const { balanceBase } = await light.balance(newcomer.account.address)
    assert.ok(balanceBase > BOUGHT - REDEEMED && balanceBase < BOUGHT - REDEEMED + FEES)
    const { reserve } = await light.reserve()
    assert.equal(reserve.supplyBase, (await stage.reserve()).supply)
  })

  it('is shown by the command', async () => {
    const { stdout } = await runSuanli(['redeem', 'status', ...wallet.slice(2)])
    const [row] = JSON.parse(stdout) as Record<string, unknown>[]
    assert.deepEqual([row!.redemption, row!.coins, row!.delivered, row!.signed].map(String), [
      ...['1', '5', row!.signed, row!.signed].map(String),
    ])
    assert.notEqual(row!.signed, '0')
    const { code } = await serving.interrupt()
    assert.equal(code, 0)
  })

  it('pays through the unmodified x402 client as well', async () => {
    const of = await stage.request(stage.account(1), COIN)
    await stage.begin([of.id])
    const { baseUrl, apiKey } = await stage.grant(of)
    const { chainId } = stage.devnet
    const { genesis } = stage
    const options = { chainId, genesis, keys: of.holder.keys, redemptions: [of.id], budgetBase: COIN }
    const client = new x402Client()
      .register(`eip155:${chainId}`, redemptionScheme(options))
      .setSpendControls(redemptionSpendControls(chainId))
    const pay = wrapFetchWithPayment(fetch, client)
    const direct = new OpenAI({
      baseURL: `${baseUrl}/v1`,
      apiKey: apiKeyText(apiKey),
      fetch: pay,
      maxRetries: 0,
    })
    for (let i = 0; i < 6; i++) {
      const { usage } = await direct.chat.completions.create({ model: MODEL, messages: [...MESSAGES] })
      assert.equal(usage!.total_tokens, CONTEXT_TOKENS)
    }
    const { meteredBase, voucheredBase, exposureBase } = await stage.session(of)
    assert.equal(meteredBase, 6n * TOKEN_BASE * BigInt(CONTEXT_TOKENS))
    assert.ok(voucheredBase > 0n && meteredBase - voucheredBase <= exposureBase)
    // Ctrl-C settles what was vouchered.
    assert.equal(await stage.shut(), 0)
    assert.equal((await stage.assignment(of.id))!.voucheredBase, voucheredBase)
  })
})
