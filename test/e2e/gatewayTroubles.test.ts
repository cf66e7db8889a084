// What may go wrong between a holder and a gateway (GATEWAY §8), each with its clear outcome: real programs on a devnet.
import assert from 'node:assert/strict'
import OpenAI from 'openai'
import { COIN } from '../../base/units.ts'
import { redemption } from '../../client/modules.ts'
import { apiKeyText } from '../../client/redemption/grant.ts'
import { RedeemError } from '../../client/redemption/redeemError.ts'
import type { Redeemer } from '../../client/redemption/redeemer.ts'
import type { RedeemProblemEvent } from '../../client/redemption/states.ts'
import { PATHS, voucherBody } from '../../client/redemption/wire.ts'
import { CONTEXT_TOKENS, GatewayStage, MODEL, type Redemption, TOKEN_BASE } from '../support/gatewayStage.ts'
import { until } from '../support/nodeSteps.ts'

/** What an answer costs that goes on to the end of the context. */
const WHOLE_BASE = TOKEN_BASE * BigInt(CONTEXT_TOKENS)
const CALL = '/v1/chat/completions'
const body = (more: object = {}): string =>
  JSON.stringify({ model: MODEL, messages: [{ role: 'user', content: 'Call me' }], ...more })
const init = (more: object = {}) =>
  ({ method: 'POST', headers: { 'content-type': 'application/json' }, body: body(more) }) as const

/** Least amount of a request. */
const LEAST = COIN / 100n
type Name = 'patient' | 'small' | 'silent' | 'main' | 'late'

