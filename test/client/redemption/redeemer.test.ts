import assert from 'node:assert/strict'
import { toHex } from '../../../base/bytes.ts'
import type { Hash32 } from '../../../base/ids.ts'
import { walletAccount } from '../../../client/accounts/account.ts'
import { createClient } from '../../../client/chainClient.ts'
import { redemption } from '../../../client/modules.ts'
import type { Grant } from '../../../client/redemption/grant.ts'
import { redeemKeys } from '../../../client/redemption/keys.ts'
import type { MeterState } from '../../../client/redemption/ownMeter.ts'
import { RedeemError, type RedeemErrorCode } from '../../../client/redemption/redeemError.ts'
import { Redeemer, type RedeemerOptions } from '../../../client/redemption/redeemer.ts'
import type { RedeemProblemEvent, RedeemState } from '../../../client/redemption/states.ts'
import { parseTariff, tariffHash } from '../../../client/redemption/tariff.ts'
import { FakeProvider } from '../../support/fakeProvider.ts'
import { CHAIN_ID, FakeRedemptionChain, GENESIS } from '../../support/fakeRedemptionChain.ts'

const COIN = 10n ** 18n
const TARIFF = parseTariff(
  '{"version":1,"minimumBase":"10","models":{"tiny":{"promptBase":"1000000","completionBase":"2000000"}}}',
)
/** 12 tokens of prompt and 4 of completion. */
const COST = 12_000n + 8_000n
const OWNER = walletAccount('0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266')
const KEYS = redeemKeys(new Uint8Array(32).fill(5), GENESIS)
const ASK = JSON.stringify({ model: 'tiny', messages: [{ role: 'user', content: 'Who are you?' }] })
const ASK_STREAM = JSON.stringify({
  model: 'tiny',
  stream: true,
  messages: [{ role: 'user', content: 'Who?' }],
})