describe('a gateway in trouble', function () {
  this.timeout(60_000)
  let stage: GatewayStage
  const redemptions = {} as Record<Name, Redemption>
  const redeemers: Redeemer[] = []
  let main: Redeemer

  before(async () => {
    stage = await GatewayStage.start()
  })
  after(async () => {
    for (const redeemer of redeemers) await redeemer.close()
    await stage.close()
  })

  const started = (of: Redemption, more: Parameters<GatewayStage['redeemer']>[1] = {}): Redeemer => {
    const redeemer = stage.redeemer(of, more)
    redeemers.push(redeemer)
    return redeemer
  }
  /** A chat through a client that checks and pays; resolves with its tokens. */
  async function chat(redeemer: Redeemer, more: object = {}): Promise<number> {
    const response = await redeemer.fetch(CALL, init(more))
    const { usage, error } = (await response.json()) as {
      usage?: { total_tokens: number }
      error?: { code: string }
    }
    assert.equal(response.status, 200, JSON.stringify(error))
    return usage!.total_tokens
  }
  /** A chat of a program that does not pay by itself. */
  async function ask(of: Redemption, more: object = {}, i = 0): Promise<Response> {
    const authorization = `Bearer ${apiKeyText((await stage.grant(of)).apiKey)}`
    const { headers, ...rest } = init(more)
    return fetch(`http://127.0.0.1:${stage.ports[i]}${CALL}`, {
      ...rest,
      headers: { ...headers, authorization },
    })
  }
  const codeOf = async (response: Response): Promise<string> =>
    ((await response.json()) as { error: { code: string } }).error.code
  /** Until it does not throw: the lines of what broke off. */
  async function linesOf(response: Response, onFirst: () => Promise<void>): Promise<string> {
    let text = ''
    let isFirst = true
    const decoder = new TextDecoder()
    for await (const piece of response.body as unknown as AsyncIterable<Uint8Array>) {
      text += decoder.decode(piece, { stream: true })
      if (isFirst) await onFirst()
      isFirst = false
    }
    return text
  }

  it('junk grant: rejected on the chain, which counts it', async () => {
    const of = await stage.request(stage.account(0), LEAST)
    await stage.assigned([of.id], false)
    const { assignment, window } = (await stage.assignment(of.id))!
    const ciphertext = new Uint8Array(99).fill(1)
    await stage.client.send(stage.operator, redemption.grant({ id: of.id, assignment, ciphertext }))
    const { windowIndex } = await stage.clock()
    await stage.devnet.passWindows(window - windowIndex)
    const redeemer = started(of)
    const told = new Promise<RedeemProblemEvent>((resolve) => redeemer.on('problem', resolve))
    redeemer.start()
    const { error, isRejected } = await told
    assert.deepEqual([error.code, isRejected], ['grantSealed', true])
    const tallies = (await stage.client.query(redemption, 'rejections', { provider: 1 }))!
    assert.equal(tallies.find(({ reason }) => reason === 'unreachable')?.count, 1)
  })

  it('two gateways of one provider: one grant each, one key for both, and each counts what it served', async () => {
    await Promise.all([stage.open(0), stage.open(1)])
    const names: readonly Name[] = ['patient', 'small', 'silent', 'main', 'late']
    const amounts = { patient: COIN, small: LEAST, silent: COIN, main: 5n * COIN, late: COIN }
    for (const [i, name] of names.entries())
      redemptions[name] = await stage.request(stage.account(i + 1), amounts[name])
    await stage.begin(names.map((name) => redemptions[name].id))
    const { patient } = redemptions
    const [first, second] = [await ask(patient, {}, 0), await ask(patient, {}, 1)]
    assert.deepEqual([first.status, second.status], [200, 200])
    const sessions = [await stage.session(patient, 0), await stage.session(patient, 1)]
    assert.deepEqual(
      sessions.map(({ meteredBase }) => meteredBase),
      [WHOLE_BASE, WHOLE_BASE],
    )
    const { assignment, redemptionId, provider, genesis } = sessions[0]!
    const { keys } = patient.holder
    // Over both together neither knows enough.
    const over = { redemptionId, assignment, provider, genesis, deliveredBase: 2n * WHOLE_BASE }
    const { signature } = keys.sign(over, stage.devnet.chainId)
    const authorization = `Bearer ${apiKeyText((await stage.grant(patient)).apiKey)}`
    const voucher = JSON.stringify(voucherBody.toJson({ deliveredBase: over.deliveredBase, signature }))
    const refused = await fetch(`http://127.0.0.1:${stage.ports[1]}${PATHS.vouchers}`, {
      method: 'POST',
      headers: { authorization },
      body: voucher,
    })
    const { reason } = (await refused.json()) as { reason: string }
    assert.deepEqual([refused.status, reason], [409, 'beyondMeter'])
    assert.equal(await stage.shut(1), 0)
    // The address of whichever granted is in the grants: the first one stands there now.
    main = started(redemptions.main, { fetchFor: () => stage.toFirst }).start()
    assert.equal(await chat(main), CONTEXT_TOKENS)
  })

  it('wrong key: 401, as the openai package knows it', async () => {
    const wrong = new OpenAI({
      baseURL: `http://127.0.0.1:${stage.ports[0]}/v1`,
      apiKey: apiKeyText(new Uint8Array(32).fill(7)),
      maxRetries: 0,
    })
    await assert.rejects(
      wrong.models.list(),
      (error) => error instanceof OpenAI.AuthenticationError && error.code === 'invalid_api_key',
    )
  })

  it('client that stops signing: served up to the exposure, then 402, and others go on', async () => {
    const { silent } = redemptions
    const statuses: number[] = []
    while (statuses.at(-1) !== 402 && statuses.length < 20) statuses.push((await ask(silent)).status)
    assert.deepEqual([statuses.at(-1), statuses.slice(0, -1).every((status) => status === 200)], [402, true])
    const { meteredBase, voucheredBase, exposureBase } = await stage.session(silent)
    assert.equal(voucheredBase, 0n)
    assert.ok(meteredBase > 0n && meteredBase <= exposureBase)
    assert.equal(await chat(main), CONTEXT_TOKENS)
  })

  it('used-up assignment: told before anything is sent, and delivered on the chain', async () => {
    const { small } = redemptions
    const redeemer = started(small, { fetchFor: () => stage.toFirst }).start()
    let answers = 0
    const isUsedUp = (error: unknown): boolean => error instanceof RedeemError && error.code === 'budget'
    await assert.rejects(async () => {
      for (; answers < 30; answers++) await chat(redeemer)
    }, isUsedUp)
    assert.ok(answers >= Number(LEAST / WHOLE_BASE), `${answers} answers`)
    await redeemer.close()
    const { voucheredBase, meteredBase } = await stage.session(small)
    assert.equal(voucheredBase, meteredBase)
  })

  it('backend down: 502, nothing is charged, and served again when it is back', async () => {
    const { meteredBase } = await stage.session(redemptions.main)
    await stage.backend.close()
    const down = await main.fetch(CALL, init())
    assert.deepEqual([down.status, await codeOf(down)], [502, 'backend_unavailable'])
    assert.equal((await stage.session(redemptions.main)).meteredBase, meteredBase)
    await stage.startBackend({ isSlow: true })
    assert.equal((await chat(main, { max_tokens: 2 })) > 2, true)
  })

  it('gateway killed in a stream: visibly cut, and a restart finds all', async () => {
    const of = redemptions.main
    await until('all is vouchered', async () => {
      const { meteredBase, voucheredBase } = await stage.session(of)
      return meteredBase === voucheredBase
    })
    const known = await stage.session(of)
    const response = await main.fetch(CALL, init({ stream: true }))
    // All that may be served ahead under this one.
    const lost = await ask(redemptions.late, { stream: true })
    await assert.rejects(
      linesOf(response, () => stage.kill()),
      /stream broke/,
    )
    await assert.rejects(lost.text())
    await stage.open()
    const after = await stage.session(of)
    assert.deepEqual([after.meteredBase, after.voucheredBase], [known.meteredBase, known.voucheredBase])
    await stage.startBackend()
    // What may have been served without a line is forgiven for the next voucher.
    for (let i = 0; i < 5; i++) assert.equal(await chat(main), CONTEXT_TOKENS)
    assert.equal((await stage.session(of)).meteredBase, known.meteredBase + 5n * WHOLE_BASE)
  })

  it('proxy killed: what it had not written down is in the statement', async () => {
    const of = redemptions.main
    await main.close()
    const { assignment } = await stage.grant(of)
    const counted = of.counts.get(assignment)!
    // As if it had been killed before its last answers.
    of.counts.set(assignment, {
      meteredBase: counted.voucheredBase - WHOLE_BASE,
      voucheredBase: counted.voucheredBase,
    })
    main = started(of, { fetchFor: () => stage.toFirst }).start()
    for (let i = 0; i < 5; i++) assert.equal(await chat(main), CONTEXT_TOKENS)
    const { meteredBase } = await stage.session(of)
    assert.equal((await stage.statement(of)).meteredBase, meteredBase)
  })

  it('chain paused for a minute: served and paid all the same, and settled afterwards', async () => {
    const of = redemptions.main
    const { apiKey } = await stage.grant(of)
    await stage.devnet.stopValidator(0)
    assert.equal(await chat(main), CONTEXT_TOKENS)
    await until('all is vouchered', async () => {
      const { meteredBase, voucheredBase } = await stage.sessionBy(apiKey)
      return meteredBase === voucheredBase
    })
    await stage.devnet.startValidator(0)
    stage.devnet.increaseTime(60_000)
    await stage.devnet.mine()
    assert.equal(await chat(main), CONTEXT_TOKENS)
  })

  it('clock off by an hour: told, and served by the chain’s time', async () => {
    // The devnet's clock went ahead of this machine's with each window.
    const redeemer = started(redemptions.late, { fetchFor: () => stage.toFirst })
    const told = new Promise<RedeemProblemEvent>((resolve) => redeemer.on('problem', resolve))
    const due = await ask(redemptions.late)
    const { accepts } = (await due.json()) as { accepts: { amount: string }[] }
    assert.deepEqual([due.status, accepts[0]!.amount], [402, '0'])
    redeemer.start()
    // The killed gateway asks for a voucher over nothing, to forgive what it may have served.
    assert.equal(await chat(redeemer), CONTEXT_TOKENS)
    const { error, isRejected } = await told
    assert.deepEqual([error.code, isRejected], ['clock', false])
    assert.match(error.message, /behind the chain's/)
    const { validFromMs, validUntilMs } = await stage.session(redemptions.late)
    const { startedAtMs, endsAtMs } = await stage.clock()
    assert.deepEqual([validFromMs, validUntilMs], [startedAtMs, endsAtMs])
  })

  it('window’s end in a stream: it goes on to its end where it began, and the next request at the next assignment', async () => {
    const of = redemptions.main
    await stage.startBackend({ isSlow: true })
    const { window } = (await stage.assignment(of.id))!
    const response = await main.fetch(CALL, init({ stream: true }))
    const text = await linesOf(response, () => stage.devnet.passWindows())
    assert.match(text, /"finish_reason":"length".*: suanli-charge .*data: \[DONE\]/s)
    assert.ok((await stage.clock()).windowIndex > window)
    await stage.startBackend()
    const next = chat(main)
    const { window: later } = (await stage.blocksUntil('it is assigned again', async () => {
      const found = await stage.assignment(of.id)
      return found !== undefined && found.window > window ? found : undefined
    }))!
    assert.ok(later > window)
    await stage.begin([of.id])
    assert.equal(await next, CONTEXT_TOKENS)
    assert.equal((await stage.session(of)).meteredBase, WHOLE_BASE)
  })

  it('at the end the chain has what was vouchered in time, to the base unit', async () => {
    const of = redemptions.main
    await main.close()
    const { voucheredBase, meteredBase } = await stage.session(of)
    assert.equal(voucheredBase, meteredBase)
    assert.equal(await stage.shut(), 0)
    await stage.blocksUntil('it is settled', async () => {
      const found = (await stage.assignment(of.id))!
      return found.settledBase === voucheredBase ? true : undefined
    })
    const { supply, liabilities } = await stage.reserve()
    assert.equal(supply, liabilities)
  })
})