describe('client.redemption.Redeemer', () => {
  let chain: FakeRedemptionChain
  let redeemer: Redeemer
  let problems: RedeemProblemEvent[]
  const providers: FakeProvider[] = []

  async function provider(options: { assignment?: number; exposureBase?: bigint; nowMs?: number } = {}) {
    const started = await FakeProvider.start({
      chainId: CHAIN_ID,
      genesis: GENESIS,
      redemptionId: 5,
      assignment: 1,
      amountBase: 5n * COIN,
      tariff: TARIFF,
      signers: { owner: OWNER.address, voucherKey: KEYS.voucherKey },
      exposureBase: 1n,
      ...options,
    })
    providers.push(started)
    return started
  }

  /** A redemption whose assignment 1 is served in the running window. */
  async function served(
    options: Partial<RedeemerOptions> = {},
    serving: { grant?: Partial<Grant>; sealed?: Uint8Array; exposureBase?: bigint; nowMs?: number } = {},
  ): Promise<FakeProvider> {
    const { grant: part, sealed, ...others } = serving
    const one = await provider(others)
    const grant = sealed ?? (await one.grant(KEYS.clientKey, part))
    chain.operator = one.operator
    chain.tariffHash = tariffHash(TARIFF)
    chain.assign({ assignment: 1, window: 7, grant })
    start(options)
    return one
  }

  function start(options: Partial<RedeemerOptions> = {}): void {
    const client = createClient(chain)
    redeemer = new Redeemer({
      client,
      id: 5,
      keys: KEYS,
      account: OWNER,
      pollMs: 5,
      graceMs: 0,
      waitMs: 5_000,
      ...options,
    })
    problems = []
    redeemer.on('problem', (event) => problems.push(event)).start()
  }

  beforeEach(() => {
    chain = new FakeRedemptionChain()
  })

  afterEach(async () => {
    await redeemer.close()
    await Promise.all(providers.splice(0).map((one) => one.close()))
  })

  const stateOf = (kind: RedeemState['kind']): Promise<RedeemState> =>
    new Promise((resolve) => {
      const listen = ({ state }: { readonly state: RedeemState }): void => {
        if (state.kind === kind) resolve(state)
      }
      redeemer.on('state', listen)
    })

  const problem = (code: RedeemErrorCode): Promise<RedeemProblemEvent> =>
    new Promise((resolve) => {
      const known = problems.find(({ error }) => error.code === code)
      if (known !== undefined) resolve(known)
      redeemer.on('problem', (event) => {
        if (event.error.code === code) resolve(event)
      })
    })

  const vouchered = (): Promise<bigint> =>
    new Promise((resolve) => {
      redeemer.on('voucher', ({ deliveredBase }) => resolve(deliveredBase))
    })

  const rejects = (code: RedeemErrorCode) => (error: unknown) => {
    assert.ok(error instanceof RedeemError, String(error))
    assert.equal(error.code, code, error.message)
    return true
  }

  const rejection = (reason: Parameters<typeof redemption.reject>[0]['reason']): string =>
    toHex(redemption.reject({ id: 5, assignment: 1, reason }).data)

  const ask = (body = ASK): Promise<Response> =>
    redeemer.fetch('/v1/chat/completions', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    })

  it('waits in the queue, then for the window, then serves', async () => {
    start()
    const queued = await stateOf('queued')
    assert.ok(queued.kind === 'queued')
    assert.deepEqual([queued.place, queued.expectedWindows, queued.queuedBase], [3, 2, 5n * COIN])
    const one = await provider()
    chain.operator = one.operator
    chain.nowMs = 7 * 60_000 + 20_000
    const assigned = stateOf('assigned')
    chain.assign({ assignment: 1, window: 9, grant: await one.grant(KEYS.clientKey) })
    const next = await assigned
    assert.ok(next.kind === 'assigned')
    assert.deepEqual([next.window, next.isGranted, next.startsInMs], [9, true, 100_000])
    const serving = stateOf('serving')
    chain.window = 9
    chain.nowMs = 9 * 60_000
    const now = await serving
    assert.ok(now.kind === 'serving')
    assert.deepEqual([now.baseUrl, now.leftBase, now.endsInMs], [one.baseUrl, 5n * COIN, 60_000])
    assert.deepEqual(now.parity, { tiny: 'unknown' })
    assert.deepEqual(redeemer.models(), ['tiny'])
    assert.equal(redeemer.access()?.baseUrl, one.baseUrl)
  })

  it('checks and pays an answer', async () => {
    const one = await served()
    const paid = vouchered()
    const response = await ask()
    const answer = (await response.json()) as { choices: { message: { content: string } }[] }
    assert.equal(answer.choices[0]!.message.content, 'Call me Ishmael.')
    assert.equal(await paid, COST)
    assert.deepEqual(one.vouchers, [COST])
    assert.deepEqual(problems, [])
  })

  it('checks and pays a stream, whose bytes it passes on', async () => {
    const one = await served()
    const paid = vouchered()
    const text = await (await ask(ASK_STREAM)).text()
    assert.equal(text.match(/"content":"/g)?.length, 4)
    assert.ok(text.endsWith('data: [DONE]\n\n'))
    assert.equal(await paid, COST)
    assert.deepEqual(one.vouchers, [COST])
  })

  it('sends a voucher again that did not arrive, although no further request comes', async () => {
    const one = await served({}, { exposureBase: 5n * COIN })
    one.lies.vouchersDropped = 1
    const paid = vouchered()
    assert.equal((await ask()).status, 200)
    assert.equal(await paid, COST)
    assert.deepEqual(one.vouchers, [COST])
    assert.deepEqual(problems, [])
  }).timeout(20_000)

  it('pays what a provider asks for before it goes on', async () => {
    const one = await served({}, { exposureBase: 0n })
    for (let i = 1n; i <= 3n; i++) {
      assert.equal((await ask()).status, 200)
      assert.equal(one.meteredBase, i * COST)
    }
    const many = await Promise.all(Array.from({ length: 8 }, () => ask()))
    assert.ok(many.every(({ status }) => status === 200))
    assert.deepEqual(problems, [])
  })

  it('signs no more than its budget', async () => {
    const one = await served({ budgetBase: COST + 5n })
    await ask()
    await ask()
    await assert.rejects(ask(), rejects('budget'))
    await redeemer.close()
    assert.ok(one.voucheredBase <= COST + 5n)
  })

  it('writes a count down before its voucher leaves, and goes on from it', async () => {
    const saved = new Map<number, MeterState>()
    const store = {
      load: (assignment: number) => saved.get(assignment),
      save: (assignment: number, state: MeterState) => void saved.set(assignment, state),
    }
    const one = await served({ store })
    const first = vouchered()
    await ask()
    await first
    await redeemer.close()
    assert.deepEqual(saved.get(1), { meteredBase: COST, voucheredBase: COST })
    start({ store })
    const second = vouchered()
    await ask()
    assert.equal(await second, 2n * COST)
    assert.deepEqual(one.vouchers, [COST, 2n * COST])
  })

  it('rejects a junk grant on the chain', async () => {
    await served({}, { sealed: new Uint8Array(120).fill(7) })
    const { isRejected, assignment } = await problem('grantSealed')
    assert.deepEqual([isRejected, assignment], [true, 1])
    assert.deepEqual(chain.sent, [rejection('unreachable')])
  })

  it('only tells of a junk grant without an account', async () => {
    const one = await provider()
    chain.operator = one.operator
    chain.assign({ assignment: 1, window: 7, grant: new Uint8Array(1) })
    const client = createClient(chain)
    redeemer = new Redeemer({ client, id: 5, keys: KEYS, pollMs: 5 })
    problems = []
    redeemer.on('problem', (event) => problems.push(event)).start()
    assert.equal((await problem('grantSize')).isRejected, false)
    assert.deepEqual(chain.sent, [])
  })

  it('rejects a tariff that the listing, or the grant, does not name', async () => {
    const other = parseTariff('{"version":1,"minimumBase":"0","models":{"tiny":{"promptBase":"1"}}}')
    await served({}, { grant: { tariffHash: tariffHash(other) } })
    await problem('tariffHash')
    assert.deepEqual(chain.sent, [rejection('wrongService')])
    await redeemer.close()
    chain = new FakeRedemptionChain()
    const one = await served()
    one.lies.tariff = other
    await problem('tariffHash')
    assert.deepEqual(chain.sent, [rejection('wrongService')])
  })

  it('rejects prices above par, unless it is told to take them', async () => {
    // At par 1,000 tokens cost 1,000,000 base units here: those of prompts are par, those of completions are not.
    chain.references = [{ classId: 20, model: 'tiny', tokensPerHour: 1_000_000_000_000_000, source: 'test' }]
    const dear = { ...chain.references[0]! }
    await served()
    const { error } = await problem('abovePar')
    assert.equal(error.path, 'models.tiny')
    assert.deepEqual(chain.sent, [rejection('other')])
    await redeemer.close()
    chain = new FakeRedemptionChain()
    chain.references = [dear]
    await served({ isAboveParTaken: true })
    const state = await stateOf('serving')
    assert.ok(state.kind === 'serving')
    assert.deepEqual(state.parity, { tiny: 'abovePar' })
  })

  it('rejects a provider without the model that is wanted', async () => {
    await served({ model: 'large' })
    await problem('unpriced')
    assert.deepEqual(chain.sent, [rejection('wrongService')])
  })

  it('does not sign for a usage that cannot be', async () => {
    const one = await served()
    one.lies.usage = (usage) => ({ ...usage, completionTokens: 5_000 })
    assert.equal((await ask()).status, 200)
    const { error, isRejected } = await problem('usage')
    assert.deepEqual([error.path, isRejected], ['completionTokens', true])
    assert.deepEqual(chain.sent, [rejection('other')])
    await redeemer.close()
    assert.deepEqual(one.vouchers, [])
  })

  it('does not sign for a usage that cannot be, of a stream', async () => {
    const one = await served()
    one.lies.usage = (usage) => ({ ...usage, promptTokens: 100_000 })
    await (await ask(ASK_STREAM)).text()
    const { error } = await problem('usage')
    assert.equal(error.path, 'promptTokens')
    await redeemer.close()
    assert.deepEqual(one.vouchers, [])
  })

  it('does not sign for a cost that the tariff does not make', async () => {
    const one = await served()
    one.lies.costBase = (costBase) => costBase + 1n
    await ask()
    await problem('cost')
    await redeemer.close()
    assert.deepEqual(one.vouchers, [])
  })

  it('does not sign for what it did not use', async () => {
    const one = await served()
    one.lies.meteredBase = 1n
    await ask()
    const { error } = await problem('cost')
    assert.equal(error.path, 'meteredBase')
  })

  it('pays for a stream that broke off, as far as it may have cost', async () => {
    const one = await served()
    one.lies.breakAfter = 2
    await assert.rejects((await ask(ASK_STREAM)).text(), rejects('door'))
    delete one.lies.breakAfter
    await ask()
    await redeemer.close()
    assert.deepEqual(one.vouchers, [16_000n, 16_000n + COST])
    assert.deepEqual(problems, [])
  })

  it('waits longer for a door that has served before: its provider may be starting again', async () => {
    const graceMs = 100
    const one = await served({
      graceMs,
      store: { load: () => ({ meteredBase: COST, voucheredBase: COST }), save: () => undefined },
    })
    one.lies.status = 503
    const beganMs = performance.now()
    await new Promise<void>((resolve) =>
      redeemer.on('state', () => {
        if (performance.now() - beganMs >= 3 * graceMs) resolve()
      }),
    )
    const serving = stateOf('serving')
    delete one.lies.status
    await serving
    assert.deepEqual(chain.sent, [])
  })

  it('tries a shut door again, and rejects what stays shut', async () => {
    const one = await served({ graceMs: 60_000 })
    one.lies.status = 503
    const serving = stateOf('serving')
    await stateOf('assigned')
    delete one.lies.status
    await serving
    await redeemer.close()
    chain.sent.splice(0)
    await one.close()
    start({ graceMs: 0 })
    const { isRejected } = await problem('door')
    assert.equal(isRejected, true)
    assert.deepEqual(chain.sent, [rejection('unreachable')])
  })

  it('rejects a door behind which another assignment is served', async () => {
    for (const part of [
      { amountBase: COIN },
      { redemptionId: 6 },
      { genesis: new Uint8Array(32) as Hash32 },
    ]) {
      const one = await served()
      one.lies.session = part
      const { error } = await problem('door')
      assert.equal(error.path, Object.keys(part)[0])
      await redeemer.close()
    }
  })

  it('moves on at the end of a window: no request is lost, and a stream goes on', async () => {
    const one = await served()
    one.lies.isHeld = true
    const held = one.held()
    const stream = await ask(ASK_STREAM)
    await held
    const two = await provider({ assignment: 2 })
    chain.info = { ...chain.info, assignments: [] }
    chain.window = 8
    chain.assign({ assignment: 2, window: 8, grant: await two.grant(KEYS.clientKey) })
    await new Promise<void>((resolve) => {
      redeemer.on('state', ({ state }) => {
        if (state.kind === 'serving' && state.assignment === 2) resolve()
      })
    })
    assert.equal((await ask()).status, 200)
    assert.deepEqual(two.requests, ['/v1/chat/completions'])
    one.release()
    assert.ok((await stream.text()).includes('Ishmael'))
  })

  it('takes a request between two windows to the next door', async () => {
    const one = await served()
    await redeemer.ready()
    // The gateway knows of the window's end before the holder does.
    one.lies.status = 401
    const waiting = ask()
    const two = await provider({ assignment: 2 })
    chain.assign({ assignment: 2, window: 8, grant: await two.grant(KEYS.clientKey) })
    chain.window = 8
    assert.equal((await waiting).status, 200)
    assert.deepEqual(two.requests, ['/v1/chat/completions'])
  })

  it("tells of a provider's clock that is off by an hour, and goes by the chain's", async () => {
    chain.nowMs = 7 * 60_000
    await served(
      {},
      { nowMs: 7 * 60_000 + 3_600_000, grant: { validFromMs: 4_000_000, validUntilMs: 4_060_000 } },
    )
    const { error, isRejected } = await problem('clock')
    assert.match(error.message, /60 minutes ahead/)
    assert.equal(isRejected, false)
    assert.equal((await ask()).status, 200)
  })

  it('does not send its key to a foreign host without TLS', async () => {
    await served({}, { grant: { baseUrl: 'http://gpu.example' } })
    const { error } = await problem('grantContent')
    assert.equal(error.path, 'baseUrl')
  })

  it('refuses a certificate that it cannot check, and asks whoever can', async () => {
    const grant = { baseUrl: 'https://gpu.example', certificate: new Uint8Array(32).fill(4) as Hash32 }
    await served({}, { grant })
    await problem('certificate')
    await redeemer.close()
    const asked: (Hash32 | undefined)[] = []
    await served({ fetchFor: (certificate) => void asked.push(certificate) }, { grant })
    await problem('certificate')
    assert.deepEqual(asked, [grant.certificate])
  })

  it('pays by the statement what others used with the key, and nothing that the tariff does not make', async () => {
    const one = await served({ isStatementPaid: true })
    await redeemer.ready()
    const paid = vouchered()
    one.use(10)
    assert.equal(await paid, 32_000n)
    one.lies.costBase = (costBase) => costBase * 2n
    one.use(10)
    await problem('cost')
    await redeemer.close()
    assert.deepEqual(one.vouchers, [32_000n])
  })

  it('outlives a node that is down for a while', async () => {
    start()
    await stateOf('queued')
    chain.isDown = true
    await problem('wire')
    chain.isDown = false
    await stateOf('queued')
  })

  it('ends when the redemption ends: those who wait are told', async () => {
    start()
    const waiting = ask()
    await stateOf('queued')
    chain.info = { ...chain.info, endReason: 'cancelledByOwner', refundedBase: 5n * COIN }
    await assert.rejects(waiting, rejects('ended'))
    assert.equal(redeemer.state?.kind, 'ended')
    await assert.rejects(redeemer.ready(), rejects('ended'))
  })

  it('does not wait for ever', async () => {
    start({ waitMs: 20 })
    await assert.rejects(ask(), rejects('ended'))
  })

  it('shows no key in what can be printed', async () => {
    const one = await served()
    await redeemer.ready()
    const seen = `${JSON.stringify(redeemer)}${JSON.stringify(redeemer.state, (_, value) => (typeof value === 'bigint' ? `${value}` : value))}${JSON.stringify(KEYS)}`
    for (const secret of [one.apiKey, new Uint8Array(32).fill(5)])
      assert.ok(!seen.includes(toHex(secret).slice(2)))
  })
})
